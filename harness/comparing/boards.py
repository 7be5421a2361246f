"""Two runs -> boards: one benchmark by one metric each, its items paired, cut into rows and counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from harness.comparing.sides import Sides
from harness.errors import UsageError, unknown
from harness.gating.policy import MAIN
from harness.pairs import Item, items, paired
from harness.schema import FlipCount, SampleResult, Scope, Target
from harness.stats.aggregate import METRICS, is_alias
from harness.stats.boards import CEILINGS
from harness.stats.differences import Group
from harness.stats.paired import Paired

LESS_IS_BETTER: Final = CEILINGS | {"invalid", "unjudged"}
LEVELS: Final = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Board:
    """Every item that has a value, on both sides."""

    sides: Sides
    target: Target
    items: list[Item]

    @cached_property
    def verdicts(self) -> bool:
        """Whether every item is right or wrong."""
        return all(value in (None, 0.0, 1.0) for item in self.items for value in (item.baseline, item.candidate))

    def results(self, item: Item) -> tuple[SampleResult | None, SampleResult | None]:
        """Both sides of an item."""
        one, other = self.sides.baseline.samples[item.task], self.sides.candidate.samples[item.task]
        return one.get(item.id), other.get(item.id)

    def groups(self, scopes: Sequence[Scope]) -> Iterator[Group]:
        """The rows: each scope's by name, then the two averages."""
        by_dimension = self._parts("dimension")
        for scope in scopes:
            found = by_dimension if scope == "dimension" else self._parts(scope)
            for name in sorted(found, key=lambda one: (LEVELS.index(one) if one in LEVELS else -1, one)):
                yield self._group(scope, name, (found[name],))
        yield self._group("overall", "", (paired(self.items),))
        if len(by_dimension) > 1:
            yield self._group("overall", "", tuple(by_dimension[name] for name in sorted(by_dimension)), macro=True)

    def count(self) -> FlipCount:
        """What became of the items; one that occurs twice counts once."""
        values = paired(self.items)
        changes = values.differences
        both = [b for b, c in zip(values.baseline, values.candidate, strict=True) if b == c]
        right = sum(value >= 0.5 for value in both)
        return FlipCount(
            benchmark=self.target.benchmark,
            metric=self.target.metric,
            n=len(changes),
            gained=sum(d > 0 for d in changes),
            lost=sum(d < 0 for d in changes),
            both_right=right if self.verdicts else None,
            both_wrong=len(both) - right if self.verdicts else None,
            lacking_baseline=sum(item.baseline is None for item in self.items),
            lacking_candidate=sum(item.candidate is None for item in self.items),
        )

    def _parts(self, scope: Scope) -> dict[str, Paired]:
        groups: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            result = next(one for one in self.results(item) if one is not None)
            if name := getattr(result.sample, scope):
                groups[name].append(item)
        return {name: paired(group) for name, group in groups.items()}

    def _group(self, scope: Scope, name: str, parts: tuple[Paired, ...], macro: bool = False) -> Group:
        target = self.target
        return Group(target.benchmark, target.metric, target.ceiling, self.verdicts, scope, name, parts, macro)


def boards(sides: Sides, metrics: Sequence[str] | None) -> list[Board]:
    """All benchmarks, by the metrics asked for or by those that make their result.

    Raises:
        UsageError: nothing is left to compare.
        DataError: an item is not the same on both sides, or a value is out of range.
    """
    found = [board for name in sides.names for board in _boards(sides, name, metrics)]
    _check_found(sides, found, metrics)
    return found


def _boards(sides: Sides, name: str, metrics: Sequence[str] | None) -> Iterator[Board]:
    for metric in _metrics(sides, name, metrics):
        target = Target(benchmark=name, dimensions=(), metric=metric, ceiling=metric in LESS_IS_BETTER, subset="all")
        yield Board(sides, target, items(target, sides.baseline, sides.candidate))


def _metrics(sides: Sides, name: str, wanted: Sequence[str] | None) -> list[str]:
    """Those asked for, or those that make the result, and of plug-ins those that are shares."""
    ranges: dict[str, tuple[float, float]] = {}
    for run in (sides.baseline, sides.candidate):
        for task in run.tasks(name):
            for result in run.samples[task].values():
                for metric, value in result.metrics.items():
                    low, high = ranges.get(metric, (value, value))
                    ranges[metric] = (min(low, value), max(high, value))
    if wanted is not None:
        return [metric for metric in dict.fromkeys(wanted) if metric in ranges]
    own = sorted(m for m, (low, high) in ranges.items() if m not in METRICS and not is_alias(m) and low >= 0 and high <= 1)
    return [metric for metric in MAIN if metric in ranges] + own


def _check_found(sides: Sides, found: Sequence[Board], wanted: Sequence[str] | None) -> None:
    """Refuse to show nothing.

    Raises:
        UsageError: a metric was asked for that no sample carries, or no sample has a value at all.
    """
    metrics = {board.target.metric for board in found}
    for metric in wanted or ():
        if metric not in metrics:
            rows = (row for run in (sides.baseline, sides.candidate) for of in run.samples.values() for row in of.values())
            raise unknown("metric in these samples", metric, {name for row in rows for name in row.metrics})
    if not found:
        raise UsageError("nothing to compare: no sample that both runs hold has a value (harness judge gives a run its verdicts)")
