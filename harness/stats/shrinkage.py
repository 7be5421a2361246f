"""(events, n) of each group -> a Beta prior, and each group's posterior: empirical Bayes.

Of 27 topics with 10 to 19 items the lowest is mostly the unluckiest. Shrinking each toward what all have in common takes a
quarter of the error away (root mean square 13.4 -> 10.0 points, where the topics spread by 14; tests/stats/test_shrinkage.py).

The prior Beta(a, b) maximises the groups' marginal likelihood (beta-binomial) under a diffuse hyperprior on its size M = a + b.
Without the hyperprior, five groups put M at infinity as often as not: all become equal, and 95% intervals covered 77%; with it
93-94%. Differences of two models are shrunk alike, with normals; there M is the variance of one item over that between groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance
from typing import Final

JEFFREYS: Final = 0.5
"""a and b at least: where nothing happened in any group, nothing is known to be impossible."""
START: Final = 10.0
LEAST, MOST = 0.5, 5000.0
"""Between which M is looked for."""


@dataclass(frozen=True, slots=True)
class Beta:
    """A Beta distribution of a rate."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        """Its mean."""
        return self.a / (self.a + self.b)

    def quantile(self, p: float) -> float:
        """The rate below which a share `p` of it lies."""
        from scipy.special import betaincinv

        return float(betaincinv(self.a, self.b, p))

    def given(self, events: float, n: float) -> Beta:
        """The posterior after `events` of `n`."""
        return Beta(self.a + events, self.b + n - events)

    def shortfall(self, standard: float) -> float:
        """E[(standard - rate)+]."""
        from scipy.special import betainc

        if standard <= 0:
            return 0.0
        s = min(standard, 1.0)
        short = s * float(betainc(self.a, self.b, s)) - self.mean * float(betainc(self.a + 1, self.b, s))
        return max(0.0, short) + standard - s


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution of a difference."""

    mean: float
    sd: float

    def shortfall(self, standard: float) -> float:
        """E[(standard - difference)+]."""
        if self.sd == 0:
            return max(0.0, standard - self.mean)
        z, unit = (standard - self.mean) / self.sd, NormalDist()
        return max(0.0, self.sd * (z * unit.cdf(z) + unit.pdf(z)))


def fit(groups: Sequence[tuple[float, float]]) -> Beta:
    """The prior that (events, n) of several groups share; Jeffreys' for a single group, which shares nothing.

    Counts need not be whole: see `counts`.

    Raises:
        ValueError: no groups, or one with n <= 0 or events outside 0..n.
    """
    if not groups or any(n <= 0 or not 0 <= events <= n for events, n in groups):
        raise ValueError(f"shrinkage needs groups of 0 <= events <= n with n > 0; got {list(groups)}")
    if len(groups) == 1:
        return Beta(JEFFREYS, JEFFREYS)
    import numpy as np
    from scipy.special import betaln

    events, n = np.array(groups, dtype=float).T

    def cost(at: Sequence[float]) -> float:
        a, b = _parameters(at)
        return float((betaln(a, b) - betaln(a + events, b + n - events)).sum()) + math.log1p(a + b)

    pooled = (float(events.sum()) + 0.5) / (float(n.sum()) + 1)
    start = math.log(START * pooled), math.log(START * (1 - pooled))
    return Beta(*_parameters(_least(cost, start, ((-9.0, math.log(MOST)), (-9.0, math.log(MOST))))))


def _parameters(at: Sequence[float]) -> tuple[float, float]:
    return JEFFREYS + math.exp(at[0]), JEFFREYS + math.exp(at[1])


def shrink(groups: Sequence[tuple[float, float]]) -> tuple[Beta, ...]:
    """Each group's posterior under the prior they share.

    Raises:
        ValueError: as for `fit`.
    """
    prior = fit(groups)
    return tuple(prior.given(events, n) for events, n in groups)


def counts(groups: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Values within 0..1 as (events, n).

    0/1 values are counted. Other scores vary less than a coin of the same mean, by a ratio that is pooled over the groups; so
    many items more they are worth (quasi-likelihood).
    """
    ratio = 1.0
    if any(value not in (0.0, 1.0) for group in groups for value in group):
        wide = [group for group in groups if len(group) > 1 and 0 < fmean(group) < 1]
        seen = math.fsum((len(group) - 1) * variance(group) for group in wide)
        coin = math.fsum((len(group) - 1) * fmean(group) * (1 - fmean(group)) for group in wide)
        ratio = min(1.0, max(seen / coin, 0.01)) if coin else 1.0
    return [(math.fsum(group) / ratio, len(group) / ratio) for group in groups]


def shrink_differences(groups: Sequence[tuple[float, float, int]]) -> tuple[Normal, ...]:
    """Posteriors of the groups' mean differences, from (mean, variance of one item, n) of each.

    Raises:
        ValueError: no groups, or one without items or variance.
    """
    if not groups or any(spread <= 0 or n < 1 for _, spread, n in groups):
        raise ValueError(f"shrinkage of differences needs items and variance in every group; got {list(groups)}")
    errors = [spread / n for _, spread, n in groups]
    if len(groups) == 1:
        return (Normal(groups[0][0], math.sqrt(errors[0])),)
    item = fmean(spread for _, spread, _ in groups)

    def centre(between: float) -> float:
        weights = [1 / (error + between) for error in errors]
        return math.fsum(w * mean for w, (mean, _, _) in zip(weights, groups, strict=True)) / math.fsum(weights)

    def cost(at: Sequence[float]) -> float:
        size = math.exp(at[0])
        between = item / size
        middle = centre(between)
        terms = (
            math.log(error + between) + (mean - middle) ** 2 / (error + between)
            for error, (mean, _, _) in zip(errors, groups, strict=True)
        )
        return math.fsum(terms) / 2 + math.log1p(size)

    (log_size,) = _least(cost, (math.log(START),), ((math.log(LEAST), math.log(MOST)),))
    between = item / math.exp(log_size)
    middle = centre(between)
    return tuple(
        Normal((mean * between + middle * error) / (between + error), math.sqrt(between * error / (between + error)))
        for error, (mean, _, _) in zip(errors, groups, strict=True)
    )


def _least(
    cost: Callable[[Sequence[float]], float], start: tuple[float, ...], bounds: tuple[tuple[float, float], ...]
) -> tuple[float, ...]:
    from scipy.optimize import minimize

    return tuple(float(at) for at in minimize(cost, start, method="L-BFGS-B", bounds=bounds).x)
