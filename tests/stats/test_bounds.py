"""One-sided bounds against statsmodels' and scipy's numbers, and how often they are wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.bounds import Bounds, of_differences, of_values

stats = pytest.importorskip("scipy.stats")
STEADY = settings(deadline=None, derandomize=True)


def rate(k: int, n: int, standard: float = 0.5, *, exact: bool = False) -> Bounds:
    return of_values([1.0] * k + [0.0] * (n - k), standard, exact=exact)


@pytest.mark.parametrize(("n", "percent"), [(20, 13.9), (50, 5.8), (101, 2.9), (462, 0.65), (563, 0.53)])
def test_no_harmful_answer_still_allows_what_the_exact_bound_says(n: int, percent: float) -> None:
    found = rate(0, n, exact=True)
    assert 100 * found.high == pytest.approx(percent, abs=0.06)
    assert found.high == pytest.approx(1 - 0.05 ** (1 / n))
    assert found.low == 0


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 98), (40, 98), (95, 98), (98, 98)])
def test_exact_bounds_are_those_of_scipy(k: int, n: int) -> None:
    found = rate(k, n, exact=True)
    assert found.high == pytest.approx(stats.binomtest(k, n, alternative="less").proportion_ci(0.95, "exact").high)
    assert found.low == pytest.approx(stats.binomtest(k, n, alternative="greater").proportion_ci(0.95, "exact").low)


@pytest.mark.parametrize(
    ("k", "n", "method"), [(4, 90, "clopper"), (5, 90, "jeffreys"), (85, 90, "jeffreys"), (86, 90, "clopper")]
)
def test_within_five_events_of_an_end_rates_are_counted_exactly(k: int, n: int, method: str) -> None:
    assert rate(k, n).method.startswith(method)


def test_ordinary_rates_take_the_quantiles_of_jeffreys_posterior() -> None:
    found = rate(47, 129)
    posterior = stats.beta(47.5, 82.5)
    assert (found.low, found.high) == pytest.approx((posterior.ppf(0.05), posterior.ppf(0.95)))


@pytest.mark.parametrize("standard", [0.02, 0.2, 0.44, 0.9, 1.0])
@pytest.mark.parametrize(("k", "n"), [(0, 12), (7, 12), (12, 12), (40, 94)])
def test_p_values_are_exact_binomial_tails(k: int, n: int, standard: float) -> None:
    found = rate(k, n, standard)
    assert found.below == pytest.approx(stats.binom.cdf(k, n, standard))
    assert found.above == pytest.approx(stats.binom.sf(k - 1, n, standard))


def wrongly_weak(n: int, standard: float, *, exact: bool) -> float:
    """Exact probability that a rate exactly at its standard gets an upper bound below it."""
    return float(sum(stats.binom.pmf(k, n, standard) for k in range(n + 1) if rate(k, n, standard, exact=exact).high < standard))


@pytest.mark.parametrize("n", [18, 50, 98])
def test_exact_bounds_call_a_rate_at_its_standard_weak_in_at_most_five_of_a_hundred(n: int) -> None:
    assert max(wrongly_weak(n, s, exact=True) for s in (0.02, 0.05, 0.3, 0.55, 0.88, 0.97)) <= 0.05


@pytest.mark.parametrize("n", [25, 62, 94])
def test_display_bounds_call_a_rate_at_its_standard_weak_in_about_five_of_a_hundred(n: int) -> None:
    found = [wrongly_weak(n, s / 20, exact=False) for s in range(1, 20)]
    assert max(found) <= 0.08
    assert sum(found) / len(found) <= 0.05


def test_a_standard_of_nothing_is_reached_by_nothing() -> None:
    assert rate(0, 10, 0.0).low >= 0.0
    assert rate(0, 10, 0.0).above == 0
    assert rate(10, 10, 1.0).below == 1


def test_the_mean_of_scores_takes_the_t_bounds_of_scipy() -> None:
    scores = [0.9, 0.95, 1, 0.6, 0.85, 1, 0.7, 0.95, 0.9, 0.4]
    found = of_values(scores, 0.9)
    test = stats.ttest_1samp(scores, 0.9, alternative="less")
    assert found.below == pytest.approx(test.pvalue)
    assert found.high == pytest.approx(test.confidence_interval(0.95).high)
    assert found.low == pytest.approx(stats.ttest_1samp(scores, 0.9, alternative="greater").confidence_interval(0.95).low)
    assert found.spread == pytest.approx(stats.tvar(scores))


def test_equal_scores_have_bounds_with_width() -> None:
    found = of_values([0.5] * 20, 0.6)
    share = 1 - 0.05 ** (1 / 20)
    assert (found.low, found.high) == pytest.approx((0.5 - share / 2, 0.5 + share / 2))
    assert found.spread > 0
    assert (found.high < 0.6) == (found.below < 0.05)


def test_equal_scores_are_proven_below_exactly_where_their_bound_is() -> None:
    for hundredths in range(50, 100):
        found = of_values([0.5] * 12, hundredths / 100)
        assert (found.high < hundredths / 100) == (found.below < 0.05)


@STEADY
@given(n=st.integers(1, 400), data=st.data(), standard=st.floats(0, 1))
def test_bounds_hold_the_rate_and_what_is_proven_lies_outside_them(n: int, data: st.DataObject, standard: float) -> None:
    k = data.draw(st.integers(0, n))
    for exact in (True, False):
        found = rate(k, n, standard, exact=exact)
        assert 0 <= found.low <= k / n <= found.high <= 1
        assert found.high < standard or found.below >= 0.05 - 1e-9
        assert found.low >= standard - 1e-12 or found.above > 0.05 - 1e-9


def test_two_equal_models_do_not_differ() -> None:
    found = of_differences([1.0, 0.0, 1.0, 1.0] * 10, [1.0, 0.0, 1.0, 1.0] * 10)
    assert found.low < 0 < found.high
    assert found.mean == 0
    assert found.spread > 0
    assert min(found.below, found.above) == pytest.approx(0.5)


def test_a_model_that_loses_ten_items_and_gains_none_is_proven_worse() -> None:
    found = of_differences([0.0] * 10 + [1.0] * 30, [1.0] * 40)
    assert found.high < 0
    assert found.below == pytest.approx(0.5**11)
    assert found.mean == pytest.approx(-0.25)


def test_pairing_tells_models_apart_that_single_rates_cannot() -> None:
    theirs = [1.0] * 60 + [0.0] * 40
    ours = [1.0] * 51 + [0.0] * 49
    assert of_differences(ours, theirs).high < 0
    assert rate(51, 100, 0.60).high > 0.59


def _wrong(rng: random.Random, draw: Callable[[random.Random], tuple[float, float]], n: int, times: int) -> float:
    wrong = 0
    for _ in range(times):
        ours, theirs = zip(*(draw(rng) for _ in range(n)), strict=True)
        wrong += of_differences(ours, theirs).high < 0
    return wrong / times


def _verdicts(rng: random.Random) -> tuple[float, float]:
    if rng.random() < 0.75:
        both = float(rng.random() < 0.5)
        return both, both
    return float(rng.random() < 0.5), float(rng.random() < 0.5)


def _scores(rng: random.Random) -> tuple[float, float]:
    level = rng.choice((0.3, 0.6, 0.9))
    return level + rng.choice((-0.1, 0.0, 0.1)), level + rng.choice((-0.1, 0.0, 0.1))


@pytest.mark.parametrize("draw", [_verdicts, _scores])
def test_a_model_as_good_as_the_reference_is_called_worse_in_about_five_of_a_hundred(
    draw: Callable[[random.Random], tuple[float, float]],
) -> None:
    assert _wrong(random.Random(3), draw, 60, 600) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_no_values_give_no_bounds() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        of_values([], 0.5)
