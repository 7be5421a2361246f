"""The command that compares training choices: study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched

if TYPE_CHECKING:
    from harness.schema.study import StudyResult

File = Annotated[Path, typer.Argument(help="A study.toml.", metavar="FILE", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do nothing: show arms, steps, rows, tokens, time and memory.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Steps at once, each a process with one thread.")]
Studies = Annotated[
    Path | None,
    typer.Option("--studies", envvar="HARNESS_STUDIES", metavar="FOLDER", help="Folder of the studies.", show_default="studies"),
]
Checkpoints = Annotated[
    Path | None,
    typer.Option("--checkpoints", help="Folder of the checkpoints.", show_default="$HARNESS_CHECKPOINTS or checkpoints"),
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the page, one HTML file, there too.")]


@app.command("study")
def study_command(
    file: File,
    dry_run: DryRun = False,
    jobs: Jobs = 1,
    batch_size: options.BatchSize = None,
    studies: Studies = None,
    runs: options.Runs = None,
    mixes: options.Mixes = None,
    checkpoints: Checkpoints = None,
    html: Html = None,
    markdown: options.Markdown = False,
    as_json: options.Json = False,
) -> None:
    """Compare training choices: train and measure every arm with every seed. Interrupted? The same command goes on.

    What arms have in common is done once. Ends with 3 if an evaluation lacks responses or verdicts.
    """
    if dry_run:
        from harness.studying.places import Places

        _show_outlook(file, Places.of(runs, mixes, checkpoints, studies), jobs, markdown, as_json)
        return
    from harness.studying.running import run_study

    with watched(as_json) as watch:
        found = run_study(
            file,
            jobs=jobs,
            studies=studies,
            runs=runs,
            checkpoints=checkpoints,
            mixes=mixes,
            batch_size=batch_size,
            watch=watch,
        )
    if html is not None:
        _write_page(found, html)
    _show(found, file, studies, markdown, as_json)


def _show(found: StudyResult, file: Path, studies: Path | None, markdown: bool, as_json: bool) -> None:
    from harness.report import study as report
    from harness.studying.folder import PAGE
    from harness.studying.running import study_folder

    if as_json:
        print_json(found.model_dump(mode="json"))
    elif markdown:
        typer.echo(report.markdown(found), nl=False)
    else:
        console().print(report.show_result(found))
        console().print(f"\n{study_folder(file, studies) / PAGE}", style="dim", markup=False)


def _write_page(found: StudyResult, html: Path) -> None:
    from harness.report.study_page import page
    from harness.runs.write import make_folder, write_whole

    make_folder(html.parent)
    write_whole(html, [page(found).encode()])


def _show_outlook(file: Path, places: object, jobs: int, markdown: bool, as_json: bool) -> None:
    from harness.report.blocks import blocks_console, blocks_markdown
    from harness.studying.outlook import outlook, outlook_blocks
    from harness.studying.places import Places

    assert isinstance(places, Places)  # noqa: S101 - imported late
    found = outlook(file, places, jobs)
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif markdown:
        typer.echo(blocks_markdown(outlook_blocks(found)), nl=False)
    else:
        console().print(blocks_console(outlook_blocks(found)))
