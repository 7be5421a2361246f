"""Rows that say, or ask, exactly what an earlier row does."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from harness.curating.alike.dropping import Of, dropping, id_columns, note
from harness.curating.columns import Columns, write
from harness.curating.contract import Context, Dropping, StepSettings
from harness.judging.text import compatible
from harness.schema import DataRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHY: Final = "exact duplicate"
IN_MEMORY: Final = 500_000
"""Rows of which the hashes are held at once."""


class ExactDuplicates(StepSettings):
    """Compared without case, width and white space. The first of equal rows stays."""

    whole: ClassVar[bool] = True

    use: Literal["exact_duplicates"]
    of: Of = "conversation"
    """`questions`: all turns but the last reply, so that two answers to one question count as duplicates."""

    def build(self, context: Context) -> ExactStep:
        """Nothing to load."""
        return ExactStep(self, context)


class ExactStep:
    """A sketch is 128 bits and the id of each row. Memory holds the hashes of half a million rows and 4 bytes for every row."""

    def __init__(self, settings: ExactDuplicates, context: Context) -> None:
        self.settings = settings
        self.notes = context.notes

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Hashes, two 64-bit words a row, and ids."""
        import numpy as np

        marks = b"".join(self._mark(row) for row in rows)
        write(to, {"marks": np.frombuffer(marks, dtype=np.uint64).reshape(-1, 2), **id_columns(rows)})

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """All but the first of each group."""
        import numpy as np

        shards = [Columns(path) for path in sketches]
        starts = np.concatenate(([0], np.cumsum([shard.shape("marks")[0] for shard in shards], dtype=np.int64)))
        kept = np.arange(starts[-1], dtype=np.int32 if starts[-1] < 2**31 else np.int64)
        for marks, rows in _parts(shards, starts):
            kept[rows] = rows[_first_of_each(marks)]
        self.notes.extend(note(kept))
        yield from dropping(shards, starts, kept, WHY)

    def _mark(self, row: DataRow) -> bytes:
        turns = row.messages if self.settings.of == "conversation" else row.messages[:-1]
        said = "\x1f".join(f"{turn.role}:{''.join(turn.content.split())}" for turn in turns)
        plain = said if unicodedata.is_normalized("NFKC", said) else compatible(said)
        return hashlib.blake2b(plain.lower().encode("utf-8", "replace"), digest_size=16).digest()


def _parts(shards: Sequence[Columns], starts: NDArray[Any]) -> Iterator[tuple[NDArray[np.uint64], NDArray[Any]]]:
    """(hashes, rows) of all shards, equal ones in the same part, in order of rows."""
    import numpy as np

    parts = max(1, -(-int(starts[-1]) // IN_MEMORY))
    for part in range(parts if shards else 0):
        marks, rows = [], []
        for shard, start in zip(shards, starts, strict=False):
            found = shard.read("marks")
            some = np.flatnonzero(found[:, 0] % np.uint64(parts) == part)
            marks.append(found[some])
            rows.append(some + start)
        yield np.concatenate(marks), np.concatenate(rows)


def _first_of_each(marks: NDArray[np.uint64]) -> NDArray[Any]:
    """For each row the place of the first row equal to it."""
    import numpy as np

    if not len(marks):
        return np.zeros(0, np.int64)
    order = np.lexsort((np.arange(len(marks)), marks[:, 1], marks[:, 0]))
    starts = np.r_[True, (marks[order][1:] != marks[order][:-1]).any(axis=1)]
    leaders = order[np.flatnonzero(starts)]
    first = np.empty(len(marks), np.int64)
    first[order] = leaders[np.cumsum(starts) - 1]
    return first
