"""Data set folders × culture -> what a mix may draw from them, named `data:NAME#AREA`: its rows that are tagged with an area.

A data set stands in the place of the culture's own sources wherever it holds at least one row of an area.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.rows.dataset import read_dataset
from harness.schema import Culture, DataSet

DATA: Final = "data:"
"""Sources that begin so are rows of a data set."""


@dataclass(frozen=True)
class TaggedSet:
    """A data set that a mix draws from."""

    name: str
    """Of its source: `data:` and the name of the data set, with its digest where two have the same name."""
    folder: Path
    made: DataSet

    def rows(self, area: str) -> int:
        """Rows that are tagged with it."""
        return self.made.by_area.get(area, 0)

    def source(self, area: str) -> str:
        """What its rows of one area go by."""
        return f"{self.name}#{area}"


def open_sets(folders: Iterable[Path], culture: Culture) -> tuple[TaggedSet, ...]:
    """Their manifests, in the order given.

    Raises:
        UsageError: one is no data set, is of another culture, or is given twice.
        DataError: a manifest is broken.
    """
    found = [(folder, read_dataset(folder)) for folder in folders]
    names = [made.name for _, made in found]
    sets: dict[str, TaggedSet] = {}
    for folder, made in found:
        if made.culture != culture.name:
            raise UsageError(f"data set '{folder}' is of culture '{made.culture}', not of '{culture.name}'")
        name = DATA + (made.name if names.count(made.name) == 1 else f"{made.name}@{made.digest[:8]}")
        if name in sets:
            raise UsageError(f"data set '{made.name}' is given twice: '{sets[name].folder}' and '{folder}' hold the same")
        sets[name] = TaggedSet(name, folder, made)
    return tuple(sets.values())


def teaching(sets: Sequence[TaggedSet], area: str) -> tuple[str, ...]:
    """The sources of those that hold a row of the area."""
    return tuple(one.source(area) for one in sets if one.rows(area))


def is_data(source: str) -> bool:
    """Whether a source is rows of a data set."""
    return source.startswith(DATA)


def identities(sets: Iterable[TaggedSet], sources: Iterable[str]) -> dict[str, str]:
    """Data set -> digest, of those that some source of a mix belongs to."""
    used = {source.partition("#")[0] for source in sources}
    return {one.name: one.made.digest for one in sets if one.name in used}


def held(sets: Sequence[TaggedSet]) -> dict[str, dict[str, int]]:
    """Area -> data set -> rows tagged with it; by area. Rows without a tag stand under `untagged`."""
    areas = sorted({area for one in sets for area in one.made.by_area})
    return {area: {one.name: one.rows(area) for one in sets} for area in areas}
