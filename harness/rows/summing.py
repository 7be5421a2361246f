"""Source × file -> SourceSummary: one pass, little memory; only counts and the first rows are kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from harness.rows.reading import read_rows
from harness.schema import DataRow, DroppedRow, Source
from harness.schema.sources import SourceSummary, Spread

KINDS: Final = 1000
"""Different categories and languages that are counted by name; what comes after them is `others`."""


def sum_up(name: str, source: Source, path: Path, *, samples: int = 3, guessed: bool = False) -> SourceSummary:
    """What is in a file.

    Args:
        name: of the source.
        source: its format, licence and what else is declared.
        path: the file.
        samples: rows kept, the first ones.
        guessed: whether the format was guessed.

    Raises:
        DataError: see `read_rows`.
    """
    sums = _Sums(source, samples)
    for row in read_rows(name, source, path):
        if isinstance(row, DataRow):
            sums.add(row)
        else:
            sums.drop(row)
    return SourceSummary(
        name=name,
        file=str(path),
        size=path.stat().st_size,
        format=source.format,
        guessed=guessed,
        licence=source.licence,
        traps=source.traps,
        declared=source.rows,
        records=sums.rows + sum(sums.dropped.values()),
        rows=sums.rows,
        dropped=_by_number(sums.dropped),
        turns=dict(sorted(sums.turns.items())),
        questions=_spread(sums.lengths["user"]),
        replies=_spread(sums.lengths["assistant"]),
        languages=_by_number(sums.languages),
        categories=_by_number(sums.categories),
        areas=_by_number(sums.areas),
        references=sums.references,
        samples=tuple(sums.samples),
        troubles=tuple(sums.troubles.values()),
    )


class _Sums:
    """Counts on their way through a file."""

    def __init__(self, source: Source, samples: int) -> None:
        self.rows = self.references = 0
        self.samples: list[DataRow] = []
        self.troubles: dict[str, DroppedRow] = {}
        self.dropped: Counter[str] = Counter()
        self.turns: Counter[int] = Counter()
        self.languages: Counter[str] = Counter()
        self.categories: Counter[str] = Counter()
        self.areas: Counter[str] = Counter()
        self.lengths: dict[str, Counter[int]] = {"user": Counter(), "assistant": Counter(), "system": Counter()}
        self._declared, self._most = source.areas, samples

    def add(self, row: DataRow) -> None:
        self.rows += 1
        if len(self.samples) < self._most:
            self.samples.append(row)
        said = 0
        for turn in row.messages:
            self.lengths[turn.role][len(turn.content)] += 1
            said += turn.role != "system"
        self.turns[said] += 1
        self.references += row.reference is not None
        _count(self.languages, row.language or "unknown")
        _count(self.categories, row.category or "none")
        areas = row.areas or self._declared.get(row.category, self._declared.get("*", ()))
        self.areas.update(areas or ("untagged",))

    def drop(self, row: DroppedRow) -> None:
        self.dropped[row.why] += 1
        self.troubles.setdefault(row.why, row)


def _count(counts: Counter[str], name: str) -> None:
    counts[name if name in counts or len(counts) < KINDS else "others"] += 1


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _spread(lengths: Counter[int]) -> Spread | None:
    if not lengths:
        return None
    ordered, total = sorted(lengths.items()), sum(lengths.values())
    return Spread(
        least=ordered[0][0], median=_quantile(ordered, total / 2), high=_quantile(ordered, 0.95 * total), most=ordered[-1][0]
    )


def _quantile(ordered: list[tuple[int, int]], wanted: float) -> int:
    seen = 0
    for length, count in ordered:
        seen += count
        if seen >= wanted:
            return length
    return ordered[-1][0]
