"""What was asked -> Checkpoint: planned, launched, verified, registered; a finished one is found, an unfinished one goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.schema import Checkpoint
from harness.training.follow import Progress
from harness.training.plan import Wanted

Watch = Callable[[str, int, int], None]
"""(stage, done, total): stages are `preparing`, `loading` (until the first step), `training` (steps) and `verifying` (bytes)."""
Follow = Callable[[Progress], None]


def run(
    wanted: Wanted, *, watch: Watch | None = None, follow: Follow | None = None, force: bool = False, notes: Sequence[str] = ()
) -> Checkpoint:
    """Train a checkpoint.

    Args:
        wanted: what was asked.
        watch: called with (stage, done, total).
        follow: called with the trainer's progress.
        force: begin anew; what stood under the name is moved aside.
        notes: what a reader of the checkpoint's scores must know besides.

    Raises:
        HarnessError: as `plan`, `opened`, `launch` and `verify` say.
    """
    from harness.training.devices import check_devices
    from harness.training.launch import launch
    from harness.training.plan import plan
    from harness.training.register import finished, opened, register
    from harness.training.verify import verify

    say = watch or silent
    say("preparing", 0, 1)
    planned = plan(wanted)
    hyper = planned.recipe.hyper
    if force or finished(planned) is None:
        check_devices(hyper, planned.recipe.preset)
    with opened(planned, force=force) as done:
        say("preparing", 1, 1)
        if done is not None:
            return done
        say("loading", 0, 1)
        delivery = launch(planned, _both(say, follow))
        out, base = Path(planned.recipe.out), planned.base.folder
        verified = verify(out, base, lambda read, total: say("verifying", read, total), trainable=hyper.trainable)
        return register(planned, delivery, replace(verified, notes=(*verified.notes, *notes)))


def silent(_stage: str, _done: int, _total: int) -> None:
    """Watch nothing."""


def _both(say: Watch, follow: Follow | None) -> Follow:
    def told(progress: Progress) -> None:
        say("loading", 1, 1)
        say("training", progress.step, progress.steps)
        if follow is not None:
            follow(progress)

    return told
