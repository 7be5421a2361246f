"""The commands that ask what is weak: diagnose, and cultures, which say what is wanted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json
from harness.errors import EXIT_REFUSED, EXIT_UNDECIDED

if TYPE_CHECKING:
    from harness.schema import Diagnosis

CultureName = Annotated[
    str | None,
    typer.Option("--culture", help="Name or path.", show_default="the one whose benchmarks the run holds"),
]
Standard = Annotated[
    str | None,
    typer.Option("--standard", metavar="RUN", help="Compare with this run, item by item, instead of the culture's numbers."),
]
Topics = Annotated[bool, typer.Option("--topics", help="Show the topics too, shrunk; they get no state.")]
Check = Annotated[bool, typer.Option("--check", help="Exit 4 if an area is weak, 5 if none is but some are undecided.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write the diagnosis as JSON to this file too.")]
AllowLimited = Annotated[bool, typer.Option("--allow-limited", help="Take a run made with --limit, to try things out.")]


@app.command("diagnose")
def diagnose_command(
    run: options.Run = "latest",
    culture: CultureName = None,
    standard: Standard = None,
    topics: Topics = False,
    check: Check = False,
    out: Out = None,
    allow_limited: AllowLimited = False,
    markdown: options.Markdown = False,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Say what a model is weak in, by the dev half of a run: weak, strong, or undecided and how many items would decide."""
    from harness.verbs.diagnose import diagnose

    found = diagnose(run, culture=culture, reference=standard, runs=runs, allow_limited=allow_limited)
    if out is not None:
        _write(found, out)
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif markdown:
        from harness.report.diagnosis import diagnosis_markdown

        sys.stdout.write(diagnosis_markdown(found, topics=topics))
    else:
        from harness.report.diagnosis import show_diagnosis

        console().print(show_diagnosis(found, topics=topics))
    if check and (code := _code(found)):
        raise typer.Exit(code)


@app.command("cultures")
def cultures_command(as_json: options.Json = False) -> None:
    """List the cultures: what each measures, retains and trains."""
    from harness import catalog
    from harness.culture import load, names

    known = catalog.read()
    found = [load(name, known=known) for name in names()]
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    else:
        from harness.report.diagnosis import culture_list

        console().print(culture_list(found))


def _code(found: Diagnosis) -> int:
    if found.areas("weak"):
        return EXIT_REFUSED
    return EXIT_UNDECIDED if found.areas("undecided") else 0


def _write(found: Diagnosis, out: Path) -> None:
    from harness.runs import write

    write.make_folder(out.parent)
    write.write_whole(out, [found.model_dump_json(indent=1).encode() + b"\n"])
