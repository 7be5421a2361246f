"""base × mix × recipe × trainer -> Plan: all that decides a training, checked before anything costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness import aliases, folders
from harness.errors import UsageError
from harness.schema import CheckpointStage, Frozen, Mix, Recipe
from harness.training.bases import Base, find_base
from harness.training.recipes import find_recipe, with_overrides
from harness.training.rows import Rows, find_rows
from harness.training.trainers import Trainer, check_honoured, check_rows_taken, find_trainer, options_for

WORK: Final = "training"
MODEL: Final = "model"
DEFAULT_RECIPE: Final = "paper"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", re.ASCII)
_ENDINGS: Final[dict[CheckpointStage, str]] = {"vocabulary": "-warm", "knowledge": "-kg", "safety": "-safe", "mixed": "-mixed"}


@dataclass(frozen=True)
class Wanted:
    """What was asked for, as it was said."""

    base: str
    mix: str | Path | Mix
    stage: CheckpointStage | None = None
    """By default the mix's."""
    name: str | None = None
    trainer: str = "full_ft"
    recipe: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1234
    checkpoints: Path | None = None
    mixes: Path | None = None


class Lineage(Frozen):
    """Where a training comes from: `training/lineage.json`."""

    parent: str
    parent_fingerprint: str
    mix: str | None
    diagnosis: str | None
    trainer_digest: str


@dataclass(frozen=True)
class Plan:
    """A training that can begin."""

    root: Path
    """Folder of the checkpoints."""
    trainer: Trainer
    base: Base
    rows: Rows
    recipe: Recipe

    @property
    def folder(self) -> Path:
        """Folder of the checkpoint to be."""
        return self.root / self.recipe.name

    @property
    def lineage(self) -> Lineage:
        """Where it comes from."""
        return Lineage(
            parent=self.base.name,
            parent_fingerprint=self.base.fingerprint,
            mix=self.rows.mix,
            diagnosis=self.rows.diagnosis,
            trainer_digest=self.trainer.digest,
        )


def plan(wanted: Wanted) -> Plan:
    """Everything found and checked; a base that is not here yet is built or fetched.

    Raises:
        UsageError: a name is unknown, or options contradict each other.
        DataError: the mix, a trainer.toml or a recipe is wrong.
        ModelError: the base is not there.
    """
    trainer = find_trainer(wanted.trainer)
    preset = find_recipe(wanted.recipe or DEFAULT_RECIPE)
    hyper = with_overrides(preset.hyper, wanted.overrides)
    check_honoured(trainer, hyper, wanted.overrides, preset.name)
    options = options_for(trainer, wanted.options)
    root = (wanted.checkpoints or folders.checkpoints_dir()).expanduser().resolve()
    rows = find_rows(wanted.mix, folders.mixes_dir(wanted.mixes))
    check_rows_taken(trainer, rows.count, rows.texts, rows.name)
    stage = _stage(wanted, rows)
    if wanted.name is not None:
        _check_name(wanted.name)
    base = find_base(wanted.base, root)
    name = wanted.name or default_name(base.name, stage)
    _check_name(name)
    folder = root / name
    if base.folder.is_relative_to(folder):
        raise UsageError(f"'{name}' cannot be trained into itself; choose another --name")
    recipe = Recipe(
        trainer=trainer.name,
        preset=preset.name,
        name=name,
        stage=stage,
        base=str(base.folder),
        rows=str(rows.path),
        rows_sha256=rows.sha256,
        work=str(folder / WORK),
        out=str(folder / MODEL),
        seed=wanted.seed,
        hyper=hyper,
        options=options,
    )
    return Plan(root, trainer, base, rows, recipe)


def default_name(base: str, stage: CheckpointStage) -> str:
    """`llama3-8b` -> `llama3-8b-kg`; `llama3-8b-kg` -> `llama3-8b-safe`."""
    return base.removesuffix(_ENDINGS["knowledge"]) + _ENDINGS[stage]


def _stage(wanted: Wanted, rows: Rows) -> CheckpointStage:
    stage = wanted.stage or rows.stage
    if stage is None:
        raise UsageError(f"'{rows.name}' does not say for which stage it is: --stage knowledge or --stage safety")
    if rows.stage not in (None, stage):
        raise UsageError(
            f"mix '{rows.name}' was made for stage {rows.stage}, not {stage}; its {rows.path} alone would be taken as it is"
        )
    return stage


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot name a checkpoint: up to 100 letters, digits and . _ + -, a letter or digit first")
    alias = aliases.read().get(name)
    if alias is not None and alias.checkpoint != name:
        raise UsageError(
            f"'{name}' names another model in models.toml ({alias.place}), which --model would find first; choose another --name"
        )
