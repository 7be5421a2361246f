"""What was asked -> `adaptations/<id>/`, filled step by step and closed by `adaptation.json`.

plan.json                  what was asked; its hash is part of the folder's name
lock                       held by the process that writes here
steps.jsonl                what is done and need not be done again; appended line by line
diagnosis-<stage>-<n>.json what was found before round n
claim-<stage>.json         what is claimed, written before anything is trained
report.md                  the report
adaptation.json            the Adaptation; written last, by rename
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, ValidationError

from harness.errors import DataError, UsageError
from harness.runs import write
from harness.runs.lock import FolderLock
from harness.schema import Adaptation, Step, StepKind, TrainedStage

PLAN: Final = "plan.json"
LOCK: Final = "lock"
STEPS: Final = "steps.jsonl"
REPORT: Final = "report.md"
RECORD: Final = "adaptation.json"

Noun = TypeVar("Noun", bound=BaseModel)


def adaptation_id(model: str, culture: str, plan: dict[str, Any]) -> str:
    """`<model>-<culture>-<8 hex of the plan>`: the same for the same question, safe as a folder name."""
    digest = hashlib.sha256(write.canonical(plan).encode()).hexdigest()[:8]
    return f"{_safe(model) or 'model'}-{_safe(culture)}-{digest}"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+]+", "-", text.rstrip("/").rpartition("/")[2]).strip("-._+")[:40]


class AdaptationFolder:
    """One `adaptations/<id>/`. A context manager: leaving it lets go of the lock."""

    def __init__(self, path: Path, plan: dict[str, Any]) -> None:
        self.path, self.id = path, path.name
        self.plan: dict[str, Any] = json.loads(write.canonical(plan))
        """What was asked, as JSON values."""
        self._lock = FolderLock(path / LOCK)
        self._steps: dict[tuple[str, int, str], Step] = {}

    def __enter__(self) -> Self:
        """Lock the folder and read what is done.

        Raises:
            UsageError: another process works here, or the folder is of another question.
            DataError: a file cannot be read or written.
        """
        write.make_folder(self.path)
        self._lock.acquire()
        try:
            write.drop_leftovers(self.path)
            write.cut_torn_line(self.path / STEPS)
            self._begin()
            self._steps = {(step.stage, step.round, step.kind): step for step in read_steps(self.path)}
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()

    def _begin(self) -> None:
        file = self.path / PLAN
        if not file.is_file():
            strange = sorted(p.name for p in self.path.iterdir() if p.name != LOCK)
            if strange:
                raise UsageError(f"'{self.path}' exists and is no adaptation (it holds {', '.join(strange[:3])}); remove it")
            write.write_whole(file, [_indented(self.plan)])
            return
        try:
            was = json.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(f"cannot be read ({error}); remove that folder to begin anew", file=file) from None
        if was != self.plan:
            raise DataError("is the plan of another adaptation; remove that folder, or keep others with --adaptations", file=file)

    @property
    def finished(self) -> bool:
        """Whether the record stands."""
        return (self.path / RECORD).is_file()

    def done(self, stage: TrainedStage, round_: int, kind: StepKind) -> Step | None:
        """The step, if it is done."""
        return self._steps.get((stage, round_, kind))

    def record(self, stage: TrainedStage, round_: int, kind: StepKind, **what: str | None) -> Step:
        """Note a step as done.

        Raises:
            DataError: it cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        step = Step.model_validate({"stage": stage, "round": round_, "kind": kind, **what, "finished": now})
        write.append_line(self.path / STEPS, step.model_dump_json(exclude_none=True))
        self._steps[stage, round_, kind] = step
        return step

    def keep(self, name: str, noun: BaseModel) -> str:
        """Write a noun as `name`; returns the SHA-256 of the file.

        Raises:
            DataError: it cannot be written.
        """
        return write.write_whole(self.path / name, [_indented(noun.model_dump(mode="json"))])

    def kept(self, name: str, kind: type[Noun], sha256: str | None) -> Noun:
        """Read back what `keep` wrote.

        Raises:
            DataError: it is missing, or not what was written.
        """
        return read_noun(self.path / name, kind, sha256)

    def finish(self, adaptation: Adaptation, report: str) -> None:
        """Write the report, then the record: from now on the adaptation exists.

        Raises:
            DataError: a file cannot be written.
        """
        write.write_whole(self.path / REPORT, [report.encode()])
        self.keep(RECORD, adaptation)


def read_steps(folder: Path) -> tuple[Step, ...]:
    """What is done in an adaptation's folder, in order.

    Raises:
        DataError: a line is no step.
    """
    file = folder / STEPS
    if not file.is_file():
        return ()
    found = []
    for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], 1):
        try:
            found.append(Step.model_validate_json(line))
        except ValidationError as error:
            raise DataError(f"not a step: {_first(error)}", file=file, line=number) from None
    return tuple(found)


def read_adaptation(folder: Path) -> Adaptation:
    """The record of a finished adaptation.

    Raises:
        DataError: it is missing or broken.
    """
    return read_noun(folder / RECORD, Adaptation)


def read_noun(file: Path, kind: type[Noun], sha256: str | None = None) -> Noun:
    """A noun from its JSON file, with a SHA-256 only if the file has it.

    Raises:
        DataError: the file is missing, broken, of another kind, or was changed.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    if sha256 is not None and (found := hashlib.sha256(raw).hexdigest()) != sha256:
        raise DataError(f"was changed since it was written (sha256 {found[:12]}…, recorded {sha256[:12]}…)", file=file)
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        raise DataError(f"is no {kind.__name__}: {_first(error)}", file=file) from None


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"


def _indented(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
