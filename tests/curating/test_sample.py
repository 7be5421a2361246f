"""Even draws that depend on neither order nor chance, and shift as little as they must when rows are added."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import culture
from harness.curating.contract import Context
from harness.curating.steps.sample import Sample, SampleStep, number_of, shares
from harness.schema import DataRow
from tests.curating.made import row


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(culture.load("demo"), tmp_path, 1234, [])


def made(count: int, **fields: Any) -> list[DataRow]:
    return [row("问", "答。", number, **fields) for number in range(count)]


def drawn(context: Context, shards: Sequence[Sequence[DataRow]], **settings: Any) -> list[DataRow]:
    step = SampleStep(Sample(use="sample", **settings), context)
    paths = [context.scratch / f"{number}.sketch" for number in range(len(shards))]
    for rows, path in zip(shards, paths, strict=True):
        step.sketch(rows, path)
    kept = []
    for rows, going in zip(shards, step.decide(paths), strict=True):
        assert all(why == "not drawn" for why, _ in going.values())
        kept += [one for place, one in enumerate(rows) if place not in going]
    return kept


def test_as_many_as_wanted_are_drawn_and_the_same_ones_in_any_order(context: Context) -> None:
    rows = made(500)
    first = drawn(context, [rows[:200], rows[200:]], rows=120)
    assert len(first) == 120
    shuffled = random.Random(1).sample(rows, 500)
    again = drawn(context, [shuffled[:50], [], shuffled[50:]], rows=120)
    assert {one.id for one in again} == {one.id for one in first}


def test_another_seed_draws_other_rows(context: Context) -> None:
    rows = made(500)
    assert number_of(rows[0], 1) != number_of(rows[0], 2)
    other = Context(context.culture, context.scratch, 99, [])
    assert {one.id for one in drawn(context, [rows], rows=100)} != {one.id for one in drawn(other, [rows], rows=100)}


def test_added_rows_push_out_only_as_many_as_come_in(context: Context) -> None:
    rows = made(520)
    before = {one.id for one in drawn(context, [rows[:500]], rows=100)}
    after = {one.id for one in drawn(context, [rows], rows=100)}
    new = {one.id for one in rows[500:]}
    assert after - before <= new
    assert len(before - after) == len(after & new) > 0


def test_categories_get_equal_shares_and_small_ones_give_theirs_to_the_others(context: Context) -> None:
    kinds = {"Insult": 300, "Privacy": 200, "Rare": 10}
    rows = [row("问", "答。", f"{kind}/{n}", category=kind) for kind, count in kinds.items() for n in range(count)]
    kept = drawn(context, [rows], rows=110, balance="category")
    assert Counter(one.category for one in kept) == {"Insult": 50, "Privacy": 50, "Rare": 10}
    assert context.notes == ["not all groups have an equal share: 10 to 50 rows each"]


def test_sources_areas_and_rows_without_a_category_are_groups_too(context: Context) -> None:
    rows = [*made(50, areas=("b/x", "a/y")), *made(50)]
    kept = drawn(context, [rows], rows=20, balance="area")
    assert Counter(min(one.areas, default="untagged") for one in kept) == {"a/y": 10, "untagged": 10}
    assert len(drawn(context, [rows], rows=20, balance="category")) == 20
    assert len(drawn(context, [rows], rows=20, balance="source")) == 20


def test_the_least_doubtful_rows_come_first_where_that_is_asked_for(context: Context) -> None:
    rows = [row("问", "答。", n, flags={"toxic": 0.9, "short": 0.1} if n % 2 else {}) for n in range(100)]
    kept = drawn(context, [rows], rows=60, prefer="least_doubt")
    assert sum(not one.flags for one in kept) == 50
    assert len(kept) == 60


def test_fewer_rows_than_wanted_all_stay_and_a_note_says_so(context: Context) -> None:
    rows = made(10)
    assert drawn(context, [rows, []], rows=20) == rows
    assert context.notes == ["there are 10 rows; 20 were to be drawn"]
    assert drawn(context, [[]], rows=20) == []
    assert drawn(context, [], rows=20) == []


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(0, 50), max_size=8), st.integers(1, 300))
def test_shares_are_as_equal_as_the_groups_allow(have: dict[str, int], rows: int) -> None:
    wanted = shares(have, rows)
    assert sum(wanted.values()) == min(rows, sum(have.values()))
    assert all(0 <= wanted[name] <= have[name] for name in have)
    most = max(wanted.values(), default=0)
    assert all(wanted[name] >= most - 1 or wanted[name] == have[name] for name in have)
