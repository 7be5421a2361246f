"""PlannedStep -> done, by the verb that does it; one process for each, which no other step can harm.

Run as `python -m harness.studying.steps JOB`, where JOB is a JSON file that names the study's folder and the steps. What came of
it is written into `outcome.json` beside the job, last and by rename; how far it is into `progress.json`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from harness.errors import DataError, HarnessError, UsageError
from harness.runs import write
from harness.runs.lock import FolderLock, holder
from harness.schema import Frozen
from harness.schema.study import Study
from harness.studying.drawing import Drawer, read_drawn
from harness.studying.folder import read_planned
from harness.studying.places import Places
from harness.studying.planning import TEXT_SEED, PlannedStep

JOB: Final = "job.json"
OUTCOME: Final = "outcome.json"
PROGRESS: Final = "progress.json"
LOG: Final = "log.txt"
LOCKS: Final = ".making"
"""Folder of the studies that holds a lock for each thing in the making: two studies may share a step."""
VOCABULARIES: Final = ".vocabularies"
"""Folder of the studies in which the new tokens lie."""
_OFTEN: Final = 0.25
"""Seconds between two notes of progress."""

Watch = Callable[[str, int, int], None]


class Job(Frozen):
    """What one process is to do."""

    folder: str
    """Of the study."""
    steps: tuple[str, ...]
    """Ids; several of draws, or of evaluations of small models."""
    places: dict[str, str]
    batch_size: int | None = None


class Measured(Frozen):
    """A run that was made."""

    run: str
    complete: bool


class Outcome(Frozen):
    """What came of it."""

    runs: dict[str, Measured] = Field(default_factory=dict)
    """Of evaluations: step -> run. What had been measured before an error stands there too."""
    error: str | None = None
    """One line, if it failed."""
    kind: str = ""
    """Class of the error."""


def do(job: Job, watch: Watch, found: dict[str, Measured]) -> None:
    """Do the steps of a job; runs are noted in `found` one by one.

    Raises:
        HarnessError: a verb cannot go on; what it has done stays done.
    """
    planned = read_planned(Path(job.folder))
    places = Places(**{name: Path(path) for name, path in job.places.items()})
    steps = [one for one in planned.steps if one.step.id in job.steps]
    os.environ["HARNESS_CHECKPOINTS"] = str(places.checkpoints)
    if steps[0].step.kind == "draw":
        with _alone(places, steps, watch):
            Drawer(planned.study, places.mixes, places.studies, steps, watch).draw_all()
        return
    for step in steps:
        with _alone(places, [step], watch):
            if step.step.kind == "measure":
                found[step.step.id] = _measure(planned.study, step, places, job, watch)
            else:
                _MAKES[step.step.kind](planned.study, step, places, watch)


def _train(study: Study, step: PlannedStep, places: Places, watch: Watch) -> None:
    from harness.verbs.train import train

    phase = study.phases[step.phase or ""]
    rows = places.mixes / step.mixes[0]
    read_drawn(rows)
    train(
        step.parent or study.base,
        rows,
        stage=phase.stage,
        name=step.step.name,
        trainer=phase.trainer,
        recipe=phase.recipe,
        overrides=phase.set,
        seed=step.step.seed or 0,
        checkpoints=places.checkpoints,
        mixes=places.mixes,
        watch=watch,
    )


def _measure(study: Study, step: PlannedStep, places: Places, job: Job, watch: Watch) -> Measured:
    from harness.verbs.evaluate import evaluate

    record = evaluate(
        step.step.name,
        step.decides["tasks"],
        judge=study.judge,
        generation=study.generation,
        batch_size=job.batch_size,
        runs=places.runs,
        watch=watch,
    )
    return Measured(run=record.id, complete=record.complete)


def _extend(study: Study, step: PlannedStep, places: Places, watch: Watch) -> None:
    from harness.verbs.vocab_extend import vocab_extend
    from harness.verbs.vocab_train import vocab_train
    from harness.vocabulary.extending import VOCABULARY

    said = study.vocabularies[step.vocabulary or ""]
    learnt = places.studies / VOCABULARIES / step.step.name
    if not (learnt / VOCABULARY).is_file():
        # A killed process left half of one.
        shutil.rmtree(learnt, ignore_errors=True)
        vocab_train(step.parent or study.base, texts(step, study, places), said.size, learnt, watch=watch)
    vocab_extend(step.parent or study.base, learnt, step.step.name, checkpoints=places.checkpoints, watch=watch)


def _warm_up(study: Study, step: PlannedStep, places: Places, watch: Watch) -> None:
    from harness.verbs.vocab_warmup import vocab_warmup

    phase = study.phases[step.phase or ""]
    vocab_warmup(
        step.parent or study.base,
        [str(places.mixes / step.mixes[0] / "rows.jsonl")],
        name=step.step.name,
        recipe=phase.recipe,
        overrides=phase.set,
        trainer=phase.trainer,
        seed=TEXT_SEED,
        checkpoints=places.checkpoints,
        mixes=places.mixes,
        watch=watch,
    )


_MAKES: Final[dict[str, Callable[[Study, PlannedStep, Places, Watch], None]]] = {
    "train": _train,
    "extend": _extend,
    "warm up": _warm_up,
}


def texts(step: PlannedStep, study: Study, places: Places) -> list[str]:
    """The texts that a vocabulary is learnt from, as the vocabulary verbs take them."""
    from harness.studying.vocabularies import other_texts

    drawn = [str(places.mixes / name / "rows.jsonl") for name in step.mixes]
    return [*drawn, *other_texts(study, study.vocabularies[step.vocabulary or ""])]


@contextmanager
def _alone(places: Places, steps: Sequence[PlannedStep], watch: Watch) -> Iterator[None]:
    """Wait for others that make the same: another study, or what is left of a killed one for some seconds."""
    folder = places.studies / LOCKS
    write.make_folder(folder)
    with ExitStack() as held:
        for step in sorted(steps, key=lambda one: one.step.id):
            lock = FolderLock(folder / f"{step.step.kind.replace(' ', '-')}-{step.digest}")
            _acquire(lock, watch)
            held.callback(lock.release)
        yield


def _acquire(lock: FolderLock, watch: Watch) -> None:
    while not lock.held:
        with suppress(UsageError):
            lock.acquire()
            return
        watch(f"waiting for {holder(lock.path) or 'another process'}", 0, 1)
        time.sleep(_OFTEN)


def main(path: Path) -> int:
    """Do what a job file says; returns the exit status."""
    job = Job.model_validate_json(path.read_bytes())
    found: dict[str, Measured] = {}
    try:
        do(job, _noting(path.parent / PROGRESS), found)
        outcome = Outcome(runs=found)
    except HarnessError as error:
        outcome = Outcome(runs=found, error=str(error), kind=type(error).__name__)
    write.write_whole(path.parent / OUTCOME, [outcome.model_dump_json().encode() + b"\n"])
    return 0 if outcome.error is None else 1


def _noting(file: Path) -> Watch:
    last: dict[str, Any] = {"at": 0.0, "part": ""}

    def note(part: str, done: int, total: int) -> None:
        now = time.monotonic()
        if part != last["part"] or done >= total or now - last["at"] > _OFTEN:
            last.update(at=now, part=part)
            temp = file.with_suffix(".tmp")
            with suppress(OSError):
                temp.write_text(json.dumps([part, done, total]), encoding="utf-8")
                temp.replace(file)

    return note


def error_of(outcome: Outcome, what: str) -> HarnessError:
    """The error of a failed step, of its own class so that the exit code is its own too."""
    from harness import errors

    kind = getattr(errors, outcome.kind, DataError)
    found = kind(f"{what}: {outcome.error}")
    return found if isinstance(found, HarnessError) else HarnessError(str(found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
