"""Pipeline × sources -> DataSet: cleaned rows, and every dropped one beside them with its reason."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from harness import culture as cultures
from harness.curating import pipeline as pipelines
from harness.curating.engine import Input, Worked, work
from harness.curating.pipeline import OwnSource, Pipeline
from harness.curating.shards import Shard
from harness.errors import UsageError
from harness.rows import dataset as store
from harness.rows import sources
from harness.runs.lock import FolderLock
from harness.runs.write import make_folder, write_whole
from harness.schema import Culture, DataRow, DataSet, DataSetSource

WORK = ".work"


def curate(
    pipeline: str | Pipeline,
    out: Path,
    *,
    workers: int | None = None,
    keep_work: bool = False,
    watch: Callable[[str, int, int], None] | None = None,
) -> DataSet:
    """Make a data set, go on with one, or find the one that is there.

    Args:
        pipeline: preset, file, or Pipeline.
        out: its folder; may hold the same data set, finished or not.
        workers: processes; default: all cores.
        keep_work: leave the stages' shards for a later run with other last steps.
        watch: called with (stage, shards done, shards).

    Raises:
        HarnessError: with one line that says what to mend. What is done stays, and the same call goes on.
    """
    wanted = pipeline if isinstance(pipeline, Pipeline) else pipelines.load(pipeline)
    culture = cultures.load(wanted.culture)
    inputs = [_input(wanted, culture, source) for source in wanted.sources]
    make_folder(out)
    lock = FolderLock(out / ".lock")
    lock.acquire()
    try:
        worked = work(wanted, culture, inputs, out / WORK, workers=workers or os.cpu_count() or 1, watch=watch)
        made = _store(wanted, culture, inputs, worked, out)
        if not keep_work:
            shutil.rmtree(out / WORK, ignore_errors=True)
        return made
    finally:
        lock.release()


def _input(pipeline: Pipeline, culture: Culture, source: str | OwnSource) -> Input:
    if isinstance(source, str):
        if sources.is_built_in(source):
            raise UsageError(f"'{source}' is drawn by the demo world and needs no curation; name a file")
        path, declared, name = sources.find(culture, source), culture.sources[source], source
    else:
        path, declared, name = Path(pipeline.folder) / source.path, source, source.name
        if not path.is_file():
            raise UsageError(f"source '{name}': there is no file '{path}'")
    with path.open("rb") as file:
        return Input(name, declared, path, hashlib.file_digest(file, "sha256").hexdigest())


def _store(pipeline: Pipeline, culture: Culture, inputs: list[Input], worked: Worked, out: Path) -> DataSet:
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("source", "category", "licence", "area")}
    rows = 0
    for shard in worked.shards:
        for row in shard.read_rows():
            rows += 1
            _count(row, counts)
    digest = write_whole(out / store.ROWS, store.joined(shard.rows for shard in worked.shards))
    drops = [Shard(stage, i).drops for stage in worked.stages for i in range(len(worked.shards))]
    write_whole(out / store.DROPPED, store.joined(drops))
    made = DataSet(
        name=pipeline.name,
        made_by=f"curate {pipeline.name}",
        digest=worked.digest,
        culture=culture.name,
        sources=tuple(
            DataSetSource(name=one.name, sha256=one.sha256, licence=one.source.licence, records=worked.records[one.name])
            for one in inputs
        ),
        rows=rows,
        rows_sha256=digest,
        dropped=sum(step.dropped for step in worked.steps),
        steps=worked.steps,
        **{f"by_{name}": dict(sorted(found.items())) for name, found in counts.items()},
        contamination={},
    )
    write_whole(out / store.MANIFEST, [made.model_dump_json(indent=1).encode() + b"\n"])
    return made


def _count(row: DataRow, counts: dict[str, Counter[str]]) -> None:
    counts["source"][row.source] += 1
    counts["category"][row.category or "none"] += 1
    counts["licence"][row.licence] += 1
    counts["area"].update(row.areas or ("untagged",))
