"""Study × plan -> `studies/<name>-<digest>/`, filled step by step and closed by `result.json`.

plan.json        the study and its steps; its hash is part of the folder's name
lock             held by the process that works here
steps.jsonl      what is done and need not be done again; appended line by line
work/<digest>/   of a step that runs or has failed: job.json, log.txt, progress.json, outcome.json
table.md, page.html
result.json      the StudyResult; written last, by rename
"""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pydantic import ValidationError

from harness.errors import DataError, UsageError
from harness.runs import write
from harness.runs.lock import FolderLock, holder
from harness.schema import Frozen
from harness.schema.study import Study, StudyResult, StudyStepDone
from harness.studying.planning import PlannedStep, StudyPlan

PLAN: Final = "plan.json"
LOCK: Final = "lock"
STEPS: Final = "steps.jsonl"
WORK: Final = "work"
TABLE: Final = "table.md"
PAGE: Final = "page.html"
RESULT: Final = "result.json"

Noun = TypeVar("Noun", bound=Frozen)


class Planned(Frozen):
    """`plan.json`: all that a process that does a step must know."""

    study: Study
    steps: tuple[PlannedStep, ...]


def study_id(study: Study, plan: StudyPlan) -> str:
    """`<name>-<8 hex of the file and of what identifies its data>`."""
    decides = [study.digest, *(one.step.id for one in plan.steps)]
    return f"{study.name}-{hashlib.sha256(write.canonical(decides).encode()).hexdigest()[:8]}"


class StudyFolder:
    """One `studies/<id>/`. A context manager: leaving it lets go of the lock."""

    def __init__(self, path: Path, study: Study, plan: StudyPlan) -> None:
        self.path, self.study, self.plan = path, study, plan
        self._lock = FolderLock(path / LOCK)
        self._done: dict[str, StudyStepDone] = {}

    def __enter__(self) -> Self:
        """Lock the folder and read what is done.

        Raises:
            UsageError: another process works here, or the folder is none of a study.
            DataError: a file cannot be read or written.
        """
        write.make_folder(self.path)
        who = holder(self.path / LOCK)
        if who is not None:
            raise UsageError(f"study '{self.path.name}' is being run by {who}; wait until it has ended")
        self._lock.acquire()
        try:
            write.drop_leftovers(self.path)
            write.cut_torn_line(self.path / STEPS)
            self._begin()
            self._done = {one.id: one for one in read_done(self.path)}
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()

    def _begin(self) -> None:
        if not (self.path / PLAN).is_file():
            strange = sorted(p.name for p in self.path.iterdir() if p.name != LOCK)
            if strange:
                raise UsageError(f"'{self.path}' exists and is no study's folder (it holds {', '.join(strange[:3])}); remove it")
        planned = Planned(study=self.study, steps=self.plan.steps)
        write.write_whole(self.path / PLAN, [_indented(planned.model_dump(mode="json"))])

    @property
    def finished(self) -> bool:
        """Whether the result stands."""
        return (self.path / RESULT).is_file()

    def done(self, step: str) -> StudyStepDone | None:
        """What a step came to, if it is done."""
        return self._done.get(step)

    def record(self, step: PlannedStep, run: str | None = None, *, complete: bool = True) -> None:
        """Note a step as done.

        Raises:
            DataError: it cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        done = StudyStepDone(id=step.step.id, name=step.step.name, run=run, complete=complete, finished=now)
        write.append_line(self.path / STEPS, done.model_dump_json())
        self._done[done.id] = done

    def forget(self, step: str) -> None:
        """Do a step again: what it made is gone."""
        self._done.pop(step, None)

    def work(self, step: PlannedStep) -> Path:
        """Folder of a step while it runs."""
        return self.path / WORK / step.digest

    def finish(self, result: StudyResult, table: str, page: str) -> None:
        """Write the tables, then the result: from now on the study is done.

        Raises:
            DataError: a file cannot be written.
        """
        write.write_whole(self.path / TABLE, [table.encode()])
        write.write_whole(self.path / PAGE, [page.encode()])
        write.write_whole(self.path / RESULT, [_indented(result.model_dump(mode="json"))])
        shutil.rmtree(self.path / WORK, ignore_errors=True)


def read_done(folder: Path) -> tuple[StudyStepDone, ...]:
    """What is done in a study's folder, in order.

    Raises:
        DataError: a line is no step.
    """
    file = folder / STEPS
    if not file.is_file():
        return ()
    found = []
    for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], 1):
        try:
            found.append(StudyStepDone.model_validate_json(line))
        except ValidationError as error:
            raise DataError(f"not a step: {_first(error)}", file=file, line=number) from None
    return tuple(found)


def read_planned(folder: Path) -> Planned:
    """The study and its steps.

    Raises:
        DataError: it is missing or broken.
    """
    return _read(folder / PLAN, Planned)


def read_result(folder: Path) -> StudyResult:
    """What a finished study came to.

    Raises:
        DataError: it is missing or broken.
    """
    return _read(folder / RESULT, StudyResult)


def _read(file: Path, kind: type[Noun]) -> Noun:
    try:
        return kind.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except ValidationError as error:
        raise DataError(f"is no {kind.__name__}: {_first(error)}; remove it, and the same command goes on", file=file) from None


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"


def _indented(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
