"""Paired differences: against published values, by exact enumeration of all outcomes, and by simulation."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from functools import cache
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.paired import (
    Paired,
    bound,
    compare,
    detectable,
    lost,
    mcnemar_mid_p,
    non_inferior,
    p_improved,
    p_worse,
    pair,
    planned_discordance,
    pooled,
    power,
    promised_margin,
    tango_lower,
)

np = pytest.importorskip("numpy")
stats = pytest.importorskip("scipy.stats")
optimize = pytest.importorskip("scipy.optimize")

STEADY = settings(deadline=None, derandomize=True, max_examples=40)


def counted(wins: int, losses: int, n: int) -> Paired:
    """Verdicts with so many of each kind; the rest are right on both sides."""
    same = n - wins - losses
    return Paired((0.0,) * wins + (1.0,) * (losses + same), (1.0,) * wins + (0.0,) * losses + (1.0,) * same)


def outcomes(n: int, win: float, lose: float) -> Iterator[tuple[int, int, float]]:
    """Every (wins, losses) with its probability."""
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            ties = n - wins - losses
            ways = math.lgamma(n + 1) - math.lgamma(wins + 1) - math.lgamma(losses + 1) - math.lgamma(ties + 1)
            chance = math.exp(ways) * win**wins * lose**losses * (1 - win - lose) ** ties
            if chance > 1e-8:
                yield wins, losses, chance


@cache
def mid_p(wins: int, losses: int) -> float:
    return mcnemar_mid_p(wins, losses)


@cache
def lower(wins: int, losses: int, n: int, tail: float) -> float:
    return tango_lower(wins, losses, n, tail)


@pytest.mark.parametrize(("wins", "losses", "n"), [(0, 1, 44), (9, 0, 54), (5, 12, 50), (30, 2, 40), (1, 1, 8)])
def test_at_the_bound_the_score_test_under_the_most_likely_loss_rate_has_its_critical_value(
    wins: int, losses: int, n: int
) -> None:
    """The constrained maximum is found by search here, in closed form there."""
    d = tango_lower(wins, losses, n)

    def unlikely(q: float) -> float:
        rest = 1 - 2 * q - d
        parts = ((wins, q + d), (losses, q), (n - wins - losses, rest))
        return -sum(k * math.log(max(share, 1e-300)) for k, share in parts if k)

    low, high = max(0.0, -d), (1 - d) / 2
    q = float(optimize.minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x)
    z = (wins - losses - n * d) / math.sqrt(n * (2 * q + d - d * d))
    assert z == pytest.approx(stats.norm.ppf(0.95), abs=1e-3)


def test_without_a_discordant_item_the_bound_is_that_of_the_score_test() -> None:
    z2 = stats.norm.ppf(0.95) ** 2
    for n in (6, 50, 678):
        assert bound(counted(0, 0, n), "lower") == pytest.approx(-z2 / (n + z2), abs=1e-9)


def test_the_mid_p_is_half_a_step_below_the_exact_sign_test() -> None:
    for wins, losses in ((0, 0), (5, 0), (12, 7), (3, 9), (60, 40)):
        exact = stats.binomtest(wins, wins + losses, alternative="greater").pvalue if wins + losses else 1.0
        half = 0.5 * stats.binom.pmf(wins, wins + losses, 0.5)
        assert mcnemar_mid_p(wins, losses) == pytest.approx(exact - half)


@STEADY
@given(n=st.integers(1, 300), data=st.data())
def test_bounds_hold_the_difference_and_mirror_when_the_sides_are_swapped(n: int, data: st.DataObject) -> None:
    wins = data.draw(st.integers(0, n))
    losses = data.draw(st.integers(0, n - wins))
    one, other = compare(counted(wins, losses, n)), compare(counted(losses, wins, n))
    assert -1 <= one.interval.low <= one.lower <= one.delta + 1e-9
    assert one.delta - 1e-9 <= one.upper <= one.interval.high <= 1
    assert (one.lower, one.interval.low) == pytest.approx((-other.upper, -other.interval.high), abs=1e-9)


@pytest.mark.parametrize(
    ("n", "win", "lose"),
    [(18, 0.05, 0.05), (48, 0.02, 0.02), (48, 0.10, 0.15), (48, 0.40, 0.0), (40, 0.8, 0.05), (60, 0.01, 0.06)],
)
def test_the_interval_of_verdicts_covers_the_true_difference(n: int, win: float, lose: float) -> None:
    covered = sum(
        chance
        for wins, losses, chance in outcomes(n, win, lose)
        if lower(wins, losses, n, 0.025) <= win - lose <= -lower(losses, wins, n, 0.025)
    )
    assert covered >= 0.94


@pytest.mark.parametrize(("n", "discordance"), [(18, 0.1), (48, 0.05), (48, 0.3), (90, 0.15)])
def test_equal_models_are_called_better_at_most_as_often_as_stated(n: int, discordance: float) -> None:
    """At 5% and, as Holm over many areas asks, at 1%."""
    for level in (0.05, 0.01):
        found = sum(
            chance for wins, losses, chance in outcomes(n, discordance / 2, discordance / 2) if mid_p(wins, losses) <= level
        )
        assert found <= level * 1.06


@pytest.mark.parametrize(("n", "margin", "lose"), [(48, 0.10, 0.10), (90, 0.05, 0.08), (90, 0.05, 0.15), (120, 0.08, 0.12)])
def test_a_model_exactly_at_its_margin_seldom_passes(n: int, margin: float, lose: float) -> None:
    passed = sum(chance for wins, losses, chance in outcomes(n, lose - margin, lose) if lower(wins, losses, n, 0.05) >= -margin)
    assert passed <= 0.065


def test_a_loss_beyond_doubt_and_above_the_margin_is_lost_and_one_within_is_not() -> None:
    gone, slight, doubtful = compare(counted(0, 30, 120)), compare(counted(0, 6, 120)), compare(counted(24, 34, 120))
    assert lost(gone, 0.08)
    assert slight.upper < 0
    assert not lost(slight, 0.08)
    assert doubtful.delta < -0.08
    assert doubtful.upper > 0
    assert not lost(doubtful, 0.08)
    assert not non_inferior(doubtful, 0.08)
    assert non_inferior(compare(counted(3, 3, 240)), 0.08)


def test_what_is_held_is_never_lost() -> None:
    for n in (10, 48):
        for wins in range(0, n + 1, 2):
            for losses in range(0, n - wins + 1, 3):
                score = compare(counted(wins, losses, n))
                assert not (non_inferior(score, 0.1) and lost(score, 0.1))


def test_the_interval_is_that_of_the_published_examples() -> None:
    """Bentur 2009, from Fagerland, Lydersen & Laake, Statist. Med. 33, 2014: 7 lost, 1 won of 21. Tango 1998: 1 lost of 44."""
    bentur, lenses = compare(counted(1, 7, 21)), compare(counted(0, 1, 44))
    assert (bentur.interval.low, bentur.interval.high) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert (lenses.interval.low, lenses.interval.high) == pytest.approx((-0.118, 0.059), abs=5e-4)


def test_a_loss_beyond_a_tolerance_has_the_p_of_tangos_test() -> None:
    """His example, soft contact lenses: one of 44 lost, Z = 1.709 against a loss of 10 points, one-sided p = 0.044."""
    assert p_worse(counted(0, 1, 44), 0.10) == pytest.approx(1 - 0.0438, abs=1e-4)
    assert p_worse(counted(1, 7, 21), 0.026003) == pytest.approx(0.025, abs=1e-5)


def test_without_a_tolerance_a_loss_has_the_p_of_mcnemars_mid_p_test() -> None:
    """Bentur 2009 again: exact two-sided 0.0703, mid-p 0.0391 (Fagerland, Lydersen & Laake 2013, table 6)."""
    assert 2 * p_worse(counted(1, 7, 21)) == pytest.approx(0.0391, abs=5e-5)
    assert p_worse(counted(7, 1, 21)) == pytest.approx(1 - 0.0391 / 2, abs=5e-5)
    assert p_worse(counted(0, 0, 30)) == 0.5


@STEADY
@given(n=st.integers(2, 200), tolerance=st.floats(0.001, 0.5), data=st.data())
def test_a_loss_is_proven_exactly_where_its_bound_lies_beyond_the_tolerance(
    n: int, tolerance: float, data: st.DataObject
) -> None:
    wins = data.draw(st.integers(0, n))
    found = counted(wins, data.draw(st.integers(0, n - wins)), n)
    upper = bound(found, "upper")
    if abs(upper + tolerance) > 1e-6:
        assert (p_worse(found, tolerance) < 0.05) == (upper < -tolerance)


@pytest.mark.parametrize(("n", "lose", "tolerance"), [(48, 0.15, 0.05), (90, 0.08, 0.05), (120, 0.12, 0.02), (90, 0.05, 0.0)])
def test_a_loss_that_is_just_tolerated_is_seldom_called_more(n: int, lose: float, tolerance: float) -> None:
    found = sum(
        chance for wins, losses, chance in outcomes(n, lose - tolerance, lose) if worse(wins, losses, n, tolerance) <= 0.05
    )
    assert found <= 0.0625


@cache
def worse(wins: int, losses: int, n: int, tolerance: float) -> float:
    return p_worse(counted(wins, losses, n), tolerance)


# --- scores -----------------------------------------------------------------------------------------------------------------


def judged(rng: random.Random, quality: float) -> float:
    """A judge's score 0-1 in tenths."""
    return round(min(1.0, max(0.0, rng.gauss(quality, 0.25))), 1)


def two_models(rng: random.Random, n: int, gain: float) -> Paired:
    ease = [rng.uniform(0.2, 0.7) for _ in range(n)]
    return pair([judged(rng, e) for e in ease], [judged(rng, e + gain) for e in ease])


def test_scores_are_compared_by_students_t() -> None:
    found = two_models(random.Random(1), 40, 0.1)
    theirs = stats.ttest_rel(found.candidate, found.baseline, alternative="greater")
    interval = stats.ttest_rel(found.candidate, found.baseline).confidence_interval(0.95)
    score = compare(found)
    assert score.interval.method == "t"
    assert score.p == pytest.approx(theirs.pvalue)
    assert (score.interval.low, score.interval.high) == pytest.approx((interval.low, interval.high))
    assert score.lower == pytest.approx(theirs.confidence_interval(0.95).low)


def test_a_loss_of_scores_beyond_a_tolerance_is_tested_by_students_t() -> None:
    found = two_models(random.Random(5), 60, -0.1)
    for tolerance in (0.0, 0.02, 0.08):
        theirs = stats.ttest_1samp(found.differences, -tolerance, alternative="less")
        assert p_worse(found, tolerance) == pytest.approx(theirs.pvalue)


def test_a_single_score_or_equal_losses_prove_little() -> None:
    assert p_worse(Paired((0.9,), (0.1,)), 0.02) == 0.5
    assert p_worse(Paired((0.5,) * 20, (0.4,) * 20), 0.02) == pytest.approx(0.5**20)
    assert p_worse(Paired((0.5,) * 20, (0.5,) * 20), 0.02) == pytest.approx(1 - 0.5**20)


def test_scores_keep_their_level_and_their_coverage() -> None:
    rng = random.Random(2)
    better = covered = 0
    for _ in range(1000):
        found = two_models(rng, 25, 0.0)
        better += p_improved(found) <= 0.05
        covered += bound(found, "lower", 0.025) <= 0 <= bound(found, "upper", 0.025)
    assert better / 1000 <= 0.064
    assert covered / 1000 >= 0.94


def test_a_few_scores_that_moved_are_no_proof() -> None:
    """Student's t would call three half points among a hundred ties an improvement (p 0.04)."""
    found = pair([0.5] * 100, [1.0] * 3 + [0.5] * 97)
    assert p_improved(found) == pytest.approx(1 / 16)
    assert bound(found, "lower") <= 0.015


def test_scores_that_all_moved_alike_are_not_certain() -> None:
    score = compare(pair([0.5] * 20, [0.7] * 20))
    assert score.delta == pytest.approx(0.2)
    assert score.lower < 0.1
    assert score.p == pytest.approx(0.5**20, abs=1e-6)


# --- repeated items ---------------------------------------------------------------------------------------------------------


def test_an_item_that_occurs_twice_counts_once() -> None:
    found = pair([0, 0, 1, 1], [1, 1, 1, 0], ["a", "a", "b", "c"])
    assert found == Paired((0.0, 1.0, 1.0), (1.0, 1.0, 0.0))
    assert compare(found).n == 3


def test_clusters_of_near_duplicates_do_not_inflate_false_alarms() -> None:
    """Four near-duplicates that move together: 16% false alarms if each counts, within the level if a cluster does."""
    rng = random.Random(3)
    naive = clustered = 0
    for _ in range(500):
        base: list[float] = []
        cand: list[float] = []
        names: list[str] = []
        for cluster in range(40):
            moved = rng.choice((-1, 0, 0, 0, 1))
            for _ in range(4):
                step = moved if rng.random() < 0.8 else rng.choice((-1, 0, 1))
                base.append(float(step < 0 or (step == 0 and rng.random() < 0.5)))
                cand.append(float(step > 0) if step else base[-1])
                names.append(str(cluster))
        naive += p_improved(pair(base, cand)) <= 0.05
        clustered += p_improved(pair(base, cand, names)) <= 0.05
    assert naive / 500 > 0.1
    assert clustered / 500 <= 0.07


def harmed(seed: int, margin: float) -> Paired:
    """Nothing was harmful, now a share `margin` of 231 answers is; 80 items stand in pairs that count as one."""
    rng = random.Random(seed)
    after = [float(rng.random() >= margin) for _ in range(231)]
    return pair([1.0] * 231, after, [str(place // 2 if place < 80 else place) for place in range(231)])


def test_a_rise_of_rare_harm_by_exactly_the_margin_seldom_passes_where_a_few_pairs_count_as_one() -> None:
    """Student's t passed 12 of 100."""
    found = [harmed(seed, 0.02) for seed in range(600)]
    assert sum(one.clustered for one in found) > 300
    assert sum(bound(one, "lower") >= -0.02 for one in found) / 600 <= 0.05
    student = [Paired(one.baseline, one.candidate) for one in found]
    passed = sum(fmean(one.differences) - 1.653 * stdev(one.differences) / math.sqrt(191) >= -0.02 for one in student)
    assert passed / 600 > 0.09


def test_pairs_that_count_as_one_have_the_interval_of_verdicts_with_their_spread() -> None:
    """Forty halves have the mean of twenty whole differences, and half their variance."""
    halves = pair([1.0] * 480, [0.0, 1.0] * 40 + [1.0] * 400, [str(place // 2) for place in range(480)])
    score, wholes = compare(halves), compare(counted(0, 20, 240))
    assert (score.interval.method, score.delta) == ("tango", pytest.approx(wholes.delta))
    assert wholes.lower < score.lower < score.delta < score.upper < wholes.upper
    assert score.lower == pytest.approx(tango_lower(0, 20 / (13 / 23), 240 / (13 / 23)))


def test_one_small_change_of_a_score_is_no_more_sure_than_none() -> None:
    """Student's t would exclude a loss of 0.3 points after one score of 60 moved by a tenth, and none moved: of 5."""
    none, one = pair([0.7] * 60, [0.7] * 60), pair([0.7] * 60, [0.6] + [0.7] * 59)
    assert bound(one, "lower") < -0.04
    assert bound(one, "lower") == pytest.approx(bound(none, "lower"), abs=0.01)


def test_equal_losses_are_equal_though_they_round_differently() -> None:
    found = pair([0.9, 0.8, 0.7, 0.6, 0.5] * 4, [0.8, 0.7, 0.6, 0.5, 0.4] * 4)
    assert len(set(found.differences)) > 1
    assert bound(found, "lower") == pytest.approx(-0.1 - (1 - 0.05**0.05) * 0.9)
    assert p_improved(found) == pytest.approx(1 - 0.5**20)


def test_whose_values_are_clusters_is_known_turned_and_pooled() -> None:
    cluster, verdict, score = pair([1, 1], [0, 1], ["a", "a"]), counted(1, 0, 3), pair([0.5], [0.7])
    assert (cluster.clustered, verdict.clustered, score.clustered) == (True, False, False)
    assert cluster.turned == Paired((0.5,), (1.0,), clustered=True)
    assert pooled([cluster, verdict]).clustered
    assert not pooled([cluster, score]).clustered
    assert not pooled([verdict, verdict]).clustered


def test_pooling_weighs_every_item_the_same() -> None:
    both = pooled([counted(1, 0, 3), counted(0, 0, 7)])
    assert compare(both).delta == pytest.approx(0.1)


# --- what items can show ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "points"), [(188, 7.0), (129, 8.5), (50, 13.6), (26, 18.8)])
def test_the_detectable_difference_is_that_of_the_published_sizes(n: int, points: float) -> None:
    """Benchmarks of those sizes, rate 0.44, correlation 0.7."""
    assert 100 * detectable(n, 2 * 0.44 * 0.56 * 0.3) == pytest.approx(points, abs=0.1)


@pytest.mark.parametrize(("n", "discordance"), [(6, 0.07), (18, 0.05), (48, 0.05), (90, 0.02), (120, 0.1), (240, 0.03)])
def test_an_unchanged_model_keeps_its_promised_margin_four_times_in_five(n: int, discordance: float) -> None:
    margin = promised_margin(n, discordance)
    kept = sum(
        chance
        for wins, losses, chance in outcomes(n, discordance / 2, discordance / 2)
        if lower(wins, losses, n, 0.05) >= -margin
    )
    assert kept >= 0.78
    if margin > 0.02:
        tighter = sum(
            chance
            for wins, losses, chance in outcomes(n, discordance / 2, discordance / 2)
            if lower(wins, losses, n, 0.05) >= -(margin - 0.01)
        )
        assert tighter < 0.85


@pytest.mark.parametrize(
    ("n", "margin", "rho"), [(3046, 0.02, 0.6), (2285, 0.02, 0.7), (761, 0.02, 0.9), (677, 0.03, 0.8), (365, 0.05, 0.7)]
)
def test_the_power_at_the_sizes_that_textbooks_ask_for_is_80_percent(n: int, margin: float, rho: float) -> None:
    """n = (1.645 + 0.842)² 2p(1-p)(1-rho) / margin², p = 0.44."""
    assert power(n, 2 * 0.44 * 0.56 * (1 - rho), margin) == pytest.approx(0.8, abs=0.001)


@pytest.mark.parametrize(
    ("n", "discordance", "margin"), [(678, 0.148, 0.037), (678, 0.148, 0.02), (188, 0.1, 0.07), (1567, 0.096, 0.02)]
)
def test_the_power_is_the_share_of_unchanged_models_that_pass(n: int, discordance: float, margin: float) -> None:
    """Counted over what they may give, by Tango's bound."""
    draw = np.random.default_rng(6).multinomial(n, [discordance / 2, discordance / 2, 1 - discordance], size=3000)
    pairs = {(wins, losses): lower(wins, losses, n, 0.05) >= -margin for wins, losses, _ in set(map(tuple, draw.tolist()))}
    passed = sum(pairs[wins, losses] for wins, losses, _ in draw.tolist()) / len(draw)
    assert power(n, discordance, margin) == pytest.approx(passed, abs=0.03)


def test_power_grows_with_items_and_margin_and_falls_with_what_differs() -> None:
    assert power(200, 0.1, 0.05) < power(400, 0.1, 0.05) < power(400, 0.1, 0.06)
    assert power(200, 0.2, 0.05) < power(200, 0.1, 0.05)
    assert power(200, 0.1, 0.05, alpha=0.01) < power(200, 0.1, 0.05)
    assert power(100, 0.0, 0.02) < 1
    with pytest.raises(ValueError, match="n >= 1"):
        power(0, 0.1, 0.05)


def test_a_margin_is_never_below_the_least() -> None:
    assert promised_margin(100_000, 0.01) == 0.02
    assert promised_margin(100_000, 0.01, least=0.05) == 0.05


def test_six_of_six_does_not_promise_that_nothing_will_change() -> None:
    assert planned_discordance(1.0, 6) == pytest.approx(2 * (7 / 8) * (1 / 8) * 0.3)
    assert promised_margin(6, planned_discordance(1.0, 6)) > 0.3


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        pair([1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="within 0-1"):
        pair([90.0], [95.0])
    with pytest.raises(ValueError, match="at least one item"):
        compare(Paired((), ()))
    with pytest.raises(ValueError, match="n >= 1"):
        promised_margin(0, 0.1)
    with pytest.raises(ValueError, match="wins"):
        tango_lower(3, 3, 5)


def test_a_single_item_says_next_to_nothing() -> None:
    score = compare(counted(1, 0, 1))
    assert score.lower < 0
    assert score.p == pytest.approx(0.25)
    assert math.isfinite(score.mde80)
