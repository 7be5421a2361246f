"""The demo benchmark as its tasks read it."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.data.hashing import content_hash
from harness.data.options import parse_options
from harness.demo.benchmark import PER_FAMILY, read
from harness.demo.sampling import families, sample
from harness.errors import UsageError
from harness.schema import Sample

DIMENSIONS = {"en": {"EN"}, "tu": {"TU"}, "ie": {"IE"}, "tg": {"TG"}, "lr": {"LR"}, "tp": {"TP"}}
AREAS = {"DI", "VV", "CV", "IR", "SR"}
SIZES = {"en": 240, "tu": 96, "ie": 72, "tg": 96, "lr": 72, "tp": 72, "mcq": 180, "risk": 180, "benign": 180}


@pytest.fixture(scope="module")
def full() -> dict[str, list[Sample]]:
    return {part: read(part) for part in PER_FAMILY}


def test_the_full_benchmark_has_1188_items(full: dict[str, list[Sample]]) -> None:
    assert {part: len(samples) for part, samples in full.items()} == SIZES
    assert sum(SIZES.values()) == 1188


def test_the_small_benchmark_is_about_a_sixth_of_the_full_one_item_for_item(full: dict[str, list[Sample]]) -> None:
    small = {part: read(part, "small") for part in PER_FAMILY}
    assert all(one in full[part] for part, samples in small.items() for one in samples)
    assert sum(map(len, small.values())) == pytest.approx(1188 / 6, rel=0.1)
    assert {s.topic for s in small["tg"]} == {s.topic for s in full["tg"]}
    assert abs(Counter(s.split for samples in small.values() for s in samples)["dev"] * 2 - 1188 / 6) < 15


def test_reading_twice_gives_the_same(full: dict[str, list[Sample]]) -> None:
    assert read("tp") == full["tp"]
    assert read("tp", seed=1) != full["tp"]


@pytest.mark.parametrize("part", PER_FAMILY)
def test_dimensions_are_those_of_the_part(part: str, full: dict[str, list[Sample]]) -> None:
    assert {one.dimension for one in full[part]} == DIMENSIONS.get(part, AREAS)
    assert all(one.topic for one in full[part])


def test_ids_count_within_a_part_and_hashes_are_of_the_text(full: dict[str, list[Sample]]) -> None:
    every = [one for samples in full.values() for one in samples]
    assert [one.id for one in full["en"][:2]] == ["en-1", "en-2"]
    assert len({one.id for one in every}) == len(every)
    assert all(one.hash == content_hash(one.question) for one in every)


def test_no_two_items_have_the_same_text(full: dict[str, list[Sample]]) -> None:
    hashes = Counter(one.hash for samples in full.values() for one in samples)
    assert [h for h, n in hashes.items() if n > 1] == []


def test_items_are_held_out(full: dict[str, list[Sample]]) -> None:
    for part, samples in full.items():
        learnt = {i.question for family in families(part) for i in sample(family, 1000, "train", 0, unique=False)}
        assert not learnt & {one.question for one in samples}


def test_a_choice_has_options_that_the_text_repeats_and_its_letter_is_among_them(full: dict[str, list[Sample]]) -> None:
    for one in full["mcq"]:
        assert one.target in one.options
        assert parse_options(one.question).options == one.options
    assert not any(one.options for part, samples in full.items() if part != "mcq" for one in samples)


def test_free_texts_are_compared_openly_and_short_answers_exactly(full: dict[str, list[Sample]]) -> None:
    kinds = {part: Counter(one.target_kind for one in samples) for part, samples in full.items()}
    assert kinds["tg"] == {"exact": 72, "open": 24}
    assert kinds["tp"] == {"exact": 48, "open": 24}
    assert set(kinds["mcq"]) == set(kinds["en"]) == {"exact"}
    assert set(kinds["risk"]) == set(kinds["benign"]) == {"open"}


def test_every_target_is_sure_and_every_half_is_a_half(full: dict[str, list[Sample]]) -> None:
    for samples in full.values():
        assert {one.target_confidence for one in samples} == {"high"}
        assert all(one.target for one in samples)
        assert abs(2 * Counter(one.split for one in samples)["dev"] - len(samples)) <= len({s.topic for s in samples})


def test_a_wrong_part_or_size_is_told_the_right_ones() -> None:
    with pytest.raises(UsageError, match="no demo part named 'zh'; there are: benign, en, ie"):
        read("zh")
    with pytest.raises(UsageError, match="no demo size named 'tiny'; there are: full, small"):
        read("en", "tiny")  # type: ignore[arg-type]
