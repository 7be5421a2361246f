"""Rows that say, or ask, exactly what an earlier row does."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.curating.contract import Context, Dropping, StepSettings
from harness.schema import DataRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ExactDuplicates(StepSettings):
    """Compared without case, width and white space. The first of equal rows stays."""

    whole: ClassVar[bool] = True

    use: Literal["exact_duplicates"]
    of: Literal["conversation", "questions"] = "conversation"
    """`questions`: all turns but the last reply, so that two answers to one question count as duplicates."""

    def build(self, context: Context) -> ExactStep:
        """Nothing to load."""
        return ExactStep(self)


class ExactStep:
    """A sketch is 128 bits a row; 1M rows are sorted in 16 MB."""

    def __init__(self, settings: ExactDuplicates) -> None:
        self.settings = settings

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Hashes, two 64-bit words a row."""
        import numpy as np

        marks = b"".join(self._mark(row) for row in rows)
        with to.open("wb") as file:
            np.save(file, np.frombuffer(marks, dtype=np.uint64).reshape(-1, 2))

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """All but the first of each group."""
        import numpy as np

        parts = [np.load(path, allow_pickle=False) for path in sketches]
        marks = np.concatenate(parts) if parts else np.zeros((0, 2), np.uint64)
        first = _first_of_each(marks)
        start = 0
        for part in parts:
            here = first[start : start + len(part)]
            yield {
                place: ("exact duplicate", f"of row {int(one) + 1} of the step")
                for place, one in enumerate(here)
                if one != start + place
            }
            start += len(part)

    def _mark(self, row: DataRow) -> bytes:
        turns = row.messages if self.settings.of == "conversation" else row.messages[:-1]
        said = "\x1f".join(f"{turn.role}:{''.join(turn.content.split())}" for turn in turns)
        return hashlib.blake2b(unicodedata.normalize("NFKC", said).lower().encode(), digest_size=16).digest()


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
