"""Rows -> shards: files of a few thousand rows each, the unit of work, of memory and of going on after a kill.

A shard of a stage is three files: `00012.jsonl` (rows that went on), `00012.drops.jsonl` (rows that did not) and, written last,
`00012.json` (counts by step). A shard without the last one never happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from harness.rows.dataset import lines
from harness.runs.write import naming
from harness.schema import DataRow, DroppedRow, Frozen

SIZE: Final = 2_000
"""Rows of a shard as read."""


class StepCounts(Frozen):
    """What one step did to one shard."""

    seen: int = 0
    changed: int = 0
    dropped: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)


class ShardCounts(Frozen):
    """The file that is written last."""

    rows: int
    sizes: tuple[int, int] = (0, 0)
    """Bytes of the file of rows and of that of drops."""
    steps: dict[int, StepCounts]
    """Place of the step in the pipeline -> what it did."""


@dataclass
class Counting:
    """Counts of one step while a shard is worked on."""

    seen: int = 0
    changed: int = 0
    dropped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def done(self) -> StepCounts:
        """As a noun."""
        return StepCounts(seen=self.seen, changed=self.changed, dropped=self.dropped, reasons=dict(sorted(self.reasons.items())))


@dataclass(frozen=True)
class Shard:
    """One shard of one stage."""

    folder: Path
    number: int

    @property
    def rows(self) -> Path:
        """Rows that went on."""
        return self.folder / f"{self.number:05}.jsonl"

    @property
    def drops(self) -> Path:
        """Rows that did not."""
        return self.folder / f"{self.number:05}.drops.jsonl"

    @property
    def counts(self) -> Path:
        """Written last."""
        return self.folder / f"{self.number:05}.json"

    @property
    def sketch(self) -> Path:
        """What a whole step wants to know of it."""
        return self.folder / f"{self.number:05}.sketch"

    @property
    def dropping(self) -> Path:
        """What a whole step decided of it."""
        return self.folder / f"{self.number:05}.dropping.json"

    @property
    def done(self) -> bool:
        """Whether it is whole: files that a power cut has shortened are not."""
        if not self.counts.is_file():
            return False
        try:
            counts = self.read_counts()
        except ValidationError:
            return False
        return all(path.is_file() and path.stat().st_size == size for path, size in zip(self._files, counts.sizes, strict=True))

    @property
    def _files(self) -> tuple[Path, Path]:
        return (self.rows, self.drops)

    def store(self, rows: Iterable[DataRow], drops: Iterable[DroppedRow], counts: ShardCounts) -> None:
        """Write it, the counts last. Not synced: a shard that is lost is made again.

        Raises:
            DataError: the disk is full, or the folder cannot be written.
        """
        sizes = (_write(self.rows, lines(rows)), _write(self.drops, lines(drops)))
        _write(self.counts, [counts.model_copy(update={"sizes": sizes}).model_dump_json().encode()])

    def read_rows(self) -> list[DataRow]:
        """Its rows."""
        with self.rows.open("rb") as file:
            return [DataRow.model_validate_json(line) for line in file]

    def read_counts(self) -> ShardCounts:
        """Its counts."""
        return ShardCounts.model_validate_json(self.counts.read_bytes())


def _write(path: Path, parts: Iterable[bytes]) -> int:
    """Write a file by rename; its size."""
    temp = path.with_suffix(".tmp")
    with naming(path), temp.open("wb") as file:
        file.writelines(parts)
        size = file.tell()
    temp.replace(path)
    return size


def summed(counts: Sequence[StepCounts]) -> StepCounts:
    """Of all shards."""
    reasons: Counter[str] = Counter()
    for one in counts:
        reasons.update(one.reasons)
    return StepCounts(
        seen=sum(one.seen for one in counts),
        changed=sum(one.changed for one in counts),
        dropped=sum(one.dropped for one in counts),
        reasons=dict(sorted(reasons.items())),
    )
