"""Name, folder or file -> the `culture.toml` that is meant."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from harness import folders
from harness.errors import DataError, UsageError, unknown

FILE: Final = "culture.toml"


def names(search: Iterable[Path] | None = None) -> tuple[str, ...]:
    """Names of all cultures, sorted; `search` is as for `load`.

    Raises:
        DataError: a file cannot be read, or two have the same name.
    """
    return tuple(sorted(_found(places(search))))


def place(name_or_path: str | Path, search: Iterable[Path] | None = None) -> Path:
    """The `culture.toml` of a name, a folder or such a file.

    Raises:
        UsageError: there is none.
        DataError: a file is no TOML, or has no name.
    """
    path = Path(name_or_path).expanduser()
    if isinstance(name_or_path, Path) or os.sep in name_or_path or name_or_path.endswith(".toml"):
        file = path / FILE if path.is_dir() else path
        if not file.is_file():
            raise UsageError(f"there is no culture at '{name_or_path}'; give its name, its folder or its {FILE}")
        return file
    found = _found(places(search))
    if name_or_path not in found:
        raise unknown("culture", name_or_path, found)
    return found[name_or_path]


def places(search: Iterable[Path] | None) -> tuple[Path, ...]:
    """Folders whose subfolders may hold a culture: those, or all homes' `tasks/`."""
    return tuple(search) if search is not None else folders.task_folders()


def content(file: Path) -> bytes:
    """What a file holds.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None


def parse(file: Path, raw: bytes) -> dict[str, Any]:
    """Its tables.

    Raises:
        DataError: it is no TOML.
    """
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not TOML ({error})", file=file) from None


def broken(folder: Path, files: Iterable[str]) -> tuple[DataError, ...]:
    """Of these files of a culture's folder, those that cannot be read or are no TOML: what is wrong."""
    found = []
    for file in (folder / name for name in files):
        try:
            if file.is_file():
                parse(file, content(file))
        except DataError as error:
            found.append(error)
    return tuple(found)


def _found(search: Iterable[Path]) -> dict[str, Path]:
    """Name -> file."""
    found: dict[str, Path] = {}
    for folder in search:
        for file in sorted(folder.glob(f"*/{FILE}")):
            name = parse(file, content(file)).get("name")
            if not isinstance(name, str):
                raise DataError('has no name = "…"', file=file)
            if name in found:
                raise DataError(f"culture '{name}' is already defined in {found[name]}", file=file)
            found[name] = file
    return found
