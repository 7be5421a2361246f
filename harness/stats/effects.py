"""Paired values -> how large a difference is, and a two-sided p: what a page shows beside the difference itself.

A p says how surely there is a difference, never how large it is: with 20,000 items half a point is beyond doubt. An effect size
says how large, and does not grow with the items:

    odds_ratio      gained / lost, the conditional odds ratio of matched pairs (Agresti, Categorical Data Analysis, 3rd ed.,
                    11.1), interval from Clopper & Pearson's of the share gained
    cohens_g        share gained of what changed, less one half (Cohen, Statistical Power Analysis, 2nd ed. 1988, ch. 5)
    standardised    d_z = mean / deviation of the differences (Cohen 1988, 2.3.5), interval by the noncentral t (Cumming & Finch,
                    Educ. Psychol. Meas. 61, 2001, 532-574)
    correlation     Pearson's; of verdicts it is phi. What pairing was worth: a variance of 1 - rho of the unpaired one
    stratified      macro difference: the dimensions are fixed strata, so their variances add (Miller 2024, arXiv 2411.00640)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, StatisticsError, fmean, stdev
from statistics import correlation as pearson
from typing import Final

from harness.schema import Effect, PairedScore
from harness.stats.intervals import TAIL, Z, clopper_pearson, macro_interval
from harness.stats.paired import ALPHA, POWER, Paired, p_improved

_NONCENTRAL: Final = 30.0
"""|t| above which the noncentral t is as good as normal, and slow to invert."""


def two_sided_p(paired: Paired) -> float:
    """P of "there is no difference": twice the smaller one-sided p, at most 1.

    Of verdicts McNemar's mid-p (Fagerland, Lydersen & Laake, BMC Med. Res. Methodol. 13, 2013, 91), of scores Student's t, or
    exact sign flips where at most 12 items differ.

    Raises:
        ValueError: there are no items.
    """
    p = p_improved(paired)
    return min(1.0, 2 * (p if p <= 0.5 else p_improved(paired.turned)))


def odds_ratio(wins: int, losses: int) -> Effect:
    """Gained over lost with an exact 95% interval: that of the share wins / (wins + losses), carried to odds.

    Raises:
        ValueError: nothing changed, or a count is negative.
    """
    moved = wins + losses
    share = clopper_pearson(wins, moved)
    return Effect(
        kind="odds ratio",
        value=_odds(wins / moved),
        low=_odds(share.low),
        high=_odds(share.high),
        g=cohens_g(wins, losses),
    )


def cohens_g(wins: int, losses: int) -> float:
    """Wins / (wins + losses) - 1/2; Cohen called 0.05 small, 0.15 medium, 0.25 large.

    Raises:
        ValueError: nothing changed.
    """
    if wins + losses < 1:
        raise ValueError("Cohen's g needs an item that changed; got none")
    return wins / (wins + losses) - 0.5


def standardised(differences: Sequence[float]) -> Effect | None:
    """d_z with its 95% interval; None where all differences are equal, since then there is nothing to measure them by.

    Raises:
        ValueError: there are no differences.
    """
    if not differences:
        raise ValueError("a standardised difference needs at least one item; got none")
    if all(d == differences[0] for d in differences):
        return None
    n = len(differences)
    value = fmean(differences) / stdev(differences)
    low, high = _noncentral(value * math.sqrt(n), n)
    return Effect(kind="d_z", value=value, low=low / math.sqrt(n), high=high / math.sqrt(n))


def correlation(paired: Paired) -> float | None:
    """Pearson's correlation of the two values of an item, -1 to 1; None where one side has no spread, or there is one item."""
    try:
        return max(-1.0, min(1.0, pearson(paired.baseline, paired.candidate)))
    except StatisticsError:
        return None


def discordance(paired: Paired) -> float:
    """Mean squared difference, 0-1; of verdicts, the share of items that changed."""
    return fmean(d * d for d in paired.differences)


def stratified(parts: Sequence[Paired]) -> PairedScore:
    """The unweighted mean of the parts' mean differences: SE² = Σ s²ₐ / (A² nₐ), z for bounds and p.

    A part without spread takes the variance that `macro_interval` gives it, so that no row is surer than its items.

    Raises:
        ValueError: there are no parts, or one is empty.
    """
    groups = [part.differences for part in parts]
    interval = macro_interval(groups, -1.0, 1.0)
    delta = fmean(fmean(group) for group in groups)
    error = math.sqrt(math.fsum(_variance(group) / len(group) for group in groups)) / len(groups)
    normal = NormalDist()
    half = normal.inv_cdf(1 - ALPHA) * error
    return PairedScore(
        n=sum(map(len, groups)),
        baseline=fmean(fmean(part.baseline) for part in parts),
        candidate=fmean(fmean(part.candidate) for part in parts),
        delta=delta,
        interval=interval,
        lower=max(-1.0, delta - half),
        upper=min(1.0, delta + half),
        p=normal.cdf(-delta / error),
        wins=sum(d > 0 for group in groups for d in group),
        losses=sum(d < 0 for group in groups for d in group),
        mde80=min(1.0, (normal.inv_cdf(1 - ALPHA) + normal.inv_cdf(POWER)) * error),
    )


def _odds(share: float) -> float | None:
    return None if share >= 1 else share / (1 - share)


def _noncentral(t: float, n: int) -> tuple[float, float]:
    """Noncentralities at which `t` is the 97.5% and the 2.5% point; Hedges' normal interval where t is large."""
    if abs(t) > _NONCENTRAL:
        half = Z * math.sqrt(1 + t * t / (2 * n))
        return t - half, t + half
    from scipy.special import nctdtrinc

    return float(nctdtrinc(n - 1, 1 - TAIL, t)), float(nctdtrinc(n - 1, TAIL, t))


def _variance(differences: Sequence[float]) -> float:
    first = differences[0]
    if any(d != first for d in differences):
        return stdev(differences) ** 2
    q = 0.5 / (len(differences) + 1)
    return q * (1 - q) * max(first + 1, 1 - first) ** 2
