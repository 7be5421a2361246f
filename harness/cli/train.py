"""The commands that train: train, trainers, recipes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from harness import options
from harness.cli.app import EXIT_INTERRUPTED, app, console, print_json
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.schema import Recipe
    from harness.training.estimate import Estimate
    from harness.training.follow import Progress
    from harness.training.plan import Wanted

Base = Annotated[str, typer.Option("--base", help="What is trained: alias, checkpoint, folder or hub id.")]
MixName = Annotated[str, typer.Option("--mix", help="What it is trained on: mix id, its folder, or a JSONL file of rows.")]
Stage = Annotated[
    Literal["vocabulary", "knowledge", "safety", "mixed"] | None,
    typer.Option(help="Of the checkpoint.", show_default="the mix's"),
]
Name = Annotated[str | None, typer.Option("--name", help="Of the checkpoint.", show_default="the base's with -kg or -safe")]
RecipeName = Annotated[
    str, typer.Option("--recipe", help="Preset of hyper-parameters ([b]harness recipes[/] lists them), or a TOML file.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="A field of the recipe, e.g. epochs=1 (repeatable).", metavar="KEY=VALUE")
]
Seed = Annotated[int, typer.Option(help="Of order and initialisation.")]
Checkpoints = Annotated[
    Path | None,
    typer.Option(
        "--checkpoints",
        envvar="HARNESS_CHECKPOINTS",
        help="Folder of the checkpoints.",
        show_default="checkpoints",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Begin anew; what stands under the name is moved aside, not deleted.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Train nothing: show recipe, tokens, steps, time and memory.")]


@app.command("train")
def train_command(
    base: Base,
    mix: MixName,
    stage: Stage = None,
    name: Name = None,
    trainer: options.TrainerName = "full_ft",
    recipe: RecipeName = "paper",
    overrides: Overrides = None,
    trainer_options: options.TrainerOptions = None,
    seed: Seed = 1234,
    checkpoints: Checkpoints = None,
    mixes: options.Mixes = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Train a checkpoint on a mix. Interrupted? The same command goes on where its trainer saved last."""
    said = {"overrides": settings(overrides, "--set"), "options": settings(trainer_options, "--option")}
    asked: dict[str, Any] = {"stage": stage, "name": name, "trainer": trainer, "recipe": recipe, **said}
    asked |= {"seed": seed, "checkpoints": checkpoints, "mixes": mixes}
    if dry_run:
        from harness.training.plan import Wanted

        _show_estimate(Wanted(base, mix, **asked), as_json)
        return
    from harness.folders import checkpoints_dir
    from harness.verbs.train import train

    with bars(as_json) as (watch, follow):
        checkpoint = train(base, mix, **asked, watch=watch, follow=follow, force=force)
    if as_json:
        print_json(checkpoint.model_dump(mode="json"))
        return
    from harness.report.training import show_checkpoint

    console().print(show_checkpoint(checkpoint, str((checkpoints or checkpoints_dir()) / checkpoint.name)))


@app.command("trainers")
def trainers_command(as_json: options.Json = False) -> None:
    """List what can train."""
    from harness.training.trainers import trainers

    known = trainers()
    if as_json:
        print_json([trainer.model_dump(mode="json") for trainer in known.values()])
        return
    from harness.report.training import trainer_table

    console().print(trainer_table(known.values()))


@app.command("recipes")
def recipes_command(as_json: options.Json = False) -> None:
    """List the presets of hyper-parameters."""
    from harness.training.recipes import recipes

    known = recipes()
    if as_json:
        print_json([recipe.model_dump(mode="json") for recipe in known.values()])
        return
    from harness.report.training import recipe_table

    console().print(recipe_table(known.values()))


def settings(items: list[str] | None, option: str) -> dict[str, str]:
    """`["a=1", "b=x, y"]` -> {"a": "1", "b": "x, y"}: one pair each, since values hold commas; who knows the field reads it.

    Raises:
        UsageError: One has no `=`, or a key comes twice.
    """
    found: dict[str, str] = {}
    for item in items or []:
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} takes KEY=VALUE, not '{item}'")
        if key.strip() in found:
            raise UsageError(f"{option} {key.strip()} is given twice")
        found[key.strip()] = value
    return found


def _show_estimate(wanted: Wanted, as_json: bool) -> None:
    from harness.training.estimate import estimate
    from harness.training.plan import plan

    planned = plan(wanted)
    recipe = planned.recipe
    found = estimate(planned.base.folder, planned.rows.path, planned.rows.count, recipe.hyper)
    print_estimate(recipe, planned.base.name, found, as_json)


def print_estimate(recipe: Recipe, parent: str, found: Estimate, as_json: bool) -> None:
    """What a training would be and cost."""
    if as_json:
        print_json({"recipe": recipe.model_dump(mode="json"), "estimate": found.model_dump(mode="json")})
        return
    from harness.report.training import show_estimate

    console().print(show_estimate(recipe, parent, found))


@contextmanager
def bars(quiet: bool) -> Iterator[tuple[Callable[[str, int, int], None], Callable[[Progress], None]]]:
    """One bar a stage on stderr; that of the training says loss, speed and time left as the trainer reports them."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), disable=quiet and not sys.stderr.isatty()) as bars:
        shown: dict[str, Any] = {}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                shown[stage] = bars.add_task(stage, total=total, said="")
            bars.update(shown[stage], completed=done, total=total)

        def follow(progress: Progress) -> None:
            bars.update(shown["training"], said=_said(progress))

        try:
            yield watch, follow
        except KeyboardInterrupt:
            bars.stop()
            typer.echo("harness: interrupted; the trainer was ended, the same command goes on from what it saved", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None


def _said(progress: Progress) -> str:
    """`12/90  loss 1.234  1,671 tokens/s  4 min left`."""
    from harness.report.text import duration

    parts = [f"{progress.step}/{progress.steps}"]
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.4g}")
    if progress.tokens_per_second is not None:
        parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return "  ".join(parts)
