"""values of a benchmark's dimensions × standards -> weak, strong or undecided, and how much is missing.

One board is one benchmark by one metric. Each dimension is decided by its own one-sided 95% bounds: weak if the upper one lies
below the standard, strong if the lower one reaches it, else undecided with the items that would decide it. `claims` decides all
boards together by Holm, once for "weak" and once for "strong": in 95 of 100 diagnoses no such word is wrong.

How much is missing is not the gap that was seen: the lowest of several is low by bad luck too. It is the shortfall expected under
a posterior in which the dimensions of a board steady one another (`shrinkage`). Both are corrected for guessing, (x - c)/(1 - c),
so that 60% of yes/no items is not taken for 60% of open questions; for the shortfall, below chance counts as knowing nothing.

Everything is computed as if more were better; a board of ceilings (harm) is turned round on the way in and on the way out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean
from typing import Final, TypeVar

from harness.schema import Interval, State
from harness.stats import bounds
from harness.stats.bounds import TAIL, Bounds
from harness.stats.multiple import holm
from harness.stats.shrinkage import counts, shrink, shrink_differences

Topic = TypeVar("Topic")

POWER: Final = 0.80
MOST_NEEDED: Final = 1_000_000
"""`needed` where the gap is all but zero: more than anyone would write."""


@dataclass(frozen=True)
class Dimension:
    """What was seen of one dimension, by one metric."""

    values: tuple[float, ...]
    """0-1, one per item."""
    standard: float
    """0-1; with a reference, its mean."""
    chance: float = 0.0
    """What blind guessing reaches on these items."""
    reference: tuple[float, ...] | None = None
    """A reference model's values of the same items, in the same order."""


@dataclass(frozen=True)
class Look:
    """What a dimension is, by its own bounds."""

    state: State
    value: float
    interval: Interval
    standard: float
    gap: float
    """How far on the wrong side, corrected for chance; negative on the right side."""
    shortfall: float
    """Expected gap where there is one: 0-1."""
    n: int
    needed: int | None
    p_weak: float
    """p-value of "it reaches the standard"."""
    p_strong: float
    """p-value of "it lies below the standard"."""


@dataclass(frozen=True)
class Shrunk:
    """One topic, steadied by the others."""

    n: int
    value: float
    shrunk: float
    interval: Interval
    """95% of the posterior."""


def look(board: Sequence[Dimension], *, ceiling: bool = False, exact: bool = False) -> tuple[Look, ...]:
    """Decide each dimension of a board for itself.

    Args:
        board: the dimensions of one benchmark by one metric: all with a reference, or none.
        ceiling: less is better.
        exact: count exactly, as safety claims need it.

    Raises:
        ValueError: a dimension without values.
    """
    if not board:
        return ()
    turned = [_turned(one) for one in board] if ceiling else list(board)
    seen = [_bounds(one, exact) for one in turned]
    looks = [_look(*parts) for parts in zip(turned, seen, _shortfalls(turned, seen), strict=True)]
    return tuple(_turned_back(*parts) for parts in zip(looks, board, strict=True)) if ceiling else tuple(looks)


def claims(looks: Sequence[Look]) -> tuple[State, ...]:
    """What may be said of each although all were looked at.

    Two families at 5% each, "weak" and "strong", whatever the dependence between findings.
    """
    weak, strong = holm([one.p_weak for one in looks]), holm([one.p_strong for one in looks])
    found: list[State] = []
    for one, down, up in zip(looks, weak, strong, strict=True):
        proven = (one.state == "weak" and down <= TAIL) or (one.state == "strong" and up <= TAIL)
        found.append(one.state if proven else "undecided")
    return tuple(found)


def topics(values: Mapping[Topic, Sequence[float]]) -> dict[Topic, Shrunk]:
    """The topics of one benchmark by one metric, shrunk toward what they have in common; no topic gets a state.

    With 10 to 19 items of the dev half, a topic must lie some 30 points off before a test would notice.
    """
    if not values:
        return {}
    posteriors = shrink(counts([values[name] for name in values]))
    return {
        name: Shrunk(
            n=len(values[name]),
            value=fmean(values[name]),
            shrunk=posterior.mean,
            interval=Interval(low=posterior.quantile(0.025), high=posterior.quantile(0.975), method="empirical-bayes"),
        )
        for name, posterior in zip(values, posteriors, strict=True)
    }


def needed(spread: float, gap: float) -> int:
    """Items that decide a one-sided 5% test with 80% power, rounded: (1.645 + 0.842)² spread / gap².

    Args:
        spread: variance of one item's value; p(1 - p) of a rate.
        gap: distance to the standard, as measured (not corrected for chance).
    """
    reach = NormalDist().inv_cdf(1 - TAIL) + NormalDist().inv_cdf(POWER)
    if gap == 0:
        return MOST_NEEDED
    return min(MOST_NEEDED, round(reach * reach * spread / (gap * gap)))


def smallest_gap(spread: float, n: int) -> float:
    """Distance to the standard that `n` items decide with 80% power, one-sided 5%: the inverse of `needed`; 1 of no items."""
    reach = NormalDist().inv_cdf(1 - TAIL) + NormalDist().inv_cdf(POWER)
    return reach * (spread / n) ** 0.5 if n else 1.0


def _bounds(one: Dimension, exact: bool) -> Bounds:
    if one.reference is None:
        return bounds.of_values(one.values, one.standard, exact=exact)
    return bounds.of_differences(one.values, one.reference)


def _look(one: Dimension, seen: Bounds, shortfall: float) -> Look:
    value, off = fmean(one.values), 0.0 if one.reference is None else one.standard
    against = one.standard - off
    state: State = "weak" if seen.high < against else "strong" if seen.low >= against else "undecided"
    gap, n = one.standard - value, len(one.values)
    low, high = max(0.0, min(value, seen.low + off)), min(1.0, max(value, seen.high + off))
    return Look(
        state=state,
        value=value,
        interval=Interval(low=low, high=high, method=seen.method),
        standard=one.standard,
        gap=gap / (1 - _guessed(one)),
        shortfall=shortfall,
        n=n,
        needed=None if state != "undecided" else max(n + 1, needed(seen.spread, gap)),
        p_weak=seen.below,
        p_strong=seen.above,
    )


def _shortfalls(board: Sequence[Dimension], found: Sequence[Bounds]) -> list[float]:
    """E[(standard - truth)+], corrected for chance: what lies below chance is not counted twice."""
    if all(one.reference is None for one in board):
        posteriors = shrink(counts([one.values for one in board]))
        return [
            max(0.0, posterior.shortfall(one.standard) - posterior.shortfall(_guessed(one))) / (1 - _guessed(one))
            for one, posterior in zip(board, posteriors, strict=True)
        ]
    differences = shrink_differences([(seen.mean, seen.spread, len(one.values)) for one, seen in zip(board, found, strict=True)])
    return [
        max(0.0, difference.shortfall(0.0) - difference.shortfall(_guessed(one) - one.standard)) / (1 - _guessed(one))
        for one, difference in zip(board, differences, strict=True)
    ]


def _guessed(one: Dimension) -> float:
    """The chance that is corrected for; none where the standard itself is not above it."""
    return one.chance if one.chance < min(one.standard, 1.0) else 0.0


def _turned(one: Dimension) -> Dimension:
    reference = None if one.reference is None else tuple(1 - value for value in one.reference)
    return Dimension(tuple(1 - value for value in one.values), 1 - one.standard, 0.0, reference)


def _turned_back(look: Look, one: Dimension) -> Look:
    low, high = 1 - look.interval.high, 1 - look.interval.low
    interval = Interval(low=low, high=high, method=look.interval.method)
    return replace(look, value=fmean(one.values), standard=one.standard, interval=interval)
