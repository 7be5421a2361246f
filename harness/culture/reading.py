"""culture.toml × catalog -> Culture, or everything that is wrong with its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness.catalog import Catalog
from harness.catalog import read as read_catalog
from harness.culture.checking import check
from harness.culture.finding import content, parse, place, places
from harness.culture.objections import Objections, complaint
from harness.culture.sources import SOURCES, beside, deciding
from harness.culture.spelling import spell_out
from harness.errors import DataError
from harness.schema import Culture, Source

TABLE: Final = 2
"""Names that lead to one table of many: `benchmarks.NAME`."""


def load(name_or_path: str | Path, search: Iterable[Path] | None = None, *, known: Catalog | None = None) -> Culture:
    """One culture, checked.

    Args:
        name_or_path: a name; or the path of a folder that holds `culture.toml`, or of such a file.
        search: folders whose subfolders may hold a culture (and whose YAML is the catalog); default: all homes' `tasks/`.
        known: the catalog, where it has been read already.

    Raises:
        UsageError: there is no culture of that name or path.
        DataError: the file is broken, or names something that does not exist.
    """
    searched = places(search)
    file = place(name_or_path, searched)
    raw = content(file)
    found = _read(raw, known or read_catalog(searched), Objections(file, collects=False))
    if found is None:
        raise DataError("is no culture", file=file)
    return found


def examine(
    name_or_path: str | Path, search: Iterable[Path] | None = None, *, known: Catalog | None = None
) -> tuple[Culture | None, tuple[DataError, ...]]:
    """One culture and everything that is wrong with its files; None where there is too little left of it.

    Args: as of `load`.

    Raises:
        UsageError: there is no culture of that name or path.
        DataError: it cannot be read, or a task file is broken.
    """
    searched = places(search)
    file = place(name_or_path, searched)
    raw = content(file)
    catalog = known or read_catalog(searched)
    objections = Objections(file, collects=True)
    try:
        found = _read(raw, catalog, objections)
    except DataError as error:
        objections.put(error)
        found = None
    return found, objections.all


def _read(raw: bytes, catalog: Catalog, objections: Objections) -> Culture | None:
    """Spell out, build, check; None where what is left cannot be built."""
    said = parse(objections.file, raw)
    for name in ("folder", "digest"):
        if said.pop(name, None) is not None:
            objections.add(f"'{name}' is not for the file to say")
    spell_out(said, catalog, objections)
    sources = beside(objections.file, objections)
    own = said.get("sources", {})
    if twice := sorted(sources.keys() & own if isinstance(own, dict) else ()):
        objections.add(f"sources.{twice[0]}: {SOURCES} declares it too; leave one of them")
    found = _built(said, raw, sources, objections)
    if found is not None:
        check(found, sources, catalog, objections)
    return found


def _built(said: dict[str, Any], raw: bytes, sources: Mapping[str, Source], objections: Objections) -> Culture | None:
    """What is left once every setting that is not valid has been said and its table taken out."""
    while True:
        try:
            return _model(said, objections.file, raw, sources)
        except ValidationError as error:
            if not objections.collects:
                objections.add(complaint(error))
            wrong = _wrong(error)
            for at in sorted(wrong, key=str):
                objections.add(complaint(error, at))
            if not all(_taken_out(said, at, objections.spoilt) for at in wrong):
                return None


def _model(said: Mapping[str, Any], file: Path, raw: bytes, sources: Mapping[str, Source]) -> Culture:
    digest = hashlib.sha256(raw + deciding(sources)).hexdigest()
    found = Culture.model_validate({**said, "folder": str(file.parent.resolve()), "digest": digest})
    return found.model_copy(update={"sources": {**found.sources, **sources}})


def _wrong(error: ValidationError) -> set[tuple[int | str, ...]]:
    """Places of settings that there are not, as long as there are such; else of the tables or settings that are not valid."""
    details = error.errors(include_url=False, include_input=False)
    unknown = {detail["loc"] for detail in details if detail["type"] == "extra_forbidden"}
    return unknown or {detail["loc"][:2] for detail in details}


def _taken_out(said: dict[str, Any], at: Sequence[int | str], spoilt: set[str]) -> bool:
    """Take out the table or setting that a complaint is about; False if it is not there."""
    inside: Any = said
    for part in at[:-1]:
        inside = inside.get(str(part)) if isinstance(inside, dict) else None
    if not isinstance(inside, dict):
        return False
    if len(at) == TABLE:
        spoilt.add(str(at[-1]))
    return inside.pop(str(at[-1]), None) is not None
