"""Where things lie: task and trainer folders, runs, downloaded data, plug-ins.

Built-ins come in by the same door as plug-ins: a *home* is any folder laid out like this repository (`tasks/`, `trainers/`).
Homes are searched in this order, later ones may add names but not silently replace earlier ones:
this package's own, `$HARNESS_PATH` (os.pathsep-separated), packages with an entry point in the group `harness.plugins`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from harness.errors import UsageError

ENTRY_POINTS = "harness.plugins"
_more: ContextVar[tuple[Path, ...]] = ContextVar("more homes", default=())


def home() -> Path:
    """This project's own home: the bundled folders of an installed wheel, else the checkout."""
    bundled = Path(__file__).parent / "_bundled"
    return bundled if bundled.is_dir() else Path(__file__).parent.parent


def homes() -> tuple[Path, ...]:
    """All homes, ours first.

    Raises:
        UsageError: a folder named in `$HARNESS_PATH` does not exist.
    """
    found = [home()]
    for part in filter(None, os.environ.get("HARNESS_PATH", "").split(os.pathsep)):
        folder = Path(part).expanduser().resolve()
        if not folder.is_dir():
            raise UsageError(f"HARNESS_PATH names '{part}', which is not a folder")
        found.append(folder)
    return (*found, *_more.get(), *_installed_homes())


@contextmanager
def another_home(folder: Path) -> Iterator[None]:
    """Inside, a folder is a home too, if it was none: to look at what is not in `$HARNESS_PATH` yet."""
    known = {one.resolve() for one in homes()}
    token = _more.set((*_more.get(), folder) if folder.resolve() not in known else _more.get())
    try:
        yield
    finally:
        _more.reset(token)


@cache
def _installed_homes() -> tuple[Path, ...]:
    from importlib.metadata import entry_points

    found = []
    for point in entry_points(group=ENTRY_POINTS):
        module = point.load()
        found.append(Path(module.__file__).resolve().parent)
    return tuple(found)


def task_folders() -> tuple[Path, ...]:
    """Folders with task YAML, for lm-eval's `include_path`."""
    return tuple(folder / "tasks" for folder in homes() if (folder / "tasks").is_dir())


def trainer_folders() -> tuple[Path, ...]:
    """Folders that hold trainers (`<name>/trainer.toml`) and recipes (`recipes/<name>.toml`)."""
    return tuple(folder / "trainers" for folder in homes() if (folder / "trainers").is_dir())


def cache_dir() -> Path:
    """Per-user cache for downloaded data and built demo models: `$HARNESS_CACHE`, else `$XDG_CACHE_HOME/culture-harness`."""
    explicit = os.environ.get("HARNESS_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "culture-harness"


def data_dir() -> Path | None:
    """`$HARNESS_DATA`: a folder with the published benchmark files, if the user has one."""
    explicit = os.environ.get("HARNESS_DATA")
    return Path(explicit).expanduser() if explicit else None


def runs_dir(explicit: Path | None = None) -> Path:
    """Where runs are kept: `--runs`, else `$HARNESS_RUNS`, else `./runs`."""
    if explicit is not None:
        return explicit
    return Path(os.environ.get("HARNESS_RUNS", "runs")).expanduser()


def checkpoints_dir() -> Path:
    """Where trained checkpoints are looked for: `$HARNESS_CHECKPOINTS`, else `./checkpoints`."""
    return Path(os.environ.get("HARNESS_CHECKPOINTS", "checkpoints")).expanduser()


def mixes_dir(explicit: Path | None = None) -> Path:
    """Where mixes are kept: `--mixes`, else `$HARNESS_MIXES`, else `./mixes`."""
    if explicit is not None:
        return explicit
    return Path(os.environ.get("HARNESS_MIXES", "mixes")).expanduser()


def adaptations_dir(explicit: Path | None = None) -> Path:
    """Where adaptations are kept: `--adaptations`, else `$HARNESS_ADAPTATIONS`, else `./adaptations`."""
    if explicit is not None:
        return explicit
    return Path(os.environ.get("HARNESS_ADAPTATIONS", "adaptations")).expanduser()


def gates_dir(explicit: Path | None = None) -> Path:
    """Where reports of gates are kept: `$HARNESS_GATES`, else `./gates`."""
    if explicit is not None:
        return explicit
    return Path(os.environ.get("HARNESS_GATES", "gates")).expanduser()


def studies_dir(explicit: Path | None = None) -> Path:
    """Where studies are kept: `--studies`, else `$HARNESS_STUDIES`, else `./studies`."""
    if explicit is not None:
        return explicit
    return Path(os.environ.get("HARNESS_STUDIES", "studies")).expanduser()
