"""The command that says what rows are made of: data report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness import options
from harness.cli.app import console, print_json, watched
from harness.cli.data import data_app

Target = Annotated[str, typer.Argument(metavar="FOLDER|NAME", help="A data set, or a source that the culture declares.")]
CultureName = Annotated[
    str | None, typer.Option("--culture", help="Whose benchmarks it is compared with.", show_default="the data set's")
]
Sample = Annotated[int, typer.Option(min=100, help="Rows compared with one another and with the benchmarks' topics.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the page with its plots.")]


@data_app.command("report")
def data_report_command(
    target: Target,
    culture: CultureName = None,
    sample: Sample = 10_000,
    html: Html = None,
    markdown: options.Markdown = False,
    as_json: options.Json = False,
) -> None:
    """Say what rows are made of: sources, areas, lengths, languages, refusals, persona phrases, near-duplicates, topics."""
    from harness.verbs.data_report import data_report

    with watched(as_json) as watch:
        found = data_report(target, culture=culture, sample=sample, watch=watch)
    from harness.report import bias

    if html is not None:
        from harness.runs.write import make_folder, write_whole

        make_folder(html.parent)
        write_whole(html, [bias.bias_html(found).encode()])
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif markdown:
        sys.stdout.write(bias.bias_markdown(found))
    else:
        console().print(bias.bias_console(found))
