"""Rows × a culture's benchmarks -> BiasReport: what a model that learns them will have seen, and how often."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness import catalog
from harness import culture as cultures
from harness.errors import HarnessError, UsageError
from harness.profiling import topics
from harness.profiling.counting import Counts
from harness.profiling.mass import near_duplicates
from harness.rows import dataset, sources
from harness.rows.reading import read_rows
from harness.schema import Culture, DataRow
from harness.schema.bias import BiasReport, Distance

SAMPLE: Final = 10_000
"""Rows that are compared with one another and with the benchmarks' topics."""
BLUNT: Final = 0.5
"""Share of a benchmark's own items in their own topic below which a comparison by text says nothing."""


@dataclass(frozen=True)
class _Rows:
    """What is reported on."""

    name: str
    digest: str
    culture: str | None
    rows: Iterable[DataRow]


def data_report(
    target: str,
    *,
    culture: str | None = None,
    sample: int = SAMPLE,
    watch: Callable[[str, int, int], None] | None = None,
) -> BiasReport:
    """What a data set, or a source as it comes, is made of.

    Args:
        target: folder of a data set, or name of a source that `culture` declares.
        culture: whose benchmarks it is compared with; by default the data set's own.
        sample: rows that are compared with one another and with the benchmarks' topics.
        watch: called with (stage, done, total).

    Raises:
        HarnessError: with one line that says what to mend.
    """
    given = _rows(target, culture)
    counts = Counts(sample)
    for row in given.rows:
        counts.add(row)
    if not counts.rows:
        raise UsageError(f"'{target}' holds no rows, so there is nothing to report on")
    if watch:
        watch("count", 1, 3)
    drawn = counts.sample
    mass = near_duplicates(drawn)
    if watch:
        watch("near-duplicates", 2, 3)
    distances, notes = _distances(given.culture, counts, drawn)
    if watch:
        watch("benchmarks", 3, 3)
    if len(drawn) < counts.rows:
        notes.append(
            f"near-duplicates and topics are of {len(drawn):,} rows drawn by hash of {counts.rows:,}: of near-duplicates, a "
            "sample shows fewer than there are"
        )
    rates = counts.rates()
    return BiasReport(
        name=given.name,
        digest=given.digest,
        culture=given.culture,
        rows=counts.rows,
        parts=counts.parts(),
        spreads=counts.spreads(),
        refusals=rates["refusals"],
        persona=rates["persona"],
        phrases=counts.phrases(),
        flagged=rates["flagged"],
        by_source=counts.by_source(),
        near_duplicates=mass,
        sampled=len(drawn),
        distances=tuple(distances),
        notes=tuple(notes),
    )


def _rows(target: str, culture: str | None) -> _Rows:
    folder = Path(target).expanduser()
    if (folder / dataset.MANIFEST).is_file():
        made = dataset.read_dataset(folder)
        return _Rows(made.name, made.digest, culture or made.culture, dataset.read_rows(folder))
    if culture is None:
        raise UsageError(f"'{target}' is no data set folder; for a source by its name, say whose: --culture NAME")
    found = cultures.load(culture)
    path = sources.find(found, target)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _Rows(target, digest, culture, _good(target, found, path))


def _good(name: str, culture: Culture, path: Path) -> Iterator[DataRow]:
    for row in read_rows(name, culture.sources[name], path):
        if isinstance(row, DataRow):
            yield row


def _distances(culture: str | None, counts: Counts, drawn: list[DataRow]) -> tuple[list[Distance], list[str]]:
    """Of each benchmark, by tags and by text; why there are none, if so."""
    if culture is None:
        return [], []
    known, notes = catalog.read(), []
    found: list[Distance | None] = []
    for name in cultures.load(culture).benchmarks:
        try:
            items = topics.questions(known, name)
        except HarnessError as error:
            notes.append(f"not compared with {name}: {error}")
            continue
        found.append(topics.by_areas(counts.areas, counts.rows, name, items))
        by_text = topics.by_text(drawn, name, items)
        if by_text is not None and (by_text.sharpness or 0) < BLUNT:
            notes.append(f"topics of {name} cannot be told apart by their words (sharpness {by_text.sharpness:.2f})")
        else:
            found.append(by_text)
    return [one for one in found if one is not None], notes
