"""The commands that have a model write dialogues: generate multiturn, generate grounded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harness import options
from harness.cli import writing
from harness.cli.app import app, console, print_json, watched
from harness.errors import IncompleteRun

generate_app = typer.Typer(no_args_is_help=True, help="Dialogues written by a model: on topics, or from reference texts.")
app.add_typer(generate_app, name="generate")

Topics = Annotated[
    Path, typer.Option(metavar="FILE|DATASET", help="Opening questions, one a line; or a data set, for its first questions.")
]
References = Annotated[
    Path, typer.Option(metavar="FILE", help="Texts with blank lines between them (.txt), or JSON Lines with 'reference'.")
]
Assistant = Annotated[str | None, typer.Option(metavar="MODEL", help="Another model for the assistant's side.")]
Licence = Annotated[str, typer.Option(metavar="TERMS", help="Of what this model writes: its makers' terms (required).")]
Turns = Annotated[int, typer.Option(min=1, max=50, metavar="N", help="Questions with their answers, at most.")]
Rows = Annotated[int | None, typer.Option(min=1, metavar="N", help="Dialogues.", show_default="one a topic")]
CultureName = Annotated[str | None, typer.Option("--culture", metavar="NAME", show_default="the data set's, else zh_cn")]
Name = Annotated[str, typer.Option(metavar="NAME", help="Of the source that the rows name.", show_default="the command's")]
Pipeline = Annotated[
    str | None,
    typer.Option(metavar="PIPELINE", help="Whose row steps check every dialogue.", show_default="the data set's own, or none"),
]
DropUnanswered = Annotated[bool, typer.Option("--drop-unanswered", help="Finish without the dialogues that got no reply.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Another seed, other dialogues.", rich_help_panel=options.ASKED)]


@generate_app.command("multiturn")
def multiturn_command(
    topics: Topics,
    out: writing.Out,
    licence: Licence,
    model: writing.With = None,
    assistant: Assistant = None,
    turns: Turns = 4,
    rows: Rows = None,
    culture: CultureName = None,
    name: Name = "",
    pipeline: Pipeline = None,
    guidance: writing.OwnGuidance = None,
    drop_unanswered: DropUnanswered = False,
    dry_run: writing.DryRun = False,
    seed: Seed = 1234,
    tries: writing.Tries = 2,
    temperature: writing.Temperature = 0.8,
    max_tokens: writing.MaxTokens = 2048,
    concurrency: writing.Concurrency = 32,
    timeout: writing.Timeout = 180.0,
    retries: writing.Retries = 5,
    as_json: options.Json = False,
) -> None:
    """Dialogues on topics: the first question is given, then a model plays both sides, turn by turn.

    Exit 3: fewer than 99% of the dialogues have ended; the same command goes on, and asks nothing twice.
    """
    _generate(
        out,
        dry_run=dry_run,
        as_json=as_json,
        kind="multiturn",
        source=topics,
        licence=licence,
        model=model,
        assistant=assistant,
        turns=turns,
        rows=rows,
        culture=culture,
        name=name,
        pipeline=pipeline,
        guidance=guidance,
        drop_unanswered=drop_unanswered,
        seed=seed,
        tries=tries,
        temperature=temperature,
        max_tokens=max_tokens,
        concurrency=concurrency,
        timeout=timeout,
        retries=retries,
    )


@generate_app.command("grounded")
def grounded_command(
    references: References,
    out: writing.Out,
    licence: Licence,
    model: writing.With = None,
    turns: Turns = 4,
    rows: Rows = None,
    culture: CultureName = None,
    name: Name = "",
    pipeline: Pipeline = None,
    guidance: writing.OwnGuidance = None,
    drop_unanswered: DropUnanswered = False,
    dry_run: writing.DryRun = False,
    seed: Seed = 1234,
    tries: writing.Tries = 2,
    temperature: writing.Temperature = 0.8,
    max_tokens: writing.MaxTokens = 4096,
    concurrency: writing.Concurrency = 32,
    timeout: writing.Timeout = 180.0,
    retries: writing.Retries = 5,
    as_json: options.Json = False,
) -> None:
    """Dialogues whose answers rest on a reference text, which the rows keep; answers that do not seem to are flagged.

    Exit 3: fewer than 99% of the dialogues are there; the same command goes on, and asks nothing twice.
    """
    _generate(
        out,
        dry_run=dry_run,
        as_json=as_json,
        kind="grounded",
        source=references,
        licence=licence,
        model=model,
        turns=turns,
        rows=rows,
        culture=culture,
        name=name,
        pipeline=pipeline,
        guidance=guidance,
        drop_unanswered=drop_unanswered,
        seed=seed,
        tries=tries,
        temperature=temperature,
        max_tokens=max_tokens,
        concurrency=concurrency,
        timeout=timeout,
        retries=retries,
    )


def _generate(out: Path, *, dry_run: bool, as_json: bool, **asked: Any) -> None:
    from harness.verbs.generate import Asked, generate

    with watched(as_json) as watch:
        found = generate(
            out, Asked(**asked), dry_run=dry_run, watch=watch and (lambda done, total: watch("replies", done, total))
        )
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        from harness.report.refined import show_generation

        console().print(show_generation(found))
    if found.dataset is None and found.forecast is None:
        waiting = sum(found.waiting.values())
        raise IncompleteRun(
            f"{waiting:,} of {found.dialogues:,} dialogues wait for a reply: {next(iter(found.waiting))}; "
            "the same command goes on, --drop-unanswered finishes without them"
        )
