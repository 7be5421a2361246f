"""Pipeline × files -> stages of shards, one after the other, each shard by one of several workers.

What is done stays done: a stage's folder is named by all that decides it (files, steps so far, their settings), so that a rerun
after a kill, or with another last step, goes on where nothing has changed. Reading and the first stage go hand in hand.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Final, cast

from harness.curating.contract import Context, WholeStep
from harness.curating.intake import Input, Intake
from harness.curating.pipeline import OwnSource, Pipeline, digest
from harness.curating.shards import Shard, StepCounts, summed
from harness.curating.stages import Numbered, Stage, Worker, split
from harness.errors import HarnessError
from harness.rows.reading import STEP
from harness.runs.write import make_folder, write_whole
from harness.schema import Culture, StepReport

VERSION: Final = 1
"""Of what steps do; part of every digest. Raise it when a step rules otherwise."""
AHEAD: Final = 3
"""Shards a worker that wait for it: enough to keep it busy, few enough to keep the disk and memory small."""
NOTES: Final = "notes.json"

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Planned:
    """A stage and the contexts of its steps."""

    stage: Stage
    contexts: dict[int, Context]
    """By place of the step."""

    @property
    def steps(self) -> tuple[Numbered, ...]:
        """Those that are built for it."""
        return (*self.stage.rows, *([self.stage.whole] if self.stage.whole else []))

    @property
    def title(self) -> str:
        """Its first and last step."""
        names = [one.settings.use for one in self.steps] or ["write"]
        return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


@dataclass(frozen=True)
class Plan:
    """All that is to be done, and what decides its outcome."""

    read: Path
    """Where rows as read are kept."""
    stages: tuple[Planned, ...]
    digest: str
    """Of inputs, steps and settings: the same digest, the same rows."""


@dataclass(frozen=True)
class Worked:
    """What came out of the last stage."""

    shards: tuple[Shard, ...]
    drops: tuple[Path, ...]
    """Files of dropped rows, stage by stage."""
    steps: tuple[StepReport, ...]
    records: dict[str, int]
    """Source -> records read."""


def plan(pipeline: Pipeline, culture: Culture, inputs: Sequence[Input], folder: Path, limit: int | None = None) -> Plan:
    """The stages, each in a folder named by what comes before it. Nothing is done yet.

    Args:
        pipeline: what to do.
        culture: whose areas and benchmarks steps may ask for.
        inputs: files, in order.
        folder: where stages will lie.
        limit: records of each file at most.
    """
    files = (f"{one.name}:{one.sha256}:{one.source.model_dump_json()}" for one in inputs)
    start = digest(str(VERSION), str(pipeline.seed), culture.digest, str(limit), *files)
    read = before = folder / f"00-{start[:12]}"
    so_far, planned = start, []
    numbered = [Numbered(place, settings) for place, settings in enumerate(pipeline.steps, 1)]
    for at, (decided, rows, whole) in enumerate(split(numbered), 1):
        used = (*rows, *([whole] if whole else []))
        plain = [one.settings.model_dump_json() + one.settings.identity(_context(culture, folder, pipeline, one)) for one in used]
        so_far = digest(so_far, *plain)
        stage = Stage(folder / f"{at:02}-{so_far[:12]}", before, decided, rows, whole)
        planned.append(Planned(stage, {one.place: _context(culture, stage.folder, pipeline, one) for one in used}))
        before = stage.folder
    return Plan(read, tuple(planned), so_far)


def _context(culture: Culture, folder: Path, pipeline: Pipeline, step: Numbered) -> Context:
    own = {source.name: source for source in pipeline.sources if isinstance(source, OwnSource)}
    return Context(culture, folder / f"scratch-{step.place}", pipeline.seed, [], own)


def work(
    plan: Plan, inputs: Sequence[Input], *, limit: int | None = None, workers: int = 1, watch: Watch | None = None
) -> Worked:
    """Run every stage that is not yet done.

    Args:
        plan: of the same inputs and limit.
        inputs: files, in order.
        limit: records of each file at most.
        workers: processes; with 1 all happens in this one.
        watch: called with (stage, shards done, shards).

    Raises:
        HarnessError: a file cannot be read, a step ends the matter, or the disk is full: what is done stays, and the same call
            goes on.
    """
    intake = Intake(inputs, plan.read, limit)
    numbers: Iterable[int] = intake.numbers()
    # All processes of a pool start with its first shard, 0.7 s of work each: no more of them than there are shards.
    useful = min(workers, max(2, intake.expected))
    for planned in plan.stages:
        done = _run_stage(planned, numbers, useful, watch, intake)
        numbers, useful = range(done), max(1, min(workers, done))
    shards = range(intake.shards)
    folders = (plan.read, *(planned.stage.folder for planned in plan.stages))
    return Worked(
        shards=tuple(Shard(folders[-1], i) for i in shards),
        drops=tuple(Shard(folder, i).drops for folder in folders for i in shards),
        steps=_reports(plan, intake.shards),
        records=intake.records,
    )


def _run_stage(planned: Planned, numbers: Iterable[int], workers: int, watch: Watch | None, intake: Intake) -> int:
    """Work on all shards, then decide; returns how many there are."""
    stage = planned.stage
    make_folder(stage.folder)
    if not (stage.folder / NOTES).is_file():
        for step in planned.steps:
            make_folder(planned.contexts[step.place].scratch)
            step.settings.prepare(planned.contexts[step.place])
    done = 0
    for done, _ in enumerate(_each(planned, numbers, workers), 1):
        if watch:
            watch(planned.title, done, max(done, intake.expected))
    if watch and done:
        watch(planned.title, done, done)
    if stage.whole is not None:
        _decide(planned, stage.whole, done)
    if not (stage.folder / NOTES).is_file():
        notes = {place: context.notes for place, context in planned.contexts.items()}
        write_whole(stage.folder / NOTES, [json.dumps(notes, ensure_ascii=False).encode()])
    return done


def _each(planned: Planned, numbers: Iterable[int], workers: int) -> Iterator[int]:
    """Each shard's number, once it is done, in order."""
    folder = planned.stage.folder
    if workers == 1:
        worker: Worker | None = None
        for number in numbers:
            if not Shard(folder, number).done:
                worker = worker or Worker(planned.stage, planned.contexts)
                worker.run(number)
            yield number
        return
    waiting: deque[tuple[int, Future[None] | None]] = deque()
    pool = _Pool(planned, workers)
    try:
        for number in numbers:
            waiting.append((number, None if Shard(folder, number).done else pool.submit(number)))
            if len(waiting) > AHEAD * workers:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    except BrokenProcessPool as error:
        raise HarnessError(
            "a worker process died, most likely for want of memory; the same command goes on, --workers 1 needs the least"
        ) from error
    finally:
        pool.close()


def _finished(number: int, future: Future[None] | None) -> int:
    if future is not None:
        future.result()
    return number


class _Pool:
    """Worker processes, started when the first shard comes: a stage that is done needs none."""

    def __init__(self, planned: Planned, workers: int) -> None:
        self._planned, self._workers = planned, workers
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, number: int) -> Future[None]:
        """Hand one shard to a worker."""
        if self._pool is None:
            # What a worker notes is not kept, so contexts travel without notes.
            contexts = {place: replace(context, notes=[]) for place, context in self._planned.contexts.items()}
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=get_context("spawn"),
                initializer=_start,
                initargs=(self._planned.stage, contexts),
            )
        return self._pool.submit(_one, number)

    def close(self) -> None:
        """Let what runs end; start nothing more."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


_WORKER: list[Worker] = []


def _start(stage: Stage, contexts: dict[int, Context]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it lets shards that are worked on end
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _WORKER[:] = [Worker(stage, contexts)]


def _end_with_parent() -> None:
    """A worker holds both ends of its queue, so that it would wait for ever for a parent that was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _one(number: int) -> None:
    _WORKER[0].run(number)


def _decide(planned: Planned, whole: Numbered, shards: int) -> None:
    found = [Shard(planned.stage.folder, i) for i in range(shards)]
    # Without the notes it was killed before they were written: only deciding again gives those of the decision.
    if (planned.stage.folder / NOTES).is_file() and all(shard.dropping.is_file() for shard in found):
        return
    step = cast(WholeStep, whole.settings.build(planned.contexts[whole.place]))
    for shard, dropping in zip(found, step.decide([shard.sketch for shard in found]), strict=True):
        write_whole(shard.dropping, [json.dumps(dropping, ensure_ascii=False).encode()])


def _reports(plan: Plan, shards: int) -> tuple[StepReport, ...]:
    by_place: dict[int, list[StepCounts]] = {}
    for folder in (plan.read, *(planned.stage.folder for planned in plan.stages)):
        for i in range(shards):
            for place, counts in Shard(folder, i).read_counts().steps.items():
                by_place.setdefault(place, []).append(counts)
    notes: dict[int, list[str]] = {}
    for planned in plan.stages:
        found = json.loads((planned.stage.folder / NOTES).read_bytes())
        notes |= {int(place): said for place, said in found.items()}
    names = {0: STEP, **{one.place: one.name for planned in plan.stages for one in planned.steps}}
    return tuple(
        StepReport(step=name, **summed(by_place.get(place, [])).model_dump(), notes=tuple(notes.get(place, ())))
        for place, name in names.items()
    )
