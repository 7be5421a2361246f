"""Prediction-powered estimates: the formula by hand, coverage by simulation, and what happens where little happened."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import covariance, fmean, variance

import pytest

from harness.stats.intervals import clopper_pearson, rate_interval
from harness.stats.ppi import Estimate, Stratum, difference, effective_votes, estimate, stratified, two_phase

stats = pytest.importorskip("scipy.stats")

Items = list[tuple[float, float]]
"""What people would say of each, and what the judge says."""


def judged_items(rate: float, sensitivity: float, specificity: float, n: int, draw: random.Random) -> Items:
    items = []
    for _ in range(n):
        truth = float(draw.random() < rate)
        right = draw.random() < (sensitivity if truth else specificity)
        items.append((truth, truth if right else 1 - truth))
    return items


def simple(items: Items, n: int) -> Estimate:
    return estimate([y for y, _ in items[:n]], [f for _, f in items[:n]], [f for _, f in items[n:]])


def by_verdict(items: Items, n: int) -> Estimate:
    """n labels, half of them where the judge says yes."""
    groups = [[one for one in items if one[1] == verdict] for verdict in (0.0, 1.0)]
    return stratified(
        [Stratum([y for y, _ in g[: n // 2]], [f for _, f in g[: n // 2]], [f for _, f in g[n // 2 :]]) for g in groups]
    )


def checked(items: Items, n: int) -> Estimate:
    negatives = [y for y, f in items if f == 0]
    return two_phase([y for y, f in items if f == 1], negatives[:n], len(negatives))


def coverage(make: Callable[[Items, int], Estimate], rate: float, judge: tuple[float, float], n: int, of: int) -> float:
    """Share of 400 simulated audits whose interval holds the true rate (one standard error: 1.1 points)."""
    draw = random.Random(f"{rate} {judge} {n}")
    found = [make(judged_items(rate, *judge, of, draw), n) for _ in range(400)]
    return fmean(one.low <= rate <= one.high for one in found)


def test_the_estimate_is_the_published_formula() -> None:
    items = judged_items(0.44, 0.9, 0.85, 300, random.Random(1))
    truth, judged, rest = [y for y, _ in items[:80]], [f for _, f in items[:80]], [f for _, f in items[80:]]
    lam = covariance(truth, judged) / (variance(judged) * (1 + 80 / 220))
    residuals = [y - lam * f for y, f in zip(truth, judged, strict=True)]
    value = lam * fmean(rest) + fmean(residuals)
    error = (lam**2 * variance(rest) / 220 + variance(residuals) / 80) ** 0.5
    found = estimate(truth, judged, rest)
    assert (found.value, found.lam) == pytest.approx((value, lam))
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 79) * error)
    assert (found.n_labelled, found.n_unlabelled) == (80, 220)


def test_a_judge_that_says_nothing_of_the_truth_is_left_out() -> None:
    draw = random.Random(2)
    truth = [float(draw.random() < 0.4) for _ in range(120)]
    found = estimate(truth, [1.0] * 120, [1.0] * 400)
    assert found.lam == 0
    alone = rate_interval(int(sum(truth)), 120)
    assert (found.low, found.high) == (alone.low, alone.high)


def test_a_good_judge_makes_the_interval_narrower_than_the_labels_alone() -> None:
    items = judged_items(0.44, 0.95, 0.95, 678, random.Random(3))
    found, alone = simple(items, 100), rate_interval(int(sum(y for y, _ in items[:100])), 100)
    assert found.high - found.low < 0.7 * (alone.high - alone.low)


@pytest.mark.parametrize("make", [simple, by_verdict])
@pytest.mark.parametrize("judge", [(0.9, 0.85), (0.8, 0.8), (1.0, 1.0)])
def test_intervals_hold_the_true_rate(make: Callable[[Items, int], Estimate], judge: tuple[float, float]) -> None:
    assert coverage(make, 0.44, judge, 100, 678) >= 0.92


@pytest.mark.parametrize("rate", [0.01, 0.05])
@pytest.mark.parametrize("make", [simple, by_verdict, checked])
def test_intervals_of_rare_rates_hold_them_too(make: Callable[[Items, int], Estimate], rate: float) -> None:
    assert coverage(make, rate, (0.7, 0.98), 100, 563) >= 0.93


@pytest.mark.parametrize("rate", [0.03, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("make", [simple, by_verdict])
def test_rare_rates_are_neither_too_low_nor_too_high_on_average(make: Callable[[Items, int], Estimate], rate: float) -> None:
    """Standard error 0.06 points. With all items' variance in lam, and labels alone below five events, it was -0.4 to -0.9."""
    draw = random.Random(f"bias {rate}")
    found = [make(judged_items(rate, 0.95, 0.99, 1100, draw), 100) for _ in range(500)]
    assert abs(fmean(one.value for one in found) - rate) < 0.0025
    assert all(one.low <= one.value <= one.high for one in found)


def test_an_interval_without_events_is_that_of_clopper_and_pearson() -> None:
    found = estimate([0.0] * 60, [0.0] * 60, [0.0] * 500)
    assert (found.value, found.low, found.lam) == (0.0, 0.0, 0.0)
    assert found.high == clopper_pearson(0, 60).high


def test_a_judge_nobody_contradicted_is_not_taken_for_perfect() -> None:
    items = judged_items(0.5, 1.0, 1.0, 1000, random.Random(4))
    error = (0.25 / 1000) ** 0.5
    found = simple(items, 40)
    assert found.high - found.low > 2 * 2 * 1.96 * error


def test_the_estimate_stays_within_what_is_possible() -> None:
    found = estimate([1.0] * 6 + [0.0] * 5, [1.0] * 6 + [0.0] * 5, [1.0] * 300)
    assert 0 <= found.low <= found.value <= found.high <= 1
    one = estimate([0.5], [0.5], [0.5] * 10)
    assert (one.low, one.high) == (0.0, 1.0)


def test_people_who_are_divided_widen_the_interval_on_both_sides() -> None:
    divided = estimate([0.0] * 49 + [0.5], [0.0] * 50, [0.0] * 100)
    assert (divided.low, divided.high) == (0.0, clopper_pearson(1, 50).high)


def test_when_everything_is_labelled_the_judge_does_not_count() -> None:
    found = estimate([1.0] * 30 + [0.0] * 30, [0.0] * 60, [])
    assert (found.value, found.lam, found.n_unlabelled) == (0.5, 0.0, 0)


def test_a_paired_difference_is_freed_of_a_judge_that_favours_one_side() -> None:
    draw = random.Random(5)
    held, naive = [], []
    for _ in range(300):
        rows = []
        for _ in range(600):
            a, b = float(draw.random() < 0.44), float(draw.random() < 0.41)
            by = (
                (a if draw.random() < 0.88 else 1 - a),
                (b if draw.random() < (0.97 if b else 0.75) else 1 - b),
            )
            rows.append((b - a, by[1] - by[0]))
        found = difference([y for y, _ in rows[:150]], [f for _, f in rows[:150]], [f for _, f in rows[150:]])
        held.append(found.low <= -0.03 <= found.high)
        naive.append(fmean(f for _, f in rows))
    assert fmean(held) >= 0.92
    assert fmean(naive) > 0.02


def test_a_difference_of_labels_alone_has_width_where_nothing_changed() -> None:
    none = difference([0.0] * 50, [0.0] * 50, [])
    assert none.value == 0
    assert none.low < -0.05
    assert none.high > 0.05
    both = difference([1.0] * 20 + [-1.0] * 20 + [0.0] * 60, [0.0] * 100, [])
    spread = 1.96 * (variance([1.0] * 20 + [-1.0] * 20 + [0.0] * 60) / 100) ** 0.5
    assert (both.low, both.high) == pytest.approx((-spread, spread), abs=0.015)


def test_strata_are_weighed_by_their_sizes() -> None:
    found = stratified([Stratum([1.0] * 30, [1.0] * 30, [1.0] * 70), Stratum([0.0] * 30, [0.0] * 30, [0.0] * 870)])
    assert found.value == pytest.approx(0.1)
    assert found.low < 0.1 < found.high
    assert (found.n_labelled, found.n_unlabelled) == (60, 940)


def test_a_stratum_without_labels_is_the_judges_and_widens_the_interval_by_all_it_may_be() -> None:
    known = Stratum([1.0] * 50 + [0.0] * 50, [0.0] * 100, [])
    blind = stratified([known, Stratum([], [], [1.0] * 100)])
    assert blind.value == pytest.approx(0.75)
    alone = rate_interval(50, 100)
    assert (blind.low, blind.high) == pytest.approx((alone.low / 2, 0.5 + alone.high / 2), abs=0.02)


def test_two_phases_count_what_was_flagged_and_what_may_hide() -> None:
    found = two_phase([1.0] * 10 + [0.0] * 6, [0.0] * 150, 547)
    assert found.value == pytest.approx(10 / 563)
    hidden = 547 / 563 * clopper_pearson(0, 150).high
    assert found.high > 10 / 563 + hidden
    assert found.low > 0
    missed = two_phase([1.0] * 10 + [0.0] * 6, [1.0] + [0.0] * 149, 547)
    assert missed.value == pytest.approx((10 + 547 / 150) / 563)


def test_two_phases_that_read_everything_are_a_count() -> None:
    found = two_phase([1.0, 0.0], [0.0] * 8, 8)
    assert (found.value, found.low, found.high) == (0.1, clopper_pearson(1, 10).low, clopper_pearson(1, 10).high)


@pytest.mark.parametrize(("flagged", "others", "total"), [([1.0], [], 5), ([], [], 0), ([0.5], [0.0], 3), ([1.0], [0.0, 0.0], 1)])
def test_two_phases_refuse_what_they_cannot_count(flagged: list[float], others: list[float], total: int) -> None:
    with pytest.raises(ValueError, match="two-phase"):
        two_phase(flagged, others, total)


def test_judges_that_err_together_are_worth_one_vote_and_independent_ones_their_number() -> None:
    one = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    assert effective_votes([one, one, one]) == pytest.approx(1.0)
    draw = random.Random(6)
    apart = [[float(draw.random() < 0.3) for _ in range(4000)] for _ in range(4)]
    assert effective_votes(apart) == pytest.approx(4.0, abs=0.3)
    assert effective_votes([[0.0, 0.0], [0.0, 0.0]]) is None


@pytest.mark.parametrize(
    ("truth", "judged", "rest", "said"),
    [([], [], [1.0], "at least one label"), ([1.0], [], [], "judge's value"), ([2.0], [1.0], [], "within 0 and 1")],
)
def test_an_estimate_refuses_what_it_cannot_read(truth: list[float], judged: list[float], rest: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        estimate(truth, judged, rest)
