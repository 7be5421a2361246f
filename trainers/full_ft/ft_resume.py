"""work folder -> the checkpoint to go on from; a checkpoint being written -> one that counts.

A resumable checkpoint is a folder `step-N/`. All processes write into `step-N.part/`; after a barrier the first one lists every
file with its size in `COMPLETE` and renames the folder. Whatever lacks that mark, or no longer has a file at its size, was torn
by a kill or a full disk: it is never loaded, and removed at the next start.

A checkpoint continues a recipe only if both would train the same: same base, rows, seed, and the hyper-parameters that decide
the weights (`recipe_digest`), and the same rows behind every optimizer step (`rows_digest`). Number of processes, recomputing,
saving and compiling may change; DeepSpeed then needs its universal format, made by `move`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ft_fault import Fault
from ft_plan import Plan
from ft_recipe import Recipe, deepspeed_options

COMPLETE: Final = "COMPLETE"
FORMAT: Final = "full_ft.checkpoint/1"
UNIVERSAL: Final = "universal"
"""Folder inside a DeepSpeed checkpoint, for another number of processes."""

_FREE: Final = (
    "processes",
    "hostfile",
    "tokens_per_micro_step",
    "recompute_layers",
    "compile",
    "save_steps",
    "keep_checkpoints",
    "allow_pure_bf16",
    "distributed",
)
"""Hyper-parameters that may change between a checkpoint and its continuation."""


@dataclass(frozen=True)
class Mark:
    """What `COMPLETE` says of a checkpoint."""

    step: int
    steps: int
    world: int
    """Processes that wrote it."""
    recipe: str
    """`recipe_digest`."""
    rows: str
    """`rows_digest`."""
    seconds: float
    """Of the training loop up to here, all sessions."""
    first_loss: float | None
    final_loss: float | None
    """Of `step`."""
    peak_memory_bytes: int
    files: dict[str, int]
    """File -> bytes."""
    format: str = FORMAT


@dataclass(frozen=True)
class Found:
    """A checkpoint that counts."""

    folder: Path
    mark: Mark


def folder_of(work: Path, step: int) -> Path:
    """Where the checkpoint after `step` optimizer steps lies once it is whole."""
    return work / f"step-{step}"


def part_of(work: Path, step: int) -> Path:
    """Where it is written."""
    return work / f"step-{step}.part"


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 over all in a recipe that decides the weights after a given optimizer step."""
    hyper = {name: value for name, value in dataclasses.asdict(recipe.hyper).items() if name not in _FREE}
    kind = {"none": "replicated", "ddp": "replicated"}.get(recipe.hyper.distributed, recipe.hyper.distributed)
    base = {file.name: file.stat().st_size for file in sorted(Path(recipe.base).iterdir()) if file.is_file()}
    said = {
        "base": base,
        "rows": recipe.rows_sha256,
        "seed": recipe.seed,
        "hyper": hyper,
        "engine": kind,
        "options": deepspeed_options(recipe),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def rows_digest(plan: Plan, lengths: Sequence[int]) -> str:
    """SHA-256 over which rows, of how many tokens, stand behind every optimizer step: the same for any number of processes."""
    digest = hashlib.sha256(json.dumps(list(lengths)).encode())
    for step in range(plan.steps):
        digest.update(json.dumps(sorted(row for pack in plan.of_step(step) for row in pack)).encode())
    return digest.hexdigest()


def finish(work: Path, mark: Mark) -> Path:
    """Marks the written parts as a checkpoint and puts it in its place, in that order. Only the first process may call it."""
    part, whole = part_of(work, mark.step), folder_of(work, mark.step)
    marked = dataclasses.replace(mark, files=_files(part))
    beside = part / f"{COMPLETE}.part"
    with beside.open("w", encoding="utf-8") as out:
        json.dump(dataclasses.asdict(marked), out)
        out.flush()
        os.fsync(out.fileno())
    beside.rename(part / COMPLETE)
    if whole.exists():
        shutil.rmtree(whole)
    part.rename(whole)
    return whole


def keep(work: Path, count: int) -> None:
    """Removes all but the newest `count` checkpoints."""
    for old in sorted(_steps(work), reverse=True)[count:]:
        shutil.rmtree(folder_of(work, old))


def sweep(work: Path) -> tuple[Path, ...]:
    """Removes checkpoints that were torn; returns them. Only before any worker is started."""
    torn = [*work.glob("step-*.part"), *(folder_of(work, step) for step in _steps(work) if look(folder_of(work, step)) is None)]
    for folder in torn:
        shutil.rmtree(folder)
    return tuple(torn)


def look(folder: Path) -> Mark | None:
    """The mark of a whole checkpoint; None if it was torn."""
    try:
        mark = Mark(**json.loads((folder / COMPLETE).read_text(encoding="utf-8")))
        whole = mark.format == FORMAT and all((folder / name).stat().st_size == size for name, size in mark.files.items())
    except (OSError, ValueError, TypeError):
        return None
    return mark if whole else None


def newest(work: Path, recipe: str, rows: str | None = None) -> Found | None:
    """The newest whole checkpoint that continues this recipe, if there is one.

    Args:
        work: its folder.
        recipe: `recipe_digest` that it must have.
        rows: `rows_digest` that it must have; None before the rows are encoded.
    """
    for step in sorted(_steps(work), reverse=True):
        mark = look(folder_of(work, step))
        if mark is not None and mark.recipe == recipe and rows in (None, mark.rows):
            return Found(folder_of(work, step), mark)
    return None


def move(found: Found, stage: int) -> None:
    """Adds DeepSpeed's universal format to a checkpoint: what another number of processes can load.

    Raises:
        Fault: `engine` if DeepSpeed cannot convert it; `recipe` for ZeRO-3, whose converted checkpoint trains something else:
            from 2 processes to 1 the losses left the curve within two steps and were 0.05 off after twenty (ZeRO-1, 2: 0.001).
    """
    if stage == 3:
        raise Fault("recipe", f"{found.folder} is of {found.mark.world} processes; ZeRO-3 goes on with as many only")
    source = found.folder / f"global_step{found.mark.step}"
    target = found.folder / f"{source.name}_{UNIVERSAL}"
    if (found.folder / "latest_universal").is_file():
        return
    shutil.rmtree(target, ignore_errors=True)
    converter = Path(__file__).with_name("ft_universal.py")
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(converter), str(source), str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode or not (found.folder / "latest_universal").is_file():
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise Fault("engine", f"{found.folder}: DeepSpeed could not convert it for another number of processes ({last})")


def _steps(work: Path) -> list[int]:
    names = (folder.name.removeprefix("step-") for folder in work.glob("step-*") if folder.is_dir())
    return [int(name) for name in names if name.isdigit()]


def _files(folder: Path) -> dict[str, int]:
    return {str(file.relative_to(folder)): file.stat().st_size for file in sorted(folder.rglob("*")) if file.is_file()}
