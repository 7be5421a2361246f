"""Steps × processes -> all done: what others need goes first, several at once, each in a process of its own.

A step that fails lets those that run come to their end; nothing new begins, and the same command goes on. Nothing of a process is
left when this one ends, however it ends (`harness.processes`).
"""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.errors import HarnessError
from harness.processes import supervised
from harness.runs import write
from harness.studying.drawing import MANIFEST
from harness.studying.folder import StudyFolder
from harness.studying.places import Places
from harness.studying.planning import PlannedStep
from harness.studying.steps import JOB, LOG, OUTCOME, PROGRESS, Job, Outcome, error_of

_TICK: Final = 0.1
SMALL: Final = 64 << 20
"""Bytes of weights up to which several models are measured by one process, one after the other."""
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}
"""Of each process unless the user says otherwise: several at once share the cores, and more threads slow a small model down."""

Watch = Callable[[str, int, int], None]


@dataclass
class _Running:
    """One process at work."""

    steps: tuple[PlannedStep, ...]
    work: Path
    process: subprocess.Popen[bytes]
    ending: contextlib.ExitStack
    shown: tuple[str, int, int] = ("", 0, 0)

    @property
    def label(self) -> str:
        """As its bar is called."""
        first = self.steps[0].step
        more = f" and {len(self.steps) - 1} more" if len(self.steps) > 1 else ""
        return f"{first.id.rpartition(' ')[0]}{more}"


@dataclass
class Crew:
    """All processes of one study."""

    folder: StudyFolder
    places: Places
    jobs: int
    batch_size: int | None = None
    watch: Watch | None = None
    _running: list[_Running] = field(default_factory=list)
    _failures: list[HarnessError] = field(default_factory=list)

    def go(self) -> None:
        """Do every step that is not done.

        Raises:
            HarnessError: a step failed; what is done stays done.
        """
        for step in self.folder.plan.steps:
            if self.folder.done(step.step.id) and not self._stands(step):
                self.folder.forget(step.step.id)
        try:
            while self._turn():
                time.sleep(_TICK)
        finally:
            self._end()
        if self._failures:
            raise self._failures[0]

    def _turn(self) -> bool:
        """Look after those that run, begin what can begin; whether there is anything left to wait for."""
        for one in list(self._running):
            self._show(one)
            if one.process.poll() is not None:
                self._ended(one)
        while not self._failures and len(self._running) < self.jobs and (ready := self._ready()):
            self._begin(ready)
        self._count()
        return bool(self._running)

    def _ready(self) -> tuple[PlannedStep, ...]:
        """What can begin. Draws go together, since they read the same benchmarks; trainings before evaluations."""
        busy = {step.step.id for one in self._running for step in one.steps}
        left = [step for step in self.folder.plan.steps if self.folder.done(step.step.id) is None and step.step.id not in busy]
        open_ = [step for step in left if all(self.folder.done(need) for need in step.step.needs)]
        draws = tuple(step for step in open_ if step.step.kind == "draw")
        made = tuple(step for step in open_ if step.step.kind != "measure")[:1]
        return draws or made or self._measured(open_, sum(step.step.kind == "measure" for step in left))

    def _measured(self, open_: Sequence[PlannedStep], left: int) -> tuple[PlannedStep, ...]:
        """Evaluations for one process: of small models its share of all, since loading the libraries takes longer than asking."""
        return tuple(open_[: math.ceil(left / self.jobs) if self._small() else 1])

    def _small(self) -> bool:
        from harness.models import resolve

        found = resolve(self.folder.study.base)
        return (
            found.backend == "hf" and 0 < sum(file.stat().st_size for file in Path(found.source).glob("*.safetensors")) <= SMALL
        )

    def _begin(self, steps: tuple[PlannedStep, ...]) -> None:
        work = self.folder.work(steps[0])
        write.make_folder(work)
        for name in (OUTCOME, PROGRESS):
            (work / name).unlink(missing_ok=True)
        job = Job(
            folder=str(self.folder.path.resolve()),
            steps=tuple(step.step.id for step in steps),
            places=self.places.said(),
            batch_size=self.batch_size,
        )
        write.write_whole(work / JOB, [job.model_dump_json(indent=1).encode() + b"\n"])
        words = [sys.executable, "-m", "harness.studying.steps", str((work / JOB).resolve())]
        with contextlib.ExitStack() as entered:
            process, _ = entered.enter_context(supervised(words, log=work / LOG, environment=ONE_THREAD))
            self._running.append(_Running(steps, work, process, entered.pop_all()))

    def _ended(self, one: _Running) -> None:
        self._running.remove(one)
        one.ending.close()
        outcome = _outcome(one.work, one.process.returncode)
        if outcome.error is not None:
            self._failures.append(error_of(outcome, f"{one.label} failed (log: {one.work / LOG})"))
        for step in one.steps:
            made = outcome.runs.get(step.step.id)
            if made is not None:
                self.folder.record(step, made.run, complete=made.complete)
            elif outcome.error is None:
                self.folder.record(step)
        if self.watch is not None:
            self.watch(one.label, 1, 1)

    def _stands(self, step: PlannedStep) -> bool:
        """Whether what a done step made is still there; a run that lacked answers is asked again."""
        from harness.checkpoints import REGISTERED
        from harness.runs.layout import RECORD

        done = self.folder.done(step.step.id)
        if step.step.kind == "draw":
            return (self.places.mixes / step.step.name / MANIFEST).is_file()
        if step.step.kind == "measure":
            return done is not None and done.complete and (self.places.runs / str(done.run) / RECORD).is_file()
        return (self.places.checkpoints / step.step.name / REGISTERED).is_file()

    def _show(self, one: _Running) -> None:
        if self.watch is None:
            return
        with contextlib.suppress(OSError, ValueError):
            part, done, total = json.loads((one.work / PROGRESS).read_bytes())
            if (part, done, total) != one.shown and done < total:
                one.shown = (part, done, total)
                self.watch(one.label, done, max(total, 1))

    def _count(self) -> None:
        if self.watch is not None:
            steps: Sequence[PlannedStep] = self.folder.plan.steps
            self.watch("steps", sum(self.folder.done(step.step.id) is not None for step in steps), len(steps))

    def _end(self) -> None:
        """End what still runs: all are asked at once, then waited for."""
        for one in self._running:
            with contextlib.suppress(OSError):
                if one.process.stdin:
                    one.process.stdin.close()
        for one in self._running:
            one.ending.close()
        self._running.clear()


def _outcome(work: Path, status: int | None) -> Outcome:
    try:
        return Outcome.model_validate_json((work / OUTCOME).read_bytes())
    except (OSError, ValidationError):
        last = _last_line(work / LOG)
        return Outcome(error=f"ended with status {status} and said nothing; its last line: {last}", kind="HarnessError")


def _last_line(log: Path) -> str:
    from harness.report.text import one_line

    with contextlib.suppress(OSError):
        lines = [line for line in log.read_bytes()[-4096:].decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            return one_line(lines[-1], 300)
    return "none"
