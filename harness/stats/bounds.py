"""values × standard -> two one-sided 95% bounds, and how surely the truth lies below or above the standard.

A diagnosis asks twice, each time in one direction: is it proven that this lies below the standard, is it proven that it reaches
it? So its bounds are one-sided, each at 95%.

A rate: Jeffreys, because Wilson's bounds are lopsided when they stand alone (Cai 2005); of one rate, a true standard is called
missed in 2-5% of cases on average over rates, in 8.7% at worst (12 items). Clopper-Pearson, never above 5%, for safety rates and
within five events of an end, where Jeffreys' upper bound covers 87-92%; and for all p-values, because Holm goes by their small
ends. A mean of scores: Student's t. A difference on the same items: `harness.stats.paired`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Final

from harness.stats.paired import Paired, bound, p_improved

TAIL: Final = 0.05
"""Error that each bound allows itself."""
NEAR_END: Final = 5
"""Fewer events (or non-events) than this are counted exactly."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the values say about their mean, and about a standard for it."""

    mean: float
    low: float
    """One-sided 95% lower bound of the mean."""
    high: float
    """One-sided 95% upper bound of the mean."""
    below: float
    """p-value of "it reaches the standard": small means proven below."""
    above: float
    """p-value of "it lies below the standard": small means proven to reach it."""
    spread: float
    """Variance of one value, never zero: what a sample size is planned with."""
    method: str


def of_values(values: Sequence[float], standard: float, *, exact: bool = False) -> Bounds:
    """Values within 0..1 against a standard.

    Args:
        values: one per item; all 0 or 1 is a rate.
        standard: 0..1.
        exact: count exactly whatever the rate (safety claims).

    Raises:
        ValueError: no values.
    """
    _check(values)
    if all(value in (0.0, 1.0) for value in values):
        return _rate(int(sum(values)), len(values), standard, exact)
    return _mean(values, standard)


def of_differences(ours: Sequence[float], theirs: Sequence[float]) -> Bounds:
    """Values within 0..1 of two models on the same items: the mean of ours - theirs, against 0.

    Raises:
        ValueError: no values, or not as many.
    """
    _check(ours)
    up, down = Paired(tuple(theirs), tuple(ours)), Paired(tuple(ours), tuple(theirs))
    differences = [one - other for one, other in zip(ours, theirs, strict=True)]
    n, mean = len(differences), fmean(differences)
    # One item more on each side: that none differed does not mean that none can.
    spread = (math.fsum(value * value for value in differences) + 2) / (n + 2) - mean * mean
    name = "tango" if up.verdicts else "t"
    return Bounds(mean, bound(up, "lower"), bound(up, "upper"), p_improved(down), p_improved(up), spread, f"{name}, one-sided")


def _rate(k: int, n: int, standard: float, exact: bool) -> Bounds:
    from scipy.special import betainc, betaincinv

    smoothed = (k + 0.5) / (n + 1)
    counted = exact or min(k, n - k) < NEAR_END
    add = 0.0 if counted else 0.5
    # Clopper-Pearson's bounds come from Beta(k, n-k+1) and Beta(k+1, n-k); Jeffreys' both from the one between them.
    low = float(betaincinv(k + add, n - k + 1 - add, TAIL)) if k else 0.0
    high = float(betaincinv(k + 1 - add, n - k + add, 1 - TAIL)) if k < n else 1.0
    below = 1 - float(betainc(k + 1, n - k, standard)) if k < n else 1.0
    above = float(betainc(k, n - k + 1, standard)) if k else float(standard > 0)
    name = "clopper-pearson" if counted else "jeffreys"
    return Bounds(k / n, low, high, below, above, smoothed * (1 - smoothed), f"{name}, one-sided")


def _mean(values: Sequence[float], standard: float) -> Bounds:
    from scipy.special import stdtr, stdtrit

    n, first = len(values), values[0]
    if all(value == first for value in values):
        return _constant(first, n, standard)
    mean, spread = fmean(values), variance(values)
    error = math.sqrt(spread / n)
    half = float(stdtrit(n - 1, 1 - TAIL)) * error
    below = float(stdtr(n - 1, (mean - standard) / error))
    return Bounds(mean, max(0.0, mean - half), min(1.0, mean + half), below, 1 - below, spread, "t, one-sided")


def _constant(value: float, n: int, standard: float) -> Bounds:
    """`n` equal values: the share that can differ (Clopper-Pearson, 0 of n), each as far as 0 or 1."""
    share = 1 - TAIL ** (1 / n)
    below = ((1 - standard) / (1 - value)) ** n if value < standard else 1.0
    above = (standard / value) ** n if value > standard else float(standard > 0)
    half = 0.5 / (n + 1)
    spread = half * (1 - half) * max(value, 1 - value) ** 2
    return Bounds(value, value * (1 - share), value + share * (1 - value), below, above, spread, "constant, one-sided")


def _check(values: Sequence[float]) -> None:
    if not values:
        raise ValueError("evidence needs at least one value; got none")
