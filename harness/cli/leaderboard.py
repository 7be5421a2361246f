"""The command that keeps runs for a leaderboard, and writes its pages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.verbs.leaderboard import Added

Shown = Annotated[
    list[str] | None,
    typer.Argument(help="Runs that are shown too, without being kept.", metavar="RUN", show_default=False),
]
CultureName = Annotated[
    str | None,
    typer.Option(
        "--culture",
        metavar="NAME",
        help="Whose page; with --add, whose leaderboard.",
        show_default="all that have an entry, a published table or a page",
    ),
]
Folder = Annotated[Path, typer.Option("--folder", "--into", metavar="FOLDER", help="Folder of the leaderboards.")]
Add = Annotated[
    list[str] | None, typer.Option("--add", metavar="RUN", help="Keep what ranking needs of this run, no text (repeatable).")
]
As = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Name of what is added.", show_default="the model's")]
Html = Annotated[bool, typer.Option("--html", help="Write the HTML page too; one that is there is always kept up to date.")]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit 4 if a page is missing or stale.")]


@app.command("leaderboard")
def leaderboard_command(
    runs_shown: Shown = None,
    add: Add = None,
    name: As = None,
    culture: CultureName = None,
    folder: Folder = Path("leaderboards"),
    html: Html = False,
    check: Check = False,
    markdown: options.Markdown = False,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Write leaderboards: tiers and rank sets of models measured the same way, published rows beside them.

    Exit 3: a run is limited or incomplete. Exit 4 with --check: a page is stale.
    """
    if add:
        if check or runs_shown or markdown or html:
            raise UsageError("--add keeps runs and writes no page: give it alone, then run harness leaderboard")
        _add(add, name, culture, folder, runs, as_json)
        return
    if name is not None:
        raise UsageError("--as goes with --add")
    _pages(runs_shown or [], culture, folder, runs, html=html, check=check, markdown=markdown, as_json=as_json)


def _add(add: list[str], name: str | None, culture: str | None, folder: Path, runs: Path | None, as_json: bool) -> None:
    from harness.verbs import leaderboard as verb

    found = verb.add(add, name=name, culture=culture, folder=folder, root=runs)
    if as_json:
        print_json([{"file": str(one.file), "replaced": one.replaced, "run": one.entry.run} for one in found])
        return
    for one in found:
        console().print(f"{one.file}{_replaced(one)}", markup=False, soft_wrap=True)
    for name_ in sorted({one.entry.culture for one in found}):
        console().print(f"now: harness leaderboard --culture {name_}", markup=False, soft_wrap=True)


def _replaced(one: Added) -> str:
    """What is no longer there, unless it was the same run."""
    if one.replaced is None or one.before == one.entry.run:
        return ""
    what = "of another checkpoint" if one.replaced != one.entry.fingerprint else "of the same checkpoint"
    return f", in place of run {one.before} {what} (--as NAME keeps both)" if one.before else ", in place of an unreadable file"


def _pages(
    shown: list[str],
    culture: str | None,
    folder: Path,
    runs: Path | None,
    *,
    html: bool,
    check: bool,
    markdown: bool,
    as_json: bool,
) -> None:
    from harness.verbs import leaderboard as verb

    boards = verb.leaderboard(shown, culture=culture, folder=folder, root=runs)
    if check:
        verb.check([page for board in boards for page in verb.pages(board, folder, html=html)], folder, culture)
    if as_json:
        print_json([board.model_dump(mode="json") for board in boards])
    elif markdown:
        from harness.report.leaderboard_markdown import leaderboard_markdown

        sys.stdout.write("\n".join(leaderboard_markdown(board) for board in boards))
    elif not check:
        for board in boards:
            found = verb.pages(board, folder, html=html)
            changed = verb.write(found)
            for page in found:
                state = "written" if page.file in changed else "fresh"
                console().print(f"{page.file}: {state}", markup=False, soft_wrap=True)
