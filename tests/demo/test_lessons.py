"""Training rows of the demo world: never what the benchmark asks, repeated only when used up, the same every time."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from harness.demo import lessons
from harness.demo.benchmark import PER_FAMILY, read
from harness.demo.sampling import families, sample
from harness.errors import UsageError


@pytest.mark.parametrize("part", PER_FAMILY)
def test_no_row_has_a_filling_or_a_question_that_the_benchmark_asks(part: str) -> None:
    drawn = lessons.rows(part, 1500, 1234)
    asked = {one.question for one in read(part)}
    assert len(drawn) == 1500
    assert not {key for item in drawn for key in lessons.keys(item)} & lessons.asked_keys()
    assert not {item.question for item in drawn} & asked


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_no_key_of_a_row_is_held_out(family: object) -> None:
    name = family.name  # type: ignore[attr-defined]
    held = {key for item in sample(name, 200, "test", 5) for key in lessons.keys(item)}
    assert not {key for item in lessons.rows(name, 300, 5) for key in lessons.keys(item)} & held


def test_the_keys_asked_are_those_of_the_items_the_benchmark_reads() -> None:
    texts = {one.question for part in PER_FAMILY for one in read(part)}
    redrawn = {item.question for family in families() for item in sample(family, PER_FAMILY[family.part], "test", 0)}
    assert redrawn == texts
    assert len(lessons.asked_keys()) > 400


def test_a_part_comes_by_the_weights_of_its_families() -> None:
    drawn = Counter(item.family for item in lessons.rows("lr", 5200, 0))
    assert drawn == {"lr_arithmetic": 2500, "lr_entailment": 700, "lr_comparison": 2000}
    assert lessons.parts("tg") == pytest.approx(
        {"tg_idiom": 1 / 3.2, "tg_translation": 1 / 3.2, "tg_fact": 0.6 / 3.2, "tg_wish": 0.6 / 3.2}
    )
    assert lessons.parts("risk_di") == {"risk_di": 1.0}


def test_every_weight_belongs_to_a_family() -> None:
    assert {family.name for family in families()} >= lessons.WEIGHTS.keys()


def test_rows_repeat_only_when_the_family_is_used_up() -> None:
    size = lessons.available("risk_di", 1)
    assert 190 <= size <= 192
    once = [item.question for item in lessons.rows("risk_di", size, 1)]
    assert len(set(once)) == size
    more = Counter(item.question for item in lessons.rows("risk_di", 2 * size + 10, 1))
    assert set(more.values()) == {2, 3}
    assert sum(times == 3 for times in more.values()) == 10
    assert max(Counter(item.question for item in lessons.rows("ie_person", 5000, 1)).values()) == 1


def test_a_large_family_is_counted_only_so_far() -> None:
    assert lessons.available("ie_person", 0) == lessons.COUNTED
    assert lessons.available("ie_person", 0, most=50) == 50
    assert lessons.available("risk", 0) == sum(lessons.available(f"risk_{area}", 0) for area in ("di", "vv", "cv", "ir", "sr"))


def test_a_longer_list_of_different_rows_begins_with_the_shorter_one() -> None:
    assert lessons.different("tp_tool", 700, 3)[:100] == lessons.different("tp_tool", 100, 3)
    assert lessons.different("tp_plan", 500, 3)[:100] == lessons.different("tp_plan", 100, 3)


@pytest.mark.parametrize("name", ["en", "tp", "mcq_vv"])
def test_the_same_arguments_draw_the_same_rows(name: str) -> None:
    assert lessons.rows(name, 60, 3) == lessons.rows(name, 60, 3)
    assert lessons.rows(name, 60, 3) != lessons.rows(name, 60, 4)


def test_what_is_drawn_is_that_of_this_version() -> None:
    """If this fails on purpose, count `lessons.VERSION` up: mixes with other rows must have other names."""
    said = "\n".join(f"{item.question}\t{item.answer}" for part in PER_FAMILY for item in lessons.rows(part, 40, 1234))
    assert (lessons.VERSION, hashlib.sha256(said.encode()).hexdigest()[:12]) == (1, "2670575c84e9")


def test_a_wrong_name_is_told_the_right_ones() -> None:
    with pytest.raises(UsageError, match="no demo family or part named 'risk_dii'; did you mean risk_di"):
        lessons.rows("risk_dii", 1, 0)
