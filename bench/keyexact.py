"""What no simulation need guess: how often a bound, a sum of bounds, and a bound that one looks at again and again hold, exactly.

Everything is counted over all draws without replacement from a finite stratum, by the hypergeometric distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from harness.stats.keys import most_errors

Bound = Callable[[int, int, int], int]
"""(errors, audited, items) -> most errors."""

AUDITS = ((60, 30), (90, 80), (300, 100), (317, 150), (940, 150), (1068, 300))
"""(items, audited) of a stratum."""
WRONG = (0.0, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2)
"""Share of its answers that is wrong."""


@lru_cache(maxsize=4096)
def margin(items: int, audited: int, wrong: int) -> dict[int, float]:
    """Bound less truth -> its probability."""
    seen = np.arange(max(0, audited + wrong - items), min(wrong, audited) + 1)
    chance = hypergeom.pmf(seen, items, wrong, audited)
    found: dict[int, float] = {}
    for errors, p in zip(seen, chance, strict=True):
        by = most_errors(int(errors), audited, items) - wrong
        found[by] = found.get(by, 0.0) + float(p)
    return found


def sum_holds(one: dict[int, float], other: dict[int, float]) -> float:
    """Probability that the sum of two strata's bounds is not below the sum of their errors."""
    places = np.array(list(other))
    chances: NDArray[np.float64] = np.array(list(other.values()))
    return float(sum(p * chances[places >= -by].sum() for by, p in one.items()))


def least_of_pairs() -> tuple[float, int]:
    """In how many draws the sum of two bounds holds in the worst pair of strata; of how many pairs."""
    strata = [margin(items, audited, round(share * items)) for items, audited in AUDITS for share in WRONG]
    held = [sum_holds(one, other) for one, other in combinations_with_replacement(strata, 2)]
    return min(held), len(held)


def false_claims(bound: Bound, items: int, rate: float, wrong: Iterable[int]) -> float:
    """How often it is false to stop as soon as the bound shows `rate`, looked at after each item; the worst of `wrong`."""
    most = _stops(bound, items, rate)
    return max(_false(most, items, rate, one) for one in wrong)


def _stops(bound: Bound, items: int, rate: float) -> list[int]:
    """After each number of items, the most errors with which it stops; -1: it goes on."""
    most, stops = -1, []
    for n in range(1, items + 1):
        while most < n and bound(most + 1, n, items) - (most + 1) <= rate * items:
            most += 1
        stops.append(most)
    return stops


def _false(stops: list[int], items: int, rate: float, wrong: int) -> float:
    """Over all orders of drawing: it stops while more than `rate` of the answers are wrong among those not looked at."""
    going, claimed = np.zeros(wrong + 1), 0.0
    going[0] = 1.0
    errors = np.arange(wrong + 1)
    for n, most in enumerate(stops, 1):
        hit = going * (wrong - errors) / (items - n + 1)
        going = going - hit
        going[1:] += hit[:-1]
        ending = errors <= most
        claimed += float(going[ending & (wrong - errors > rate * items)].sum())
        going = np.where(ending, 0.0, going)
    return claimed
