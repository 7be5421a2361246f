"""base × mix × recipe -> Checkpoint, by a trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.schema import Checkpoint, CheckpointStage, Mix
from harness.training.follow import Progress
from harness.training.plan import Wanted


def train(
    base: str,
    mix: str | Path | Mix,
    *,
    stage: CheckpointStage | None = None,
    name: str | None = None,
    trainer: str = "full_ft",
    recipe: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 1234,
    checkpoints: Path | None = None,
    mixes: Path | None = None,
    watch: Callable[[str, int, int], None] | None = None,
    follow: Callable[[Progress], None] | None = None,
    force: bool = False,
) -> Checkpoint:
    """Train a checkpoint, or go on with a training that was interrupted; a finished one is returned as it is.

    Args:
        base: Alias, checkpoint name, folder or hub id.
        mix: Id, folder, rows file, or the noun.
        stage: `vocabulary`, `knowledge`, `safety` or `mixed`; by default the mix's.
        name: Of the checkpoint; by default the base's with `-kg` or `-safe`.
        trainer: Name of a trainer.
        recipe: Name of a recipe or path of a TOML file; by default `paper`.
        overrides: Fields of the recipe set anew, e.g. `{"epochs": 1}`.
        options: For this trainer alone.
        seed: Of order and initialisation.
        checkpoints: Where checkpoints are kept; default `$HARNESS_CHECKPOINTS` or `./checkpoints`.
        mixes: Where mixes are kept; default `$HARNESS_MIXES` or `./mixes`.
        watch: Called with (stage, done, total); see `harness.training.running`.
        follow: Called with the trainer's progress: step, loss, speed, time left.
        force: Begin anew; what stood under the name is moved aside, not deleted.

    Raises:
        UsageError: A name is unknown, options contradict each other, another recipe stands under the name, or it is in use.
        DataError: The mix, a recipe or a trainer.toml is wrong.
        ModelError: The base is not there.
        TrainerError: The trainer failed, or what it delivered is no model; the message names its log.
    """
    from harness.training.running import run

    wanted = Wanted(base, mix, stage, name, trainer, recipe, overrides or {}, options or {}, seed, checkpoints, mixes)
    return run(wanted, watch=watch, follow=follow, force=force)
