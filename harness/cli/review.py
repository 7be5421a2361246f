"""The command by which people decide: review."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json
from harness.errors import UsageError

FILES = "Other programs"
BEGIN = "Beginning a review"

Target = Annotated[
    Path, typer.Argument(metavar="TARGET", help="A data set, a sheet of [b]judge-audit --sheet[/], or a review folder.")
]
Who = Annotated[
    list[str] | None,
    typer.Option("--annotator", metavar="NAME", help="Who decides (repeatable: an address for each).", show_default="you"),
]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Of 127.0.0.1; 0 takes one that is free.")]
Adjudicate = Annotated[bool, typer.Option("--adjudicate", help="Show what people did not agree on, and decide it.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address.")]
People = Annotated[
    int | None, typer.Option(min=1, max=5, help="How many decide an item, blindly.", show_default="1", rich_help_panel=BEGIN)
]
Overlap = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Share of the items that all of them decide.", show_default="1", rich_help_panel=BEGIN),
]
Everything = Annotated[
    bool, typer.Option("--all", help="All rows, not only the flagged ones and a sample.", rich_help_panel=BEGIN)
]
Sample = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Rows without a flag, at random.", show_default="100", rich_help_panel=BEGIN),
]
Seed = Annotated[int, typer.Option(help="Of the sample.", rich_help_panel=BEGIN)]
Status = Annotated[bool, typer.Option("--status", help="How far it is, and how far people agree.")]
Export = Annotated[
    Path | None,
    typer.Option(
        "--export",
        metavar="FILE",
        help="Items and decisions: .csv, or Label Studio's .json; of a sheet the filled sheet. --annotator: that person's only.",
        rich_help_panel=FILES,
    ),
]
Import = Annotated[
    Path | None,
    typer.Option("--import", metavar="FILE", help="A filled .csv, or Label Studio's .json export.", rich_help_panel=FILES),
]
LabelConfig = Annotated[
    bool, typer.Option("--label-config", help="Print the labelling configuration for Label Studio.", rich_help_panel=FILES)
]


@app.command("review")
def review_command(
    target: Target,
    annotator: Who = None,
    port: Port = 0,
    adjudicate: Adjudicate = False,
    no_browser: NoBrowser = False,
    people: People = None,
    overlap: Overlap = None,
    everything: Everything = False,
    sample: Sample = None,
    seed: Seed = 0,
    status: Status = False,
    export: Export = None,
    import_file: Import = None,
    label_config: LabelConfig = False,
    as_json: options.Json = False,
) -> None:
    """Let people accept, edit, reject, flag or label, on a page of this machine that nobody else can open.

    Every decision is on disk before the page says so; Ctrl-C ends it, and the same command goes on. Exit 2: a file is wrong.
    """
    asked = sum((status, export is not None, import_file is not None, label_config))
    if asked > 1:
        raise UsageError("--status, --export, --import and --label-config go one at a time")
    if as_json and not asked:
        raise UsageError("--json goes with --status, --export and --import; the page has no table")
    if not asked:
        _serve(target, annotator, port, adjudicate, no_browser, people, overlap, everything, sample, seed)
        return
    from harness.verbs import review as verb

    who = _one(annotator)
    if label_config:
        typer.echo(verb.label_config(target), nl=False)
    elif export is not None:
        verb.review(target, people=people, overlap=overlap, everything=everything, sample=sample, seed=seed)
        _say({"file": str(export), "rows": verb.export(target, export, who)}, "{rows:,} rows in {file}", as_json=as_json)
    elif import_file is not None:
        done = verb.import_(target, import_file, who)
        counts = {"kept": done.kept, "known": done.known, "empty": done.empty}
        _say(counts, "{kept:,} decisions kept, {known:,} known already, {empty:,} rows without one", as_json=as_json)
    else:
        _status(target, as_json=as_json)


def _serve(
    target: Path,
    annotator: list[str] | None,
    port: int,
    adjudicate: bool,
    no_browser: bool,
    people: int | None,
    overlap: float | None,
    everything: bool,
    sample: int | None,
    seed: int,
) -> None:
    from harness.report.text import count, one_line
    from harness.verbs import review as verb

    folder, made = verb.review(target, people=people, overlap=overlap, everything=everything, sample=sample, seed=seed)
    names = list(dict.fromkeys(annotator or [_me()]))
    left = list(names)
    typer.echo(f"{one_line(made.title)} · {count(made.items, 'item')} · {folder}", err=True)

    def ready(address: str) -> None:
        typer.echo(f"{one_line(left.pop(0))}: {address}")

    typer.echo("Each address opens the page in one browser, once. Ctrl-C ends; nothing that was saved is lost.", err=True)
    verb.show(folder, annotators=names, adjudicate=adjudicate, port=port, open_browser=not no_browser, on_ready=ready)


def _status(target: Path, *, as_json: bool) -> None:
    from harness.report.review import show_review
    from harness.verbs import review as verb

    found = verb.status(target)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        console().print(show_review(found))


def _say(values: Mapping[str, object], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(values)
    else:
        typer.echo(text.format(**values))


def _one(annotator: list[str] | None) -> str | None:
    if annotator and len(annotator) > 1:
        raise UsageError("one --annotator at a time, except for the page")
    return annotator[0] if annotator else None


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "me"
