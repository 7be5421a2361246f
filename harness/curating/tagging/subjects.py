"""Culture -> its subjects: what a row can be about, whichever of the benchmarks asks for it.

Two benchmarks that share a taxonomy share its dimensions: discrimination is one subject, `chisafetybench/DI`, and teaches the
area `DI` of the multiple-choice half as well as that of the risky questions. A task without a taxonomy is a subject of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.catalog import Entry, Place
from harness.catalog import read as read_catalog
from harness.culture import dimensions_of, mended, places_in
from harness.data.taxonomy import Dimension, load_taxonomy
from harness.errors import DataError
from harness.schema import Culture, CultureBenchmark

NONE: Final = "none"
"""Label of what teaches no area: chat, advice, wishes."""
_TAXONOMY: Final = "taxonomy.json"


@dataclass(frozen=True)
class Subject:
    """What a row can be about."""

    name: str
    """`folder of the taxonomy/dimension`, or `benchmark/dimension` where there is none."""
    areas: tuple[str, ...]
    """`benchmark/dimension` of the culture, sorted: what a row about it teaches."""
    title: str
    topics: tuple[str, ...] = ()
    """Titles of what it divides into."""


def subjects(culture: Culture) -> dict[str, Subject]:
    """All subjects of a culture's benchmarks, by name, in the culture's order.

    Raises:
        DataError: a taxonomy is broken.
    """
    catalog = read_catalog()
    found: dict[str, Subject] = {}
    for benchmark in culture.benchmarks:
        entries = [catalog.find(leaf) for leaf in mended(catalog, benchmark, culture.retained)]
        places = places_in(catalog, benchmark, entries)
        for dimension in dimensions_of(entries, places):
            if places:
                one = _foreign(benchmark, dimension, places.values())
            else:
                one = _subject(benchmark, dimension, next(e for e in entries if str(e.metadata["dimension"]) == dimension))
            known = found.get(one.name, one)
            areas = tuple(sorted({*known.areas, *one.areas}))
            found[one.name] = Subject(one.name, areas, known.title, known.topics)
    return found


def areas_of(culture: Culture) -> frozenset[str]:
    """Everything that a row may be tagged with: areas, those of benchmarks without dimensions, and retained tasks."""
    declared = {f"{name}/{dimension}" for name, benchmark in culture.benchmarks.items() for dimension in _dimensions(benchmark)}
    return frozenset(declared | {area for one in subjects(culture).values() for area in one.areas} | culture.retained.keys())


def _dimensions(benchmark: CultureBenchmark) -> set[str]:
    """Those that have a standard; `*` where the tasks do not say theirs."""
    return {dimension for standards in benchmark.standards.values() for dimension in standards}


def _subject(benchmark: str, dimension: str, entry: Entry) -> Subject:
    area = (f"{benchmark}/{dimension}",)
    file = next((path for path in entry.files if path.name == _TAXONOMY), None)
    if file is None:
        return Subject(area[0], area, entry.alias)
    found = _dimension(file, dimension)
    return Subject(f"{file.parent.name}/{dimension}", area, found.zh, tuple(topic.zh for topic in found.topics))


def _foreign(benchmark: str, dimension: str, places: Iterable[Place]) -> Subject:
    """A dimension of a benchmark of lm-eval's, whose tasks are its topics."""
    area = f"{benchmark}/{dimension}"
    return Subject(area, (area,), dimension, tuple(one.topic for one in places if one.topic and one.dimension == dimension))


def _dimension(file: Path, code: str) -> Dimension:
    for dimension in load_taxonomy(file).dimensions:
        if dimension.code == code:
            return dimension
    raise DataError(f"has no dimension '{code}'", file=file)
