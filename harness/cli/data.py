"""The commands about training data as it comes: data list, fetch, show, report."""

from __future__ import annotations

from typing import Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json
from harness.errors import EXIT_INCOMPLETE, EXIT_OK

data_app = typer.Typer(no_args_is_help=True, help="Sources of training data: what there is, where it lies, what is in it.")
app.add_typer(data_app, name="data")

CultureName = Annotated[str, typer.Option("--culture", "-c", help="Whose sources: a name, a folder or a culture.toml.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Sources.")]
Everything = Annotated[bool, typer.Option("--all", help="All sources of the culture.")]
Target = Annotated[
    str,
    typer.Argument(metavar="NAME|FORMAT:PATH", help="A source, or any file; the format [b]auto[/] is told by its first record."),
]
Samples = Annotated[int, typer.Option("--n", "-n", min=0, help="Rows shown.")]
Troubles = Annotated[bool, typer.Option("--troubles", help="Show the first of each kind of record that is no row.")]


@data_app.command("list")
def list_command(culture: CultureName = "zh_cn", as_json: options.Json = False) -> None:
    """List the sources that a culture declares, and whether their files are here."""
    from harness.report.sources import show_sources
    from harness.verbs.data import listed

    states = listed(culture)
    if as_json:
        print_json([one.model_dump(mode="json") for one in states])
    else:
        console().print(show_sources(states))


@data_app.command("fetch")
def fetch_command(
    names: Names = None, everything: Everything = False, culture: CultureName = "zh_cn", as_json: options.Json = False
) -> None:
    """Download the sources that have a fixed address and hash; say of the others what to get from where.

    A download that broke off goes on. Exit 3: a file is still missing.
    """
    from harness.report.sources import size_text
    from harness.report.text import one_line
    from harness.verbs.data import fetched

    states = fetched(names or [], culture, everything=everything, said=lambda line: typer.echo(one_line(line), err=True))
    if as_json:
        print_json([one.model_dump(mode="json") for one in states])
    else:
        for one in states:
            if one.state == "here":
                typer.echo(one_line(f"{one.name}: {one.file} ({size_text(one.size or 0)})"))
    raise typer.Exit(EXIT_OK if all(one.state == "here" for one in states) else EXIT_INCOMPLETE)


@data_app.command("show")
def show_command(
    target: Target,
    samples: Samples = 3,
    troubles: Troubles = False,
    culture: CultureName = "zh_cn",
    as_json: options.Json = False,
) -> None:
    """Say what is in a file of training data: counts, lengths, what is no row and why, traps, first rows."""
    from harness.report.sources import show_summary
    from harness.verbs.data import show

    found = show(target, culture, samples=samples)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        console().print(show_summary(found, troubles=troubles))
