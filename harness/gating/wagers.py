"""One planned line × answers, unit by unit -> evidence, and the GateLine it comes to.

Two wagers a line (harness.stats.betting): that there is a drop, and that what PASS means holds. Missing answers are wrong. What
is shown of the differences themselves is over the items that were bet on: those that other lines went on to need are no random
part of this one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import Final

from harness.errors import NotComparable
from harness.gating.plan import Asked, Planned
from harness.gating.rulings import Proof
from harness.pairs import Item, paired, value_of
from harness.schema import Bets, GateLine, PairedScore, Policy, Ruling, SampleResult
from harness.stats.betting import Evidence
from harness.stats.paired import compare, planned_discordance

PATHS: Final = 400
"""Unchanged candidates that are simulated to know how many of them pass."""

Place = tuple[str, str]
"""(task, sample id)."""
Found = Mapping[Place, SampleResult | None]
"""What was asked; None where the candidate has nothing."""


@dataclass
class Units:
    """The items of a line by unit."""

    items: dict[str, list[Asked]]

    @classmethod
    def of(cls, line: Planned) -> Units:
        """In the order of their first items."""
        found: dict[str, list[Asked]] = defaultdict(list)
        for item in line.items:
            found[item.unit].append(item)
        return cls(dict(found))


class Wager:
    """A line that is being judged."""

    def __init__(self, line: Planned, policy: Policy, judged: int) -> None:
        self.line, self._policy = line, policy
        self.units = Units.of(line).items
        count, gain = len(self.units), line.rule.question == "gain"
        self._drop = Evidence(line.rule.tolerance, policy.alpha / max(judged, 1), count)
        self._certain = not gain and line.margin >= 1
        """Nobody can lose more than everything."""
        self._pass = None if self._certain else Evidence(0.0 if gain else -line.margin, policy.beta, count)
        self.rows: list[Item] = []
        """Items that were bet on."""
        self.bets = 0
        self.stopped = False

    @property
    def judged(self) -> bool:
        """Whether it can be ruled on."""
        return self.line.rule.question != "report"

    @property
    def lacking(self) -> int:
        """Items that the candidate has no value for."""
        return sum(row.candidate is None for row in self.rows)

    @property
    def p_drop(self) -> float:
        """Of no drop beyond the tolerance, at any time."""
        return float(self._drop.p[0])

    def proof(self, dropped: bool) -> Proof:
        """What is beyond doubt; `dropped` is known only over all lines."""
        shown = self._certain or (self._pass is not None and float(self._pass.best[0]) >= math.log(1 / self._policy.beta))
        gain = self.line.rule.question == "gain"
        return Proof(dropped=dropped, held=shown and not gain, gained=shown and gain)

    def take(self, unit: str, found: Found) -> None:
        """Bet on one unit: the mean difference of its items.

        Raises:
            NotComparable: an item is not the same on both sides.
            DataError: a value is out of range.
        """
        rows = [_row(item, found[item.task, item.id], self.line) for item in self.units[unit]]
        change = fmean((row.candidate or 0.0) - (row.baseline or 0.0) for row in rows)
        self._drop.bet(-change)
        if self._pass is not None:
            self._pass.bet(change)
        self.rows += rows
        self.bets += 1

    def score(self) -> PairedScore | None:
        """The differences of the items that were bet on; None before the first."""
        return compare(paired(self.rows, self._names())) if self.rows else None

    def result(self, ruling: Ruling | None, adjusted: float | None, cut: bool) -> GateLine:
        """The line as it stands.

        Args:
            ruling: what it came to.
            adjusted: its p by Holm; None for `report`.
            cut: whether the gate stopped before it was asked to its end.
        """
        line, score = self.line, self.score()
        return GateLine(
            name=line.name,
            rule=line.rule,
            target=line.target,
            paired=score,
            margin=line.margin,
            margin_why=line.margin_why,
            power=chance(line, self._policy.beta) if line.rule.question in ("regression", "release") else None,
            p_drop=self.p_drop,
            p_drop_adjusted=adjusted,
            missing=self.lacking,
            clusters=len({row.hash for row in self.rows}) - self.bets,
            bets=self._seen(ruling),
            ruling=ruling,
            why=self._said(ruling, score, cut),
        )

    def _names(self) -> dict[str, str]:
        return {item.hash: item.unit for item in self.line.items}

    def _seen(self, ruling: Ruling | None) -> Bets:
        return Bets(
            items=len(self.rows),
            of=len(self.line.items),
            units=self.bets,
            log_e_drop=float(self._drop.best[0]),
            log_e_pass=0.0 if self._pass is None else float(self._pass.best[0]),
            p_drop=self.p_drop,
            stopped=ruling in ("PASS", "FAIL") and self.bets < len(self.units),
        )

    def _said(self, ruling: Ruling | None, score: PairedScore | None, cut: bool) -> str:
        change = "not asked" if score is None else f"{100 * score.delta:+.1f} points"
        asked, margin = f"after {len(self.rows):,} of {len(self.line.items):,} items", f"{100 * self.line.margin:.1f}"
        gain = self.line.rule.question == "gain"
        if ruling is None:
            return f"{change}, {asked}"
        if ruling == "FAIL":
            return f"{change}, a drop beyond doubt {asked}"
        if ruling == "PASS":
            return f"{change}, {'a gain' if gain else f'a loss above {margin} points is excluded'} {asked}"
        if cut:
            return f"{change} {asked}: cut short, since a drop is proven elsewhere"
        return (
            f"{change}, {'no gain is proven' if gain else f'no drop is shown, nor a loss of {margin} points excluded,'} {asked}"
        )


def chance(line: Planned, beta: float) -> float:
    """Share of candidates without any true change that pass a line within its items, when it is looked at after each of them.

    Simulated, with as many items that differ as are expected of a model and its child; below the power of a single look.
    """
    if line.margin >= 1:
        return 1.0
    units = len(Units.of(line).items)
    discordance = planned_discordance(fmean(item.value for item in line.items), len(line.items))
    return _simulated(units, round(discordance, 4), line.margin, beta)


@cache
def _simulated(units: int, discordance: float, margin: float, beta: float) -> float:
    import numpy as np

    random = np.random.default_rng(0)
    evidence = Evidence(-margin, beta, units, PATHS)
    for _ in range(units):
        draw = random.random(PATHS)
        evidence.bet((draw < discordance / 2).astype(float) - (draw > 1 - discordance / 2))
    return float((evidence.best >= math.log(1 / beta)).mean())


def _row(item: Asked, answer: SampleResult | None, line: Planned) -> Item:
    if answer is not None and answer.sample.hash != item.hash:
        raise NotComparable(f"sample {item.id} of task {item.task} is not the same in the baseline and for the candidate")
    return Item(item.task, item.id, item.hash, item.value, value_of(answer, line.target))
