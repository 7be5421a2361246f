"""The command that does what people decided, and has what falls short answered again: refine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness import options
from harness.cli import writing
from harness.cli.app import app, console, print_json, watched
from harness.errors import IncompleteRun

DataSetFolder = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of a data set ([b]harness curate[/] makes one).")]
Review = Annotated[
    Path | None,
    typer.Option("--review", metavar="FOLDER", help="People's decisions on its rows.", show_default="DATASET/review, if there"),
]
What = Annotated[
    Literal["flagged", "rules", "all"],
    typer.Option("--what", help="Which rows: those people flagged, those rules flagged, or both."),
]
Doubt = Annotated[float, typer.Option(min=0, max=1, metavar="D", help="A rule's flag counts from this doubt on.")]
Replies = Annotated[
    Literal["last", "all"], typer.Option("--replies", help="Of a dialogue: the last reply, or all of them in order.")
]
MaxRows = Annotated[int | None, typer.Option("--max-rows", min=1, metavar="N", help="The N most doubtful rows only.")]
DropUnrefined = Annotated[bool, typer.Option("--drop-unrefined", help="Finish without the rows that have no usable answer.")]


@app.command("refine")
def refine_command(
    dataset: DataSetFolder,
    out: writing.Out,
    model: writing.With = None,
    review: Review = None,
    what: What = "all",
    doubt: Doubt = 0.5,
    replies: Replies = "last",
    guidance: writing.OwnGuidance = None,
    max_rows: MaxRows = None,
    drop_unrefined: DropUnrefined = False,
    dry_run: writing.DryRun = False,
    tries: writing.Tries = 2,
    temperature: writing.Temperature = 0.3,
    max_tokens: writing.MaxTokens = 2048,
    concurrency: writing.Concurrency = 32,
    timeout: writing.Timeout = 180.0,
    retries: writing.Retries = 5,
    as_json: options.Json = False,
) -> None:
    """Do what people decided on the rows of a data set, and have those that fall short answered again by a strong model.

    Every new answer goes through the steps that the data set was made by, and is compared with all benchmarks. Before and after
    stand in refined.jsonl. Address and key: HARNESS_WRITER_BASE_URL, HARNESS_WRITER_API_KEY, else OPENAI_*.

    Exit 3: fewer than 99% of the rows have a reply; the same command goes on, and asks nothing twice.
    """
    from harness.verbs.refine import Asked, refine

    asked = Asked(
        model=model,
        review=review,
        what=what,
        doubt=doubt,
        turns=replies,
        guidance=guidance,
        max_rows=max_rows,
        drop_unrefined=drop_unrefined,
        tries=tries,
        temperature=temperature,
        max_tokens=max_tokens,
        concurrency=concurrency,
        timeout=timeout,
        retries=retries,
    )
    with watched(as_json) as watch:
        found = refine(dataset, out, asked, dry_run=dry_run, watch=watch and (lambda done, total: watch("answers", done, total)))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        from harness.report.refined import show_refinement

        console().print(show_refinement(found))
    if found.dataset is None and found.forecast is None:
        waiting = sum(found.waiting.values())
        raise IncompleteRun(
            f"{waiting:,} of {found.asked_rows:,} rows have no reply yet: {next(iter(found.waiting))}; the same command goes on, "
            "--drop-unrefined finishes without them"
        )
