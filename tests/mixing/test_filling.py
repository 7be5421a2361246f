"""Rows out of pools of limited size."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.mixing.filling import Want, fill

STEADY = settings(deadline=None, derandomize=True)


def test_large_pools_give_every_want_its_share() -> None:
    wants = [Want(0.5, {"a": 1}), Want(0.3, {"b": 1}), Want(0.2, {"c": 1})]
    assert fill(wants, {"a": 1000, "b": 1000, "c": 1000}, 100) == {(0, "a"): 50, (1, "b"): 30, (2, "c"): 20}


def test_a_want_takes_from_its_pools_by_weight_and_from_its_others_before_it_gives_up() -> None:
    wants = [Want(0.5, {"a": 3, "b": 1}), Want(0.5, {"c": 1})]
    assert fill(wants, {"a": 100, "b": 100, "c": 100}, 80) == {(0, "a"): 30, (0, "b"): 10, (1, "c"): 40}
    assert fill(wants, {"a": 5, "b": 100, "c": 100}, 80) == {(0, "a"): 5, (0, "b"): 35, (1, "c"): 40}


def test_what_a_want_cannot_get_goes_to_the_others_in_proportion() -> None:
    wants = [Want(0.4, {"a": 1}), Want(0.4, {"b": 1}), Want(0.2, {"c": 1})]
    assert fill(wants, {"a": 10, "b": 1000, "c": 1000}, 100) == {(0, "a"): 10, (1, "b"): 60, (2, "c"): 30}


def test_no_want_gets_more_than_the_limit_so_fewer_rows_come_out() -> None:
    wants = [Want(0.4, {"a": 1}), Want(0.4, {"b": 1}), Want(0.2, {"c": 1})]
    assert fill(wants, {"a": 10, "b": 1000, "c": 1000}, 100, most=40) == {(0, "a"): 10, (1, "b"): 40, (2, "c"): 40}


def test_two_wants_share_a_pool_fairly_and_one_with_another_pool_turns_to_it() -> None:
    wants = [Want(0.5, {"a": 1}), Want(0.5, {"a": 1})]
    assert fill(wants, {"a": 60}, 100) == {(0, "a"): 30, (1, "a"): 30}
    found = fill([Want(0.5, {"a": 1}), Want(0.5, {"a": 1, "b": 1})], {"a": 60, "b": 1000}, 100)
    assert sum(found.values()) == 100
    assert found[0, "a"] + found[1, "a"] == 60


def test_empty_pools_give_nothing() -> None:
    assert fill([Want(1, {"a": 1})], {"a": 0}, 10) == {}
    assert fill([], {}, 10) == {}


def test_a_remainder_goes_where_it_is_largest() -> None:
    wants = [Want(1, {"a": 1}), Want(1, {"b": 1}), Want(1, {"c": 1})]
    assert sum(fill(wants, dict.fromkeys("abc", 100), 100).values()) == 100
    assert sorted(fill(wants, dict.fromkeys("abc", 100), 100).values()) == [33, 33, 34]


POOLS = "abcde"
WANTS = st.lists(
    st.builds(Want, st.floats(0.01, 1), st.dictionaries(st.sampled_from(POOLS), st.floats(0.1, 5), min_size=1)),
    min_size=1,
    max_size=6,
)


@STEADY
@given(WANTS, st.fixed_dictionaries({pool: st.integers(0, 300) for pool in POOLS}), st.integers(1, 1000))
def test_no_pool_gives_more_than_it_has_and_rows_are_missing_only_when_all_are_empty(
    wants: list[Want], room: dict[str, int], rows: int
) -> None:
    found = fill(wants, room, rows)
    given_out = Counter[str]()
    for (_, pool), amount in found.items():
        given_out[pool] += amount
    assert all(amount <= room[pool] for pool, amount in given_out.items())
    assert all(pool in wants[i].pools for i, pool in found)
    usable = {pool for want in wants for pool in want.pools}
    assert sum(found.values()) == min(rows, sum(room[pool] for pool in usable))
    assert found == fill(wants, room, rows)


@STEADY
@given(WANTS, st.integers(1, 1000), st.floats(0.3, 1))
def test_with_room_enough_shares_are_met_to_a_row_and_the_limit_holds(wants: list[Want], rows: int, limit: float) -> None:
    room = dict.fromkeys(POOLS, 10**6)
    total = math.fsum(want.share for want in wants)
    found = Counter[int]()
    for (i, _), amount in fill(wants, room, rows).items():
        found[i] += amount
    for i, want in enumerate(wants):
        assert found[i] == pytest.approx(rows * want.share / total, abs=len(POOLS))
    capped = Counter[int]()
    for (i, _), amount in fill(wants, room, rows, most=limit * rows).items():
        capped[i] += amount
    assert max(capped.values(), default=0) <= limit * rows + len(POOLS)
