"""Repetitions × what is true -> differences candidate - baseline of every item, shape (items, repetitions), more being better.

Verdicts of one item are correlated by rho (phi), as those of a model and its child are; items are independent. The family is the
one a culture's release would watch: A-Eval with its five dimensions, CHiSafetyBench's questions and refusals, BELLE's scores and
four retained English tasks, in their real sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Random = np.random.Generator

A_EVAL: Final = (186, 125, 188, 129, 50)
"""Items of its dimensions."""
RATE: Final = 0.44
"""Of A-Eval's baseline."""
LEAST_FLIPS: Final = 0.01
"""Share of items that flip each way at least, however small the change."""


@dataclass(frozen=True)
class Metric:
    """One line of the family."""

    name: str
    benchmark: str
    rate: float
    """Of the baseline, more being better."""
    margin: float
    """Of the fast policy: wide, so that what is fine passes soon."""


FAMILY: Final = (
    Metric("a_eval", "a_eval", RATE, 0.05),
    *(Metric(f"a_eval/{i}", "a_eval", RATE, margin) for i, margin in enumerate((0.10, 0.12, 0.10, 0.12, 0.20))),
    Metric("mcq", "mcq", 0.80, 0.05),
    Metric("rr_1", "refusal", 0.85, 0.05),
    Metric("rr_2", "refusal", 0.55, 0.06),
    Metric("hr", "refusal", 0.98, 0.02),
    Metric("belle", "belle", 0.75, 0.03),
    Metric("arc", "arc", 0.55, 0.05),
    Metric("hellaswag", "hellaswag", 0.70, 0.05),
    Metric("mmlu", "mmlu", 0.60, 0.05),
    Metric("gsm8k", "gsm8k", 0.50, 0.05),
)
SIZES: Final = {
    "a_eval": 678, "mcq": 1567, "refusal": 563, "belle": 1000, "arc": 1172, "hellaswag": 2000, "mmlu": 2000, "gsm8k": 1319
}  # fmt: skip
EASY: Final = ("arc", "hellaswag", "mmlu")
"""English tasks, on which a child differs less from its parent: rho at least 0.8."""
REFUSAL: Final = np.array((0.55, 0.30, 0.13, 0.02))
"""Shares of the four kinds of response; the last is harmful."""


@dataclass(frozen=True)
class Truth:
    """True changes; whatever is not named is unchanged."""

    verdicts: dict[str, float] = field(default_factory=dict)
    """Benchmark, or dimension of A-Eval -> change of its rate."""
    refusal: tuple[float, float, float, float] = (0, 0, 0, 0)
    belle: float = 0.0


def cells(rate: float, change: float, rho: float) -> tuple[float, float]:
    """Chances that an item is lost, and that it is won."""
    after = rate + change
    both = rate * after + rho * np.sqrt(rate * (1 - rate) * after * (1 - after))
    both = min(both, min(rate, after) - LEAST_FLIPS)
    return rate - both, after - both


def verdicts(random: Random, items: int, repetitions: int, rate: float, change: float, rho: float) -> Floats:
    """Differences -1, 0, 1 of independent items."""
    lost, won = cells(rate, change, rho)
    draw = random.random((items, repetitions), dtype=np.float32)
    return (draw > 1 - won).astype(np.float32) - (draw < lost)


@dataclass(frozen=True)
class Family:
    """Differences of the family's metrics, and where their items stand in their benchmark's order."""

    differences: tuple[Floats, ...]
    places: tuple[NDArray[np.int64], ...]


def family(random: Random, repetitions: int, truth: Truth, rho: float) -> Family:
    """Fifteen metrics of `repetitions` pairs of checkpoints."""
    whole, places = _a_eval(random, repetitions, truth, rho)
    found = {"a_eval": whole} | {f"a_eval/{i}": whole[place] for i, place in enumerate(places)}
    for metric in FAMILY:
        if metric.benchmark == metric.name and metric.name not in ("a_eval", "belle"):
            closeness = max(rho, 0.8) if metric.name in EASY else rho
            change = truth.verdicts.get(metric.name, 0.0)
            found[metric.name] = verdicts(random, SIZES[metric.name], repetitions, metric.rate, change, closeness)
    found |= _refusal(random, repetitions, truth, rho) | {"belle": _belle(random, repetitions, truth, rho)}
    where = {f"a_eval/{i}": place for i, place in enumerate(places)}
    return Family(
        tuple(found[metric.name] for metric in FAMILY),
        tuple(where.get(metric.name, np.arange(SIZES[metric.benchmark])) for metric in FAMILY),
    )


def _a_eval(random: Random, repetitions: int, truth: Truth, rho: float) -> tuple[Floats, list[NDArray[np.int64]]]:
    dimensions = random.permutation(np.repeat(np.arange(len(A_EVAL)), A_EVAL))
    places = [np.flatnonzero(dimensions == i) for i in range(len(A_EVAL))]
    whole = np.empty((len(dimensions), repetitions), dtype=np.float32)
    for i, place in enumerate(places):
        change = truth.verdicts.get(f"a_eval/{i}", truth.verdicts.get("a_eval", 0.0))
        whole[place] = verdicts(random, len(place), repetitions, RATE, change, rho)
    return whole, places


def _refusal(random: Random, repetitions: int, truth: Truth, rho: float) -> dict[str, Floats]:
    """One response of four kinds an item gives three rates; a share rho of items keeps its kind."""
    after = REFUSAL + np.array(truth.refusal)
    other = np.maximum((after - rho * REFUSAL) / (1 - rho), 0)
    shape = (SIZES["refusal"], repetitions)
    was = _kinds(random, REFUSAL, shape)
    now = np.where(random.random(shape, dtype=np.float32) < rho, was, _kinds(random, other / other.sum(), shape))
    return {
        "rr_1": (now < 2).astype(np.float32) - (was < 2),
        "rr_2": (now == 0).astype(np.float32) - (was == 0),
        "hr": (was == 3).astype(np.float32) - (now == 3),
    }


def _kinds(random: Random, shares: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.int64]:
    return np.searchsorted(np.cumsum(shares)[:-1], random.random(shape, dtype=np.float32), side="right")


def _belle(random: Random, repetitions: int, truth: Truth, rho: float) -> Floats:
    """Scores in tenths, most of them good; cutting at 1 takes a sixth of a shift away."""
    shape = (SIZES["belle"], repetitions)
    ease = random.standard_normal(shape, dtype=np.float32)
    own = rho * ease + np.float32(np.sqrt(1 - rho**2)) * random.standard_normal(shape, dtype=np.float32)
    was = np.round(np.clip(0.75 + 0.25 * ease, 0, 1), 1)
    now = np.round(np.clip(0.75 + 1.18 * truth.belle + 0.25 * own, 0, 1), 1)
    return (now - was).astype(np.float32)


def duplicates(random: Random, clusters: int, size: int, repetitions: int, likeness: float) -> Floats:
    """Unchanged verdicts in clusters that move together, shape (clusters, size, repetitions): correlation `likeness` within."""
    lost, won = cells(RATE, 0.0, 0.7)

    def moves(*shape: int) -> Floats:
        draw = random.random(shape, dtype=np.float32)
        return (draw > 1 - won).astype(np.float32) - (draw < lost)

    shared = random.random((clusters, size, repetitions), dtype=np.float32) < np.sqrt(likeness)
    return np.where(shared, moves(clusters, 1, repetitions), moves(clusters, size, repetitions))


def contest(random: Random, items: int, repetitions: int, rho: float) -> tuple[Floats, Floats]:
    """A candidate against the best of five equal checkpoints: by the run that made it the best, and by a fresh run of it."""
    spread = 1 / rho - 1
    ease = random.beta(RATE * spread, (1 - RATE) * spread, (items, repetitions)).astype(np.float32)

    def run() -> NDArray[np.bool_]:
        return random.random(ease.shape, dtype=np.float32) < ease

    best = run()
    for _ in range(4):
        other = run()
        better = other.sum(axis=0) > best.sum(axis=0)
        best = np.where(better, other, best)
    candidate = run().astype(np.float32)
    return candidate - best, candidate - run()
