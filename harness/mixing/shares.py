"""Shortfalls of weak areas -> their shares of the weak part of a mix. Numbers in, numbers out.

    w_a = (1 - e) g_a^t / sum_b g_b^t + e / A

g_a is the area's shortfall (expected gap under the shrunken posterior, so that luck earns no rows), t = 1 gives shares in
proportion (a half: flatter), and e = 0.1 of the rows goes to all alike: a shortfall is an estimate, and an area that looks least
weak must still be learnt from. No area gets more than `CAP`; what it would have got goes to the others in proportion. With fewer
than three areas that limit cannot hold (two areas would get 0.8 of the rows), and none is set.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

EXPLORE: Final = 0.1
"""e: share of the weak part that is spread evenly."""
CAP: Final = 0.4
"""Most that one area may have of the weak part."""
REPLICATES: Final = 500
"""Bootstrap samples behind an interval."""
ENOUGH: Final = 10
"""Items that a finding must rest on for its counts to be drawn again."""


def cap_for(areas: int, cap: float = CAP) -> float:
    """The limit that can hold with this many areas: `cap`, or 1 where it cannot."""
    return cap if areas * cap >= 1 else 1.0


def weak_shares(
    shortfalls: Mapping[str, float], *, tau: float = 1.0, explore: float = EXPLORE, cap: float = CAP
) -> dict[str, float]:
    """Area -> share of the weak part; they sum to 1, keep the order of the shortfalls, and none is above `cap_for`.

    Where no area falls short of anything, all get the same.

    Raises:
        ValueError: no areas, or a shortfall is negative or no number.
    """
    if not shortfalls or not all(math.isfinite(value) and value >= 0 for value in shortfalls.values()):
        raise ValueError(f"shares need shortfalls >= 0 of one or more areas; got {dict(shortfalls)}")
    even = 1 / len(shortfalls)
    largest = max(shortfalls.values())
    if largest == 0:
        return dict.fromkeys(shortfalls, even)
    # Relative to the largest, so that tiny shortfalls do not vanish when raised to a power.
    weights = {area: (value / largest) ** tau for area, value in shortfalls.items()}
    total = math.fsum(weights.values())
    return _capped({area: (1 - explore) * w / total + explore * even for area, w in weights.items()}, cap_for(len(weights), cap))


def _capped(shares: Mapping[str, float], cap: float) -> dict[str, float]:
    """Shares of at most `cap`: what is above goes to those below, in proportion, until none is above."""
    full: set[str] = set()
    shares = dict(shares)
    while over := {area for area, share in shares.items() if area not in full and share > cap + 1e-12}:
        full |= over
        below = {area: share for area, share in shares.items() if area not in full}
        free, room = math.fsum(below.values()), 1 - cap * len(full)
        spread = {area: share * room / free if free else room / len(below) for area, share in below.items()}
        shares = {area: spread.get(area, cap) for area in shares}
    return shares


@dataclass(frozen=True)
class Measured:
    """What of a finding can be drawn again."""

    value: float
    """0-1."""
    n: int
    ceiling: bool
    chance: float
    """That the shortfall is corrected for; what lies below it counts as knowing nothing."""
    shortfall: float


def share_intervals(
    areas: Mapping[str, Sequence[Measured]], shared: Callable[[Mapping[str, float]], Mapping[str, float]], seed: int
) -> dict[str, tuple[float, float]]:
    """90% interval of each area's share when the items of the diagnosis are drawn again; empty if a finding has too few.

    A parametric bootstrap: the count of each finding is drawn from Binomial(n, (k + 1/2) / (n + 1)), which still varies at 0
    and at n; its shortfall moves by as much as its gap does. Which areas are weak stays as it is. Where the standard is another
    model on the same items, the interval is wider than it need be.

    Args:
        areas: Area -> its findings.
        shared: Shortfalls -> shares, as the mix does it.
        seed: Of the draws.
    """
    findings = [finding for found in areas.values() for finding in found]
    if not findings or any(finding.n < ENOUGH for finding in findings):
        return {}
    rng = random.Random(f"shares/{seed}")
    draws: dict[str, list[float]] = {area: [] for area in areas}
    for _ in range(REPLICATES):
        drawn = {area: max(_drawn(finding, rng) for finding in found) for area, found in areas.items()}
        for area, share in shared(drawn).items():
            draws[area].append(share)
    return {area: (_quantile(values, 0.05), _quantile(values, 0.95)) for area, values in draws.items()}


def _drawn(finding: Measured, rng: random.Random) -> float:
    n = finding.n
    likely = (round(finding.value * n) + 0.5) / (n + 1)
    value = sum(rng.random() < likely for _ in range(n)) / n
    known = max(finding.value, finding.chance) - max(value, finding.chance)
    worse = value - finding.value if finding.ceiling else known
    return max(0.0, finding.shortfall + worse / (1 - min(finding.chance, 0.99)))


def _quantile(values: Sequence[float], p: float) -> float:
    ordered = sorted(values)
    place = p * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
