"""base × texts -> Checkpoint in which only the embeddings have learnt: secondary pre-training (arXiv 2304.07854, section 3)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from harness.schema import Checkpoint, Recipe
from harness.training.follow import Progress

if TYPE_CHECKING:
    from harness.training.estimate import Estimate
    from harness.training.plan import Wanted

RECIPE = "warmup"

Watch = Callable[[str, int, int], None]
"""(stage, done, total): stages are `comparing` (with the benchmarks), then those of `train`."""


@dataclass(frozen=True)
class WarmupOutlook:
    """What a warm-up would be."""

    recipe: Recipe
    parent: str
    estimate: Estimate
    dropped: dict[str, int]
    """Benchmark -> lines left out for repeating it."""


@overload
def vocab_warmup(
    base: str,
    text: Sequence[str | Path],
    *,
    dry_run: Literal[True],
    name: str | None = ...,
    recipe: str = ...,
    overrides: Mapping[str, Any] | None = ...,
    trainer: str = ...,
    seed: int = ...,
    checkpoints: Path | None = ...,
    mixes: Path | None = ...,
) -> WarmupOutlook: ...


@overload
def vocab_warmup(
    base: str,
    text: Sequence[str | Path],
    *,
    name: str | None = ...,
    recipe: str = ...,
    overrides: Mapping[str, Any] | None = ...,
    trainer: str = ...,
    seed: int = ...,
    checkpoints: Path | None = ...,
    mixes: Path | None = ...,
    dry_run: Literal[False] = ...,
    force: bool = ...,
    watch: Watch | None = ...,
    follow: Callable[[Progress], None] | None = ...,
) -> Checkpoint: ...


def vocab_warmup(
    base: str,
    text: Sequence[str | Path],
    *,
    name: str | None = None,
    recipe: str = RECIPE,
    overrides: Mapping[str, Any] | None = None,
    trainer: str = "full_ft",
    seed: int = 1234,
    checkpoints: Path | None = None,
    mixes: Path | None = None,
    dry_run: bool = False,
    force: bool = False,
    watch: Watch | None = None,
    follow: Callable[[Progress], None] | None = None,
) -> Checkpoint | WarmupOutlook:
    """Warm up new embeddings, or go on with a warm-up that was interrupted; a finished one is returned as it is.

    Args:
        base: Alias, checkpoint name, folder or hub id: as a rule what `vocab extend` made.
        text: Files of text, JSON Lines or rows, data sets, or `demo:zh`; lines that repeat a benchmark are left out.
        name: Of the checkpoint; by default the base's with `-warm`.
        recipe: Name of a recipe or path of a TOML file; only embeddings may learn by it.
        overrides: Fields of the recipe set anew.
        trainer: Name of a trainer that takes plain text.
        seed: Of order and initialisation.
        checkpoints: Where checkpoints are kept; default `$HARNESS_CHECKPOINTS` or `./checkpoints`.
        mixes: Where the rows are kept; default `$HARNESS_MIXES` or `./mixes`.
        dry_run: Train nothing: what it would be and cost.
        force: Begin anew; what stood under the name is moved aside.
        watch: Called with (stage, done, total).
        follow: Called with the trainer's progress.

    Raises:
        UsageError: A name is unknown, the recipe trains more than embeddings, the trainer takes no text, or the name is taken.
        DataError: A text cannot be read, or a recipe is wrong.
        ModelError: The base is not there.
        TrainerError: The trainer failed, or something else than embeddings learnt.
    """
    from harness import folders
    from harness.training.plan import Wanted
    from harness.training.running import run, silent
    from harness.vocabulary.texts import find
    from harness.vocabulary.warming import warming

    say = watch or silent
    wanted = Wanted(base, "", "vocabulary", name, trainer, recipe, overrides or {}, {}, seed, checkpoints, mixes)
    _check_recipe(wanted)
    texts = find(text)
    say("comparing", 0, 1)
    if dry_run:
        with tempfile.TemporaryDirectory() as folder:
            made = warming(texts, Path(folder))
            return _outlook(replace(wanted, mix=made.path), made.dropped)
    made = warming(texts, folders.mixes_dir(mixes).resolve())
    say("comparing", 1, 1)
    return run(replace(wanted, mix=made.path), watch=say, follow=follow, force=force, notes=made.notes)


def _check_recipe(wanted: Wanted) -> None:
    """Before any text is read: the recipe trains embeddings alone, and the trainer can."""
    from harness.errors import UsageError
    from harness.training.recipes import find_recipe, with_overrides
    from harness.training.trainers import check_honoured, check_rows_taken, find_trainer

    preset, trainer = find_recipe(wanted.recipe or RECIPE), find_trainer(wanted.trainer)
    hyper = with_overrides(preset.hyper, wanted.overrides)
    if hyper.trainable != "embeddings":
        raise UsageError(
            f"recipe '{preset.name}' trains every weight, and a warm-up only embeddings: --recipe {RECIPE}, or --set "
            "trainable=embeddings"
        )
    check_honoured(trainer, hyper, wanted.overrides, preset.name)
    check_rows_taken(trainer, 1, 1, "--text")


def _outlook(wanted: Wanted, dropped: dict[str, int]) -> WarmupOutlook:
    from harness.training.estimate import estimate
    from harness.training.plan import plan

    planned = plan(wanted)
    found = estimate(planned.base.folder, planned.rows.path, planned.rows.count, planned.recipe.hyper)
    return WarmupOutlook(planned.recipe, planned.base.name, found, dropped)
