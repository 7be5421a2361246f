"""Plan -> `checkpoints/<name>/`, which one process fills and `checkpoint.json` closes, last and by rename.

    lock                     who is training
    training/recipe.json     what was asked; training/lineage.json where it comes from
    training/…               log, progress, resumable state, delivery: the trainer's
    model/                   what it delivered
    checkpoint.json          the Checkpoint: only now does the model exist

The same command on an unfinished folder goes on, on a finished one it is answered at once. Another recipe under the same name
is refused, or with `force` the old folder is moved aside: weights are never deleted. One that failed before its first step makes
room by itself.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from harness.checkpoints import REGISTERED, load_checkpoint, missing_parts
from harness.errors import DataError, UsageError
from harness.provenance import code
from harness.report.text import one_line
from harness.runs import lock as locks
from harness.runs import write
from harness.schema import Checkpoint, Delivery, Recipe
from harness.training.complaint import DELIVERY
from harness.training.follow import PROGRESS
from harness.training.launch import RECIPE
from harness.training.plan import MODEL, WORK, Lineage, Plan
from harness.training.verify import Verified

LINEAGE: Final = "lineage.json"
LOCK: Final = "lock"
NOTES: Final = 20
NOTE: Final = 400
"""Notes of a trainer that are kept, and columns of one."""
ASIDE: Final = ".old"
"""Folder beside the checkpoints for those that were trained anew."""
STATES: Final = ("step-*", "checkpoint-*")
"""Folders in the work folder that hold a trainer's state."""
HARMLESS: Final = ("recompute_layers", "save_steps", "keep_checkpoints")
"""Fields of Hyper that may change between two attempts: they decide memory and disk, never a weight."""
_SHOWN: Final = 3
_Noun = TypeVar("_Noun", Recipe, Lineage)


def finished(plan: Plan) -> Checkpoint | None:
    """The checkpoint of this plan if it stands already.

    Raises:
        UsageError: another recipe, or something else, stands under that name.
        DataError: its checkpoint.json is broken, or its model is gone.
    """
    if not (plan.folder / REGISTERED).is_file():
        return None
    checkpoint = load_checkpoint(plan.folder)
    was = Lineage(
        parent=checkpoint.parent,
        parent_fingerprint=checkpoint.parent_fingerprint or "",
        mix=checkpoint.mix,
        diagnosis=checkpoint.diagnosis,
        trainer_digest=checkpoint.trainer_digest,
    )
    _refuse_differences(plan, checkpoint.recipe, was)
    missing = missing_parts(plan.folder / checkpoint.path)
    if missing:
        raise DataError(f"its model is gone ({missing}); train it anew with --force", file=plan.folder / REGISTERED)
    return checkpoint


@contextlib.contextmanager
def opened(plan: Plan, *, force: bool = False) -> Iterator[Checkpoint | None]:
    """Hold the folder of a plan, ready for its trainer; yields the checkpoint instead if it stands already.

    Args:
        plan: what is trained.
        force: begin anew, with whatever stood there moved aside.

    Raises:
        UsageError: another process trains there, or another recipe or something else stands there.
        DataError: the folder cannot be written, or what stands there cannot be read.
    """
    if not force:
        done = finished(plan)
        if done is not None:
            yield done
            return
    with contextlib.ExitStack() as held:
        held.enter_context(_locked(plan.folder))
        if force or _hardly_begun(plan):
            _move_aside(plan.root, plan.folder)
            held.close()
            held.enter_context(_locked(plan.folder))
        done = finished(plan)
        if done is None:
            _begin(plan)
        yield done


def _hardly_begun(plan: Plan) -> bool:
    """Whether a training of another recipe failed there before its first step: nothing is lost if it makes room."""
    work = plan.folder / WORK
    if (plan.folder / REGISTERED).exists() or (work / DELIVERY).exists() or not (work / RECIPE).is_file():
        return False
    if (work / PROGRESS).exists() and (work / PROGRESS).stat().st_size:
        return False
    return any(_differences(_read(work / RECIPE, Recipe), plan.recipe, _read(work / LINEAGE, Lineage), plan.lineage))


def register(plan: Plan, delivery: Delivery, verified: Verified) -> Checkpoint:
    """Write `checkpoint.json`: from now on the checkpoint exists.

    Raises:
        DataError: it cannot be written.
    """
    said = code()
    versions = {"culture-harness": said["harness"]}
    if said["git_commit"]:
        versions["commit"] = said["git_commit"] + ("+changes" if said["git_dirty"] else "")
    lineage = plan.lineage
    checkpoint = Checkpoint(
        name=plan.recipe.name,
        path=MODEL,
        parent=lineage.parent,
        parent_fingerprint=lineage.parent_fingerprint,
        stage=plan.recipe.stage,
        trainer=plan.trainer.name,
        trainer_digest=lineage.trainer_digest,
        recipe=plan.recipe,
        mix=lineage.mix,
        diagnosis=lineage.diagnosis,
        weights=verified.weights,
        report=delivery.report,
        versions={**delivery.versions, **versions},
        notes=(*(one_line(note, NOTE) for note in delivery.notes[:NOTES]), *verified.notes),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write.write_whole(plan.folder / REGISTERED, [checkpoint.model_dump_json(indent=1).encode() + b"\n"])
    _remove_states(plan.folder / WORK)
    return checkpoint


def _remove_states(work: Path) -> None:
    """Remove what a trainer kept to go on from: of no more use, and 100 GB for a model of 8 billion weights."""
    for pattern in STATES:
        for folder in work.glob(pattern):
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    write.make_folder(folder)
    lock = locks.FolderLock(folder / LOCK)
    who = locks.holder(folder / LOCK)
    if who is not None:
        raise UsageError(f"checkpoint '{folder.name}' is being trained by {who}; wait until it has ended")
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _begin(plan: Plan) -> None:
    """A folder that holds this plan's recipe, or is new."""
    work = plan.folder / WORK
    if (work / RECIPE).is_file():
        _refuse_differences(plan, _read(work / RECIPE, Recipe), _read(work / LINEAGE, Lineage))
    else:
        strange = sorted(path.name for path in plan.folder.iterdir() if path.name not in (LOCK, WORK))
        if strange:
            raise UsageError(
                f"'{plan.folder}' exists and was not trained here (it holds {', '.join(strange[:_SHOWN])}); "
                "choose another --name, or --force to move it aside"
            )
    write.make_folder(work)
    if not (work / DELIVERY).exists():
        # A model without a delivery is half a model of a killed trainer.
        shutil.rmtree(plan.folder / MODEL, ignore_errors=True)
    write.write_whole(work / LINEAGE, [plan.lineage.model_dump_json(indent=1).encode() + b"\n"])
    write.write_whole(work / RECIPE, [plan.recipe.model_dump_json(indent=1).encode() + b"\n"])


def _move_aside(root: Path, folder: Path) -> None:
    if all(path.name == LOCK for path in folder.iterdir()):
        return
    write.make_folder(root / ASIDE)
    number = 1
    while (root / ASIDE / f"{folder.name}-{number}").exists():
        number += 1
    with write.naming(folder):
        folder.rename(root / ASIDE / f"{folder.name}-{number}")


def _refuse_differences(plan: Plan, was: Recipe, lineage: Lineage) -> None:
    changed = list(_differences(was, plan.recipe, lineage, plan.lineage))
    if changed:
        shown = ", ".join(f"{name} was {_brief(before)}, now {_brief(now)}" for name, before, now in changed[:_SHOWN])
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise UsageError(
            f"checkpoint '{plan.recipe.name}' was trained otherwise: {shown}{more}; "
            "choose another --name, or --force to move the old one aside"
        )


def _differences(was: Recipe, now: Recipe, before: Lineage, after: Lineage) -> Iterator[tuple[str, Any, Any]]:
    """What decides the weights and differs. Places may differ: a folder may have been moved."""
    if before.parent_fingerprint != after.parent_fingerprint:
        yield "base", f"{before.parent} {before.parent_fingerprint[:24]}", f"{after.parent} {after.parent_fingerprint[:24]}"
    for name in ("trainer", "stage", "rows_sha256", "seed", "options"):
        if getattr(was, name) != getattr(now, name):
            yield name, getattr(was, name), getattr(now, name)
    for name in type(now.hyper).model_fields:
        if name not in HARMLESS and getattr(was.hyper, name) != getattr(now.hyper, name):
            yield name, getattr(was.hyper, name), getattr(now.hyper, name)


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


def _read(file: Path, noun: type[_Noun]) -> _Noun:
    try:
        return noun.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror}); --force moves the folder aside", file=file) from None
    except ValidationError:
        raise DataError("is not what was written here; --force moves the folder aside", file=file) from None
