"""Near-duplicates: the same clusters as by comparing all with all, whatever the shards, and no row of a mere template."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.curating import columns
from harness.curating.alike import bands
from harness.curating.alike.minhash import RECALL, bands_for, meeting, signatures
from harness.curating.alike.shingles import distinct, shared, shingled
from harness.curating.steps.near import NearDuplicates
from harness.errors import DataError
from harness.rows.ngrams import bare
from harness.schema import DataRow
from tests.curating import made
from tests.curating.sketching import ruled

np = pytest.importorskip("numpy")
pytest.importorskip("rensa")
BENCH = Path(__file__).parents[2] / "bench"
STEADY = settings(deadline=None, derandomize=True, max_examples=60)
HAN = [chr(0x4E00 + 3 * i) for i in range(2000)]
LONG = "清晨的集市上有卖茶叶的老人，他的竹篮里放着三种不同的茶，一种来自山里，一种来自海边，还有一种是邻居自己炒的。"


def near(**given: object) -> NearDuplicates:
    return NearDuplicates.model_validate({"use": "near_duplicates", **given})


def drops(folder: Path, rows: Sequence[DataRow], size: int = 1000, **given: object) -> dict[str, str]:
    return ruled(folder, near(**given), [rows[i : i + size] for i in range(0, len(rows), size)])[0]


def grams(row: DataRow, n: int = 5) -> set[str]:
    said = bare("".join(turn.content for turn in row.messages)).ljust(n, "\0")
    return {said[i : i + n] for i in range(len(said) - n + 1)}


def by_brute_force(rows: Sequence[DataRow], similarity: float) -> dict[str, str]:
    """Every row that is joined to an earlier one, by comparing all with all."""
    sets, label = [grams(row) for row in rows], list(range(len(rows)))
    for j in range(len(rows)):
        for i in range(j):
            if len(sets[i] & sets[j]) >= similarity * len(sets[i] | sets[j]):
                low, high = sorted((label[i], label[j]))
                label = [low if one == high else one for one in label]
    return {rows[j].id: f"of {rows[i].id}" for j, i in enumerate(label) if i != j}


def texts_far_from_the_threshold(draw: random.Random, count: int = 60) -> list[DataRow]:
    """Texts of which any two are either nearly equal (> 0.93) or share at most half (< 0.6): what bands surely meet or not."""
    said: list[str] = []
    for _ in range(count):
        kind = draw.random()
        if said and kind < 0.35:
            copy = draw.choice(said)
            said.append(copy + draw.choice(["", "！", "吗", "  。"]))
        elif said and kind < 0.55:
            base = draw.choice(said)
            said.append(base[: len(base) // 2] + "".join(draw.choices(HAN, k=len(base))))
        else:
            said.append("".join(draw.choices(HAN, k=draw.randrange(150, 300))))
    return [made.row(text[:20], text[20:], number) for number, text in enumerate(said)]


@pytest.mark.parametrize("seed", range(12))
def test_it_finds_what_comparing_all_with_all_finds(tmp_path: Path, seed: int) -> None:
    rows = texts_far_from_the_threshold(random.Random(seed))
    expected = by_brute_force(rows, 0.8)
    assert expected
    assert drops(tmp_path, rows) == expected


@pytest.mark.parametrize("size", [1, 7, 64])
def test_how_rows_lie_in_shards_makes_no_difference(tmp_path: Path, size: int) -> None:
    rows = texts_far_from_the_threshold(random.Random(5), 150)
    assert drops(tmp_path, rows, size) == drops(tmp_path, rows)


def test_in_which_order_workers_make_their_sketches_makes_no_difference(tmp_path: Path) -> None:
    rows = texts_far_from_the_threshold(random.Random(6), 90)
    shards = [rows[i : i + 10] for i in range(0, 90, 10)]
    first = ruled(tmp_path, near(), shards)
    assert ruled(tmp_path, near(), shards, order=reversed(range(9))) == first


def test_planted_duplicates_are_found_and_nothing_else_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from synthetic import CHANGES, dialogues

    planted = list(dialogues(3000, seed=7))
    rows = [made.row(one.question, one.reply, number) for number, one in enumerate(planted)]
    due = set()
    for number, one in enumerate(planted):
        if one.kind in CHANGES and one.of is not None:
            mine, theirs = grams(rows[number]), grams(rows[one.of])
            if len(mine & theirs) >= 0.8 * len(mine | theirs):
                due.add(rows[number].id)
    found = set(drops(tmp_path, rows))
    assert len(due) > 150
    assert len(due & found) >= 0.99 * len(due)
    assert not found - due


def test_rows_of_one_template_stay(tmp_path: Path) -> None:
    rows = [
        made.row(f"请介绍{word}和{other}。", f"{LONG}我们今天要说的是{word}，它和{other}常常一起出现在{other}的故事里。", number)
        for number, (word, other) in enumerate(zip(made.WORDS, reversed(made.WORDS), strict=True))
    ]
    sets = [grams(row) for row in rows]
    assert len(sets[0] & sets[1]) > 0.5 * len(sets[0] | sets[1])
    assert drops(tmp_path, rows) == {}
    assert len(drops(tmp_path, rows, similarity=0.4)) == len(rows) - 1


def test_punctuation_width_case_and_white_space_make_no_difference(tmp_path: Path) -> None:
    rows = [made.row("ABC？", LONG, 1), made.row("ａｂｃ", LONG.replace("，", " , ").replace("。", "\n"), 2)]
    assert drops(tmp_path, rows, similarity=1.0) == {"made/2": "of made/1"}


@pytest.mark.parametrize("similarity", [0.05, 0.8, 1.0])
def test_what_is_shorter_than_a_shingle_equals_only_itself(tmp_path: Path, similarity: float) -> None:
    rows = [made.row("一", "二三四", 1), made.row("一", "二三", 2), made.row("一", "二三。", 3), made.row("一", "二三四五", 4)]
    assert drops(tmp_path, rows, similarity=similarity) == {"made/3": "of made/2"}


def test_rows_without_a_letter_are_duplicates_of_nothing(tmp_path: Path) -> None:
    assert drops(tmp_path, [made.row("？", "……", number) for number in range(5)]) == {}


def test_no_rows_and_empty_shards_drop_nothing(tmp_path: Path) -> None:
    assert ruled(tmp_path, near(), []) == ({}, [])
    assert ruled(tmp_path, near(), [[], [made.row("茶？", LONG)], []]) == ({}, [])


def test_of_questions_a_second_answer_goes(tmp_path: Path) -> None:
    rows = [made.row(LONG, "是的。", 1), made.row(LONG + "吗", "不是，应该这样说：" + LONG[::-1], 2)]
    assert drops(tmp_path, rows) == {}
    assert drops(tmp_path, rows, of="questions") == {"made/2": "of made/1"}


def test_the_longest_or_the_least_doubtful_row_stays_if_wanted(tmp_path: Path) -> None:
    rows = [
        made.row("问？", LONG, 1, flags={"repetition": 0.4}),
        made.row("问？", LONG + "就是这样", 2, flags={"repetition": 0.9}),
        made.row("问？", LONG + "好", 3),
    ]
    assert drops(tmp_path, rows) == {"made/2": "of made/1", "made/3": "of made/1"}
    assert drops(tmp_path, rows, keep="longest") == {"made/1": "of made/2", "made/3": "of made/2"}
    assert drops(tmp_path, rows, keep="least_doubt") == {"made/1": "of made/3", "made/2": "of made/3"}


def test_of_rows_of_equal_rank_the_first_stays(tmp_path: Path) -> None:
    rows = [made.row("问？", LONG, number) for number in range(4)]
    assert set(drops(tmp_path, rows, 2, keep="longest").values()) == {"of made/0"}


def test_the_same_text_ten_thousand_times_costs_no_square(tmp_path: Path) -> None:
    pairs = [len(one) for one, _ in bands.neighbours(np.zeros(10_000, np.uint64), np.arange(10_000))]
    assert sum(pairs) <= (bands.REACH + 1) * 10_000
    rows = [made.row("问？", LONG, number) for number in range(3000)]
    assert len(drops(tmp_path, rows)) == 2999


def test_a_duplicate_is_found_in_a_crowd_of_one_template(tmp_path: Path) -> None:
    draw = random.Random(3)
    slots = ["".join(draw.choices(HAN, k=20)) for _ in range(400)]
    rows = [made.row("问？", f"{slot}{LONG}{slot[::-1]}", number) for number, slot in enumerate(slots)]
    rows.append(made.row("问？", rows[200].messages[1].content + "好", "copy"))
    assert drops(tmp_path, rows) == {"made/copy": "of made/200"}


def test_comparisons_in_small_portions_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = texts_far_from_the_threshold(random.Random(8), 120)
    at_once = drops(tmp_path, rows, 16)
    monkeypatch.setattr(bands, "AT_ONCE", 1)
    monkeypatch.setattr(bands, "REMEMBERED", 3)
    monkeypatch.setattr(bands, "IN_MEMORY", 50)
    monkeypatch.setattr(bands, "WAITING", 2)
    assert drops(tmp_path, rows, 16) == at_once


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = texts_far_from_the_threshold(random.Random(9))
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        ruled(tmp_path / name, near(), [rows])
        written.append((tmp_path / name / "00000.sketch").read_bytes())
    assert written[0] == written[1]


@STEADY
@given(st.lists(st.text("天地人中文abc１", max_size=12), min_size=2, max_size=8), st.integers(1, 6))
def test_shared_shingles_are_counted_as_sets_count_them(texts: list[str], n: int) -> None:
    def grams_of(text: str) -> set[str]:
        padded = text.ljust(n, "\0") if text else ""
        return {padded[i : i + n] for i in range(len(padded) - n + 1)}

    sets = distinct(shingled(texts, n))
    turned = distinct(shingled(texts[::-1], n))
    assert list(np.diff(sets.ends)) == [len(grams_of(text)) for text in texts]
    assert list(shared(sets, turned)) == [
        len(grams_of(one) & grams_of(other)) for one, other in zip(texts, reversed(texts), strict=True)
    ]


@STEADY
@given(st.floats(0.05, 1), st.integers(16, 512))
def test_bands_meet_at_the_threshold_wherever_so_many_permutations_can(similarity: float, permutations: int) -> None:
    number, rows = bands_for(similarity, permutations)
    assert number * rows <= permutations
    assert meeting(similarity, number, rows) >= RECALL or rows == 1


def test_the_curve_of_the_default_is_the_documented_one() -> None:
    assert bands_for(0.8, 128) == (21, 6)
    assert [round(meeting(at, 21, 6), 2) for at in (0.9, 0.8, 0.7, 0.6, 0.4)] == [1.0, 1.0, 0.93, 0.63, 0.08]


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_signatures_agree_as_often_as_sets_are_similar(share: float) -> None:
    draw, common = random.Random(1), round(200 * share)
    pairs = []
    for _ in range(200):
        kept = "".join(draw.choices(HAN, k=common))
        pairs += ["".join(draw.choices(HAN, k=200 - common)) + kept for _ in range(2)]
    sets = distinct(found := shingled(pairs, 5))
    signed = signatures(found, 128, 7)
    sizes = np.diff(sets.ends)
    firsts, seconds = (distinct(shingled(pairs[start::2], 5)) for start in (0, 1))
    both = shared(firsts, seconds)
    true = both / (sizes[::2] + sizes[1::2] - both)
    agreed = (signed[::2] == signed[1::2]).mean(axis=1)
    assert agreed.mean() == pytest.approx(true.mean(), abs=0.01)
    assert np.abs(agreed - true).max() < 0.2


BROKEN: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("nothing", lambda data: b""),
    ("no header", lambda data: b"\xff" * 40),
    ("another header", lambda data: (4).to_bytes(8, "little") + b"[12]"),
]


@pytest.mark.parametrize(("what", "spoil"), BROKEN, ids=[name for name, _ in BROKEN])
def test_a_broken_sketch_is_named(tmp_path: Path, what: str, spoil: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "00000.sketch"
    columns.write(path, {"a": np.arange(3)})
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r"00000.sketch: is no sketch of a shard"):
        columns.Columns(path)


def test_columns_give_back_any_stretch(tmp_path: Path) -> None:
    path = tmp_path / "columns"
    held: dict[str, Any] = {
        "a": np.arange(12).reshape(4, 3),
        "none": np.zeros((0, 5), np.float16),
        "flat": np.arange(20, dtype=np.uint32),
    }
    columns.write(path, held)
    read = columns.Columns(path)
    for name, array in held.items():
        assert np.array_equal(read.read(name), array)
        assert read.read(name).dtype == array.dtype
    assert np.array_equal(read.part("a", 1, 3), held["a"][1:3])
    assert read.pieces("flat", np.array([3, 0, 18]), np.array([2, 0, 2])).tolist() == [3, 4, 18, 19]


def test_in_a_pipeline_two_workers_do_what_one_does(
    tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.curating import intake

    monkeypatch.setattr(intake, "SIZE", 100)
    records = made.alpaca(300, seed=2)
    records += [{**one, "output": one["output"] + "好"} for one in records[:40]]
    source = made.jsonl(tmp_path / "source.jsonl", records)
    toml = made.pipeline(tmp_path / "p.toml", source, ['use = "near_duplicates"\nsimilarity = 0.7'])
    kept = []
    for workers in ("1", "2"):
        done = cli("curate", str(toml), "--out", str(tmp_path / workers), "--workers", workers, "--json")
        assert done.code == 0, done.err
        kept.append((tmp_path / workers / "rows.jsonl").read_bytes())
    assert kept[0] == kept[1]
    assert '"near-duplicate"' in (tmp_path / "1" / "dropped.jsonl").read_text(encoding="utf-8")
