"""Items by name -> what a candidate scored on them, batch by batch: the side of a sequential gate that answers.

    Replayed    a finished run, whose items are looked up: what a sequential gate would have cost
    Live        a model, which is asked no more than it is asked for

A live candidate is asked through the same engine, response store and verdict cache as by `harness eval`, so a gate that was
interrupted repeats nothing. Answers of an endpoint are shared with whole runs. Those of a local model are not: a batch changes
the last bits of its members, and here batches are cut otherwise. They lie in the same store under another name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from harness.errors import DataError
from harness.measure import Asked, Ready, Watch, check, ready
from harness.pairs import Run
from harness.schema import Provenance, SampleResult

BATCHED: Final = "sequential"
"""How a gate cuts a local model's requests into batches, in the name of its answers."""

Wanted = Mapping[str, Sequence[str]]
"""Task -> sample ids."""
Answers = dict[tuple[str, str], SampleResult]
"""(task, sample id) -> result; a sample that the candidate lacks is absent."""


@dataclass(frozen=True)
class Facts:
    """Who answers, and under which conditions: known before the first item."""

    id: str
    """The run, or the model that is asked."""
    model: str
    run: str | None
    provenance: Provenance
    comparable: bool = True
    limit: int | None = None
    notes: tuple[str, ...] = ()
    """What a reader of the answers must know."""


class Stream(Protocol):
    """Answers of a candidate."""

    @property
    def facts(self) -> Facts:
        """Who answers, and how."""

    def ask(self, wanted: Wanted) -> Answers:
        """What the candidate scored on some samples.

        Raises:
            HarnessError: the candidate or its judge cannot be used, or a sample is unknown; single failures are data.
        """


class Replayed:
    """A finished run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def facts(self) -> Facts:
        """Of the run's record."""
        record = self._run.record
        return Facts(record.id, record.model.name, record.id, record.provenance, record.comparable, record.limit)

    def ask(self, wanted: Wanted) -> Answers:
        """The samples, as the run has them.

        Raises:
            DataError: a sample file is missing or changed.
        """
        there = {task: self._run.samples.get(task, {}) for task in wanted}
        return {(task, id_): there[task][id_] for task, ids in wanted.items() for id_ in ids if id_ in there[task]}


class Live:
    """A model that is loaded once, and asked batch by batch."""

    def __init__(self, made: Ready, watch: Watch) -> None:
        self._made, self._session, self._answers = made, made.session(watch), Answers()

    @classmethod
    def opened(cls, asked: Asked, runs: Path, watch: Watch | None = None) -> Live:
        """Load tasks, model and judge; nothing is asked yet.

        Raises:
            HarnessError: something cannot be loaded, or the model cannot be asked one of the tasks.
        """
        watch = watch or (lambda _stage, _done, _total: None)
        made = ready(check(asked, runs), runs, watch, BATCHED)
        from harness.lm.run import check_likelihoods

        check_likelihoods(made.loaded, made.lm)
        return cls(made, watch)

    @cached_property
    def facts(self) -> Facts:
        """Of what was loaded."""
        made, model = self._made, self._made.checked.asked.model
        notes = (*made.template.notes(), *made.loaded.notes(made.template.applied))
        return Facts(model.name, model.name, None, made.provenance(), notes=notes)

    @property
    def generated(self) -> int:
        """Requests that the model answered in this process; the others came from the store."""
        return self._made.lm.generated

    def ask(self, wanted: Wanted) -> Answers:
        """Generate and judge, or look up what was.

        Raises:
            HarnessError: the model, the judge or a store cannot be used, or a sample is unknown; single failures are data.
        """
        from harness.lm.run import batch

        new = {task: [id_ for id_ in dict.fromkeys(ids) if (task, id_) not in self._answers] for task, ids in wanted.items()}
        numbers = {task: [self._number(task, id_) for id_ in ids] for task, ids in sorted(new.items()) if ids}
        if numbers:
            made = self._made
            found = batch(made.loaded, made.lm, self._session, numbers, chat=made.template.applied)
            self._answers |= {(task, one.sample.id): one for task, rows in found.items() for one in rows}
        return {(task, id_): self._answers[task, id_] for task, ids in wanted.items() for id_ in ids}

    def _number(self, task: str, id_: str) -> int:
        found = self._numbers.get(task, {}).get(id_)
        if found is None:
            raise DataError(f"sample {id_} of task {task} is in the baseline and not in the benchmark as it is here")
        return found

    @cached_property
    def _numbers(self) -> dict[str, dict[str, int]]:
        return self._made.loaded.numbers()


class Kept:
    """A stream that keeps what it answered."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.answers: Answers = {}

    @property
    def facts(self) -> Facts:
        """Of the stream behind it."""
        return self._stream.facts

    def ask(self, wanted: Wanted) -> Answers:
        """As the stream behind it."""
        found = self._stream.ask(wanted)
        self.answers |= found
        return found
