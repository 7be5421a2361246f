"""Effect sizes and two-sided p against textbook values and scipy, and what they say at the ends."""

from __future__ import annotations

import math
import random

import pytest

from harness.stats.differences import Group, differences
from harness.stats.effects import cohens_g, correlation, discordance, odds_ratio, standardised, stratified, two_sided_p
from harness.stats.multiple import benjamini_hochberg
from harness.stats.paired import Paired, compare, pair

stats = pytest.importorskip("scipy.stats")

SLEEP = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0), (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)
"""Student's sleep data (Biometrika 6, 1908): hours gained by ten patients under each of two drugs."""


def verdicts(wins: int, losses: int, right: int = 0, wrong: int = 0) -> Paired:
    """A 2x2 table as pairs."""
    table = [(0.0, 1.0)] * wins + [(1.0, 0.0)] * losses + [(1.0, 1.0)] * right + [(0.0, 0.0)] * wrong
    return Paired(tuple(one for one, _ in table), tuple(other for _, other in table))


@pytest.mark.parametrize(
    ("wins", "losses", "right", "wrong", "p"),
    [
        (7, 1, 1, 12, 0.039),  # Fagerland et al. 2013, airway hyper-responsiveness before and after transplantation
        (6, 16, 59, 80, 0.035),  # the same, complete response before and after consolidation
    ],
)
def test_the_mid_p_is_that_of_the_textbook(wins: int, losses: int, right: int, wrong: int, p: float) -> None:
    assert two_sided_p(verdicts(wins, losses, right, wrong)) == pytest.approx(p, abs=5e-4)


def test_the_mid_p_is_the_exact_p_less_the_chance_of_what_was_seen() -> None:
    for wins, losses in ((0, 5), (3, 9), (20, 41), (37, 16)):
        exact = stats.binomtest(wins, wins + losses).pvalue - stats.binom.pmf(wins, wins + losses, 0.5)
        assert two_sided_p(verdicts(wins, losses)) == pytest.approx(exact, rel=1e-9)


def test_without_a_change_or_with_as_many_gains_as_losses_nothing_speaks_for_a_difference() -> None:
    assert two_sided_p(verdicts(0, 0, 5, 5)) == 1
    assert two_sided_p(verdicts(4, 4, 5, 5)) == pytest.approx(1)


def test_p_of_scores_is_students_and_it_does_not_matter_who_stands_first() -> None:
    rng = random.Random(3)
    before = [rng.random() for _ in range(40)]
    after = [min(1.0, max(0.0, value + rng.gauss(0.05, 0.1))) for value in before]
    one, other = pair(before, after), pair(after, before)
    assert two_sided_p(one) == pytest.approx(stats.ttest_rel(after, before).pvalue, rel=1e-9)
    assert two_sided_p(one) == pytest.approx(two_sided_p(other), rel=1e-9)


def test_a_difference_far_beyond_doubt_keeps_its_p_above_zero() -> None:
    assert 0 < two_sided_p(verdicts(300, 0)) < 1e-80
    assert 0 < two_sided_p(verdicts(0, 300)) < 1e-80


def test_the_odds_ratio_is_that_of_matched_pairs() -> None:
    """Coulehan et al. 1986, diabetes and infarction, 144 matched pairs (Agresti 2013, 11.1): 37 / 16, Wald 1.29 to 4.16."""
    found = odds_ratio(37, 16)
    assert found.value == pytest.approx(2.3125)
    assert found.low is not None
    assert found.high is not None
    ends = stats.binomtest(37, 53).proportion_ci(method="exact")
    assert found.low == pytest.approx(ends.low / (1 - ends.low), rel=1e-9)
    assert found.high == pytest.approx(ends.high / (1 - ends.high), rel=1e-9)
    assert (found.low, found.high) == pytest.approx((1.29, 4.16), rel=0.08)
    assert found.g == pytest.approx(37 / 53 - 0.5)


def test_odds_without_a_loss_have_no_upper_end_and_without_a_gain_no_lower_one() -> None:
    only_gains, only_losses = odds_ratio(6, 0), odds_ratio(0, 6)
    assert (only_gains.value, only_gains.high, only_gains.g) == (None, None, 0.5)
    assert only_gains.low == pytest.approx(0.025 ** (1 / 6) / (1 - 0.025 ** (1 / 6)))
    assert (only_losses.value, only_losses.low, only_losses.g) == (0.0, 0.0, -0.5)
    assert only_losses.high == pytest.approx(1 / only_gains.low)


def test_of_nothing_there_are_no_odds() -> None:
    with pytest.raises(ValueError, match="k=0, n=0"):
        odds_ratio(0, 0)
    with pytest.raises(ValueError, match="got none"):
        cohens_g(0, 0)


def test_the_standardised_difference_of_students_sleep_data_is_the_published_one() -> None:
    """R's effectsize documents 1.28 [0.41, 2.12]."""
    found = standardised([late - soon for soon, late in zip(*SLEEP, strict=True)])
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((1.2846, 0.41, 2.12), abs=5e-3)


@pytest.mark.parametrize(("n", "mean"), [(2, 0.3), (5, -0.4), (30, 0.0), (400, 0.05), (5000, 0.2), (20000, 0.4)])
def test_its_ends_are_where_the_noncentral_t_leaves_a_fortieth(n: int, mean: float) -> None:
    rng = random.Random(n)
    values = [rng.gauss(mean, 1) for _ in range(n)]
    found = standardised(values)
    assert found is not None
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    t = found.value * math.sqrt(n)
    for end, tail in ((found.low, 0.975), (found.high, 0.025)):
        assert stats.nct.cdf(t, n - 1, end * math.sqrt(n)) == pytest.approx(tail, abs=0.002)


def test_equal_differences_have_no_measure() -> None:
    assert standardised([0.0] * 9) is None
    assert standardised([0.2]) is None
    with pytest.raises(ValueError, match="at least one item"):
        standardised([])


def test_the_correlation_of_verdicts_is_phi() -> None:
    a, b, c, d = 40, 9, 13, 38
    phi = (a * d - b * c) / math.sqrt((a + b) * (c + d) * (a + c) * (b + d))
    assert correlation(verdicts(wins=c, losses=b, right=a, wrong=d)) == pytest.approx(phi)


def test_where_one_side_never_varies_there_is_no_correlation() -> None:
    assert correlation(verdicts(wins=3, losses=0, wrong=0)) is None
    assert correlation(Paired((1.0,), (0.0,))) is None


def test_the_discordance_of_verdicts_is_the_share_that_changed() -> None:
    assert discordance(verdicts(3, 5, 20, 12)) == pytest.approx(8 / 40)


def test_a_macro_difference_weighs_dimensions_and_adds_their_variances() -> None:
    large, small = verdicts(10, 30, 100, 60), verdicts(6, 2, 10, 2)
    found = stratified([large, small])
    assert found.delta == pytest.approx((-20 / 200 + 4 / 20) / 2)
    assert found.candidate - found.baseline == pytest.approx(found.delta)
    spread = [(40 / 200 - 0.1**2) * 200 / 199, (8 / 20 - 0.2**2) * 20 / 19]
    error = math.sqrt(spread[0] / 200 + spread[1] / 20) / 2
    assert found.interval.high - found.interval.low == pytest.approx(2 * 1.959964 * error, rel=1e-6)
    assert found.p == pytest.approx(stats.norm.sf(found.delta / error), rel=1e-9)
    assert found.mde80 == pytest.approx((1.6448536 + 0.8416212) * error, rel=1e-6)
    assert (found.n, found.wins, found.losses) == (220, 16, 32)


def test_a_macro_of_dimensions_that_did_not_change_is_not_sure_of_it() -> None:
    found = stratified([verdicts(0, 0, 10, 10), verdicts(0, 0, 30, 0)])
    assert found.delta == 0
    assert found.p == pytest.approx(0.5)
    assert found.interval.low < -0.05 < 0.05 < found.interval.high


def test_the_macro_interval_covers_a_true_difference() -> None:
    rng, hits = random.Random(11), 0
    sizes, rates = (120, 60, 40), ((0.10, 0.05), (0.06, 0.12), (0.15, 0.15))
    true = sum(up - down for up, down in rates) / 3
    for _ in range(600):
        parts = []
        for n, (up, down) in zip(sizes, rates, strict=True):
            drawn = [rng.random() for _ in range(n)]
            wins, losses = sum(u < up for u in drawn), sum(up <= u < up + down for u in drawn)
            parts.append(verdicts(wins, losses, n - wins - losses))
        found = stratified(parts).interval
        hits += found.low <= true <= found.high
    assert 0.92 <= hits / 600 <= 0.98


PUBLISHED = (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0)
"""Benjamini & Hochberg 1995, 4.1: fifteen hypotheses of a trial, of which four are rejected at 5%."""


def test_the_false_discovery_rate_is_that_of_its_authors_and_of_scipy() -> None:
    found = benjamini_hochberg(PUBLISHED)
    assert [p <= 0.05 for p in found] == [True] * 4 + [False] * 11
    assert found == pytest.approx(tuple(stats.false_discovery_control(PUBLISHED)))
    turned = benjamini_hochberg(PUBLISHED[::-1])
    assert turned[::-1] == pytest.approx(found)
    assert benjamini_hochberg(()) == ()
    with pytest.raises(ValueError, match="within 0-1"):
        benjamini_hochberg([1.5])


def group(scope: str, name: str, paired: Paired, metric: str = "acc", **more: object) -> Group:
    fields: dict[str, object] = {"benchmark": "demo_skills", "ceiling": False, "verdicts": True, "parts": (paired,), **more}
    return Group(metric=metric, scope=scope, name=name, **fields)  # type: ignore[arg-type]


def test_rows_are_corrected_with_rows_of_their_kind_and_metric_and_averages_with_all_averages() -> None:
    lost, even = verdicts(1, 9, 20, 20), verdicts(3, 3, 20, 20)
    rows = differences(
        [
            group("dimension", "TU", lost),
            group("dimension", "IE", even),
            group("dimension", "TU", lost, metric="score", verdicts=False),
            group("overall", "", lost),
            group("overall", "", lost, metric="hr", ceiling=True),
            group("overall", "", lost, macro=True, parts=(lost, even)),
        ]
    )
    raw = two_sided_p(lost)
    assert [row.p_adjusted for row in rows] == pytest.approx([2 * raw, 1.0, raw, 2 * raw, 2 * raw, None])
    assert all(row.p_exploration is None for row in rows)


def test_topics_get_a_false_discovery_rate_beside_holms_p() -> None:
    lost, even = verdicts(0, 6, 9, 9), verdicts(1, 1, 10, 10)
    rows = differences([group("topic", "甲", lost), group("topic", "乙", lost), group("topic", "丙", even)])
    assert rows[0].p_exploration == pytest.approx(1.5 * rows[0].p)
    assert rows[0].p_adjusted == pytest.approx(3 * rows[0].p)


def test_verdicts_are_measured_by_odds_and_scores_by_their_deviation() -> None:
    graded = pair([0.2, 0.4, 0.6, 0.9], [0.4, 0.4, 0.9, 0.8])
    rows = differences(
        [
            group("overall", "", verdicts(2, 4, 10)),
            group("overall", "", graded, verdicts=False),
            group("overall", "", verdicts(0, 0, 10)),
        ]
    )
    assert [row.effect.kind if row.effect else None for row in rows] == ["odds ratio", "d_z", None]
    assert rows[0].paired == compare(verdicts(2, 4, 10))
