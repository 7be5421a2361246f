"""The commands about cultures: culture list, show, new, check."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json
from harness.errors import EXIT_OK, EXIT_USAGE

culture_app = typer.Typer(
    no_args_is_help=True, help="Cultures: which there are, what they want, a new one, what is wrong with one."
)
app.add_typer(culture_app, name="culture")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and _.")]
Place = Annotated[str, typer.Argument(metavar="NAME|FOLDER", help="A culture's name, or the folder that holds its culture.toml.")]
Language = Annotated[str, typer.Option("--language", "-l", metavar="CODE", help="ISO 639 code, e.g. ar, id, sw.")]
Title = Annotated[str | None, typer.Option(metavar="TEXT", help="For people.", show_default="the name")]
At = Annotated[
    Path | None,
    typer.Option("--at", metavar="FOLDER", help="Home it is written into, as FOLDER/tasks/NAME.", show_default="this folder"),
]
Like = Annotated[str | None, typer.Option(metavar="NAME", help="Made after this culture, e.g. demo2, instead of the template.")]


@culture_app.command("list")
def list_command(as_json: options.Json = False) -> None:
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


@culture_app.command("show")
def show_command(place: Place, as_json: options.Json = False) -> None:
    """Show one: standards and sources of every dimension, what is retained, how the stages are trained."""
    from harness.culture import load

    found = load(place)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        from harness.report.culture_check import show_culture

        console().print(show_culture(found))


@culture_app.command("new")
def new_command(name: Name, language: Language, title: Title = None, at: At = None, like: Like = None) -> None:
    """Write the folder of a new culture, to be filled in: benchmarks, rubrics, sources, standards, a policy.

    Nothing is written over.
    """
    from harness.report.text import one_line
    from harness.verbs.culture_new import culture_new

    folder = culture_new(name, language, title, at, like)
    home = folder.parent.parent
    for line in (
        f"{folder}: every TODO in it is for you",
        f"export HARNESS_PATH={shlex.quote(str(home))}",
        f"harness culture check {name}",
    ):
        typer.echo(one_line(line))


@culture_app.command("check")
def check_command(place: Place, as_json: options.Json = False) -> None:
    """Say everything that is wrong with a culture's files, a line each.

    Looked at are settings, tasks, languages, rubrics, standards, sources and their licences, rows that repeat items, recipes,
    policies, guidance, how much the items can decide, and what is still to be written. Exit 2: an error.
    """
    from harness.verbs.culture_check import culture_check

    found = culture_check(place)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        from harness.report.culture_check import show_check

        console().print(show_check(found), soft_wrap=True)
    raise typer.Exit(EXIT_USAGE if found.errors else EXIT_OK)
