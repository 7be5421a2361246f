"""Two models' values on the same items -> their difference, its bounds, and what those items could have shown.

Pairing is worth 2.5 to 10 times the items: the variance of a difference is 2p(1-p)(1-rho)/n, and rho is 0.6-0.9 between a model
and what was trained from it. Verdicts (0/1) and scores (0-1) take different methods:

    verdicts   Tango's score interval (Statist. Med. 17, 1998, 891-908): holds its level at margins and with few discordant items
               one-sided McNemar mid-p (Fagerland, Lydersen & Laake, BMC Med. Res. Methodol. 13, 2013, 91)
    clusters   means of verdicts (near-duplicates): Tango's interval of effective counts (Rao & Scott, Biometrics 48, 1992,
               577-585); p by exact sign flips where few clusters differ, else Student's t
    scores     Student's t; where few items differ, p by exact sign flips, and the wider one of t's and the clusters' interval

Student's t trusts a variance that a handful of differences show: of 231 items, 80 of them in pairs that count as one, it passed
12 of 100 candidates that harm exactly the margin (2 points) more often and nowhere less; by effective counts 3 pass.

Everywhere more is better, and a difference is candidate - baseline. Three uses: is it better (`p`), is it not worse than a margin
(`lower` >= -margin: the same test as Tango's at that margin), and is a loss beyond doubt (`upper` < 0). An item that occurs twice
says the same thing twice: it counts once, by its mean.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from statistics import NormalDist, fmean, stdev
from typing import Final, Literal

from harness.schema import Interval, PairedScore

ALPHA: Final = 0.05
"""Of the one-sided bounds and p-values."""
POWER: Final = 0.80
CORRELATION: Final = 0.7
"""Of the verdicts of a model and its child on one item, where it must be assumed."""
LEAST_MARGIN: Final = 0.02

_FLIPS: Final = 12
"""Items that differ, at most, for which all 2^k sign flips are tried."""
_UNSEEN: Final = 3.0
"""Differences of whole items that a design effect is reckoned with beside those that were seen."""
_EXACT: Final = 12.0
"""Expected discordant items above which the margin is taken from the normal formula."""
_ROUNDING: Final = 1e-12
_STEPS: Final = 60
"""Halvings of -1..1 when a bound is sought."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Values 0-1 of baseline and candidate, one entry for each different item, in one order."""

    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    clustered: bool = False
    """Some values are means of several verdicts; if not, values between 0 and 1 are scores."""

    @property
    def turned(self) -> Paired:
        """The same with its sides swapped."""
        return Paired(self.candidate, self.baseline, self.clustered)

    @property
    def differences(self) -> tuple[float, ...]:
        """`candidate` - `baseline`, item by item."""
        return tuple(c - b for b, c in zip(self.baseline, self.candidate, strict=True))

    @property
    def verdicts(self) -> bool:
        """Whether all values are 0 or 1."""
        return all(value in (0.0, 1.0) for value in (*self.baseline, *self.candidate))


def pair(baseline: Sequence[float], candidate: Sequence[float], items: Sequence[str] | None = None) -> Paired:
    """Aligned values as `Paired`; entries with the same name in `items` (a content hash, a template) become one, their mean.

    Near-duplicates that are counted as if they were independent make a 5% test one of 16% (clusters of 4, correlation 0.6).

    Raises:
        ValueError: the lengths differ, or a value is not within 0-1.
    """
    names = items if items is not None else tuple(map(str, range(len(baseline))))
    if not len(baseline) == len(candidate) == len(names):
        raise ValueError(f"paired values need equal lengths; got {len(baseline)}, {len(candidate)} and {len(names)} names")
    for value in (*baseline, *candidate):
        if not 0 <= value <= 1:
            raise ValueError(f"paired values lie within 0-1; got {value}")
    units: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        units[name].append(place)
    found = Paired(
        tuple(fmean(baseline[i] for i in places) for places in units.values()),
        tuple(fmean(candidate[i] for i in places) for places in units.values()),
    )
    scored = any(value not in (0, 1) for value in (*baseline, *candidate))
    return found if scored or found.verdicts else replace(found, clustered=True)


def pooled(parts: Iterable[Paired]) -> Paired:
    """All items of several areas as one: every item weighs the same."""
    found = tuple(parts)
    return Paired(
        tuple(value for part in found for value in part.baseline),
        tuple(value for part in found for value in part.candidate),
        any(part.clustered for part in found) and all(part.clustered or part.verdicts for part in found),
    )


def compare(paired: Paired) -> PairedScore:
    """The difference, its two-sided 95% interval and one-sided 95% bounds, the p of no improvement, and the MDE80.

    Raises:
        ValueError: there are no items.
    """
    _check(paired)
    n, differences = len(paired.baseline), paired.differences
    delta = math.fsum(differences) / n
    method = "tango" if paired.verdicts or paired.clustered else "t"
    return PairedScore(
        n=n,
        baseline=fmean(paired.baseline),
        candidate=fmean(paired.candidate),
        delta=delta,
        interval=Interval(low=bound(paired, "lower", ALPHA / 2), high=bound(paired, "upper", ALPHA / 2), method=method),
        lower=bound(paired, "lower"),
        upper=bound(paired, "upper"),
        p=p_improved(paired),
        wins=sum(d > 0 for d in differences),
        losses=sum(d < 0 for d in differences),
        mde80=detectable(n, max(fmean(d * d for d in differences), 0.5 / (n + 1))),
    )


def bound(paired: Paired, side: Literal["lower", "upper"], tail: float = ALPHA) -> float:
    """One-sided bound of the mean difference, wrong with probability `tail`.

    Raises:
        ValueError: there are no items.
    """
    _check(paired)
    if side == "upper":
        return -bound(paired.turned, "lower", tail)
    differences = paired.differences
    if paired.verdicts:
        return tango_lower(sum(d > 0 for d in differences), sum(d < 0 for d in differences), len(differences), tail)
    if paired.clustered:
        return tango_lower(*_effective(differences), tail)
    found = _t_lower(differences, tail)
    few = sum(map(bool, differences)) <= _FLIPS and not _alike(differences)
    return min(found, tango_lower(*_effective(differences), tail)) if few else found


def p_improved(paired: Paired) -> float:
    """One-sided p of "the candidate is no better".

    Raises:
        ValueError: there are no items.
    """
    _check(paired)
    differences = paired.differences
    moved = [d for d in differences if d]
    if paired.verdicts:
        return mcnemar_mid_p(sum(d > 0 for d in moved), sum(d < 0 for d in moved))
    return _flip_p(moved) if len(moved) <= _FLIPS else _t_p(differences)


def p_worse(paired: Paired, tolerance: float = 0.0) -> float:
    """One-sided p of "the candidate lost no more than `tolerance`" (a share 0-1).

    Raises:
        ValueError: there are no items.
    """
    _check(paired)
    turned = paired.turned
    if tolerance <= 0:
        return p_improved(turned)
    if paired.verdicts:
        moved = turned.differences
        return 1 - NormalDist().cdf(_tango_z(sum(d > 0 for d in moved), sum(d < 0 for d in moved), len(moved), tolerance))
    return _t_p([d - tolerance for d in turned.differences])


def power(n: int, discordance: float, margin: float, alpha: float = ALPHA) -> float:
    """Chance that a candidate without any true change is shown to lose at most `margin`.

    Phi(margin / SE - z), SE² = discordance / n. `discordance` is the mean squared difference; of verdicts, the share of items
    that differ.

    Raises:
        ValueError: n < 1.
    """
    if n < 1:
        raise ValueError(f"power needs n >= 1; got {n}")
    spread = max(discordance, 0.5 / (n + 1))
    return NormalDist().cdf(margin / math.sqrt(spread / n) - NormalDist().inv_cdf(1 - alpha))


def non_inferior(score: PairedScore, margin: float) -> bool:
    """Whether a loss of more than `margin` (a share 0-1) is excluded at 5%."""
    return score.lower >= -margin


def lost(score: PairedScore, margin: float) -> bool:
    """Whether there is a loss beyond doubt (5%) that was measured above `margin`."""
    return score.upper < 0 and score.delta < -margin


def tango_lower(wins: float, losses: float, n: float, tail: float = ALPHA) -> float:
    """Lower bound of (wins - losses)/n: the difference at which Tango's score test has p = `tail`.

    z(d) = (wins - losses - n d) / sqrt(n (2q + d(1 - d))), q the larger root of 2n q² + B q + C with
    B = -wins - losses + (2n - wins + losses) d and C = -losses d (1 - d). z falls as d rises.

    Raises:
        ValueError: the counts are impossible.
    """
    if wins < 0 or losses < 0 or n < 1 or wins + losses > n:
        raise ValueError(f"a paired difference needs n >= 1 and wins + losses <= n; got {wins}, {losses}, {n}")
    critical = NormalDist().inv_cdf(1 - tail)
    low, high = -1.0, (wins - losses) / n
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _tango_z(wins, losses, n, middle) > critical:
            low = middle
        else:
            high = middle
    return low


def mcnemar_mid_p(wins: int, losses: int) -> float:
    """P(X > wins) + P(X = wins)/2 with X ~ Binomial(wins + losses, 1/2)."""
    from scipy.stats import binom

    moved = wins + losses
    return float(binom.sf(wins, moved, 0.5) + 0.5 * binom.pmf(wins, moved, 0.5))


def detectable(n: int, discordance: float) -> float:
    """MDE80: the difference that a one-sided 5% test of `n` items finds with 80% power; at most 1.

    `discordance` is the mean squared difference; of verdicts, the share of items that differ.
    """
    return min(1.0, _reach() * math.sqrt(discordance / n))


def planned_discordance(rate: float, seen: int, correlation: float = CORRELATION) -> float:
    """Share of items that will differ although nothing changed: 2p(1-p)(1-rho).

    p is `rate` of `seen` items with one more success and one more failure, so that 6 of 6 does not promise 1.
    """
    p = (rate * seen + 1) / (seen + 2)
    return 2 * p * (1 - p) * (1 - correlation)


def promised_margin(n: int, discordance: float, least: float = LEAST_MARGIN) -> float:
    """The margin that `n` items can keep: the smallest at which an unchanged model passes with 80% power, at least `least`.

    Fixed before anything is trained, from a planned `discordance`. Exact where few items will differ, since there the normal
    formula promises what Tango's bound cannot give (n = 6: without a single loss, 31 points are not excluded). In steps of 0.1
    points.

    Raises:
        ValueError: n < 1.
    """
    if n < 1:
        raise ValueError(f"a margin needs n >= 1; got {n}")
    margin = _exact_margin(n, discordance) if n * discordance <= _EXACT else detectable(n, discordance)
    return max(least, math.ceil(round(margin * 1000, 6)) / 1000)


def _tango_z(wins: float, losses: float, n: float, d: float) -> float:
    b = -wins - losses + (2 * n - wins + losses) * d
    c = -losses * d * (1 - d)
    q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    variance = n * (2 * q + d * (1 - d))
    shift = wins - losses - n * d
    if variance <= 0:
        return math.inf if shift > 0 else 0.0
    return shift / math.sqrt(variance)


def _effective(differences: Sequence[float]) -> tuple[float, float, float]:
    """Wins, losses and n of verdicts that would have this mean difference and this mean square.

    All are divided by sum d² / sum |d|, the design effect against differences of whole items (Rao & Scott, Biometrics 48, 1992,
    577-585): at most 1, and 1 for verdicts. `_UNSEEN` whole differences are added to it: two halves that were seen do not
    promise that halves are all that will come.
    """
    wins, losses = math.fsum(d for d in differences if d > 0), -math.fsum(d for d in differences if d < 0)
    effect = (math.fsum(d * d for d in differences) + _UNSEEN) / (wins + losses + _UNSEEN)
    return wins / effect, losses / effect, len(differences) / effect


def _t_lower(differences: Sequence[float], tail: float) -> float:
    """Student's bound; of equal differences, what the share 1 - tail^(1/n) that may differ could do."""
    n, mean = len(differences), fmean(differences)
    if n == 1 or _alike(differences):
        return mean - (1 - math.pow(tail, 1 / n)) * (mean + 1)
    from scipy.special import stdtrit

    return max(-1.0, mean - float(stdtrit(n - 1, 1 - tail)) * stdev(differences) / math.sqrt(n))


def _t_p(differences: Sequence[float]) -> float:
    from scipy.special import stdtr

    n, mean = len(differences), fmean(differences)
    spread = stdev(differences) if n > 1 else 0.0
    if n == 1 or _alike(differences):
        return 0.5**n if mean > 0 else 1 - 0.5**n
    return float(stdtr(n - 1, -mean / (spread / math.sqrt(n))))


def _alike(differences: Sequence[float]) -> bool:
    """Whether all are one number, but for rounding: 0.7 - 0.6 is not 0.8 - 0.7."""
    return max(differences) - min(differences) <= _ROUNDING


def _flip_p(moved: Sequence[float]) -> float:
    """Mid-p of the sum among all flips of signs; of verdicts it would be McNemar's."""
    observed = math.fsum(moved)
    sums = [math.fsum(sign * d for sign, d in zip(signs, moved, strict=True)) for signs in product((1, -1), repeat=len(moved))]
    above = sum(s > observed + _ROUNDING for s in sums)
    same = sum(abs(s - observed) <= _ROUNDING for s in sums)
    return (above + same / 2) / len(sums)


@cache
def _exact_margin(n: int, discordance: float) -> float:
    """The 80% quantile of -Tango's bound over what an unchanged model may give."""
    found: list[tuple[float, float]] = []
    for moved in range(n + 1):
        chance = math.comb(n, moved) * discordance**moved * (1 - discordance) ** (n - moved)
        if moved > n * discordance and chance < 1e-6:
            break
        for wins in range(moved + 1):
            found.append((-tango_lower(wins, moved - wins, n), chance * math.comb(moved, wins) / 2**moved))
    reached = 0.0
    for margin, weight in sorted(found):
        reached += weight
        if reached >= POWER:
            return margin
    return 1.0


def _reach() -> float:
    return NormalDist().inv_cdf(1 - ALPHA) + NormalDist().inv_cdf(POWER)


def _check(paired: Paired) -> None:
    if not paired.baseline:
        raise ValueError("a paired comparison needs at least one item; got none")
