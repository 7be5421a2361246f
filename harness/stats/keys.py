"""Audited sample of an answer key -> how many of the answers that nobody looked at can be wrong.

Voters that agree can be wrong together: of items on which five simulated models agreed, 2.8% were wrong, while Dawid & Skene's
posterior claimed one in a million. So the bound on a key's error comes from people who answered a random sample of them, and
from nothing else. The items of a stratum are finite and drawn without replacement: the exact bound is hypergeometric.

What people got wrong themselves is read off their disagreements: two who each err with probability q, independently, differ in
2q(1 - q) of two-option items, and the majority of them and an adjudicator of the same q errs in q²(3 - 2q). What they would all
misread alike, with each other or with the voters, no count can see; that is an assumption, and must be stated beside the bound.

The bounds of several strata are added up, each at 95%, which no theorem allows. `bench/keys.py` counts exactly how often the sum
holds, over a grid of pairs of strata: never in less than 95%.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

ALPHA: Final = 0.05
"""Error that each one-sided bound allows itself."""
PRIOR: Final = (1.0, 200.0)
"""Beta prior that an audit which may stop at any time bets on: about half a percent of the answers are wrong."""
PLANNED: Final = (0.01, 0.02, 0.03, 0.05)
"""Error bounds that a table of audit sizes is made for."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """One audited group of a key's unanimous answers."""

    items: int
    audited: int
    """Drawn at random without replacement, and decided by people."""
    errors: int
    """Of those, answers that people did not confirm; they are corrected."""
    anytime: bool = False
    """The audit may have stopped because of what it had found so far."""


def upper_rate(errors: int, n: int, alpha: float = ALPHA) -> float:
    """One-sided upper bound of a rate, Clopper & Pearson (1934): the rate at which so few events have probability `alpha`.

    Raises:
        ValueError: `n` < 1, or `errors` outside 0..n.
    """
    _check(errors, n, n)
    if errors == n:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(errors + 1, n - errors, 1 - alpha))


@lru_cache(maxsize=4096)
def audit_size(rate: float, errors: int = 0, alpha: float = ALPHA) -> int:
    """Fewest random items that bound the error by `rate` if `errors` of them are wrong: 149 for 2% and none.

    Raises:
        ValueError: a rate outside 0..1, or fewer than no errors.
    """
    if not 0 < rate < 1 or errors < 0:
        raise ValueError(f"an audit is planned for a rate within 0..1 and errors >= 0; got {rate} and {errors}")
    low, high = errors, errors + 1
    while upper_rate(errors, high, alpha) > rate:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if upper_rate(errors, middle, alpha) > rate else (low, middle)
    return high


def audit_size_of(items: int, rate: float, errors: int = 0, alpha: float = ALPHA) -> int:
    """The same for a finite stratum: fewest items after which at most `rate` of all its answers can still be wrong.

    Raises:
        ValueError: no items, or as for `audit_size`.
    """
    if items < 1:
        raise ValueError("an audit needs items")
    most = min(items, audit_size(rate, errors, alpha))
    low = min(errors, items)
    while most - low > 1:
        middle = (low + most) // 2
        fits = most_errors(errors, middle, items, alpha) - errors <= rate * items
        low, most = (low, middle) if fits else (middle, most)
    return most


@lru_cache(maxsize=65536)
def most_errors(errors: int, audited: int, items: int, alpha: float = ALPHA) -> int:
    """Largest number of wrong answers among `items` that `errors` of `audited` (without replacement) do not rule out.

    The largest K with P(X <= errors | items, K, audited) > alpha, X hypergeometric. Holds in at least 1 - alpha of the draws.

    Raises:
        ValueError: `errors` outside 0..audited, or `audited` outside 0..items.
    """
    _check(errors, audited, items)
    from scipy.stats import hypergeom

    low, high = errors, items - (audited - errors)
    while low < high:
        middle = (low + high + 1) // 2
        possible = float(hypergeom.cdf(errors, items, middle, audited)) > alpha
        low, high = (middle, high) if possible else (low, middle - 1)
    return low


@lru_cache(maxsize=65536)
def most_errors_anytime(errors: int, audited: int, items: int, alpha: float = ALPHA, prior: tuple[float, float] = PRIOR) -> int:
    """The same, valid whenever one stops looking.

    The prior-posterior-ratio martingale for sampling without replacement (Waudby-Smith & Ramdas 2020, NeurIPS, section 2): under
    the true K, prior(K) / posterior(K) is a non-negative martingale from 1, so it exceeds 1/alpha with probability at most alpha
    at any time (Ville 1939). With a beta-binomial prior the ratio is P(errors | prior) / P(errors | K), whatever the order.

    Raises:
        ValueError: as for `most_errors`.
    """
    _check(errors, audited, items)
    import numpy as np
    from scipy.stats import betabinom, hypergeom

    if not audited:
        return items
    every = np.arange(errors, items - (audited - errors) + 1)
    marginal = float(betabinom.logpmf(errors, audited, *prior))
    possible = hypergeom.logpmf(errors, items, every, audited) > marginal + math.log(alpha)
    return int(every[possible][-1])


@dataclass(frozen=True, slots=True)
class People:
    """How far people who decide twice can be wrong together."""

    items: int
    disagreed: int
    """Items on which the first two did not say the same."""

    def error(self, alpha: float = ALPHA) -> float:
        """Upper bound of the share of decided items that is wrong all the same; 0 if nothing was decided.

        Assumes that people err independently of one another and at one rate, and that the adjudicator is no worse.
        """
        if not self.items:
            return 0.0
        differ = min(0.5, upper_rate(self.disagreed, self.items, alpha))
        one = (1 - math.sqrt(1 - 2 * differ)) / 2
        return one * one * (3 - 2 * one)


def error_bound(
    strata: Sequence[Stratum], audits: People, reviews: People, answers: int, assumed: float = 0.0, alpha: float = ALPHA
) -> float:
    """Share of a key's answers that can be wrong, at 1 - alpha (the module says what that rests on).

    For each stratum what the audit does not rule out, less what it found (that is corrected), divided by the share of errors that
    people notice; of all that people decided, what they can have got wrong by themselves; and what is assumed that all of them
    misread alike, of the answers that nobody looked at as well: an audit cannot find what people do not see.

    Args:
        strata: of the unanimous answers.
        audits: people on audited items.
        reviews: people on the items they were all shown.
        answers: of the key, contested items left out.
        assumed: share of the answers that all people would misread alike, whoever looked.
        alpha: error of each bound.

    Raises:
        ValueError: no answers, or counts that cannot be.
    """
    if answers < 1:
        raise ValueError("a key without answers has no error")
    unseen = math.fsum(_remaining(one, alpha) for one in strata) / (1 - audits.error(alpha))
    own = math.fsum(_at_most(people, people.error(alpha), alpha) for people in (audits, reviews))
    return min(1.0, (unseen + own) / answers + assumed)


def _remaining(stratum: Stratum, alpha: float) -> int:
    bound = most_errors_anytime if stratum.anytime else most_errors
    return bound(stratum.errors, stratum.audited, stratum.items, alpha) - stratum.errors


def _at_most(people: People, rate: float, alpha: float) -> float:
    """How many of the items can be wrong: the 1 - alpha quantile, since these very items count, not their expectation."""
    from scipy.stats import binom

    return float(binom.ppf(1 - alpha, people.items, rate)) if people.items else 0.0


def _check(errors: int, audited: int, items: int) -> None:
    if not 0 <= errors <= audited <= items or items < 1:
        raise ValueError(f"an audit needs 0 <= errors <= audited <= items and items >= 1; got {errors}, {audited}, {items}")
