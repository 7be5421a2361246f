"""Near-duplicates: against every pair compared by the definition, and on the published files."""

from __future__ import annotations

import json
import random
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.near import clusters
from harness.data.readers import a_eval, chisafetybench_mcq
from harness.data.taxonomy import Taxonomy

pytest.importorskip("scipy.sparse")

MANY = settings(deadline=None, derandomize=True, max_examples=150)


def by_definition(texts: dict[str, str], shingle: int, similarity: float) -> dict[str, str]:
    """Every pair compared; clusters by spreading the smallest name until nothing changes."""
    bare = {name: "".join(unicodedata.normalize("NFKC", text).split()) for name, text in texts.items()}
    grams = {name: {text[i : i + shingle] for i in range(len(text) - shingle + 1)} for name, text in bare.items()}

    def near(one: str, other: str) -> bool:
        union = grams[one] | grams[other]
        alike = bool(union) and len(grams[one] & grams[other]) / len(union) >= similarity
        return bare[one] == bare[other] or alike

    found = {name: name for name in texts}
    changed = True
    while changed:
        changed = False
        for one in texts:
            for other in texts:
                if near(one, other) and found[other] < found[one]:
                    found[one], changed = found[other], True
    return found


def sizes(found: dict[str, str]) -> list[int]:
    """Of the clusters with more than one member, largest first."""
    return sorted((size for size in Counter(found.values()).values() if size > 1), reverse=True)


@MANY
@given(
    texts=st.lists(st.text("abc ａ", max_size=24), max_size=14),
    shingle=st.integers(1, 6),
    similarity=st.sampled_from([0.1, 0.3, 1 / 3, 0.5, 0.6, 2 / 3, 0.9, 1.0]),
)
def test_the_clusters_are_those_of_the_definition(texts: list[str], shingle: int, similarity: float) -> None:
    named = {f"t{place:02}": text for place, text in enumerate(texts)}
    assert clusters(named, shingle=shingle, similarity=similarity) == by_definition(named, shingle, similarity)


@MANY
@given(seed=st.integers(0, 10_000), similarity=st.sampled_from([0.3, 0.5, 0.7]))
def test_edited_copies_fall_together_exactly_as_the_definition_says(seed: int, similarity: float) -> None:
    """Longer texts with characters exchanged, so that similarities spread around the limit."""
    rng = random.Random(seed)
    texts: dict[str, str] = {}
    for stem in range(3):
        first = "".join(rng.choices("的一是了我不人在他有这个上们来到时", k=rng.randint(20, 60)))
        for copy in range(4):
            edited = [rng.choice("甲乙丙") if rng.random() < 0.06 * copy else letter for letter in first]
            texts[f"{stem}-{copy}"] = "".join(edited[: rng.randint(len(edited) // 2, len(edited))])
    assert clusters(texts, similarity=similarity) == by_definition(texts, 5, similarity)


def test_white_space_and_width_make_no_difference_and_letters_do() -> None:
    found = clusters({"b": "A. 是　B. 否\n", "a": "Ａ.是B.否", "c": "A. 甲 B. 乙"})
    assert found == {"b": "a", "a": "a", "c": "c"}
    assert list(found) == ["b", "a", "c"]


def test_short_texts_are_near_only_to_equal_ones() -> None:
    assert clusters({"a": "abcd", "b": "abcd ", "c": "abce", "d": "", "e": " "}) == {
        "a": "a", "b": "a", "c": "c", "d": "d", "e": "d"
    }  # fmt: skip


def test_a_cluster_is_what_hangs_together_though_its_ends_differ() -> None:
    texts = {"a": "abcdefghijkl", "b": "efghijklmnop", "c": "ijklmnopqrst"}
    assert set(clusters(texts, similarity=0.3).values()) == {"a"}
    assert clusters({name: texts[name] for name in "ac"}, similarity=0.3) == {"a": "a", "c": "c"}


def test_nothing_gives_nothing_and_the_order_does_not_matter() -> None:
    assert clusters({}) == {}
    texts = {"a": "a question about rain", "b": "a question about rains", "c": "something else altogether"}
    assert clusters(dict(reversed(texts.items()))) == clusters(texts) == {"a": "a", "b": "a", "c": "c"}


def test_letters_beyond_the_basic_plane_and_half_pairs_are_letters() -> None:
    assert clusters({"a": "😀😁😂🤣😃😄", "b": "😀😁😂🤣😃😄!", "c": "\ud800" * 9}) == {"a": "a", "b": "a", "c": "c"}


def test_grams_of_many_letters_are_not_confused() -> None:
    """Twelve letters of an alphabet of 40 do not fit into 63 bits."""
    rng = random.Random(4)
    letters = [chr(0x4E00 + place) for place in range(40)]
    texts = {f"{place:03}": "".join(rng.choices(letters, k=30)) for place in range(200)}
    texts["999"] = texts["123"][:-1]
    found = clusters(texts, shingle=12)
    assert {name for name, cluster in found.items() if name != cluster} == {"999"}
    assert found["999"] == "123"


def test_what_makes_no_sense_is_refused() -> None:
    for wrong in ({"shingle": 0}, {"similarity": 0.0}, {"similarity": 1.5}):
        with pytest.raises(ValueError, match="near-duplicates need"):
            clusters({"a": "text"}, **wrong)  # type: ignore[arg-type]


def test_thousands_of_texts_of_one_template_are_told_apart() -> None:
    """2,000 texts are 2 million pairs; only a copy with one word exchanged is near."""
    rng = random.Random(5)
    words = ["".join(rng.choices("bcdfgklmnprstv", k=7)) for _ in range(3000)]
    texts = {str(place): f"Which is true of {' and '.join(rng.choices(words, k=8))}?" for place in range(2000)}
    texts["copy"] = texts["77"].replace("true", "said")
    assert sizes(clusters(texts)) == [2]


# --- the published files: 55 questions of A-Eval in 11 clusters, 50 of CHiSafetyBench in 24 ---------------------------------


def test_a_crowd_of_one_form_is_taken_apart_by_what_its_members_do_not_share() -> None:
    rng = random.Random(4)
    words = ["".join(rng.choices("abcdefghijklmnop", k=6)) for _ in range(400)]
    form = "Which of these two stories tells of someone who did wrong? Answer with its number only. Story: {} Which one?"
    texts = {f"t{place:03}": form.format(" ".join(rng.choices(words, k=3))) for place in range(120)}
    texts |= {f"u{place}": texts[f"t{place:03}"].replace("Which one?", "Which?") for place in range(9)}
    assert sizes(clusters(texts)) == [129]
    assert sizes(clusters(texts, crowd=129)) == [129]
    assert sizes(clusters(texts, crowd=50)) == [2] * 9


def test_a_small_cluster_is_left_whole_whatever_its_form() -> None:
    texts = {f"t{place}": f"Say how much is {place} and {place * 3 % 7}, in one number and no other word." for place in range(9)}
    assert sizes(clusters(texts, crowd=50)) == sizes(clusters(texts)) == [9]


def test_a_crowd_without_a_form_is_left_as_it_is() -> None:
    """A chain, each near to the next: no gram is shared by more than a fifth."""
    letters = "".join(random.Random(5).choices("abcdefghijklmnopqrstuvwxyz", k=400))
    texts = {f"t{start:03}": letters[start : start + 40] for start in range(0, 360, 4)}
    assert sizes(clusters(texts, crowd=20)) == sizes(clusters(texts)) == [90]


def test_a_eval_has_the_clusters_that_were_counted(benchmarks: Path, a_eval_taxonomy: Taxonomy) -> None:
    samples = a_eval(next((benchmarks / "a-eval").glob("*.json")), a_eval_taxonomy)
    found = sizes(clusters({sample.id: sample.question for sample in samples}))
    assert (sum(found), len(found), found[0]) == (55, 11, 13)


def test_chisafetybench_has_the_clusters_that_were_counted(benchmarks: Path, chi_taxonomy: Taxonomy) -> None:
    """48 questions without NFKC: two more differ by the width of their punctuation."""
    samples = chisafetybench_mcq(benchmarks / "chisafetybench" / "v1" / "mcq.json", chi_taxonomy)
    found = sizes(clusters({sample.id: sample.question for sample in samples}))
    assert (sum(found), len(found), found[0]) == (50, 24, 3)


def test_refusal_prompts_have_few(benchmarks: Path) -> None:
    path = benchmarks / "chisafetybench" / "v1" / "risky_questions_without_dialog_history.json"
    questions = [item["question"] for group in json.loads(path.read_text(encoding="utf-8")) for item in group["infos"]]
    assert sizes(clusters({str(place): text for place, text in enumerate(questions)})) == [2] * 7
