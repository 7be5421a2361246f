"""Pipeline × files -> stages of shards, one after the other, each shard by one of several workers.

What is done stays done: a stage's folder is named by all that decides it (files, steps so far, their settings), so that a rerun
after a kill, or with another last step, goes on where nothing has changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from harness.curating.contract import Context, WholeStep
from harness.curating.pipeline import Pipeline, digest
from harness.curating.shards import SIZE, Counting, Shard, ShardCounts, StepCounts, summed
from harness.curating.stages import Numbered, Stage, Worker, split
from harness.rows.reading import STEP, read_rows
from harness.runs.write import make_folder, write_whole
from harness.schema import Culture, DataRow, DroppedRow, Source, StepReport

VERSION = 1
"""Of what steps do; part of every digest. Raise it when a step rules otherwise."""

Watch = Callable[[str, int, int], None]
READ_PLACE = 0


@dataclass(frozen=True)
class Input:
    """One file to be read."""

    name: str
    source: Source
    path: Path
    sha256: str


@dataclass(frozen=True)
class Worked:
    """What came out of the last stage."""

    shards: tuple[Shard, ...]
    stages: tuple[Path, ...]
    """Folders of all stages, that of reading first."""
    steps: tuple[StepReport, ...]
    records: dict[str, int]
    """Source -> records read."""
    digest: str


@dataclass(frozen=True)
class _Planned:
    stage: Stage
    contexts: tuple[tuple[int, Context], ...]


def work(
    pipeline: Pipeline, culture: Culture, inputs: Sequence[Input], folder: Path, *, workers: int = 1, watch: Watch | None = None
) -> Worked:
    """Run every stage that is not yet done.

    Args:
        pipeline: what to do.
        culture: whose areas and benchmarks steps may ask for.
        inputs: files, in order.
        folder: where stages lie.
        workers: processes; with 1 all happens in this one.
        watch: called with (stage, shards done, shards).

    Raises:
        DataError: a file cannot be read, or the disk is full: what is done stays, and the same call goes on.
    """
    start = digest(
        str(VERSION), str(SIZE), str(pipeline.seed), *(f"{one.name}:{one.sha256}:{one.source.format}" for one in inputs)
    )
    read = folder / f"00-{start[:12]}"
    number, records = _read(inputs, read)
    planned, end = _plan(pipeline, culture, folder, read, start)
    notes: dict[int, list[str]] = {}
    for one in planned:
        _run_stage(one, number, workers, watch)
        notes |= {place: context.notes for place, context in one.contexts}
    last = planned[-1].stage.folder
    stages = (read, *(one.stage.folder for one in planned))
    return Worked(
        shards=tuple(Shard(last, i) for i in range(number)),
        stages=stages,
        steps=_reports(pipeline, stages, number, notes),
        records=records,
        digest=end,
    )


def _read(inputs: Sequence[Input], folder: Path) -> tuple[int, dict[str, int]]:
    """Every record into shards; how many there are, and how many records each source had."""
    done = folder / "read.json"
    if done.is_file():
        found = json.loads(done.read_bytes())
        return found["shards"], found["records"]
    make_folder(folder)
    records = dict.fromkeys((one.name for one in inputs), 0)
    number = 0

    def everything() -> Iterator[DataRow | DroppedRow]:
        for one in inputs:
            for row in read_rows(one.name, one.source, one.path):
                records[one.name] += 1
                yield row

    rows = everything()
    while batch := list(islice(rows, SIZE)):
        kept = [row for row in batch if isinstance(row, DataRow)]
        drops = [row for row in batch if isinstance(row, DroppedRow)]
        count = Counting(seen=len(batch), dropped=len(drops))
        count.reasons.update(drop.why for drop in drops)
        Shard(folder, number).store(kept, drops, ShardCounts(rows=len(kept), steps={READ_PLACE: count.done()}))
        number += 1
    write_whole(done, [json.dumps({"shards": number, "records": records}).encode()])
    return number, records


def _plan(pipeline: Pipeline, culture: Culture, folder: Path, read: Path, start: str) -> tuple[list[_Planned], str]:
    """The stages, each in a folder named by what came before it."""
    numbered = [Numbered(place, settings) for place, settings in enumerate(pipeline.steps, 1)]
    contexts = {one.place: Context(culture, folder / f"{one.place:02}-{one.settings.use}", pipeline.seed, []) for one in numbered}
    ends = []
    for one in numbered:
        make_folder(contexts[one.place].scratch)
        one.settings.prepare(contexts[one.place])
        ends.append(hasattr(one.settings.build(contexts[one.place]), "decide"))
    marks = {one.place: one.settings.model_dump_json() + one.settings.identity(contexts[one.place]) for one in numbered}
    planned, before, so_far = [], read, start
    for at, (decided, rows, whole) in enumerate(split(numbered, ends), 1):
        so_far = digest(so_far, *(marks[one.place] for one in (*rows, *([whole] if whole else []))))
        stage = Stage(folder / f"{at:02}-{so_far[:12]}", before, decided, rows, whole)
        used = [*rows, *([whole] if whole else [])]
        planned.append(_Planned(stage, tuple((one.place, contexts[one.place]) for one in used)))
        before = stage.folder
    return planned, so_far


def _run_stage(planned: _Planned, number: int, workers: int, watch: Watch | None) -> None:
    stage = planned.stage
    make_folder(stage.folder)
    name = " ".join(one.settings.use for one in (*stage.rows, *([stage.whole] if stage.whole else []))) or "write"
    todo = [i for i in range(number) if not Shard(stage.folder, i).done]
    for done, _ in enumerate(_each(planned, todo, workers), number - len(todo) + 1):
        if watch:
            watch(name, done, number)
    if stage.whole is not None:
        _decide(planned, stage.whole, number)


def _each(planned: _Planned, todo: Sequence[int], workers: int) -> Iterator[int]:
    """Rows of each shard, as they are done."""
    if workers == 1 or len(todo) < 2:
        if todo:
            worker = Worker(planned.stage, planned.contexts)
            yield from map(worker.run, todo)
        return
    # Contexts travel without their notes: what a worker notes is not kept.
    contexts = tuple((place, replace(context, notes=[])) for place, context in planned.contexts)
    with ProcessPoolExecutor(
        min(workers, len(todo)), mp_context=get_context("spawn"), initializer=_start, initargs=(planned.stage, contexts)
    ) as pool:
        try:
            yield from pool.map(_one, todo)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_WORKER: list[Worker] = []


def _start(stage: Stage, contexts: Sequence[tuple[int, Context]]) -> None:
    _WORKER[:] = [Worker(stage, contexts)]


def _one(number: int) -> int:
    return _WORKER[0].run(number)


def _decide(planned: _Planned, whole: Numbered, number: int) -> None:
    shards = [Shard(planned.stage.folder, i) for i in range(number)]
    if all(shard.dropping.is_file() for shard in shards):
        return
    step: WholeStep = whole.settings.build(dict(planned.contexts)[whole.place])  # type: ignore[assignment]
    for shard, dropping in zip(shards, step.decide([shard.sketch for shard in shards]), strict=True):
        write_whole(shard.dropping, [json.dumps(dropping, ensure_ascii=False).encode()])


def _reports(pipeline: Pipeline, stages: Sequence[Path], number: int, notes: dict[int, list[str]]) -> tuple[StepReport, ...]:
    by_place: dict[int, list[StepCounts]] = {}
    for folder in stages:
        for i in range(number):
            for place, counts in Shard(folder, i).read_counts().steps.items():
                by_place.setdefault(place, []).append(counts)
    names = {READ_PLACE: STEP, **{place: step.use for place, step in enumerate(pipeline.steps, 1)}}
    found = []
    for place, name in names.items():
        total = summed(by_place.get(place, []))
        found.append(
            StepReport(step=f"{place} {name}" if place else name, **total.model_dump(), notes=tuple(notes.get(place, ())))
        )
    return tuple(found)
