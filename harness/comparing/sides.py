"""Run × Run -> the same two, cut down to what both hold, and what else differs between them.

Tasks that only one holds are left out and named. Runs that were measured differently are refused, or, where that was asked for,
matched by the content of their samples: ids and files may have changed, a content hash says that it is the same question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from harness.errors import NotComparable, unknown
from harness.pairs import Run, Sampled, check_comparable, differing
from harness.runs.write import canonical
from harness.schema import KeyRef, RunRecord, SampleResult

NAMED: Final = 3
"""Tasks or files of one condition that are named."""
LISTED: Final = 8
"""Tasks that a note lists."""
SAID: Final = 60
"""Characters of a value that differs."""


class Sides:
    """Two runs, cut down to the tasks (and, where they differ, to the items) that both hold."""

    def __init__(self, baseline: Run, candidate: Run, asked: Sequence[str], allow_different: bool) -> None:
        self.baseline, self.candidate = baseline, candidate
        self._shared = frozenset(baseline.record.tasks) & frozenset(candidate.record.tasks)
        if not self._shared:
            raise NotComparable(f"runs '{baseline.record.id}' and '{candidate.record.id}' share no task")
        held = self._asked(asked) if asked else self._all()
        self.names = tuple(held)
        """Benchmarks and tasks that are compared."""
        self.tasks = frozenset[str]().union(*held.values())
        self.different = self._different(allow_different)
        """What but the model differs."""
        self._left_out = self._cut()

    def notes(self) -> Iterator[str]:
        """What a reader must know."""
        one, other = self.baseline.record, self.candidate.record
        for record, twin in ((one, other), (other, one)):
            if only := sorted(set(record.tasks) - set(twin.tasks)):
                more = f" and {len(only) - LISTED} more" if len(only) > LISTED else ""
                yield f"only in {record.id}, so not compared: {', '.join(only[:LISTED])}{more}"
        if one.id == other.id:
            yield "both sides are the same run"
        elif one.provenance.model_fingerprint == other.provenance.model_fingerprint:
            yield "both runs are of the same model: what differs is chance, in generation or judging"
        if differing(one, other, self.tasks, ("chat_template",)):
            yield "the chat templates differ: a part of the difference may be theirs"
        for record in (one, other):
            if not record.complete:
                yield f"{record.id} is incomplete: responses or verdicts are missing"
        for record, lost in zip((one, other), self._left_out, strict=True):
            if lost:
                yield f"{lost:,} samples of {record.id} are left out: the other run has none of the same content"

    def _asked(self, names: Sequence[str]) -> dict[str, frozenset[str]]:
        known = {*self.baseline.record.benchmarks, *self.candidate.record.benchmarks, *self._shared}
        for name in names:
            if name not in known:
                raise unknown("benchmark or task in these runs", name, known)
        held = {name: self._held(name) for name in dict.fromkeys(names)}
        if empty := [name for name, of in held.items() if not of]:
            raise NotComparable(f"of '{empty[0]}' the two runs share no task")
        return held

    def _all(self) -> dict[str, frozenset[str]]:
        """The benchmarks of both, and those of one that hold further tasks of both."""
        ours, theirs = self.baseline.record.benchmarks, self.candidate.record.benchmarks
        held = {name: self._held(name) for name in (*[n for n in ours if n in theirs], *ours, *theirs)}
        covered = frozenset[str]()
        found = {}
        for name, tasks in held.items():
            if tasks and ((name in ours and name in theirs) or not tasks <= covered):
                found[name] = tasks
                covered |= tasks
        return found

    def _held(self, name: str) -> frozenset[str]:
        return self._shared.intersection(self.baseline.tasks(name), self.candidate.tasks(name))

    def _different(self, allowed: bool) -> tuple[str, ...]:
        one, other = self.baseline.record, self.candidate.record
        found = [text for name in differing(one, other, self.tasks) for text in _said(name, one, other, self.tasks)]
        try:
            check_comparable(one, other, self.tasks)
        except NotComparable as error:
            if not allowed:
                details = f" ({'; '.join(found)})" if found else ""
                raise NotComparable(f"{error}{details}; --allow-different shows them all the same, with a warning") from None
        return (*found, *(_limited(record) for record in (one, other) if not record.comparable))

    def _cut(self) -> tuple[int, int]:
        """Returns the samples that each run lost, of the tasks that are compared."""
        before, after = (
            {task: run.samples.get(task, {}) for task in sorted(self.tasks)} for run in (self.baseline, self.candidate)
        )
        kept = _matched(before, after) if self.different else (before, after)
        self.baseline.samples, self.candidate.samples = kept
        return _size(before) - _size(kept[0]), _size(after) - _size(kept[1])


def _matched(before: Sampled, after: Sampled) -> tuple[Sampled, Sampled]:
    """Items of equal content, under the baseline's ids; of several, in the order of their ids."""
    ours: Sampled = {task: {} for task in before}
    theirs: Sampled = {task: {} for task in before}
    for task, results in before.items():
        twins = _by_hash(after[task])
        for content, group in _by_hash(results).items():
            for was, now in zip(group, twins.get(content, ()), strict=False):
                ours[task][was.sample.id] = was
                theirs[task][was.sample.id] = now.model_copy(
                    update={"sample": now.sample.model_copy(update={"id": was.sample.id})}
                )
    return ours, theirs


def _by_hash(results: Mapping[str, SampleResult]) -> dict[str, list[SampleResult]]:
    found: dict[str, list[SampleResult]] = defaultdict(list)
    for name in sorted(results):
        found[results[name].sample.hash].append(results[name])
    return found


def _size(samples: Sampled) -> int:
    return sum(map(len, samples.values()))


def _said(condition: str, one: RunRecord, other: RunRecord, tasks: Collection[str]) -> Iterator[str]:
    """`judge: rules@1 / openai:x`; of conditions by name, those names that differ."""
    ours, theirs = (getattr(record.provenance, condition) for record in (one, other))
    if not isinstance(ours, dict):
        yield f"{condition}: {_value(ours)} / {_value(theirs)}"
        return
    names = set(tasks) if condition in ("tasks", "generation") else ours.keys() & theirs.keys()
    found = sorted(name for name in names if ours.get(name) != theirs.get(name))
    for name in found[:NAMED]:
        yield f"{condition} of {name}: {_value(ours.get(name))} / {_value(theirs.get(name))}"
    if len(found) > NAMED:
        yield f"{condition} of {len(found) - NAMED} more"


def _value(value: Any) -> str:
    if isinstance(value, KeyRef):
        text = value.version + (f" from {value.min_confidence} confidence" if value.min_confidence else "")
    elif isinstance(value, dict):
        text = canonical(value)
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value or "none")
    return text if len(text) <= SAID else text[: SAID - 1] + "…"


def _limited(record: RunRecord) -> str:
    return f"{record.id} is limited to the first {record.limit} samples of each task"
