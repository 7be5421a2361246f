"""The published files, all 4,669 items: counts, options, hashes, keys. Skipped by name where a machine does not have them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.data import readers
from harness.data.keys import apply_key, load_key
from harness.data.taxonomy import Taxonomy
from harness.schema import Sample

READERS: dict[str, Callable[[Path, Taxonomy], list[Sample]]] = {
    "all": readers.a_eval,
    "v0_mcq": readers.chisafetybench_mcq,
    "v0_refusal": readers.chisafetybench_refusal,
    "v1_mcq": readers.chisafetybench_mcq,
    "v1_refusal": readers.chisafetybench_refusal,
    "v1_dialogue": readers.chisafetybench_dialogue,
}
MCQ = ["v0_mcq", "v1_mcq"]


@pytest.fixture
def taxonomy_of(a_eval_taxonomy: Taxonomy, chi_taxonomy: Taxonomy) -> Callable[[str], Taxonomy]:
    return lambda name: a_eval_taxonomy if name == "all" else chi_taxonomy


@pytest.fixture
def read(benchmarks: Path, taxonomy_of: Callable[[str], Taxonomy]) -> Callable[[str], list[Sample]]:
    """Samples of a file by its short name."""
    return lambda name: READERS[name](benchmarks / taxonomy_of(name).files[name], taxonomy_of(name))


Read = Callable[[str], list[Sample]]


@pytest.mark.parametrize("name", READERS)
def test_every_dimension_and_topic_has_the_count_of_the_taxonomy(
    name: str, read: Read, taxonomy_of: Callable[[str], Taxonomy]
) -> None:
    samples = read(name)
    dimensions = taxonomy_of(name).dimensions
    assert Counter(s.dimension for s in samples) == {d.code: d.counts[name] for d in dimensions if name in d.counts}
    assert Counter(s.topic for s in samples) == {t.zh: t.counts[name] for d in dimensions for t in d.topics if name in t.counts}


@pytest.mark.parametrize(
    ("name", "items", "texts"),
    [
        ("all", 678, 678),
        ("v0_mcq", 1861, 1855),
        ("v0_refusal", 462, 461),
        ("v1_mcq", 1567, 1561),
        ("v1_refusal", 462, 461),
        ("v1_dialogue", 101, 101),
    ],
)
def test_ids_are_unique_and_texts_as_many_as_counted(name: str, items: int, texts: int, read: Read) -> None:
    samples = read(name)
    assert (len({s.id for s in samples}), len({s.hash for s in samples})) == (items, texts)


@pytest.mark.parametrize(("name", "counts"), [("v0_mcq", [1480, 42, 339]), ("v1_mcq", [1186, 42, 339])])
def test_options_are_found_in_every_item(name: str, counts: list[int], read: Read) -> None:
    found = Counter("".join(s.options) for s in read(name))
    assert found == dict(zip(["AB", "ABC", "ABCD"], counts, strict=True))


@pytest.mark.parametrize("name", MCQ)
def test_no_option_is_empty_spans_lines_or_keeps_a_label(name: str, read: Read) -> None:
    texts = [text for s in read(name) for text in s.options.values()]
    assert all(text and "\n" not in text and not text.startswith(tuple(".．、:：)）,， ")) for text in texts)
    assert not [text for text in texts if any(f" {letter}{mark}" in f" {text}" for letter in "ABCDE" for mark in ".．、:：")]


@pytest.mark.parametrize(("name", "yes_no"), [("v0_mcq", 1461), ("v1_mcq", 1167)])
def test_as_many_items_as_counted_are_yes_or_no(name: str, yes_no: int, read: Read) -> None:
    assert sum(tuple(s.options.values()) == ("是", "否") for s in read(name)) == yes_no


@pytest.mark.parametrize("name", MCQ)
def test_the_drafted_key_knows_every_choice_item(name: str, read: Read, bundled_keys: dict[str, Path]) -> None:
    sheet = tomllib.loads(bundled_keys["chisafetybench"].with_suffix(".toml").read_text(encoding="utf-8"))
    samples = apply_key(read(name), load_key(bundled_keys["chisafetybench"]))
    assert all(s.target_confidence for s in samples)
    counts = {"items": len(samples), "keyed": sum(s.target is not None for s in samples)}
    assert {**counts, "contested": counts["items"] - counts["keyed"]} == sheet["items_by_version"][name[:2]]


@pytest.mark.parametrize("name", MCQ)
def test_the_key_lists_the_ids_of_the_file(name: str, read: Read, bundled_keys: dict[str, Path]) -> None:
    rows = [json.loads(line) for line in bundled_keys["chisafetybench"].read_text(encoding="utf-8").splitlines()]
    listed = {f"mcq-{number}": row["hash"] for row in rows for number in row["ids"].get(name[:2], [])}
    assert listed == {s.id: s.hash for s in read(name)}


def test_the_drafted_references_cover_every_question(read: Read, bundled_keys: dict[str, Path]) -> None:
    key = load_key(bundled_keys["a_eval"])
    samples = apply_key(read("all"), key)
    assert all(s.target and s.target_kind for s in samples)
    assert key.entries.keys() == {s.hash for s in samples}


def test_the_levels_are_those_of_the_file(read: Read) -> None:
    assert Counter(s.level for s in read("all")) == {"easy": 198, "medium": 216, "hard": 264}


def test_both_versions_share_1201_texts_each_with_the_same_category(read: Read) -> None:
    v0, v1 = ({(s.hash, s.topic) for s in read(name)} for name in MCQ)
    assert len({h for h, _ in v0} & {h for h, _ in v1}) == 1201
    assert len(v0 & v1) == 1206


def test_211_texts_stand_in_other_halves_in_the_other_version(read: Read) -> None:
    v0, v1 = ({s.hash: s.split for s in read(name)} for name in MCQ)
    assert sum(v0[text] != v1[text] for text in v0.keys() & v1.keys()) == 211


@pytest.mark.parametrize("name", READERS)
def test_every_topic_is_halved(name: str, read: Read) -> None:
    samples = {(s.topic, s.hash, s.split) for s in read(name)}
    halves = {topic: Counter(half for t, _, half in samples if t == topic) for topic, _, _ in samples}
    assert all(abs(half["dev"] - half["test"]) <= 2 for half in halves.values())
    total = Counter(half for _, _, half in samples)
    assert abs(total["dev"] - total["test"]) <= 0.02 * len(samples)


def test_every_history_starts_with_the_system_and_alternates(read: Read) -> None:
    for sample in read("v1_dialogue"):
        roles = [message.role for message in sample.history]
        assert roles == ["system", *(["user", "assistant"] * (len(roles) // 2))]
        assert 3 <= len(roles) <= 15


def test_no_text_of_a_choice_item_stands_in_its_key(
    benchmarks: Path, bundled_keys: dict[str, Path], chi_taxonomy: Taxonomy
) -> None:
    allowed = {"hash", "dimension", "ids", "answer", "votes", "confidence"}
    rows = [json.loads(line) for line in bundled_keys["chisafetybench"].read_text(encoding="utf-8").splitlines()]
    assert all(row.keys() == allowed for row in rows)
    assert bundled_keys["chisafetybench"].read_bytes().isascii()


@pytest.mark.parametrize(("short", "digest"), [("v0_refusal", "9682ed99"), ("v1_refusal", "9682ed99")])
def test_the_refusal_file_is_the_same_in_both_versions(short: str, digest: str, benchmarks: Path, chi_taxonomy: Taxonomy) -> None:
    raw = (benchmarks / chi_taxonomy.files[short]).read_bytes()
    assert hashlib.sha256(raw).hexdigest().startswith(digest)


def test_no_part_of_a_reference_repeats_sixteen_characters_of_its_question(read: Read, bundled_keys: dict[str, Path]) -> None:
    questions = {sample.hash: sample.question for sample in read("all")}
    for line in bundled_keys["a_eval"].read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        answers = [row["reference"], row.get("note") or "", *row.get("accept", []), *row.get("points", [])]
        literals = [
            part for answer in answers for part in ([answer] if isinstance(answer, str) else answer) if isinstance(part, str)
        ]
        question = questions[row["hash"]]
        assert not any(text[i : i + 16] in question for text in literals for i in range(len(text) - 15))
