"""The command that lays two runs side by side."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json, printing
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.schema import Comparison, FlipKind

SHOWN = 3
"""Losses, and gains, that a page shows unless told otherwise."""

Baseline = Annotated[
    str, typer.Argument(help="What is compared with: run id, unique prefix, path, or [b]latest[/].", metavar="BASELINE")
]
Candidate = Annotated[str, typer.Argument(help="What is compared, likewise.", metavar="CANDIDATE")]
By = Annotated[
    str, typer.Option("--by", metavar="WORDS", help="Rows below the averages: dimension, topic, level, comma-separated.")
]
Some = Annotated[
    str | None, typer.Option("--tasks", "-t", metavar="NAMES", help="Only these benchmarks or tasks, comma-separated.")
]
Flips = Annotated[
    int | None,
    typer.Option("--flips", min=0, metavar="N", help="Samples lost, and gained, to show.", show_default="3; in JSON all"),
]
Lost = Annotated[bool, typer.Option("--lost", help="Only samples that were lost.")]
Gained = Annotated[bool, typer.Option("--gained", help="Only samples that were gained.")]
AllowDifferent = Annotated[
    bool, typer.Option("--allow-different", help="Show runs that were measured differently too, matched by content.")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write it to this file too: markdown if it ends in .md, else JSON."),
]


@app.command("compare")
def compare_command(
    baseline: Baseline,
    candidate: Candidate,
    by: By = "dimension",
    metric: options.Metrics = None,
    tasks: Some = None,
    flips: Flips = None,
    lost: Lost = False,
    gained: Gained = False,
    allow_different: AllowDifferent = False,
    out: Out = None,
    markdown: options.Markdown = False,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Lay two runs side by side: paired differences with intervals, and the samples that flipped. A gate rules, this shows."""
    from harness.verbs.compare import compare

    found = compare(
        baseline,
        candidate,
        metrics=options.words(metric or "") or None,
        by=options.words(by),
        tasks=options.words(tasks or ""),
        flips=flips,
        kind=_kind(lost, gained),
        allow_different=allow_different,
        runs=runs,
    )
    shown = SHOWN if flips is None else flips
    if out is not None:
        _write(found, out, shown)
    with printing():
        _print(found, shown, markdown=markdown, as_json=as_json)


def _print(found: Comparison, shown: int, *, markdown: bool, as_json: bool) -> None:
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif markdown:
        from harness.report.comparison import comparison_markdown

        sys.stdout.write(comparison_markdown(found, shown))
    else:
        from harness.report.comparison import show_comparison

        console().print(show_comparison(found, shown))


def _kind(lost: bool, gained: bool) -> FlipKind | None:
    if lost and gained:
        raise UsageError("--lost and --gained exclude each other; without them both are shown")
    return "lost" if lost else "gained" if gained else None


def _write(found: Comparison, out: Path, shown: int) -> None:
    from harness.report.comparison import comparison_markdown
    from harness.report.text import escaped
    from harness.runs import write

    text = comparison_markdown(found, shown) if out.suffix == ".md" else escaped(found.model_dump_json(indent=1)) + "\n"
    place = Path(os.path.realpath(out))
    write.make_folder(place.parent)
    write.write_whole(place, [text.encode()])
