"""`runs/<id>/` -> RunRecord, SampleResult.

Nothing is trusted because it lies in the right place: a record must have this schema, and sample files the hashes it states.
A run is named by id, by the beginning of one, by path, or as `latest`.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from harness.errors import DataError, IncompleteRun, UsageError, unknown
from harness.folders import runs_dir
from harness.runs.layout import EVENTS, LOCK, RECORD, SPEC, check_samples, sample_file, tasks_of
from harness.runs.lock import holder
from harness.schema import RUN_SCHEMA, RunRecord, SampleResult

_LISTED = 12


def find_run(ref: str | Path, root: Path | None = None) -> Path:
    """The folder of a run (or a record file lying alone), finished or not.

    Args:
        ref: id, unique beginning of an id, path, or `latest` (the run finished last).
        root: the folder of all runs; by default `$HARNESS_RUNS`, else `./runs`.

    Raises:
        UsageError: there is none, or several begin so.
    """
    root = runs_dir(root)
    if isinstance(ref, Path) or _looks_like_a_path(ref):
        return _existing(Path(ref).expanduser())
    ids = run_ids(root)
    if ref in ids:
        return root / ref
    if ref == "latest":
        return _latest(root, ids)
    begin = [name for name in ids if ref and name.startswith(ref)]
    if len(begin) == 1:
        return root / begin[0]
    if begin:
        raise UsageError(f"'{ref}' begins {len(begin)} runs: {_some(sorted(begin))}; say more of the id")
    raise _unknown(ref, root, ids)


def load_run(ref: str | Path, root: Path | None = None, *, verify: bool = True) -> RunRecord:
    """The record of a finished run.

    Args:
        ref: id, unique beginning of an id, path of a run folder or record file, or `latest`.
        root: the folder of all runs; by default `$HARNESS_RUNS`, else `./runs`.
        verify: compare the sample files that lie beside it with the record's hashes.

    Raises:
        UsageError: there is no such run, or several begin so.
        IncompleteRun: it is not finished.
        DataError: the record is broken or of another schema, or a sample file was changed.
    """
    path = find_run(ref, root)
    file = path / RECORD if path.is_dir() else path
    if not file.is_file():
        raise _unfinished(path)
    record = _read_record(file)
    if verify:
        check_samples(file.parent, record.samples, all_present=False)
    return record


def read_samples(run: RunRecord | Path | str, task: str | None = None, *, root: Path | None = None) -> Iterator[SampleResult]:
    """The samples of a finished run, one by one: tasks by name, lines as written.

    Args:
        run: as for `load_run`; a record stands for the run of its id under `root`, so pass the path of a run that lies elsewhere.
        task: only this task.
        root: the folder of all runs; by default `$HARNESS_RUNS`, else `./runs`.

    Raises:
        UsageError: no such run or task.
        IncompleteRun: the run is not finished.
        DataError: a file is missing, changed or broken.
    """
    path = find_run(run.id if isinstance(run, RunRecord) else run, root)
    record = run if isinstance(run, RunRecord) else load_run(path, root, verify=False)
    folder = path if path.is_dir() else path.parent
    files = tasks_of(record)
    if task is not None and task not in files:
        raise unknown(f"task in run '{record.id}'", task, files)
    wanted = files if task is None else {task: files[task]}
    check_samples(folder, {name: record.samples[name] for name in wanted.values()}, all_present=True)
    return (result for name in wanted.values() for result in _read_lines(sample_file(folder, name)))


def read_events(folder: Path) -> list[dict[str, Any]]:
    """What happened in a run folder, oldest first; a line torn by a killed process is left out."""
    events = []
    try:
        lines = (folder / EVENTS).read_bytes().split(b"\n")[:-1]
    except OSError:
        return []
    for line in lines:
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


def run_ids(root: Path) -> list[str]:
    """Folders under `root` that hold a run, finished or not; hidden folders are not runs."""
    try:
        names = [entry.name for entry in root.iterdir()]
    except OSError:
        return []
    found = (name for name in names if not name.startswith("."))
    return sorted(name for name in found if (root / name / RECORD).is_file() or (root / name / SPEC).is_file())


def _looks_like_a_path(ref: str) -> bool:
    return os.sep in ref or ref.startswith(("~", ".")) or ref.endswith(".json")


def _existing(path: Path) -> Path:
    if path.is_file() or (path / RECORD).is_file() or (path / SPEC).is_file():
        return path
    what = "holds no run (no record.json, no spec.json)" if path.is_dir() else "does not exist"
    raise UsageError(f"'{path}' {what}; give a run's id, its folder, or latest")


def _latest(root: Path, ids: list[str]) -> Path:
    finished = [root / name for name in ids if (root / name / RECORD).is_file()]
    if not finished:
        raise UsageError(f"there is no finished run in '{root}'")
    return max(finished, key=lambda folder: ((folder / RECORD).stat().st_mtime_ns, folder.name))


def _unknown(ref: str, root: Path, ids: list[str]) -> UsageError:
    near = difflib.get_close_matches(ref, ids, n=3, cutoff=0.4)
    recent = sorted(ids, key=lambda name: (root / name).stat().st_mtime_ns, reverse=True)[:_LISTED]
    error = unknown("run", ref, {*near, *recent})
    more = len(ids) - len({*near, *recent})
    return UsageError(f"{error} (in '{root}'{f', and {more} more' if more else ''})")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _unfinished(path: Path) -> IncompleteRun:
    who = holder(path / LOCK)
    if who:
        return IncompleteRun(f"run '{path.name}' is still being written by {who}")
    events = read_events(path)
    last = f" (last: {events[-1].get('event')} at {events[-1].get('time')})" if events else ""
    return IncompleteRun(f"run '{path.name}' is unfinished{last}: give the command that began it once more and it resumes")


def _read_record(file: Path) -> RunRecord:
    try:
        data = from_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"not a readable run record ({error})", file=file) from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != RUN_SCHEMA:
        raise DataError(f"is of schema '{version}', this version reads '{RUN_SCHEMA}'{_writer(data)}", file=file)
    try:
        return RunRecord.model_validate(data)
    except ValidationError as error:
        raise DataError(f"not a run record: {_first(error)}", file=file) from None


def _writer(data: Any) -> str:
    made_by = data.get("provenance") if isinstance(data, dict) else None
    version = made_by.get("harness") if isinstance(made_by, dict) else None
    return f"; it was written by culture-harness {version}" if version else ""


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"


def _read_lines(file: Path) -> Iterator[SampleResult]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield SampleResult.model_validate_json(line)
            except ValidationError as error:
                raise DataError(f"not a sample result: {_first(error)}", file=file, line=number) from None
