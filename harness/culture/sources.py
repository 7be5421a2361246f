"""Tables of `[sources]`, or of `sources.toml` beside the culture, where each table is one source -> Source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import ValidationError

from harness.culture.finding import content, parse
from harness.culture.objections import Objections, complaint
from harness.schema import Source

SOURCES: Final = "sources.toml"
BUILT_IN: Final = "demo:"
"""Sources that begin so are made by the demo world, not declared."""
_WORDS: Final = frozenset({"about", "traps", "rows", "url"})
"""What a source says of itself that decides no row: it may be reworded without the culture being another."""


def beside(culture: Path, objections: Objections) -> dict[str, Source]:
    """The tables of the `sources.toml` beside a `culture.toml`; none where there is no such file.

    Raises:
        DataError: it cannot be read, or is no TOML.
    """
    file = culture.with_name(SOURCES)
    if not file.is_file():
        return {}
    found = {}
    for name, table in parse(file, content(file)).items():
        try:
            found[name] = Source.model_validate(table)
        except ValidationError as error:
            objections.add(f"{name}.{complaint(error)}".replace(".:", ":"), file)
            objections.spoilt.add(name)
    return found


def deciding(sources: Mapping[str, Source]) -> bytes:
    """What of a `sources.toml` decides rows; nothing where there is none."""
    if not sources:
        return b""
    plain = {name: source.model_dump(mode="json", exclude=set(_WORDS)) for name, source in sources.items()}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()


def check_source(name: str, source: Source, where: str, file: Path, objections: Objections) -> None:
    """Its name and what is downloaded.

    Args:
        name: of the source.
        source: itself.
        where: its table's place in the file.
        file: that declares it.
        objections: told what is wrong.
    """
    if name.startswith(BUILT_IN):
        objections.add(f"{where}: names that begin with '{BUILT_IN}' are built in", file)
    if not source.url:
        return
    if source.sha256 is None or len(source.sha256) != 64:
        objections.add(f"{where}: a url needs the sha256 (64 hex digits) of what it gives", file)
    path = PurePosixPath(source.path)
    if path.is_absolute() or ".." in path.parts:
        objections.add(f"{where}.path: '{source.path}' is where a download is put; write a relative path without '..'", file)
