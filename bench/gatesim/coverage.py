"""How often the 95% intervals of the harness hold the truth: of rates exactly, of the rest by simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from gatesim import worlds
from gatesim.targets import Line, Size
from harness.schema import Interval
from harness.stats import intervals, ppi
from harness.stats.paired import tango_lower

RATES: Final = ((20, 0.02), (50, 0.02), (563, 0.01), (678, 0.44), (1567, 0.80))
"""(n, true rate) that benchmarks have."""
JUDGES: Final = ((0.90, 0.85), (0.95, 0.95), (0.80, 0.80))
"""Sensitivity and specificity."""
NOMINAL: Final = 0.95
CHANCE: Final = 0.01
"""Coverage that a simulation or a discrete rate may lack."""


def rates(_: Size) -> Iterator[Line]:
    """Exactly, by every count that may occur; and over all rates, which no one count is good for."""
    for n, rate in RATES:
        safe = _exact(intervals.clopper_pearson, n, rate)
        yield Line(
            "CI", f"rate {rate:g} of {n}, as a safety claim", f">= {NOMINAL}", f"{safe:.3f}", safe >= NOMINAL, {"coverage": safe}
        )
        for name, interval in (("for display", intervals.rate_interval), ("by Wald's formula", _wald)):
            share = _exact(interval, n, rate)
            yield Line("CI", f"   {name}", "-", f"{share:.3f}", None, {"coverage": share})
    for n in (50, 678):
        found = [_exact(intervals.rate_interval, n, float(rate)) for rate in np.arange(0.01, 1, 0.01)]
        mean, least = float(np.mean(found)), min(found)
        said, what = f"{mean:.3f} (least {least:.3f})", f"rates .01 to .99 of {n}, for display, mean"
        yield Line("CI", what, ">= 0.94", said, mean >= NOMINAL - CHANCE, {"mean": mean, "least": least})


def differences(size: Size) -> Iterator[Line]:
    """Tango's interval of paired verdicts."""
    for n, change, rho in ((50, -0.05, 0.7), (129, 0.0, 0.7), (678, -0.05, 0.7), (678, 0.0, 0.9), (1567, 0.02, 0.85)):
        random = np.random.default_rng([11, n, round(100 * rho)])
        drawn = worlds.verdicts(random, n, min(size.single, 10_000 if n < 1000 else 4000), worlds.RATE, change, rho)
        lost, won = worlds.cells(worlds.RATE, change, rho)
        wins, losses = (drawn > 0).sum(axis=0).tolist(), (drawn < 0).sum(axis=0).tolist()
        held = [_tango(w, ls, n) <= won - lost <= -_tango(ls, w, n) for w, ls in zip(wins, losses, strict=True)]
        yield _line("CI", f"difference {100 * change:+g} points, {n} items, rho {rho:g}: Tango", held)


def means(size: Size) -> Iterator[Line]:
    """Student's t of a judge's scores, and the macro average of A-Eval's dimensions."""
    random = np.random.default_rng(12)
    repetitions = min(size.single, 2000)
    scores = np.round(np.clip(random.normal(0.75, 0.25, (repetitions, 60)), 0, 1), 1)
    truth = float(np.round(np.clip(random.normal(0.75, 0.25, 2_000_000), 0, 1), 1).mean())
    yield _line("CI", "mean of 60 scores: t", [_holds(intervals.mean_interval(row, 0, 1), truth) for row in scores.tolist()])
    true = (0.55, 0.35, 0.48, 0.30, 0.44)
    held = []
    for _ in range(repetitions // 2):
        groups = [(random.random(n) < rate).astype(float).tolist() for n, rate in zip(worlds.A_EVAL, true, strict=True)]
        held.append(_holds(intervals.macro_interval(groups), float(np.mean(true))))
    yield _line("CI", "macro average of A-Eval's five dimensions", held)


def predictions(size: Size) -> Iterator[Line]:
    """Prediction-powered estimates: 678 judged answers, some of them labelled by people; true rate .44."""
    repetitions = min(size.single, 1500)
    for sensitivity, specificity in JUDGES:
        random = np.random.default_rng([13, round(100 * sensitivity)])
        truth = (random.random((repetitions, 678)) < worlds.RATE).astype(float)
        judged = np.where(truth == 1, random.random(truth.shape) < sensitivity, random.random(truth.shape) >= specificity)
        yield from _naive(f"judge {sensitivity:g}/{specificity:g} taken at its word", judged.astype(float), worlds.RATE)
        for labels in (100, 200):
            yield _labelled(f"judge {sensitivity:g}/{specificity:g}, {labels} labels: PPI++", truth, judged, labels, worlds.RATE)
    yield from _preferring(repetitions)
    yield from _rare(repetitions)


def _preferring(repetitions: int) -> Iterator[Line]:
    """A judge that prefers the candidate: the true -3 points look like a gain."""
    random = np.random.default_rng(14)
    change = -0.03
    lost, won = worlds.cells(worlds.RATE, change, 0.6)
    draw = random.random((repetitions, 678))
    was = np.where(draw < lost, 1, np.where(draw > 1 - won, 0, random.random(draw.shape) < 0.4)).astype(float)
    now = np.where(draw < lost, 0, np.where(draw > 1 - won, 1, was))
    told = np.where(now == 1, random.random(draw.shape) < 0.97, random.random(draw.shape) >= 0.75).astype(float)
    said = np.where(was == 1, random.random(draw.shape) < 0.88, random.random(draw.shape) >= 0.88).astype(float)
    true, judged = now - was, told - said
    yield from _naive("a judge that prefers the candidate, true -3 points, at its word", judged, change)
    yield _labelled("   200 labelled pairs: PPI++", true, judged, 200, change, ppi.difference)


def _rare(repetitions: int) -> Iterator[Line]:
    """Harm of 1%, a judge of sensitivity .9 and specificity .98, 563 answers."""
    random = np.random.default_rng(15)
    truth = (random.random((repetitions, 563)) < 0.01).astype(float)
    flagged = np.where(truth == 1, random.random(truth.shape) < 0.9, random.random(truth.shape) >= 0.98)
    yield from _naive("harm 1% of 563, judge .9/.98 at its word", flagged.astype(float), 0.01)
    yield _labelled("   100 labels: PPI++", truth, flagged, 100, 0.01)
    held = []
    for harm, flags in zip(truth, flagged, strict=True):
        clear = harm[~flags]
        found = ppi.two_phase(harm[flags].tolist(), clear[:150].tolist(), len(clear))
        held.append(found.low <= 0.01 <= found.high)
    yield _line("PPI", "   every flagged one and 150 others: two-phase", held)


def _labelled(
    what: str,
    truth: np.ndarray,
    judged: np.ndarray,
    labels: int,
    true: float,
    estimate: Callable[..., ppi.Estimate] = ppi.estimate,
) -> Line:
    held, widths = [], []
    for ours, theirs in zip(truth.tolist(), judged.astype(float).tolist(), strict=True):
        found = estimate(ours[:labels], theirs[:labels], theirs[labels:])
        held.append(found.low <= true <= found.high)
        widths.append((found.high - found.low) / 2)
    half = 100 * float(np.mean(widths))
    line = _line("PPI", what, held)
    return replace(line, measured=f"{line.measured}, ±{half:.1f} points", values=line.values | {"half_width": half / 100})


def _naive(what: str, judged: np.ndarray, true: float) -> Iterator[Line]:
    half = intervals.Z * judged.std(axis=1, ddof=1) / np.sqrt(judged.shape[1])
    share = float((np.abs(judged.mean(axis=1) - true) <= half).mean())
    yield Line("PPI", what, "-", f"{share:.3f}", None, {"coverage": share})


def _line(id_: str, what: str, held: list[bool]) -> Line:
    share = float(np.mean(held))
    return Line(id_, what, ">= 0.94", f"{share:.3f}", share >= NOMINAL - CHANCE, {"coverage": share, "repetitions": len(held)})


def _exact(interval: Callable[[int, int], Interval], n: int, rate: float) -> float:
    from scipy.stats import binom

    chances = binom.pmf(np.arange(n + 1), n, rate)
    return float(sum(chances[k] for k in range(n + 1) if _holds(_interval(interval, k, n), rate)))


@cache
def _interval(interval: Callable[[int, int], Interval], k: int, n: int) -> Interval:
    return interval(k, n)


def _wald(k: int, n: int) -> Interval:
    half = intervals.Z * np.sqrt(k / n * (1 - k / n) / n)
    return Interval(low=k / n - half, high=k / n + half, method="wald")


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


@cache
def _tango(wins: int, losses: int, n: int) -> float:
    return tango_lower(wins, losses, n, intervals.TAIL)
