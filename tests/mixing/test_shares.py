"""Shares of weak areas: they sum to one, keep the order of the shortfalls and the limit, and say how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.mixing.shares import CAP, Measured, cap_for, share_intervals, weak_shares

STEADY = settings(deadline=None, derandomize=True)
SHORTFALLS = st.dictionaries(
    st.sampled_from([f"b/{letter}" for letter in "ABCDEFGH"]), st.one_of(st.just(0.0), st.floats(1e-6, 1)), min_size=1
)


def test_the_formula_by_hand() -> None:
    found = weak_shares({"a": 0.5, "b": 0.3, "c": 0.2, "d": 0.2, "e": 0.2})
    assert found == pytest.approx(
        {"a": 0.9 * 0.5 / 1.4 + 0.02, "b": 0.9 * 0.3 / 1.4 + 0.02, **dict.fromkeys("cde", 0.9 * 0.2 / 1.4 + 0.02)}
    )


def test_what_is_above_the_limit_goes_to_the_others_in_proportion() -> None:
    found = weak_shares({"a": 0.9, "b": 0.2, "c": 0.1}, explore=0)
    assert found == pytest.approx({"a": 0.4, "b": 0.4, "c": 0.2})
    found = weak_shares({"a": 0.9, "b": 0.1, "c": 0.1, "d": 0.2}, explore=0)
    assert found == pytest.approx({"a": 0.4, "b": 0.15, "c": 0.15, "d": 0.3})


def test_with_one_or_two_areas_no_limit_can_hold() -> None:
    assert (cap_for(1), cap_for(2), cap_for(3)) == (1, 1, CAP)
    assert weak_shares({"a": 0.5}) == {"a": 1}
    assert weak_shares({"a": 0.6, "b": 0.2}, explore=0) == pytest.approx({"a": 0.75, "b": 0.25})


def test_a_smaller_power_is_flatter() -> None:
    assert weak_shares({"a": 0.64, "b": 0.16, "c": 0.16, "d": 0.16}, tau=0.5, explore=0)["a"] == pytest.approx(0.4)
    assert weak_shares({"a": 0.09, "b": 0.04, "c": 0.04}, tau=0.5, explore=0, cap=1)["a"] == pytest.approx(3 / 7)


def test_areas_that_fall_short_of_nothing_get_the_same() -> None:
    assert weak_shares({"a": 0, "b": 0, "c": 0, "d": 0}) == dict.fromkeys("abcd", 0.25)


@pytest.mark.parametrize("wrong", [{}, {"a": -0.1}, {"a": math.nan}, {"a": 0.1, "b": math.inf}])
def test_what_is_no_shortfall_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares need shortfalls"):
        weak_shares(wrong)


@STEADY
@given(SHORTFALLS, st.floats(0.3, 2), st.floats(0, 0.5))
def test_shares_sum_to_one_keep_the_limit_and_the_order(shortfalls: dict[str, float], tau: float, explore: float) -> None:
    found = weak_shares(shortfalls, tau=tau, explore=explore)
    assert math.fsum(found.values()) == pytest.approx(1)
    assert max(found.values()) <= cap_for(len(found)) + 1e-9
    ordered = sorted(found, key=lambda area: shortfalls[area])
    assert all(found[low] <= found[high] + 1e-9 for low, high in pairwise(ordered))
    assert min(found.values()) >= explore / len(found) * (1 - 1e-9) or len(found) < 3


@STEADY
@given(SHORTFALLS.filter(lambda found: len(found) > 1), st.floats(0.01, 1))
def test_a_larger_shortfall_never_gets_a_smaller_share(shortfalls: dict[str, float], more: float) -> None:
    area = next(iter(shortfalls))
    before = weak_shares(shortfalls)[area]
    assert weak_shares({**shortfalls, area: shortfalls[area] + more})[area] >= before - 1e-9


def measured(k: int, n: int, standard: float = 0.6, *, ceiling: bool = False, chance: float = 0.0) -> Measured:
    value = k / n
    gap = (value - standard if ceiling else standard - value) / (1 - chance)
    return Measured(value=value, n=n, ceiling=ceiling, chance=chance, shortfall=max(gap, 0.0))


def intervals(areas: Mapping[str, Measured], seed: int = 0) -> dict[str, tuple[float, float]]:
    return share_intervals({area: [one] for area, one in areas.items()}, weak_shares, seed)


def test_the_interval_holds_the_share_and_narrows_with_more_items() -> None:
    few = {"a": measured(5, 40), "b": measured(15, 40), "c": measured(18, 40), "d": measured(2, 40)}
    many = {"a": measured(125, 1000), "b": measured(375, 1000), "c": measured(450, 1000), "d": measured(50, 1000)}
    shares = weak_shares({area: one.shortfall for area, one in few.items()})
    wide, narrow = intervals(few), intervals(many)
    for area, share in shares.items():
        assert wide[area][0] < share < wide[area][1]
        assert narrow[area][0] < share < narrow[area][1]
        assert 2.5 * (narrow[area][1] - narrow[area][0]) < wide[area][1] - wide[area][0]


def test_nothing_right_of_40_still_varies_and_a_ceiling_counts_the_other_way() -> None:
    others = {"a": measured(0, 40), "c": measured(10, 40), "d": measured(2, 40), "e": measured(3, 40)}
    found = intervals({**others, "b": measured(20, 40, 0.3, ceiling=True)})
    assert all(low < high for low, high in found.values())
    worse = intervals({**others, "b": measured(30, 40, 0.3, ceiling=True)})
    assert worse["b"][0] > found["b"][0]


def test_below_chance_no_draw_makes_a_shortfall_larger() -> None:
    """A quarter of four options right is knowing nothing, and so is a tenth."""
    sure = {area: measured(100, 1000) for area in "bcd"}
    guessed = Measured(value=0.1, n=40, ceiling=False, chance=0.25, shortfall=0.5)
    low, high = share_intervals({"a": [guessed], **{area: [one] for area, one in sure.items()}}, weak_shares, 0)["a"]
    assert high - low < 0.03


def test_the_bootstrap_is_as_wide_as_the_counts_really_scatter() -> None:
    """Against new experiments of the same truth, by numpy's generator: the middle 90% of shares."""
    numpy = pytest.importorskip("numpy")
    truth, n = {"a": 0.2, "b": 0.4, "c": 0.1}, 80
    rng = numpy.random.default_rng(5)
    shares = []
    for _ in range(2000):
        drawn = {area: measured(int(rng.binomial(n, p)), n) for area, p in truth.items()}
        shares.append(weak_shares({area: one.shortfall for area, one in drawn.items()}, cap=1)["b"])
    low, high = numpy.quantile(shares, [0.05, 0.95])
    found = share_intervals({area: [measured(round(p * n), n)] for area, p in truth.items()}, lambda s: weak_shares(s, cap=1), 1)[
        "b"
    ]
    assert found == pytest.approx((low, high), abs=0.02)


def test_an_area_goes_by_its_worst_finding_and_the_same_seed_gives_the_same() -> None:
    first = {"a": [measured(5, 40)], **{area: [measured(8, 40)] for area in "bcd"}}
    both = {**first, "a": [measured(5, 40), measured(30, 40)]}
    found = share_intervals(both, weak_shares, 3)
    assert found == share_intervals(both, weak_shares, 3)
    assert found["a"] == pytest.approx(share_intervals(first, weak_shares, 3)["a"], abs=0.02)
    assert share_intervals(both, weak_shares, 4) != found


def test_too_few_items_give_no_interval() -> None:
    assert intervals({"a": measured(1, 9), "b": measured(20, 40)}) == {}
    assert share_intervals({}, weak_shares, 0) == {}
