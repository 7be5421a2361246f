"""Empirical Bayes against closed forms and numerical integration, and what it gains on simulated topics."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest

from harness.stats.shrinkage import Beta, Normal, counts, fit, shrink, shrink_differences

stats = pytest.importorskip("scipy.stats")
integrate = pytest.importorskip("scipy.integrate")

TOPICS = (13, 12, 12, 14, 13, 14, 13, 13, 11, 13, 11, 13, 10, 13, 10, 13, 10, 13, 10, 13, 12, 10, 11, 11, 19, 14, 10)
"""Half of A-Eval's 27 sub-categories."""
DIMENSIONS = (93, 62, 94, 64, 25)
"""Half of A-Eval's five dimensions."""


@pytest.mark.parametrize(("a", "b", "standard"), [(3.5, 9.5, 0.4), (40, 20, 0.5), (0.5, 12.5, 0.05), (2, 2, 1.0), (1, 1, 0.0)])
def test_the_expected_shortfall_of_a_rate_is_its_integral(a: float, b: float, standard: float) -> None:
    density = stats.beta(a, b)
    found, _ = integrate.quad(lambda rate: (standard - rate) * density.pdf(rate), 0, standard)
    assert Beta(a, b).shortfall(standard) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(("mean", "sd", "standard"), [(-0.1, 0.05, 0.0), (0.2, 0.1, 0.0), (-0.3, 0.02, -0.1)])
def test_the_expected_shortfall_of_a_difference_is_its_integral(mean: float, sd: float, standard: float) -> None:
    density = stats.norm(mean, sd)
    found, _ = integrate.quad(lambda d: (standard - d) * density.pdf(d), mean - 9 * sd, standard)
    assert Normal(mean, sd).shortfall(standard) == pytest.approx(max(found, 0), abs=1e-9)


def test_a_difference_known_for_sure_falls_short_by_itself() -> None:
    assert Normal(-0.2, 0.0).shortfall(0.0) == pytest.approx(0.2)
    assert Normal(0.2, 0.0).shortfall(0.0) == 0


def test_the_prior_finds_the_mean_and_the_spread_of_many_groups() -> None:
    rng = random.Random(1)
    rates = [rng.betavariate(8, 12) for _ in range(400)]
    prior = fit([(sum(rng.random() < rate for _ in range(60)), 60) for rate in rates])
    assert prior.mean == pytest.approx(0.4, abs=0.02)
    assert prior.a + prior.b == pytest.approx(20, rel=0.3)


def test_a_single_group_shares_nothing_and_takes_jeffreys_prior() -> None:
    assert fit([(3, 10)]) == Beta(0.5, 0.5)


def test_equal_groups_steady_one_another_without_becoming_certain() -> None:
    one = shrink([(20, 40)] * 5)[0]
    alone = Beta(20.5, 20.5)
    width = one.quantile(0.975) - one.quantile(0.025)
    assert 0.3 * (alone.quantile(0.975) - alone.quantile(0.025)) < width < alone.quantile(0.975) - alone.quantile(0.025)


def test_groups_far_apart_are_hardly_moved() -> None:
    low, high = shrink([(4, 90), (86, 90)])
    assert low.mean == pytest.approx(4 / 90, abs=0.02)
    assert high.mean == pytest.approx(86 / 90, abs=0.02)


@pytest.mark.parametrize("groups", [[(0.0, 12), (0.0, 30)], [(12, 12), (30, 30)]])
def test_groups_in_which_nothing_or_everything_happened_stay_near_the_end(groups: list[tuple[float, float]]) -> None:
    for (events, n), one in zip(groups, shrink(groups), strict=True):
        assert abs(one.mean - events / n) < 0.06
        assert 0 < one.mean < 1


def test_nothing_in_338_items_leaves_room_for_a_rate_of_one_in_a_hundred_in_each_group() -> None:
    """Not "0.0 to 0.0": exactly, 338 items without one event allow 1.1%, and 13 items alone 20%."""
    for one in shrink([(0.0, 13)] * 26):
        assert 0.005 < one.quantile(0.975) < 0.05


def test_rare_events_are_covered_as_often_as_they_should() -> None:
    rng, covered, seen = random.Random(9), 0, 0
    for _ in range(100):
        rates = [rng.betavariate(1.0, 49.0) for _ in range(15)]
        groups = [(float(sum(rng.random() < rate for _ in range(13))), 13.0) for rate in rates]
        found = shrink(groups)
        covered += sum(one.quantile(0.025) <= rate <= one.quantile(0.975) for one, rate in zip(found, rates, strict=True))
        seen += len(rates)
    assert 0.90 <= covered / seen <= 0.99


@pytest.mark.parametrize("groups", [[], [(0, 0)], [(3, 2)], [(-1, 5)]])
def test_impossible_groups_are_refused(groups: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="shrinkage needs groups"):
        fit(groups)


def _simulate(sizes: tuple[int, ...], spread: float, times: int, seed: int) -> tuple[float, float, float]:
    """RMSE of raw and shrunk values, and the share of true rates within the 95% intervals."""
    rng, middle = random.Random(seed), 0.44
    size = middle * (1 - middle) / spread**2 - 1
    raw, shrunk, covered = [], [], 0
    for _ in range(times):
        rates = [rng.betavariate(middle * size, (1 - middle) * size) for _ in sizes]
        groups = [(float(sum(rng.random() < rate for _ in range(n))), float(n)) for n, rate in zip(sizes, rates, strict=True)]
        for (events, n), rate, one in zip(groups, rates, shrink(groups), strict=True):
            raw.append((events / n - rate) ** 2)
            shrunk.append((one.mean - rate) ** 2)
            covered += one.quantile(0.025) <= rate <= one.quantile(0.975)
    return math.sqrt(fmean(raw)), math.sqrt(fmean(shrunk)), covered / len(raw)


def test_shrunken_topics_are_nearer_the_truth_and_their_intervals_cover_it() -> None:
    raw, shrunk, covered = _simulate(TOPICS, 0.14, 60, 5)
    assert raw == pytest.approx(0.134, abs=0.01)
    assert shrunk < 0.8 * raw
    assert 0.92 <= covered <= 0.97


def test_five_dimensions_gain_too_and_their_intervals_still_cover() -> None:
    """Without the hyperprior they cover 77%."""
    raw, shrunk, covered = _simulate(DIMENSIONS, 0.10, 200, 6)
    assert shrunk < 0.92 * raw
    assert 0.91 <= covered <= 0.97


def test_scores_count_for_as_many_coin_flips_as_they_are_worth() -> None:
    rng = random.Random(2)
    steady = [[rng.choice((0.45, 0.5, 0.55)) for _ in range(30)] for _ in range(3)]
    for (events, n), values in zip(counts(steady), steady, strict=True):
        assert n > 20 * len(values)
        assert events / n == pytest.approx(fmean(values))


def test_verdicts_are_simply_counted() -> None:
    assert counts([[1.0, 0.0, 1.0], [0.0] * 5]) == [(2.0, 3.0), (0.0, 5.0)]


def test_scores_that_are_all_equal_are_worth_at_least_their_number() -> None:
    assert all(n >= 4 for _, n in counts([[0.5] * 4, [0.7] * 4]))


def test_differences_of_one_size_are_pulled_together_and_far_ones_are_not() -> None:
    near = shrink_differences([(-0.05, 0.3, 60), (0.0, 0.3, 60), (0.05, 0.3, 60), (-0.02, 0.3, 60)])
    assert -0.05 < near[0].mean < -0.02
    far = shrink_differences([(-0.6, 0.1, 200), (0.0, 0.1, 200), (0.5, 0.1, 200)])
    assert far[0].mean == pytest.approx(-0.6, abs=0.02)
    assert far[0].sd == pytest.approx(math.sqrt(0.1 / 200), rel=0.1)


def test_a_single_difference_is_taken_as_it_is() -> None:
    assert shrink_differences([(-0.1, 0.25, 100)]) == (Normal(-0.1, 0.05),)


def test_shrunken_differences_are_nearer_the_truth_and_cover_it() -> None:
    rng = random.Random(7)
    raw, shrunk, covered = [], [], 0
    for _ in range(200):
        true = [rng.gauss(-0.05, 0.04) for _ in DIMENSIONS]
        seen = [(rng.gauss(d, math.sqrt(0.3 / n)), 0.3, n) for d, n in zip(true, DIMENSIONS, strict=True)]
        for d, (mean, _, _), one in zip(true, seen, shrink_differences(seen), strict=True):
            raw.append((mean - d) ** 2)
            shrunk.append((one.mean - d) ** 2)
            covered += abs(one.mean - d) <= 1.96 * one.sd
    assert fmean(shrunk) < 0.8 * fmean(raw)
    assert 0.91 <= covered / len(raw) <= 0.99


def test_differences_without_variance_are_refused() -> None:
    with pytest.raises(ValueError, match="items and variance"):
        shrink_differences([(0.1, 0.0, 10)])
