"""What was asked -> `runs/<id>/`, filled step by step and closed by `record.json`.

A run is named by what was asked, so the same command finds its own folder again: unfinished it is resumed, finished it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from harness.errors import DataError, UsageError
from harness.runs import write
from harness.runs.encode import record_bytes, sample_lines
from harness.runs.layout import EVENTS, LOCK, RECORD, SAMPLES, SPEC, check_samples, sample_name
from harness.runs.lock import FolderLock
from harness.schema import RunRecord, SampleResult

EventKind = Literal["started", "resumed", "generated", "judged", "interrupted", "finished"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_ELSEWHERE = "remove that folder, or keep runs elsewhere with --runs"


def run_id(model_name: str, tasks: Sequence[str], spec: dict[str, Any]) -> str:
    """`<model>-<tasks>-<8 hex of the spec>`: the same for the same question, safe as a folder name, at most 100 characters."""
    names = sorted(set(tasks))
    short = "+".join(names)
    if len(short) > 40:
        short = f"{names[0][:30]}+{len(names) - 1}" if len(names) > 1 else short
    digest = hashlib.sha256(write.canonical(spec).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_safe(model_name, 45) or 'model'}-{_safe(short, 40) or 'tasks'}-{digest}"


def _safe(text: str, limit: int) -> str:
    return re.sub(r"[^A-Za-z0-9._+]+", "-", text).strip("-._+")[:limit].rstrip("-._+")


class RunFolder:
    """One `runs/<id>/`, open for writing or found finished. A context manager: leaving it lets go of the lock."""

    def __init__(self, path: Path, spec: dict[str, Any]) -> None:
        self.path = path
        self.id = path.name
        self.spec = spec
        """What was asked, as JSON values."""
        self.sample_hashes: dict[str, str] = {}
        """Sample files written through this object -> SHA-256: `RunRecord.samples`."""
        self._lock = FolderLock(path / LOCK)

    @classmethod
    def create_or_resume(cls, root: Path, run_id: str, spec: dict[str, Any]) -> Self:
        """Open the folder of a run, made if need be, and hold its lock. A finished run is opened without one, to be read.

        Args:
            root: the folder of all runs.
            run_id: its name there, usually from `run_id()`.
            spec: all that decides the results, as JSON values without secrets.

        Raises:
            UsageError: the name cannot be a folder, another process writes here, or the folder belongs to another question.
            DataError: the folder cannot be written, or its spec cannot be read.
        """
        if not _ID.fullmatch(run_id):
            raise UsageError(f"'{run_id}' cannot name a run: up to 100 letters, digits and . _ + -, a letter or digit first")
        folder = cls(root / run_id, json.loads(write.canonical(spec)))
        if not folder.finished:
            folder._open()
        if folder.finished:
            folder._lock.release()
            folder._check_spec()
        return folder

    @property
    def finished(self) -> bool:
        """Whether the record stands: nothing is left to do here."""
        return (self.path / RECORD).is_file()

    def reopen(self) -> None:
        """Take back the record of a finished run, to fill in responses or verdicts that failed.

        Raises:
            UsageError: another process writes here.
            DataError: the folder cannot be written.
        """
        self._lock.acquire()
        write.remove(self.path / RECORD)
        self.event("resumed")

    def event(self, kind: EventKind, **fields: Any) -> None:
        """Append what happened, with the time, to `events.jsonl`.

        Raises:
            DataError: it cannot be written.
        """
        self._check_open()
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "event": kind, "pid": os.getpid(), **fields}
        write.append_line(self.path / EVENTS, json.dumps(line, ensure_ascii=False))

    def write_samples(self, task: str, results: Iterable[SampleResult]) -> str:
        """Write `samples/<task>.jsonl`, replacing what stood there; returns its SHA-256.

        Raises:
            DataError: the task's name is no file name, a value is no number, or the file cannot be written.
        """
        self._check_open()
        name = sample_name(task)
        write.make_folder(self.path / SAMPLES)
        self.sample_hashes[name] = write.write_whole(self.path / name, sample_lines(results))
        return self.sample_hashes[name]

    def finish(self, record: RunRecord) -> None:
        """Write `record.json`: from now on the run exists.

        Raises:
            DataError: a sample file is not as the record says, a value is no number, or the file cannot be written.
        """
        self._check_open()
        if record.id != self.id:
            raise DataError(f"the record of run '{record.id}' does not belong here", file=self.path)
        check_samples(self.path, record.samples, all_present=True)
        data = record_bytes(record)
        self.event("finished")
        write.write_whole(self.path / RECORD, [data])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if self._lock.held and not self.finished:
                self._say_interrupted(kind)
        finally:
            self._lock.release()

    def _open(self) -> None:
        """Lock the folder and begin or resume; another process may have finished it in between."""
        write.make_folder(self.path)
        self._lock.acquire()
        try:
            write.drop_leftovers(self.path)
            write.cut_torn_line(self.path / EVENTS)
            if not self.finished:
                self._begin()
        except BaseException:
            self._lock.release()
            raise

    def _begin(self) -> None:
        if (self.path / SPEC).is_file():
            self._check_spec()
            self.event("resumed")
            return
        strange = sorted(p.name for p in self.path.iterdir() if p.name not in (LOCK, EVENTS))
        if strange:
            raise UsageError(f"'{self.path}' exists and is not a run (it holds {', '.join(strange[:3])}); {_ELSEWHERE}")
        text = json.dumps(self.spec, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        write.write_whole(self.path / SPEC, [text.encode("utf-8", "replace")])
        self.event("started")

    def _check_spec(self) -> None:
        file = self.path / SPEC
        try:
            was = json.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(f"cannot be read, so the run cannot be told from others ({error}); {_ELSEWHERE}", file=file) from None
        if was != self.spec:
            raise UsageError(f"run '{self.id}' was asked otherwise: {_difference(was, self.spec)}; {_ELSEWHERE}")

    def _check_open(self) -> None:
        if not self._lock.held:
            raise DataError("this run is finished, or not held by this process; reopen() it to write", file=self.path)

    def _say_interrupted(self, kind: type[BaseException] | None) -> None:
        try:
            self.event("interrupted", reason=kind.__name__ if kind else None)
        except DataError:
            if kind is None:
                raise


def _difference(was: Any, now: dict[str, Any]) -> str:
    if not isinstance(was, dict):
        return "its spec.json is not an object"
    changed = sorted(key for key in {*was, *now} if was.get(key) != now.get(key))
    return ", ".join(f"{key} was {_brief(was.get(key))}, now {_brief(now.get(key))}" for key in changed[:3])


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
