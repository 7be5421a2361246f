"""The command that runs the whole loop: adapt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched
from harness.errors import EXIT_OK, EXIT_REFUSED, EXIT_UNDECIDED, UsageError, unknown
from harness.schema import TrainedStage

if TYPE_CHECKING:
    from harness.adapting.asked import Asked, Places
    from harness.schema import Adaptation

Value = TypeVar("Value")

CultureName = Annotated[str, typer.Option("--culture", "-c", help="Name or folder of a culture.")]
MaxRounds = Annotated[
    int, typer.Option("--max-rounds", min=1, help="Rounds of a stage at most; it ends earlier if nothing is weak.")
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Beginning of the checkpoints' names (NAME-kg, NAME-safe).",
        metavar="[STAGE=]NAME,…",
        show_default="the model's",
    ),
]
Recipes = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="Recipe of a stage, or one for both.",
        metavar="[STAGE=]NAME,…",
        show_default="the culture's",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="A field of the recipe, e.g. knowledge.epochs=1 (repeatable).", metavar="[STAGE.]KEY=VALUE"),
]
Replayed = Annotated[
    list[str] | None,
    typer.Option(
        "--replay",
        help="Share of the rows that keeps a benchmark or retained task; 0: none (repeatable).",
        metavar="[STAGE.]NAME=SHARE",
    ),
]
Rows = Annotated[
    list[str] | None,
    typer.Option("--rows", help="Rows of a mix at most.", metavar="[STAGE=]N", show_default="the culture's"),
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", help="Neither train nor claim a weak area, or all of a benchmark (repeatable).", metavar="AREA"),
]
Seed = Annotated[int, typer.Option(help="Of mixes and training.")]
Checkpoints = Annotated[
    Path | None,
    typer.Option("--checkpoints", help="Folder of the checkpoints.", show_default="$HARNESS_CHECKPOINTS or checkpoints"),
]
Adaptations = Annotated[
    Path | None,
    typer.Option(
        "--adaptations",
        envvar="HARNESS_ADAPTATIONS",
        help="Folder of the adaptations.",
        show_default="adaptations",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do nothing: show stages, rows, tokens, steps, time and memory.")]


@app.command("adapt")
def adapt_command(
    model: options.Model,
    culture: CultureName,
    max_rounds: MaxRounds = 1,
    name: Name = None,
    judge: options.JudgeName = "rules",
    threshold: options.Threshold = 90.0,
    trainer: options.TrainerName = "full_ft",
    recipe: Recipes = None,
    overrides: Overrides = None,
    trainer_options: options.TrainerOptions = None,
    replay: Replayed = None,
    rows: Rows = None,
    without: Without = None,
    data: options.Data = None,
    data_only: options.DataOnly = False,
    backend: options.Backend = None,
    model_args: options.ModelArgs = None,
    generation: options.Generation = None,
    chat_template: options.ChatTemplate = "auto",
    batch_size: options.BatchSize = None,
    judge_concurrency: options.JudgeConcurrency = 64,
    keys: options.KeyFiles = None,
    seed: Seed = 1234,
    runs: options.Runs = None,
    mixes: options.Mixes = None,
    checkpoints: Checkpoints = None,
    adaptations: Adaptations = None,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Mend what is weak, knowledge then safety, and prove it. Interrupted? The same command goes on where it stopped.

    Ends with 0 if the claim holds, 4 if it does not or a retained task was lost, 5 if it is undecided.
    """
    from harness.adapting.asked import Asked, Places

    names = _one_each(name.split(",") if name else [], "--name", str)
    asked = Asked(
        model=model,
        culture=culture,
        name=names.get(None),
        max_rounds=max_rounds,
        trainer=trainer,
        options=by_stage(trainer_options, "--option", str, staged=False).get(None, {}),
        stages=_wishes(names, recipe, overrides, replay, rows),
        without=tuple(without or ()),
        data=tuple(folder.expanduser().resolve() for folder in data or ()),
        data_only=data_only,
        seed=seed,
        evaluation={
            "judge": judge,
            "threshold": threshold,
            "backend": backend,
            "model_args": options.pairs(model_args, "--model-arg"),
            "generation": options.pairs(generation, "--gen"),
            "chat_template": chat_template,
            "batch_size": batch_size,
            "judge_concurrency": judge_concurrency,
            "key_files": options.key_files(keys),
        },
    )
    places = Places(runs, mixes, checkpoints, adaptations)
    if dry_run:
        _show_outlook(asked, places, as_json)
        return
    from harness.adapting.adapt import adapt

    with watched(as_json) as watch:
        found = adapt(asked, places, watch=watch)
    _show(found, places, as_json)
    raise typer.Exit({"holds": EXIT_OK, "does not hold": EXIT_REFUSED, "undecided": EXIT_UNDECIDED}[found.answer])


def by_stage(
    items: list[str] | None, option: str, read: Callable[[str], Value], *, staged: bool = True
) -> dict[TrainedStage | None, dict[str, Value]]:
    """`["knowledge.epochs=1", "seed=2"]` -> {"knowledge": {"epochs": 1}, None: {"seed": 2}}; None stands for both stages.

    Raises:
        UsageError: One has no `=`, comes twice, or its value cannot be read.
    """
    found: dict[TrainedStage | None, dict[str, Value]] = {}
    for item in items or []:
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} takes {'[STAGE.]' if staged else ''}KEY=VALUE, not '{item}'")
        head, dot, rest = key.strip().partition(".")
        stage = _stage(head, option) if staged and dot else None
        place = found.setdefault(stage, {})
        field = rest if stage else key.strip()
        if field in place:
            raise UsageError(f"{option} {key.strip()} is given twice")
        place[field] = _read(text, read, option, item)
    return found


def _wishes(
    names: dict[TrainedStage | None, str],
    recipe: str | None,
    overrides: list[str] | None,
    replay: list[str] | None,
    rows: list[str] | None,
) -> dict[TrainedStage, Any]:
    from harness.adapting.asked import StageWish

    recipes = _one_each(recipe.split(",") if recipe else [], "--recipe", str)
    sizes = _one_each(rows or [], "--rows", int)
    settings, shares = by_stage(overrides, "--set", str), by_stage(replay, "--replay", float)
    wishes = {
        stage: StageWish(
            name=names.get(stage),
            recipe=recipes.get(stage, recipes.get(None)),
            rows=sizes.get(stage, sizes.get(None)),
            replay={**shares.get(None, {}), **shares.get(stage, {})},
            overrides={**settings.get(None, {}), **settings.get(stage, {})},
        )
        for stage in _STAGES
    }
    return {stage: wish for stage, wish in wishes.items() if wish != StageWish()}


_STAGES: tuple[TrainedStage, ...] = get_args(TrainedStage)


def _one_each(items: list[str], option: str, read: Callable[[str], Value]) -> dict[TrainedStage | None, Value]:
    """`["knowledge=paper", "belle"]` -> {"knowledge": "paper", None: "belle"}."""
    found: dict[TrainedStage | None, Value] = {}
    for item in items:
        head, equals, text = item.strip().partition("=")
        stage = _stage(head, option) if equals else None
        if stage in found:
            raise UsageError(f"{option} is given twice for {stage or 'both stages'}")
        found[stage] = _read(text if equals else head, read, option, item)
    return found


def _stage(word: str, option: str) -> TrainedStage:
    for stage in _STAGES:
        if word.strip() == stage:
            return stage
    raise unknown(f"stage in {option}", word, _STAGES)


def _read(text: str, read: Callable[[str], Value], option: str, item: str) -> Value:
    try:
        return read(text.strip())
    except ValueError:
        raise UsageError(f"{option} {item}: '{text}' is no {'whole number' if read is int else 'number'}") from None


def _show_outlook(asked: Asked, places: Places, as_json: bool) -> None:
    from harness.adapting.outlook import outlook, outlook_blocks
    from harness.culture import load
    from harness.report.blocks import blocks_console

    found = outlook(asked, load(asked.culture), places)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        console().print(blocks_console(outlook_blocks(found)))


def _show(found: Adaptation, places: Places, as_json: bool) -> None:
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        from harness.folders import adaptations_dir
        from harness.report.adaptation import show_adaptation

        console().print(show_adaptation(found))
        console().print(f"\n{adaptations_dir(places.adaptations) / found.id / 'report.md'}", style="dim", markup=False)
    if found.answer != "holds":
        typer.echo(f"harness: {found.why}", err=True)
