"""Pipeline × sources -> DataSet: cleaned rows, and every dropped one beside them with its reason."""

from __future__ import annotations

import os
import shutil
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from harness import culture as cultures
from harness.curating import pipeline as pipelines
from harness.curating.engine import Plan, Worked, plan, work
from harness.curating.intake import Input
from harness.curating.pipeline import OwnSource, Pipeline
from harness.curating.scrubbing import Scrubber
from harness.curating.steps.contamination import findings, repeating
from harness.errors import Refused, UsageError, unknown
from harness.rows import dataset as store
from harness.rows import sources
from harness.runs.lock import FolderLock
from harness.runs.write import make_folder, write_whole
from harness.schema import Culture, DataSet, DataSetSource, Source

WORK: Final = ".work"
"""Folder of the stages' shards, beside the data set that they become."""
LOCK: Final = ".lock"


@dataclass(frozen=True)
class _Job:
    """All that is asked."""

    pipeline: Pipeline
    culture: Culture
    inputs: tuple[Input, ...]
    out: Path
    limit: int | None


def curate(
    pipeline: str | Pipeline,
    out: Path,
    *,
    given: Sequence[str] = (),
    limit: int | None = None,
    workers: int | None = None,
    keep_work: bool = False,
    watch: Callable[[str, int, int], None] | None = None,
) -> DataSet:
    """Make a data set, go on with one, or find the one that is there.

    Args:
        pipeline: preset, file, or Pipeline.
        out: its folder; may hold the same data set, finished or not.
        given: names of the culture's sources, `NAME=PATH` for one whose file lies elsewhere, or `FORMAT:PATH` for any file, in
            place of the pipeline's own.
        limit: records of each file at most, to try a pipeline out.
        workers: processes; default: all cores. Code that is no module of its own (a script without
            `if __name__ == "__main__"`) needs 1.
        keep_work: leave the stages' shards for a later run with other last steps.
        watch: called with (stage, shards done, shards).

    Raises:
        HarnessError: with one line that says what to mend. What is done stays, and the same call goes on.
    """
    job = _job(pipeline, out, given, limit)
    make_folder(out)
    lock = FolderLock(out / LOCK)
    lock.acquire()
    try:
        planned = plan(job.pipeline, job.culture, job.inputs, out / WORK, limit)
        if (out / store.MANIFEST).is_file():
            return _found(out, planned)
        worked = work(planned, job.inputs, limit=limit, workers=workers or os.cpu_count() or 1, watch=watch)
        made = _store(job, planned, worked)
        if not keep_work:
            shutil.rmtree(out / WORK, ignore_errors=True)
        return made
    except Refused:
        # What looks like a benchmark is not left lying about as shards of rows.
        shutil.rmtree(out / WORK, ignore_errors=True)
        raise
    finally:
        lock.release()


def _job(pipeline: str | Pipeline, out: Path, given: Sequence[str], limit: int | None) -> _Job:
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} records leaves nothing to curate")
    wanted = pipeline if isinstance(pipeline, Pipeline) else pipelines.load(pipeline)
    if given:
        wanted = pipelines.with_sources(wanted, given)
    wanted = pipelines.with_contamination(wanted)
    culture = cultures.load(wanted.culture)
    return _Job(wanted, culture, tuple(_input(wanted, culture, source) for source in wanted.sources), out, limit)


def _input(pipeline: Pipeline, culture: Culture, source: str | OwnSource) -> Input:
    if not isinstance(source, str):
        return _file(source.name, source, Path(pipeline.folder) / source.path)
    name, elsewhere, place = source.partition("=")
    if sources.is_built_in(name):
        raise UsageError(f"'{name}' is drawn by the demo world and needs no curation; name a file")
    if not elsewhere:
        path = sources.find(culture, name)
        return Input(name, culture.sources[name], path, sources.digest(path))
    if name not in culture.sources:
        raise unknown(f"source in culture '{culture.name}'", name, culture.sources)
    return _file(name, culture.sources[name], Path(place).expanduser())


def _file(name: str, declared: Source, path: Path) -> Input:
    if not path.is_file():
        wrong = f"'{path}' is no plain file" if path.exists() else f"there is no file '{path}'"
        raise UsageError(f"source '{name}': {wrong}")
    return Input(name, declared, path, sources.digest(path))


def _found(out: Path, planned: Plan) -> DataSet:
    made = store.read_dataset(out)
    if made.digest != planned.digest:
        raise UsageError(f"'{out}' holds another data set ({made.made_by}); give another --out, or move it away")
    store.check_rows(out, made)
    return made


def _store(job: _Job, planned: Plan, worked: Worked) -> DataSet:
    tally = store.Tally()
    for shard in worked.shards:
        deque(tally.counted(shard.read_rows()), maxlen=0)
    digest = write_whole(job.out / store.ROWS, store.joined(shard.rows for shard in worked.shards))
    notes = _store_dropped(job.out / store.DROPPED, planned, worked)
    contamination, unchecked = _compared(planned, worked)
    made = DataSet(
        name=job.pipeline.name,
        made_by=f"curate {job.pipeline.name}",
        pipeline=pipelines.canonical(job.pipeline),
        digest=planned.digest,
        culture=job.culture.name,
        sources=tuple(
            DataSetSource(name=one.name, sha256=one.sha256, licence=one.source.licence, records=worked.records[one.name])
            for one in job.inputs
        ),
        rows_sha256=digest,
        dropped=sum(step.dropped for step in worked.steps),
        steps=worked.steps,
        **tally.fields(),
        contamination=contamination,
        unchecked=unchecked,
        notes=(*notes, *([] if job.limit is None else [f"made of {job.limit} records of each source at most: a trial"])),
    )
    write_whole(job.out / store.MANIFEST, [made.model_dump_json(indent=1).encode() + b"\n"])
    return made


def _store_dropped(path: Path, planned: Plan, worked: Worked) -> list[str]:
    """Write all dropped rows; those that went before anything was compared with benchmarks are compared now. Returns notes."""
    earlier, scratch = {planned.read}, None
    for one in planned.stages:
        earlier.add(one.stage.folder)
        if one.stage.whole is not None and one.stage.whole.settings.use == pipelines.CONTAMINATION:
            scratch = one.contexts[one.stage.whole.place].scratch
            break
    if scratch is None:
        write_whole(path, store.joined(worked.drops))
        return []
    scrubber = Scrubber(repeating(scratch))
    first = [file for file in worked.drops if file.parent in earlier]
    rest = [file for file in worked.drops if file.parent not in earlier]
    write_whole(path, chain(scrubber.scrubbed(first), store.joined(rest)))
    if not scrubber.found:
        return []
    return [f"{scrubber.found:,} rows that other steps had dropped repeat a benchmark too; {store.DROPPED} is without their text"]


def _compared(planned: Plan, worked: Worked) -> tuple[dict[str, int], dict[str, str]]:
    """Benchmark -> rows that repeated it, of all comparisons of the pipeline; and what could not be compared with."""
    hits: Counter[str] = Counter()
    unchecked: dict[str, str] = {}
    contexts = {place: context for stage in planned.stages for place, context in stage.contexts.items()}
    for report in worked.steps:
        place, _, use = report.step.partition(" ")
        if use == pipelines.CONTAMINATION:
            found, unread = findings(contexts[int(place)].scratch, report)
            hits.update(found)
            unchecked |= unread
    return dict(hits), unchecked
