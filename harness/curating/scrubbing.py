"""Files of dropped rows -> the same lines, without the text of rows that repeat a benchmark.

What goes before the comparison with benchmarks (a reply too short, a near-duplicate) is compared with them here: a benchmark's
text must not travel in a side file, whichever step its row was dropped by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from harness.rows.dataset import lines
from harness.schema import DataRow, DroppedRow

BATCH: Final = 2_000
"""Lines compared at once."""


@dataclass
class Scrubber:
    """Takes texts out, and counts them."""

    repeating: Callable[[Sequence[DataRow]], list[bool]]
    """Which of some rows repeat a benchmark."""
    found: int = 0

    def scrubbed(self, files: Iterable[Path]) -> Iterator[bytes]:
        """The lines of some files of dropped rows; those of rows that repeat nothing are as they were."""
        for path in files:
            with path.open("rb") as file:
                while batch := list(islice(file, BATCH)):
                    yield from self._batch(batch)

    def _batch(self, batch: Sequence[bytes]) -> Iterator[bytes]:
        drops = [DroppedRow.model_validate_json(line) for line in batch]
        rows = [drop.row for drop in drops if drop.row is not None]
        hits = iter(self.repeating(rows) if rows else [])
        for line, drop in zip(batch, drops, strict=True):
            if drop.row is not None and next(hits):
                self.found += 1
                yield from lines([drop.model_copy(update={"row": None})])
            else:
                yield line
