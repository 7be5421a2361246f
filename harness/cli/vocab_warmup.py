"""The command that trains new embeddings: vocab warmup."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harness import options
from harness.cli.app import console, print_json
from harness.cli.train import Checkpoints, DryRun, Force, Overrides, Seed, bars, print_estimate, settings
from harness.cli.vocabulary import vocab_app

Base = Annotated[str, typer.Option("--base", help="What is warmed up: alias, checkpoint, folder or hub id.")]
WarmText = Annotated[
    list[str], typer.Option("--text", help="Text to learn: a file of text, JSON Lines or rows, a data set, demo:zh (repeatable).")
]
Name = Annotated[str | None, typer.Option("--name", help="Of the checkpoint.", show_default="the base's with -warm")]
RecipeName = Annotated[str, typer.Option("--recipe", help="Preset of hyper-parameters by which only embeddings learn.")]


@vocab_app.command("warmup")
def warmup_command(
    base: Base,
    text: WarmText,
    name: Name = None,
    recipe: RecipeName = "warmup",
    overrides: Overrides = None,
    trainer: options.TrainerName = "full_ft",
    seed: Seed = 1234,
    checkpoints: Checkpoints = None,
    mixes: options.Mixes = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Train only the embeddings, on plain text; lines that repeat a benchmark are left out. Interrupted? The same again."""
    from harness.verbs.vocab_warmup import vocab_warmup

    asked: dict[str, Any] = {"name": name, "recipe": recipe, "overrides": settings(overrides, "--set"), "trainer": trainer}
    asked |= {"seed": seed, "checkpoints": checkpoints, "mixes": mixes}
    if dry_run:
        outlook = vocab_warmup(base, text, **asked, dry_run=True)
        print_estimate(outlook.recipe, outlook.parent, outlook.estimate, as_json)
        _left_out(outlook.dropped)
        return
    with bars(as_json) as (watch, follow):
        checkpoint = vocab_warmup(base, text, **asked, watch=watch, follow=follow, force=force)
    if as_json:
        print_json(checkpoint.model_dump(mode="json"))
        return
    from harness.folders import checkpoints_dir
    from harness.report.training import show_checkpoint

    console().print(show_checkpoint(checkpoint, str((checkpoints or checkpoints_dir()) / checkpoint.name)))


def _left_out(dropped: dict[str, int]) -> None:
    for benchmark, count in sorted(dropped.items()):
        typer.echo(f"left out: {count:,} lines that repeat {benchmark}", err=True)
