"""Rank sets by hand, at the edges, and against a simulation whose true ranks are known."""

from __future__ import annotations

import random

import pytest

from harness.stats.ranks import RankSet, rank_sets, tiers


def verdicts(right: int, n: int) -> list[float]:
    """The first `right` of `n` items right."""
    return [1.0] * right + [0.0] * (n - right)


def ranges(found: tuple[RankSet, ...]) -> dict[str, tuple[int, int]]:
    return {one.name: (one.low, one.high) for one in found}


def test_models_far_apart_have_one_rank_each_and_a_tier_of_their_own() -> None:
    found = rank_sets({"c": verdicts(20, 100), "a": verdicts(90, 100), "b": verdicts(60, 100)})
    assert ranges(found) == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}
    assert [one.mean for one in found] == [0.9, 0.6, 0.2]
    assert tiers(found) == (("a",), ("b",), ("c",))


def test_identical_columns_are_never_separated() -> None:
    found = rank_sets({"b": verdicts(50, 100), "a": verdicts(50, 100), "c": verdicts(10, 100)})
    assert ranges(found) == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}
    assert tiers(found) == (("a", "b"), ("c",))


def test_all_columns_identical_leave_every_rank_open() -> None:
    assert ranges(rank_sets(dict.fromkeys("abc", verdicts(5, 9)))) == dict.fromkeys("abc", (1, 3))


@pytest.mark.parametrize(("n", "apart"), [(5, False), (6, True), (500, True)])
def test_columns_without_any_variance_are_separated_once_signs_alone_would_not_do_it(n: int, apart: bool) -> None:
    """All right against all wrong: 2 * 2^-5 = .0625 of 5 items, 2 * 2^-6 = .031 of 6."""
    found = ranges(rank_sets({"right": [1.0] * n, "wrong": [0.0] * n}))
    assert found == ({"right": (1, 1), "wrong": (2, 2)} if apart else dict.fromkeys(("right", "wrong"), (1, 2)))


@pytest.mark.parametrize(("wins", "apart"), [(5, False), (6, True)])
def test_of_two_models_the_test_is_the_sign_test_of_their_discordant_items(wins: int, apart: bool) -> None:
    base = verdicts(400, 1000)
    found = rank_sets({"base": base, "more": verdicts(400 + wins, 1000)})
    assert (found[0].worse == ("base",)) is apart


def test_one_model_is_first_of_one() -> None:
    assert rank_sets({"a": [1.0, 0.0]}) == (RankSet("a", 0.5, 1, 1, (), ()),)
    assert tiers(rank_sets({"a": [1.0]})) == (("a",),)


def test_no_model_has_no_rank() -> None:
    assert rank_sets({}) == ()
    assert tiers(()) == ()


def test_a_missing_value_is_the_worst_and_an_item_that_none_has_is_left_out() -> None:
    found = rank_sets({"a": [1.0, None, None, 1.0], "b": [1.0, 1.0, None, 1.0]})
    assert {one.name: one.mean for one in found} == {"a": 2 / 3, "b": 1.0}


def test_items_of_one_unit_count_once() -> None:
    repeated = {"a": [1.0] * 40 + [0.0], "b": [0.0] * 40 + [0.0]}
    assert ranges(rank_sets(repeated))["a"] == (1, 1)
    same = rank_sets(repeated, ["twin"] * 40 + ["other"])
    assert ranges(same) == {"a": (1, 2), "b": (1, 2)}
    assert same[0].mean == 0.5


def test_the_order_of_the_models_changes_nothing() -> None:
    source = random.Random(3)
    columns = {name: [float(source.random() < 0.5 + 0.04 * place) for _ in range(150)] for place, name in enumerate("abcde")}
    assert rank_sets(columns) == rank_sets(dict(reversed(columns.items())))


def test_a_tier_ends_with_the_first_model_that_is_worse_than_its_first() -> None:
    found = (
        RankSet("a", 0.9, 1, 2, (), ("c", "d")),
        RankSet("b", 0.8, 1, 4, (), ()),
        RankSet("c", 0.7, 2, 4, ("a",), ()),
        RankSet("d", 0.6, 2, 4, ("a",), ()),
    )
    assert tiers(found) == (("a", "b"), ("c", "d"))


@pytest.mark.parametrize(
    ("columns", "units", "said"),
    [
        ({"a": [1.0], "b": [1.0, 0.0]}, None, "same items for all models"),
        ({"a": [1.0, 0.0]}, ["x"], "same items for all models"),
        ({"a": [50.0]}, None, "within 0-1; got 50"),
        ({"a": [float("nan")]}, None, "within 0-1"),
        ({"a": [None], "b": [None]}, None, "at least one item"),
        ({"a": []}, None, "at least one item"),
    ],
)
def test_what_cannot_be_ranked_is_refused(columns: dict[str, list[float | None]], units: list[str] | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rank_sets(columns, units)


def world(source: random.Random, rates: list[float], n: int, shared: float) -> dict[str, list[float]]:
    """Verdicts of models with these true rates; on a share of the items all models see the same luck."""
    columns: dict[str, list[float]] = {f"m{place}": [] for place in range(len(rates))}
    for _ in range(n):
        luck = source.random() if source.random() < shared else None
        for place, rate in enumerate(rates):
            columns[f"m{place}"].append(float((source.random() if luck is None else luck) < rate))
    return columns


def covered(found: tuple[RankSet, ...], rates: list[float]) -> bool:
    """Whether every set meets the ranks that its model truly may have (models tied in truth share a range of them)."""
    for one in found:
        rate = rates[int(one.name[1:])]
        best, last = 1 + sum(other > rate for other in rates), sum(other >= rate for other in rates)
        if one.low > best or one.high < last:
            return False
    return True


@pytest.mark.parametrize("rates", [[0.5] * 6, [0.3, 0.3, 0.5, 0.5, 0.7], [0.02] * 4], ids=["all tied", "three ties", "rare"])
def test_all_ranks_are_covered_at_once_at_least_95_percent_of_the_time(rates: list[float]) -> None:
    source, worlds = random.Random(20), 120
    held = sum(covered(rank_sets(world(source, rates, 150, 0.5), draws=199), rates) for _ in range(worlds))
    assert held >= 107, "14 of 120 wrong has a chance of 0.3% if 5% are"


def test_a_gap_of_fifteen_points_is_seen_on_678_items() -> None:
    source = random.Random(7)
    found = rank_sets(world(source, [0.5, 0.65, 0.8], 678, 0.4))
    assert ranges(found) == {"m2": (1, 1), "m1": (2, 2), "m0": (3, 3)}
