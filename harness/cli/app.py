"""What every command stands on: the application, its progress bars, how a noun is printed, how an error ends it."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TextIO

import typer

from harness.errors import EXIT_ERROR, HarnessError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

EXIT_INTERRUPTED = 130
COMPLAINT: Final = 4000
"""Columns of an error, which is a line."""

Watch = Callable[[str, int, int], None]
"""(stage, done, total)."""

LM_EVAL: Final = {"model_args": "model-arg", "gen_kwargs": "gen"}
"""Options that are called otherwise there, and are understood all the same."""


def spelled(word: str) -> str:
    """`batch_size`, as lm-eval writes its options -> `batch-size`."""
    return LM_EVAL.get(word, word.replace("_", "-"))


app = typer.Typer(
    name="harness",
    help="Measure an English LLM in another culture, adapt it, and prove what was done.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"token_normalize_func": spelled},
)


def print_json(value: Any) -> None:
    """Print a value as indented JSON; what a terminal would obey, or cannot show, is escaped, so that its value stays."""
    from harness.report.text import escaped

    typer.echo(escaped(json.dumps(value, ensure_ascii=not _shows_all(sys.stdout), indent=2)))


def console() -> Console:
    """Where tables are printed."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Piped(highlight=False)


@contextmanager
def printing() -> Iterator[None]:
    """Print inside: a reader that has seen enough (`| head`) changes nothing of what the command ends with."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()


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
    _open_streams()
    try:
        _command()()
    except HarnessError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _let_go()
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if os.environ.get("HARNESS_DEBUG"):
            raise
        _complain(f"unexpected {type(error).__name__}: {str(error)[:300]} (HARNESS_DEBUG=1 shows where)")
        sys.exit(EXIT_ERROR)


@cache
def _command() -> Callable[[], Any]:
    """All commands, made once: reading their signatures takes 25 ms, and a test runs many in one process."""
    return typer.main.get_command(app)


def _complain(text: str) -> None:
    """One line, whatever a file, a model or the command line put into it."""
    from harness.report.text import one_line

    typer.echo(f"harness: {one_line(text, COMPLAINT)}", err=True)


def _let_go() -> None:
    """Nobody reads what is printed: let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _shows_all(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def _open_streams() -> None:
    """No ruling is lost to a dash that the terminal's encoding lacks (it reads `?`), nor to a stream that is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper) and not _shows_all(stream):
            stream.reconfigure(errors="replace")
