"""Intervals against statsmodels 0.15 and scipy, and the share of true values they cover."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.schema import Interval
from harness.stats.intervals import clopper_pearson, jeffreys, macro_interval, mean_interval, rate_interval, wilson

stats = pytest.importorskip("scipy.stats")
RateInterval = Callable[[int, int], Interval]

STEADY = settings(deadline=None, derandomize=True)

STATSMODELS = [
    (wilson, 0, 20, 0.0000000000, 0.1611251581),
    (wilson, 3, 462, 0.0022107854, 0.0189154125),
    (wilson, 242, 462, 0.4782597536, 0.5689666141),
    (wilson, 47, 129, 0.2863334771, 0.4501945593),
    (wilson, 39, 39, 0.9103331463, 1.0000000000),
    (wilson, 1048, 1861, 0.5404960454, 0.5855200290),
    (clopper_pearson, 0, 20, 0.0000000000, 0.1684334710),
    (clopper_pearson, 3, 462, 0.0013411243, 0.0188586574),
    (clopper_pearson, 36, 39, 0.7912980788, 0.9838466997),
    (clopper_pearson, 39, 39, 0.9097488990, 1.0000000000),
    (clopper_pearson, 0, 563, 0.0000000000, 0.0065307650),
    (jeffreys, 3, 462, 0.0018321488, 0.0172268449),
    (jeffreys, 47, 129, 0.2850395888, 0.4496536382),
    (jeffreys, 36, 39, 0.8087352155, 0.9778576961),
    (jeffreys, 1, 50, 0.0021664942, 0.0896803511),
]


@pytest.mark.parametrize(("interval", "k", "n", "low", "high"), STATSMODELS)
def test_rate_intervals_are_those_of_statsmodels(interval: RateInterval, k: int, n: int, low: float, high: float) -> None:
    found = interval(k, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 39, 462])
def test_exact_and_wilson_agree_with_scipy_for_every_count(n: int) -> None:
    for k in range(n + 1):
        test = stats.binomtest(k, n)
        for ours, method in ((clopper_pearson, "exact"), (wilson, "wilson")):
            theirs = test.proportion_ci(method=method)
            assert (ours(k, n).low, ours(k, n).high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_jeffreys_closes_the_end_at_zero_and_at_n() -> None:
    assert jeffreys(0, 20).low == 0.0
    assert jeffreys(20, 20).high == 1.0


@STEADY
@given(n=st.integers(1, 3000), data=st.data())
def test_every_rate_interval_holds_the_rate_and_stays_within_zero_and_one(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    for interval in (wilson, clopper_pearson, jeffreys, rate_interval):
        found = interval(k, n)
        assert 0 <= found.low <= k / n <= found.high <= 1


@STEADY
@given(n=st.integers(1, 3000), data=st.data())
def test_rate_intervals_mirror_when_events_and_non_events_are_swapped(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    for interval in (wilson, clopper_pearson, jeffreys, rate_interval):
        one, other = interval(k, n), interval(n - k, n)
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


@pytest.mark.parametrize(
    ("k", "n", "safety", "method"),
    [
        (60, 100, False, "wilson"),
        (5, 100, False, "wilson"),
        (4, 100, False, "jeffreys"),
        (96, 100, False, "jeffreys"),
        (40, 99, False, "jeffreys"),
        (0, 1861, False, "clopper-pearson"),
        (1861, 1861, False, "clopper-pearson"),
        (60, 100, True, "clopper-pearson"),
        (3, 462, True, "clopper-pearson"),
    ],
)
def test_the_method_follows_from_counts_and_purpose(k: int, n: int, safety: bool, method: str) -> None:
    assert rate_interval(k, n, safety).method == method


@pytest.mark.parametrize(("k", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"got k={k}, n={n}"):
        rate_interval(k, n)


def _exact_coverage(interval: RateInterval, n: int, p: float) -> float:
    covered = [k for k in range(n + 1) if interval(k, n).low <= p <= interval(k, n).high]
    return float(sum(stats.binom.pmf(k, n, p) for k in covered))


@pytest.mark.parametrize("n", [20, 50, 196])
def test_clopper_pearson_never_covers_less_than_it_says(n: int) -> None:
    assert min(_exact_coverage(clopper_pearson, n, p) for p in (0.002, 0.01, 0.02, 0.05, 0.2, 0.5, 0.9)) >= 0.95


@pytest.mark.parametrize("p", [0.1, 0.2, 0.44, 0.6, 0.84])
def test_the_display_interval_covers_about_95_percent_of_ordinary_rates(p: float) -> None:
    assert _exact_coverage(rate_interval, 678, p) == pytest.approx(0.95, abs=0.01)


def test_the_mean_interval_is_that_of_scipy() -> None:
    values = [90.0, 95, 100, 60, 85, 100, 70, 95, 90, 40]
    found = mean_interval(values, 0, 100)
    assert (found.low, found.high) == pytest.approx((68.36780289942216, 96.63219710057784))
    spread = math.sqrt(sum((v - 82.5) ** 2 for v in values) / 9 / 10)
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 9, loc=82.5, scale=spread))


def test_the_mean_interval_is_clipped_to_the_range_of_the_values() -> None:
    found = mean_interval([100.0, 100, 90], 0, 100)
    assert found.high == 100
    assert found.low == pytest.approx(96.6667 - 14.3422, abs=1e-3)


def test_equal_values_do_not_give_an_interval_without_width() -> None:
    found = mean_interval([100.0] * 20, 0, 100)
    assert found.high == 100
    assert found.low == pytest.approx(100 * (1 - 0.1684334710))
    assert found.method == "constant"


def test_one_value_says_next_to_nothing() -> None:
    found = mean_interval([50.0], 0, 100)
    assert (found.low, found.high) == pytest.approx((1.25, 98.75))


def test_no_values_give_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([], 0, 100)


def test_the_macro_interval_adds_the_variances_of_the_groups() -> None:
    groups = [[1.0] * 30 + [0.0] * 70, [1.0] * 8 + [0.0] * 12]
    half = 1.959964 * math.sqrt(0.3 * 0.7 / 99 + 0.4 * 0.6 / 19) / 2
    found = macro_interval(groups)
    assert (found.low, found.high) == pytest.approx((0.35 - half, 0.35 + half), abs=1e-6)
    assert found.method == "stratified"


def test_a_group_without_spread_still_adds_some() -> None:
    mixed = [[1.0] * 3 + [0.0] * 193, [0.0] * 266]
    q = 0.5 / 267
    half = 1.959964 * math.sqrt(3 / 196 * 193 / 195 / 196 + q * (1 - q) / 266) / 2
    assert macro_interval(mixed).high == pytest.approx(1.5 / 196 + half, abs=1e-6)


def test_a_macro_rate_of_zero_is_not_certain() -> None:
    found = macro_interval([[0.0] * 196, [0.0] * 266])
    assert found.low == 0
    assert found.high == pytest.approx((clopper_pearson(0, 196).high + clopper_pearson(0, 266).high) / 2)
    assert found.method == "constant groups"


def test_a_macro_needs_groups_with_values() -> None:
    with pytest.raises(ValueError, match="at least one group"):
        macro_interval([])
    with pytest.raises(ValueError, match="at least one value"):
        macro_interval([[1.0], []])


@STEADY
@given(st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=12), min_size=1, max_size=6))
def test_mean_and_macro_intervals_hold_their_estimate_and_keep_to_the_range(groups: list[list[float]]) -> None:
    means = [math.fsum(group) / len(group) for group in groups]
    cases = [(macro_interval(groups, 0, 100), math.fsum(means) / len(means)), (mean_interval(groups[0], 0, 100), means[0])]
    for found, estimate in cases:
        assert -1e-9 <= found.low <= estimate + 1e-9
        assert estimate - 1e-9 <= found.high <= 100 + 1e-9


def _draw(rng: random.Random, n: int, p: float) -> list[float]:
    return [float(rng.random() < p) for _ in range(n)]


def test_the_macro_interval_covers_the_true_macro_of_five_unequal_areas() -> None:
    rng = random.Random(5)
    sizes, rates = (200, 100, 60, 50, 39), (0.45, 0.81, 0.93, 0.77, 0.64)
    hits = 0
    for _ in range(600):
        found = macro_interval([_draw(rng, n, p) for n, p in zip(sizes, rates, strict=True)])
        hits += found.low <= 0.72 <= found.high
    assert 0.92 <= hits / 600 <= 0.975


def test_the_macro_interval_covers_rare_harm_in_one_of_two_areas() -> None:
    """Without the variance floor for groups of equal values this covers 87%."""
    rng = random.Random(6)
    hits = 0
    for _ in range(600):
        found = macro_interval([_draw(rng, 196, 0.015), _draw(rng, 266, 0.001)])
        hits += found.low <= 0.008 <= found.high
    assert hits / 600 >= 0.95


def test_the_mean_interval_covers_the_mean_of_judge_like_scores() -> None:
    rng = random.Random(8)
    scores, weights = (0, 60, 85, 90, 95, 100), (5, 15, 20, 25, 20, 15)
    true = sum(s * w for s, w in zip(scores, weights, strict=True)) / 100
    hits = 0
    for _ in range(800):
        found = mean_interval([float(s) for s in rng.choices(scores, weights, k=50)], 0, 100)
        hits += found.low <= true <= found.high
    assert 0.91 <= hits / 800 <= 0.98
