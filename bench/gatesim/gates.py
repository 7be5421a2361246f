"""Differences of many repetitions -> what a gate says to each, and what it cost.

The betting gate is `harness.stats.betting` with `harness.stats.multiple.holm` on top, looked at after the batches that
`harness gate --sequential` asks. The others see all items once, as they would be used:

    drop > 1 point   FAIL if the mean fell by more than a point
    McNemar          FAIL if mid-p <= 5%, each metric by itself
    NeMo Evaluator   the two-sided 95% t interval of the mean paired difference against `max_drop` (1.5 points, its default):
                     BREACH if all of it lies below -max_drop, PASS if all of it lies above, else INSUFFICIENT_EVIDENCE; over
                     several benchmarks NO-GO if any is a breach, else INCONCLUSIVE if any is insufficient; nothing is corrected.
                     Written anew after `engine/gate.py` and `config/gate_policy.py` of NVIDIA-NeMo/Evaluator (2026), without its
                     relative guard (a point estimate, off by default) and without clusters (it takes a category as one)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gatesim.worlds import FAMILY, SIZES, Family, Floats
from harness.gating.sequential import BATCH, SHARE
from harness.stats.betting import Evidence
from harness.stats.multiple import holm
from harness.stats.paired import mcnemar_mid_p

Truths = NDArray[np.bool_]

ALPHA: Final = 0.05
BETA: Final = 0.05
MAX_DROP: Final = 0.015
"""Default of NeMo Evaluator's policy."""


@dataclass(frozen=True)
class Verdicts:
    """Of each repetition."""

    failed: Truths
    passed: Truths
    cost: NDArray[np.float64]
    """Share of all items that were asked."""

    @property
    def saving(self) -> float:
        """Full runs that the mean cost is worth."""
        return float(1 / self.cost.mean())


def join(parts: Sequence[Verdicts]) -> Verdicts:
    """Repetitions of several chunks as one."""
    return Verdicts(
        np.concatenate([part.failed for part in parts]),
        np.concatenate([part.passed for part in parts]),
        np.concatenate([part.cost for part in parts]),
    )


def batch(items: int) -> int:
    """Items between two looks."""
    return max(BATCH, round(SHARE * items))


def betting(differences: Floats, margin: float) -> Verdicts:
    """The sequential gate on one metric, looked at after each batch until it fails or passes."""
    units, paths = differences.shape
    drop, hold = Evidence(0.0, ALPHA, units, paths), Evidence(-margin, BETA, units, paths)
    failed, passed = np.zeros(paths, dtype=bool), np.zeros(paths, dtype=bool)
    cost = np.ones(paths)
    for seen, values in enumerate(differences, 1):
        drop.bet(-values)
        hold.bet(values)
        if seen % batch(units) and seen < units:
            continue
        going = ~failed & ~passed
        failed |= going & (drop.p <= ALPHA)
        passed |= going & ~failed & (hold.p <= BETA)
        cost[going] = seen / units
        if (failed | passed).all():
            break
    return Verdicts(failed, passed, cost)


def ever(differences: Floats) -> Truths:
    """Whether evidence of a drop ever suffices, looked at after every item."""
    evidence = Evidence(0.0, ALPHA, *differences.shape)
    for values in differences:
        evidence.bet(-values)
    return np.asarray(evidence.p <= ALPHA)


def betting_family(family: Family, margins: Sequence[float]) -> Verdicts:
    """The same on fifteen: rounds of one batch a benchmark; a line that passed bets no more, a proven drop ends all."""
    rounds = max(-(-size // batch(size)) for size in SIZES.values())
    drops, holds = zip(*(_looks(family, k, margins[k], rounds) for k in range(len(FAMILY))), strict=True)
    paths = family.differences[0].shape[1]
    open_, evidence = np.ones((len(FAMILY), paths), dtype=bool), np.zeros((len(FAMILY), paths))
    failed, cost = np.zeros(paths, dtype=bool), np.zeros(paths)
    for look in range(rounds):
        going = ~failed & open_.any(axis=0)
        cost += np.where(going, _asked(family, open_, look), 0)
        evidence = np.where(open_, np.stack([one[look] for one in drops]), evidence)
        p = np.minimum(1, np.exp(-evidence))
        failed |= going & np.array([min(holm(p[:, path].tolist())) <= ALPHA if going[path] else False for path in range(paths)])
        open_ &= ~(np.exp(-np.stack([one[look] for one in holds])) <= BETA)
    return Verdicts(failed, ~failed & ~open_.any(axis=0), cost / sum(SIZES.values()))


def _looks(family: Family, k: int, margin: float, rounds: int) -> tuple[list[Floats], list[Floats]]:
    """Largest evidence of both wagers of a metric at each look."""
    differences, size = family.differences[k], SIZES[FAMILY[k].benchmark]
    units, paths = differences.shape
    drop, hold = Evidence(0.0, ALPHA / len(FAMILY), units, paths), Evidence(-margin, BETA, units, paths)
    seen, drops, holds = 0, [], []
    for look in range(rounds):
        until = int(np.searchsorted(family.places[k], min(size, (look + 1) * batch(size))))
        for values in differences[seen:until]:
            drop.bet(-values)
            hold.bet(values)
        seen = until
        drops.append(drop.best)
        holds.append(hold.best)
    return drops, holds


def _asked(family: Family, open_: Truths, look: int) -> NDArray[np.float64]:
    """Items of a round: those of lines that are open."""
    found = np.zeros(open_.shape[1])
    for benchmark, size in SIZES.items():
        lines = [k for k, metric in enumerate(FAMILY) if metric.benchmark == benchmark]
        wanted = np.zeros((size, len(lines)), dtype=bool)
        for column, k in enumerate(lines):
            wanted[family.places[k], column] = True
        part = wanted[look * batch(size) : (look + 1) * batch(size)]
        kinds, counts = np.unique(part, axis=0, return_counts=True)
        for kind, count in zip(kinds, counts, strict=True):
            found += count * open_[lines][kind].any(axis=0)
    return found


# --- what others do ---------------------------------------------------------------------------------------------------------


def dropped(differences: Floats, points: float = 1.0) -> Truths:
    """The mean fell by more than some points."""
    return np.asarray(differences.mean(axis=0) < -points / 100)


@cache
def _mid_p(losses: int, wins: int) -> float:
    return mcnemar_mid_p(losses, wins)


def mcnemar(differences: Floats) -> NDArray[np.float64]:
    """One-sided mid-p of each repetition; of scores, Student's."""
    if not np.isin(differences, (-1, 0, 1)).all():
        from scipy.stats import ttest_1samp

        return np.asarray(ttest_1samp(differences.astype(np.float64), 0, alternative="less").pvalue)
    losses, wins = (differences < 0).sum(axis=0), (differences > 0).sum(axis=0)
    return np.array([_mid_p(int(lost), int(won)) for lost, won in zip(losses, wins, strict=True)])


def mcnemar_peeked(differences: Floats) -> Truths:
    """The same, looked at after each batch."""
    units = len(differences)
    found = np.zeros(differences.shape[1], dtype=bool)
    for seen in [*range(batch(units), units, batch(units)), units]:
        found |= mcnemar(differences[:seen]) <= ALPHA
    return found


def nemo(differences: Floats, max_drop: float = MAX_DROP) -> tuple[Truths, Truths]:
    """(breach, pass) of NeMo Evaluator's rule; neither: insufficient evidence."""
    from scipy.special import stdtrit

    n = len(differences)
    mean = differences.mean(axis=0, dtype=np.float64)
    half = stdtrit(n - 1, 0.975) * differences.std(axis=0, ddof=1, dtype=np.float64) / np.sqrt(n)
    return np.asarray(mean + half < -max_drop), np.asarray(mean - half >= -max_drop)
