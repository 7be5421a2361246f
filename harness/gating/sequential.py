"""Planned lines × a stream of answers -> GateLines, after as few items as the ruling takes.

    shuffle     the items of each benchmark, near-duplicates together, in one random order that its own content fixes
    ask         32 items of each benchmark, or 5% of it, in one call for all benchmarks
    bet         for each line: that there is a drop, and that what PASS means holds (harness.stats.betting)
    look        a proven drop (Holm over the lines, each at its running p) ends the gate; a line that passed bets no more, and its
                items are asked only for others

What the evidence says holds at any time (Ville's inequality), so nothing is lost by looking after each round, by an interruption,
or by going on. Lines that are only reported never cause an item to be asked: they show what was asked for others, up to the first
item that was not.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from harness import schema
from harness.errors import IncompleteRun
from harness.gating.plan import Planned
from harness.gating.rulings import rule_line
from harness.gating.streams import Stream
from harness.gating.wagers import Found, Place, Wager
from harness.pairs import Run
from harness.schema import GateLine, Policy, Ruling, SampleResult
from harness.stats.betting import order
from harness.stats.multiple import holm

BATCH: Final = 32
"""Items of a benchmark that are asked in a round, at least."""
SHARE: Final = 0.05
"""Share of a benchmark that is asked in a round, at least."""
LITTLE: Final = 0.5
"""Power below which an undecided line says more about the gate than about the candidate."""

Watch = Callable[[str, int, int], None]


def judge(
    policy: Policy, lines: Sequence[Planned], baseline: Run, stream: Stream, watch: Watch | None = None
) -> tuple[tuple[GateLine, ...], schema.Sequence]:
    """Ask the candidate until every line that can be ruled on is, or all items are asked.

    Args:
        policy: the rules.
        lines: what `plan` made of them.
        baseline: the run that the candidate is compared with.
        stream: the candidate. That it is comparable must have been checked.
        watch: called with (`asked`, items, of all).

    Raises:
        IncompleteRun: a line lacks more responses or verdicts than the policy allows.
        HarnessError: the candidate or its judge cannot be used.
    """
    return _Gate(policy, lines, baseline, stream, watch).go()


def notes(lines: Sequence[GateLine]) -> tuple[str, ...]:
    """Undecided lines that a candidate without any change would seldom have passed either."""
    weak = [line.name for line in lines if line.ruling == "UNDECIDED" and line.power is not None and line.power < LITTLE]
    if not weak:
        return ()
    shown = ", ".join(weak[:3]) + (f" and {len(weak) - 3} more" if len(weak) > 3 else "")
    return (
        f"{shown}: too few items to exclude a loss of that margin batch by batch, so that an unchanged candidate passes in less "
        f"than {100 * LITTLE:.0f}% of gates; two finished runs, or a wider margin in the policy, decide more",
    )


class Deck:
    """The units of benchmarks that share tasks, in random order, and the lines that are judged by them."""

    def __init__(self, name: str, seed: str, wagers: Sequence[Wager]) -> None:
        self.name, self.seed, self.wagers = name, seed, wagers
        self._pile = deque(order(sorted({unit for wager in wagers for unit in wager.units}), seed))
        items = {(item.task, item.id) for wager in wagers for item in wager.line.items}
        self._batch = max(BATCH, round(SHARE * len(items)))

    def draw(self) -> list[tuple[str, list[Place]]]:
        """The next units that a line needs, with the items to ask: one batch, or what is left."""
        needing = [wager for wager in self.wagers if wager.judged and not wager.stopped]
        left = sum(any(unit in wager.units for wager in needing) for unit in self._pile)
        drawn: list[tuple[str, list[Place]]] = []
        size = 0
        while left and size < self._batch:
            unit = self._pile.popleft()
            items = {(item.task, item.id): None for wager in needing for item in wager.units.get(unit, ())}
            self._freeze(unit, set(items))
            if items:
                drawn.append((unit, list(items)))
                left, size = left - 1, size + len(items)
        return drawn

    def bet(self, unit: str, found: Found) -> None:
        """Let every open line of a unit bet on it."""
        for wager in self.wagers:
            if unit in wager.units and not wager.stopped:
                wager.take(unit, found)

    def _freeze(self, unit: str, asked: set[Place]) -> None:
        """Stop reported lines at the first unit of theirs that is not wholly asked: what comes later is no random part."""
        for wager in self.wagers:
            if not wager.judged and not {(item.task, item.id) for item in wager.units.get(unit, ())} <= asked:
                wager.stopped = True


class _Gate:
    def __init__(self, policy: Policy, lines: Sequence[Planned], baseline: Run, stream: Stream, watch: Watch | None) -> None:
        self.policy, self.stream, self.watch = policy, stream, watch
        judged = sum(line.rule.question != "report" for line in lines)
        self.wagers = [Wager(line, policy, judged) for line in lines]
        self.decks = list(_decks(self.wagers, baseline))
        self.of = len({(item.task, item.id) for line in lines for item in line.items})
        self.found: dict[Place, SampleResult | None] = {}
        self.batches = 0

    def go(self) -> tuple[tuple[GateLine, ...], schema.Sequence]:
        """Rounds until nothing is left to ask, or a drop is proven."""
        failed = False
        while not failed and (drawn := [(deck, unit, items) for deck in self.decks for unit, items in deck.draw()]):
            self._ask([place for _, _, items in drawn for place in items])
            for deck, unit, _ in drawn:
                deck.bet(unit, self.found)
            self.batches += 1
            self._check_certain()
            failed = self._look()
        self._check_missing()
        rulings, adjusted = self._rulings(), self._adjusted()
        lines = tuple(
            wager.result(ruling, p, failed and len(wager.rows) < len(wager.line.items))
            for wager, ruling, p in zip(self.wagers, rulings, adjusted, strict=True)
        )
        said = "; ".join(f"{deck.name} {deck.seed}" for deck in self.decks)
        return lines, schema.Sequence(order=said, batches=self.batches, asked=len(self.found), of=self.of)

    def _ask(self, places: Sequence[Place]) -> None:
        """Only what was not asked before."""
        wanted: dict[str, list[str]] = {}
        for task, id_ in dict.fromkeys(places):
            if (task, id_) not in self.found:
                wanted.setdefault(task, []).append(id_)
        answers = self.stream.ask(wanted) if wanted else {}
        self.found |= {(task, id_): answers.get((task, id_)) for task, ids in wanted.items() for id_ in ids}
        if self.watch is not None:
            self.watch("asked", len(self.found), self.of)

    def _look(self) -> bool:
        """Stop the lines that passed; whether a drop is proven."""
        rulings = self._rulings()
        for wager, ruling in zip(self.wagers, rulings, strict=True):
            wager.stopped = wager.stopped or ruling == "PASS"
        return "FAIL" in rulings

    def _adjusted(self) -> list[float | None]:
        judged = iter(holm([wager.p_drop for wager in self.wagers if wager.judged]))
        return [next(judged) if wager.judged else None for wager in self.wagers]

    def _rulings(self) -> list[Ruling | None]:
        return [
            rule_line(wager.line.rule.question, wager.proof(p is not None and p <= self.policy.alpha))
            for wager, p in zip(self.wagers, self._adjusted(), strict=True)
        ]

    def _check_certain(self) -> None:
        """Refuse as soon as so much is missing that it would be too much of all items."""
        for wager in self.wagers:
            if wager.lacking > self.policy.missing * len(wager.line.items):
                raise self._incomplete(wager)

    def _check_missing(self) -> None:
        """Refuse what lacks more of the items asked than the policy allows.

        One missing item of a few is a larger share than it would be of all; it is let pass where all items could lack one.
        """
        for wager in self.wagers:
            share = self.policy.missing
            if wager.lacking > max(share * len(wager.rows), min(1.0, share * len(wager.line.items))):
                raise self._incomplete(wager)

    def _incomplete(self, wager: Wager) -> IncompleteRun:
        return IncompleteRun(
            f"{wager.line.name}: {wager.lacking:,} of {len(wager.rows):,} items asked lack a response or verdict, "
            f"more than {100 * self.policy.missing:g}%; the same command asks what is missing"
        )


def _decks(wagers: Sequence[Wager], baseline: Run) -> Iterator[Deck]:
    """One deck a benchmark; benchmarks that share tasks (a group and its parts) are dealt from one."""
    groups: list[tuple[list[str], set[str]]] = []
    for name in dict.fromkeys(wager.line.target.benchmark for wager in wagers):
        names, tasks = [name], set(baseline.tasks(name))
        for one in [group for group in groups if group[1] & tasks]:
            groups.remove(one)
            names, tasks = [*one[0], *names], one[1] | tasks
        groups.append((names, tasks))
    for names, tasks in groups:
        own = [wager for wager in wagers if wager.line.target.benchmark in names]
        yield Deck("+".join(names), seed(baseline, sorted(tasks)), own)


def seed(baseline: Run, tasks: Sequence[str]) -> str:
    """What fixes the order of some tasks' items: the versions of the tasks and the content of all their samples."""
    versions = {task: baseline.record.provenance.tasks.get(task) for task in tasks}
    content = {task: sorted(one.sample.hash for one in baseline.samples[task].values()) for task in tasks}
    return hashlib.sha256(json.dumps([versions, content], sort_keys=True).encode()).hexdigest()[:16]
