"""RunRecord × RunRecord -> paired values of any target: the same items, asked of two models under the same conditions.

What is missing never helps the candidate: an item that only the baseline has counts as wrong, one that only the candidate has
counts as a tie. Items that carry the metric on neither side (no key, not judged) have nothing to compare. Two runs that differ in
judge, rubrics, data, keys, tasks, threshold or generation are not compared at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from harness import catalog
from harness.errors import DataError, NotComparable
from harness.runs import read_samples
from harness.schema import Provenance, RunRecord, SampleResult, Score, Target
from harness.stats.aggregate import aggregate
from harness.stats.paired import Paired, pair

Sampled = dict[str, dict[str, SampleResult]]
"""Task -> sample id -> result."""

CONDITIONS: Final = ("judge", "rubrics", "data", "keys", "tasks", "generation", "threshold")
"""What of a run's provenance must be the same on both sides."""
PINNED: Final = (*CONDITIONS, "chat_template")
"""The same for a gate. Training may give a base its first chat template, and is still to be compared with that base."""
_PERCENT: Final = frozenset({"score"})
"""Metrics of 0-100."""


class Conditioned(Protocol):
    """Something that was, or is about to be, measured under conditions: a run's record, or a model before its first item."""

    @property
    def id(self) -> str:
        """What it is called."""

    @property
    def provenance(self) -> Provenance:
        """The conditions."""

    @property
    def comparable(self) -> bool:
        """Whether all items are asked."""

    @property
    def limit(self) -> int | None:
        """Items of each task that are asked, if not all."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a target, as two runs have it."""

    task: str
    id: str
    hash: str
    """Of its content: one that occurs twice has the same."""
    baseline: float | None
    """0-1, more being better; None if the run has no value for it."""
    candidate: float | None


class Run:
    """A finished run with its samples, read once."""

    def __init__(self, record: RunRecord, runs: Path, known: catalog.Catalog, folder: Path | None = None) -> None:
        self.record, self._known = record, known
        self.folder = folder or runs / record.id
        """Where the run lies; by default under its id."""

    @cached_property
    def samples(self) -> Sampled:
        """All results of the run.

        Raises:
            DataError: a sample file is missing or changed.
        """
        found: Sampled = {}
        for result in read_samples(self.folder):
            found.setdefault(result.task, {})[result.sample.id] = result
        return found

    def chosen(self, target: Target) -> Iterator[SampleResult]:
        """The samples a target speaks of, whether they carry its metric or not."""
        for task in self.tasks(target.benchmark):
            for result in self.samples[task].values():
                inside = not target.dimensions or result.sample.dimension in target.dimensions
                if inside and target.subset in ("all", result.sample.split):
                    yield result

    def tasks(self, name: str) -> tuple[str, ...]:
        """Tasks of the run that belong to a benchmark or task."""
        return tuple(task for task in self._known.leaves(name) if task in self.samples)

    def scores(self, name: str, without: Collection[str] = ()) -> tuple[Score, ...]:
        """Scores of a benchmark or task over all items, overall and by dimension; without some of its tasks."""
        results = [one for task in self.tasks(name) if task not in without for one in self.samples[task].values()]
        found = aggregate(name, results, threshold=self.record.provenance.threshold)
        return tuple(score for score in found if score.subset == "all" and score.scope in ("overall", "dimension"))


def pairs(baseline: Run, candidate: Run) -> Callable[[Target], Paired]:
    """Target -> values of the two runs on its items, more being better.

    Raises:
        NotComparable: the runs were made under different conditions; later, an item is not the same on both sides.
        DataError: later, a value is out of range.
    """
    check_comparable(baseline.record, candidate.record)

    def find(target: Target) -> Paired:
        return paired(items(target, baseline, candidate))

    return find


def items(target: Target, baseline: Run, candidate: Run) -> list[Item]:
    """The items of a target that carry its metric in at least one of the runs, by task and id.

    Raises:
        NotComparable: an item is not the same on both sides.
        DataError: a value is out of range.
    """
    found = []
    for was, now in _aligned(target, baseline, candidate):
        one, other = value_of(was, target), value_of(now, target)
        for result in (was, now):
            if result is not None and (one is not None or other is not None):
                found.append(Item(result.task, result.sample.id, result.sample.hash, one, other))
                break
    return found


def paired(found: Collection[Item], units: Mapping[str, str] | None = None) -> Paired:
    """Items as pairs of values: what the candidate lacks is wrong, what only it has is a tie.

    Args:
        found: items of one target.
        units: content hash -> name of the unit it is part of (near-duplicates share one); by default each hash is one.
    """
    after = [0.0 if item.candidate is None else item.candidate for item in found]
    before = [now if item.baseline is None else item.baseline for item, now in zip(found, after, strict=True)]
    return pair(before, after, [(units or {}).get(item.hash, item.hash) for item in found])


def check_comparable(
    one: Conditioned, other: Conditioned, tasks: Collection[str] | None = None, conditions: Collection[str] = CONDITIONS
) -> None:
    """Refuse to compare what was measured differently.

    Args:
        one: a run, or a model that is about to be asked.
        other: likewise.
        tasks: what is compared, where the runs may hold more than that; by default all they hold.
        conditions: fields of the provenance.

    Raises:
        NotComparable: with what differs.
    """
    found = differing(one, other, tasks, conditions)
    if found:
        raise NotComparable(f"runs '{one.id}' and '{other.id}' cannot be compared: they differ in {', '.join(found)}")
    for record in (one, other):
        if not record.comparable:
            raise NotComparable(
                f"run '{record.id}' cannot be compared: it is limited to the first {record.limit} samples of each task"
            )


def differing(
    one: Conditioned, other: Conditioned, tasks: Collection[str] | None = None, conditions: Collection[str] = CONDITIONS
) -> tuple[str, ...]:
    """The conditions in which two runs differ; arguments as of `check_comparable`."""
    return tuple(name for name in conditions if _differ(name, one, other, tasks))


def _differ(condition: str, one: Conditioned, other: Conditioned, tasks: Collection[str] | None) -> bool:
    ours, theirs = (getattr(record.provenance, condition) for record in (one, other))
    if tasks is None or not isinstance(ours, dict):
        return bool(ours != theirs)
    names = tasks if condition in ("tasks", "generation") else ours.keys() & theirs.keys()
    return any(ours.get(name) != theirs.get(name) for name in names)


def value_of(result: SampleResult | None, target: Target) -> float | None:
    """The sample's value 0-1, more being better; None if it has none.

    Raises:
        DataError: it is not within the metric's range.
    """
    value = None if result is None else result.metrics.get(target.metric)
    if result is None or value is None:
        return None
    share = value / 100 if target.metric in _PERCENT else value
    if not 0 <= share <= 1:
        raise DataError(
            f"sample {result.sample.id} of task {result.task}: {target.metric} is {value:g}, which cannot be compared"
        )
    return 1 - share if target.ceiling else share


def check_items(baseline: Run, candidate: Run, tasks: Collection[str]) -> None:
    """Refuse runs in which an item of one name has two contents.

    Raises:
        NotComparable: with the first of them.
        DataError: a sample file is missing or changed.
    """
    for task in tasks:
        there = candidate.samples.get(task, {})
        for id_, was in baseline.samples.get(task, {}).items():
            if id_ in there and there[id_].sample.hash != was.sample.hash:
                raise _other(was, there[id_], baseline, candidate)


def _other(was: SampleResult, now: SampleResult, baseline: Run, candidate: Run) -> NotComparable:
    ids = f"'{baseline.record.id}' and '{candidate.record.id}'"
    return NotComparable(f"sample {now.sample.id} of task {was.task} is not the same in {ids}")


def _aligned(target: Target, baseline: Run, candidate: Run) -> Iterator[tuple[SampleResult | None, SampleResult | None]]:
    """Both sides of each item, in the order of task and sample id."""
    sides = [{(result.task, result.sample.id): result for result in run.chosen(target)} for run in (baseline, candidate)]
    for key in sorted({*sides[0], *sides[1]}):
        was, now = sides[0].get(key), sides[1].get(key)
        if was is not None and now is not None and was.sample.hash != now.sample.hash:
            raise _other(was, now, baseline, candidate)
        yield was, now
