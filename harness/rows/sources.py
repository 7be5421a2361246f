"""Names of sources -> where their files lie, and what identifies them.

`demo:NAME` is drawn by the demo world and needs no file. Any other name is a table of the culture's `[sources]`: its file is
looked for beside the culture, in `$HARNESS_DATA`, in `$HARNESS_DATA/training` and in the cache, and downloaded into the cache
where the culture gives an address with a hash. A file that is not there is one line that says what to get, under which licence,
from where.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from harness import folders
from harness.culture import BUILT_IN
from harness.data.fetch import DataFile
from harness.data.fetch import locate as fetch
from harness.demo import lessons
from harness.errors import DataError, unknown
from harness.schema import Culture, Source

LARGEST: Final = 2**36
"""Bytes of a file of rows that is downloaded: far more than any has, so that a download without end does end."""


def is_built_in(name: str) -> bool:
    """Whether a source is drawn by the demo world."""
    return name.startswith(BUILT_IN)


def family_or_part(name: str) -> str:
    """`tu` of `demo:tu`."""
    return name.removeprefix(BUILT_IN)


def identities(culture: Culture, names: Iterable[str]) -> dict[str, str]:
    """Source -> SHA-256 of its file, or the version of its generator; by name.

    Raises:
        UsageError: the culture has no such source, or the demo world no such family.
        DataError: a file is missing, cannot be read or has another hash than the culture says.
    """
    return {name: _identity(culture, name) for name in sorted(set(names))}


def _identity(culture: Culture, name: str) -> str:
    if is_built_in(name):
        lessons.parts(family_or_part(name))
        return f"demo@{lessons.VERSION}"
    return digest(find(culture, name))


def find(culture: Culture, name: str) -> Path:
    """The file of a declared source; where the culture states a hash, it has been checked.

    Raises:
        UsageError: the culture has no such source.
        DataError: the file is missing, cannot be read or has another hash.
    """
    if name not in culture.sources:
        raise unknown(f"source in culture '{culture.name}'", name, culture.sources)
    source = culture.sources[name]
    found = next((place for place in places(source, culture.folder) if place.is_file()), None)
    if found is None:
        return _downloaded(culture, name, source)
    if source.sha256 is not None and (has := digest(found)) != source.sha256:
        raise DataError(f"source '{name}' should have SHA-256 {source.sha256}, this file has {has}", file=found)
    return found


def places(source: Source, folder: str) -> tuple[Path, ...]:
    """Where a file may lie, in the order it is looked for."""
    own = folders.data_dir()
    given = () if own is None else (own / source.path, own / "training" / source.path)
    return (Path(folder) / source.path, *given, folders.cache_dir() / "data" / source.path)


def _downloaded(culture: Culture, name: str, source: Source) -> Path:
    why = _missing(culture, name, source)
    if source.url is None or source.sha256 is None:
        raise DataError(why)
    try:
        return fetch(DataFile(path=source.path, url=source.url, sha256=source.sha256, max_bytes=LARGEST))
    except DataError as error:
        raise DataError(f"{why}; {error}") from error


def _missing(culture: Culture, name: str, source: Source) -> str:
    origin = f"; get it from {source.url}" if source.url else f": {source.about}" if source.about else ""
    return (
        f"source '{name}' is not here: put {source.path} (licence {source.licence}) at $HARNESS_DATA/training/{source.path} "
        f"or {Path(culture.folder) / source.path}{origin}"
    )


def digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error
