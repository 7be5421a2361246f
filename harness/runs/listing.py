"""`runs/` -> RunSummary, one for each run, finished or not; a thousand runs take a fraction of a second.

A record of several benchmarks holds more than a thousand scores (350 kB, 3 ms to parse). They stand last in the file, so only its
beginning is read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic_core import from_json

from harness.folders import runs_dir
from harness.runs.layout import LOCK, RECORD, SPEC
from harness.runs.lock import holder
from harness.runs.read import run_ids
from harness.schema import RUN_SCHEMA, Frozen

State = Literal["finished", "incomplete", "unfinished", "running", "broken"]
"""`incomplete`: finished, but verdicts are missing. `unfinished`: no record. `running`: none yet, a process holds the lock."""

_HEAD_BYTES = 32_768


class RunSummary(Frozen):
    """One line of a list of runs."""

    id: str
    path: Path
    state: State
    model: str
    """Empty if unknown."""
    tasks: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    started: str
    """ISO 8601, UTC."""
    comparable: bool | None = None
    """None while there is no record."""
    limit: int | None = None
    why: str = ""
    """What is wrong with a broken run."""


def list_runs(root: Path | None = None) -> list[RunSummary]:
    """All runs under `root`, the one started last first. No folder, no runs.

    A run that cannot be read is listed as broken, not raised.
    """
    root = runs_dir(root)
    found = [_summary(root / name) for name in run_ids(root)]
    return sorted(found, key=lambda run: (run.started, run.id), reverse=True)


def _summary(folder: Path) -> RunSummary:
    try:
        if (folder / RECORD).is_file():
            return _of_record(folder, _head(folder / RECORD))
        return _of_spec(folder, from_json((folder / SPEC).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return _broken(folder, error)


def _broken(folder: Path, error: Exception) -> RunSummary:
    why = " ".join(f"{type(error).__name__}: {error}".split())
    return RunSummary(id=folder.name, path=folder, state="broken", model="", started=_changed(folder), why=why)


def _head(file: Path) -> dict[str, Any]:
    """The first fields of a record; all of it if they do not stand at its beginning (written by another hand)."""
    with file.open("rb") as opened:
        start = opened.read(_HEAD_BYTES)
        if len(start) == _HEAD_BYTES:
            fields: dict[str, Any] = from_json(start, allow_partial=True)
            if "usage" in fields and "parent" in fields:
                return fields
            start += opened.read()
    whole: dict[str, Any] = from_json(start)
    return whole


def _of_record(folder: Path, head: dict[str, Any]) -> RunSummary:
    if head["schema_version"] != RUN_SCHEMA:
        raise ValueError(f"schema {head['schema_version']}")
    return RunSummary(
        id=folder.name,
        path=folder,
        state="finished" if head["complete"] else "incomplete",
        model=str(head["model"]["name"]),
        tasks=tuple(head["tasks"]),
        benchmarks=tuple(head["benchmarks"]),
        started=str(head["usage"]["started"]),
        comparable=bool(head["comparable"]),
        limit=head.get("limit"),
    )


def _of_spec(folder: Path, spec: dict[str, Any]) -> RunSummary:
    model = spec.get("model", "")
    return RunSummary(
        id=folder.name,
        path=folder,
        state="running" if holder(folder / LOCK) else "unfinished",
        model=str(model.get("name", "") if isinstance(model, dict) else model),
        tasks=_names(spec.get("tasks")),
        benchmarks=_names(spec.get("groups")),
        started=_changed(folder / SPEC),
        limit=spec.get("limit"),
    )


def _names(value: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list | dict) else ()


def _changed(path: Path) -> str:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    except OSError:
        return ""
