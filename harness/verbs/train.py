"""base × mix × recipe -> Checkpoint, by a trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.schema import Checkpoint, CheckpointStage, Mix
from harness.training.follow import Progress
from harness.training.plan import Wanted

Watch = Callable[[str, int, int], None]
"""(stage, done, total): stages are `preparing`, `loading` (until the first step), `training` (steps) and `verifying` (bytes)."""


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
    watch: Watch | None = None,
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
        watch: Called with (stage, done, total).
        follow: Called with the trainer's progress: step, loss, speed, time left.
        force: Begin anew; what stood under the name is moved aside, not deleted.

    Raises:
        UsageError: A name is unknown, options contradict each other, another recipe stands under the name, or it is in use.
        DataError: The mix, a recipe or a trainer.toml is wrong.
        ModelError: The base is not there.
        TrainerError: The trainer failed, or what it delivered is no model; the message names its log.
    """
    from harness.training.devices import check_devices
    from harness.training.launch import launch
    from harness.training.plan import plan
    from harness.training.register import finished, opened, register
    from harness.training.verify import verify

    say = watch or _silent
    say("preparing", 0, 1)
    wanted = Wanted(base, mix, stage, name, trainer, recipe, overrides or {}, options or {}, seed, checkpoints, mixes)
    planned = plan(wanted)
    if force or finished(planned) is None:
        check_devices(planned.recipe.hyper, planned.recipe.preset)
    with opened(planned, force=force) as done:
        say("preparing", 1, 1)
        if done is not None:
            return done
        say("loading", 0, 1)
        delivery = launch(planned, _both(say, follow))
        verified = verify(Path(planned.recipe.out), planned.base.folder, lambda read, total: say("verifying", read, total))
        return register(planned, delivery, verified)


def _both(say: Watch, follow: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
    def told(progress: Progress) -> None:
        say("loading", 1, 1)
        say("training", progress.step, progress.steps)
        if follow is not None:
            follow(progress)

    return told


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Watch nothing."""
