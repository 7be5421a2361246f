"""The commands about what can be evaluated: tasks list, show; `harness tasks` lists, `harness tasks NAME` shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from harness import options
from harness.cli.app import app, console, print_json
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.catalog import Catalog, Entry


class _Tasks(TyperGroup):
    """A word that is no command is a name to show; without any word, all is listed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = next((word for word in args if not word.startswith("-")), None)
        if first is not None and first not in self.commands:
            args = ["show", *args]
        elif first is None and "--help" not in args:
            args = ["list", *args]
        return super().parse_args(ctx, args)


tasks_app = typer.Typer(cls=_Tasks, help="What can be evaluated: list it, or show one ([b]harness tasks NAME[/]).")
app.add_typer(tasks_app, name="tasks")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A benchmark, group or task, ours or lm-eval's.")]
Plots = Annotated[bool, typer.Option("--plots", help="Count its items, and write a page of figures: categories, lengths, words.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE.html", help="Of the page.", show_default="NAME-tasks.html")
]


@tasks_app.command("list")
def list_command(path: options.ShowPath = False, as_json: options.Json = False) -> None:
    """List the benchmarks of the task folders."""
    from harness import catalog, folders

    if path:
        typer.echo(folders.home() / "tasks")
        return
    known = catalog.read()
    _print([_row(known, known.find(one)) for one in sorted(known.entries)], whole=False, as_json=as_json)


@tasks_app.command("show")
def show_command(name: Name, plots: Plots = False, out: Out = None, as_json: options.Json = False) -> None:
    """Show one benchmark, group or task: its tasks, where it comes from, and with --plots what its items are made of.

    The page needs nothing beside it. It holds numbers, names of categories and single words of at most eight characters.
    """
    from harness import catalog

    if out is not None and not plots:
        raise UsageError("--out goes with --plots")
    known = catalog.read()
    row = _row(known, known.find(name))
    if plots:
        _figures(name, out or Path(f"{name.replace('/', '-')}-tasks.html"), as_json=as_json)
    else:
        _print([row], whole=True, as_json=as_json)


def _figures(name: str, file: Path, *, as_json: bool) -> None:
    from harness.report.benchmark import benchmark_console, benchmark_html
    from harness.runs.write import make_folder, write_whole
    from harness.verbs.tasks import describe

    if file.is_dir():
        raise UsageError(f"--out names a file; '{file}' is a folder")
    found = describe(name)
    make_folder(file.parent)
    write_whole(file, [benchmark_html(found).encode()])
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        console().print(benchmark_console(found))
        typer.echo(f"figures: {file}")


def _print(rows: list[dict[str, Any]], *, whole: bool, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    from harness.report import listings

    console().print(listings.task_table(rows, whole=whole))


def _row(known: Catalog, entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "alias": entry.alias,
        "kind": entry.kind,
        "tasks": list(known.leaves(entry.name)),
        "version": entry.metadata.get("version"),
        "published_generation": entry.metadata.get("published_generation"),
        "output_type": entry.output_type or None,
        "dataset": "/".join(filter(None, (entry.dataset, entry.part))) or None,
        "path": str(entry.path),
    }
