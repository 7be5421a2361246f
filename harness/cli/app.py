"""What every command stands on: the application, its progress bars, how a noun is printed, how an error ends it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from harness.errors import EXIT_ERROR, HarnessError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

EXIT_INTERRUPTED = 130

Watch = Callable[[str, int, int], None]
"""(stage, done, total)."""

app = typer.Typer(
    name="harness",
    help="Measure an English LLM in another culture, adapt it, and prove what was done.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def console() -> Console:
    """Where tables are printed."""
    from rich.console import Console

    return Console(highlight=False)


@contextmanager
def watched(quiet: bool) -> Iterator[Watch | None]:
    """Progress bars on stderr, one a stage; none where stderr is no terminal and JSON was asked."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True), disable=quiet and not sys.stderr.isatty())
    bars: dict[str, Any] = {}

    def watch(stage: str, done: int, total: int) -> None:
        if not bars:
            progress.start()
        if stage not in bars:
            bars[stage] = progress.add_task(stage, total=total)
        progress.update(bars[stage], completed=done, total=total)

    try:
        yield watch
    except KeyboardInterrupt:
        _stop(progress, bars)
        typer.echo("harness: interrupted; nothing that was answered is lost, the same command goes on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        _stop(progress, bars)


def _stop(progress: Progress, bars: dict[str, Any]) -> None:
    """Let the bars stand as they are; where none was drawn, not even a line break is printed."""
    if bars:
        progress.stop()


def main() -> None:
    """Entry point: every error is one line on stderr; `HARNESS_DEBUG=1` adds the traceback of an unexpected one."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except HarnessError as error:
        typer.echo(f"harness: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except Exception as error:
        if os.environ.get("HARNESS_DEBUG"):
            raise
        text = " ".join(str(error).split())[:300]
        typer.echo(f"harness: unexpected {type(error).__name__}: {text} (HARNESS_DEBUG=1 shows where)", err=True)
        sys.exit(EXIT_ERROR)
