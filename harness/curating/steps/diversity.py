"""Rows whose questions are worded like a crowd of others: of each crowd a quota stays, those that say the most of their own.

BELLE filters its instructions "by word frequency" for diversity (arXiv 2304.07854) and says no more than that. The rule here:

    terms      words by jieba, where it is installed, else pairs of Han characters; Latin words and numbers as they are
    df(t)      rows whose question holds term t, of N
    own(row)   the mean of ln(N / df(t)) over the terms of the question: inverse document frequency (Spärck Jones 1972)
    head(row)  the two most frequent terms of the question, leaving out those in more than `common` of all rows: what it is of a
               kind with, as root verb and object are for Self-Instruct (arXiv 2212.10560, section 3.3)
    quota      of each head `share` of all rows stay, but never fewer than `least`: those with the highest own(row), of equals the
               first

Terms are counted in a table of 2^22 places by their hash, so memory is flat: 32 MB for the counts and 12 bytes a row. Two terms
in one place look somewhat more frequent than they are.
"""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import Field

from harness.curating.contract import Context, Dropping, StepSettings
from harness.errors import UsageError
from harness.judging.text import compatible
from harness.schema import DataRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHY: Final = "worded like many others"
PLACES: Final = 1 << 22
_LONGEST: Final = 4_000
"""Characters read of a question."""
_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff"
_RUN: Final = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")


class Diversity(StepSettings):
    """A quota for each way of wording a question."""

    whole: ClassVar[bool] = True

    use: Literal["diversity"]
    terms: Literal["auto", "words", "pairs"] = "auto"
    """`words` needs jieba; `auto` takes it if it is installed, and then other rows may stay than on a machine without."""
    share: float = Field(default=0.002, gt=0, le=1)
    """Of all rows that may have one head."""
    least: int = Field(default=20, ge=1)
    """Rows of one head that stay in any case."""
    common: float = Field(default=0.1, gt=0, le=1)
    """A term in more than this share of all questions is no head: it says nothing of what they are about."""

    def identity(self, context: Context) -> str:
        """How questions are cut into terms."""
        return f"jieba {version('jieba')}" if self.words else "pairs"

    @property
    def words(self) -> bool:
        """Whether jieba is used.

        Raises:
            UsageError: it is asked for and not installed.
        """
        if self.terms == "pairs":
            return False
        try:
            version("jieba")
        except PackageNotFoundError:
            if self.terms == "words":
                raise UsageError("step 'diversity': terms = 'words' needs pip install jieba; 'pairs' needs nothing") from None
            return False
        return True

    def build(self, context: Context) -> DiversityStep:
        """Nothing to load."""
        return DiversityStep(self, context)


class DiversityStep:
    """A sketch is the terms of each row's question, 4 bytes each."""

    def __init__(self, settings: Diversity, context: Context) -> None:
        self.settings, self._notes = settings, context.notes
        self._words = settings.words

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Places of the different terms, ascending, row after row; and where each row's end."""
        import numpy as np

        found = [sorted({_place(term) for term in terms(_question(row), words=self._words)}) for row in rows]
        with to.open("wb") as file:
            np.save(file, np.array([place for places in found for place in places], np.uint32), allow_pickle=False)
            np.save(file, np.cumsum([len(places) for places in found], dtype=np.int64), allow_pickle=False)

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """Counts all terms first, then ranks rows under their heads."""
        import numpy as np

        counts, rows = np.zeros(PLACES, np.int64), 0
        for places, ends in map(_read, sketches):
            counts += np.bincount(places, minlength=PLACES)
            rows += len(ends)
        quota = max(self.settings.least, int(self.settings.share * rows))
        ranked = [self._ranked(*_read(path), counts, rows) for path in sketches]
        own = np.concatenate([np.zeros(0, np.float32), *(one for one, _ in ranked)])
        heads = np.concatenate([np.zeros(0, np.uint64), *(one for _, one in ranked)])
        rank, size = _ranks(own, heads)
        crowds = len(np.unique(heads[rank >= quota]))
        self._notes.append(f"{quota} rows of one head stay; {crowds} of {len(np.unique(heads))} heads have more")
        start = 0
        for one, _ in ranked:
            here = np.flatnonzero(rank[start : start + len(one)] >= quota)
            yield {
                int(place): (WHY, f"{size[start + place]} rows are, {quota} stay; own terms {one[place]:.2f}") for place in here
            }
            start += len(one)

    def _ranked(
        self, places: NDArray[np.uint32], ends: NDArray[np.int64], counts: NDArray[np.int64], rows: int
    ) -> tuple[NDArray[np.float32], NDArray[np.uint64]]:
        """own(row) and head(row) of one shard."""
        import numpy as np

        widths = np.diff(ends, prepend=0)
        owners = np.repeat(np.arange(len(ends)), widths)
        df = counts[places]
        total = np.bincount(owners, np.log(rows / np.maximum(df, 1)), minlength=len(ends))
        own = (total / np.maximum(widths, 1)).astype(np.float32)
        rare = df <= self.settings.common * rows
        owners, places, df = owners[rare], places[rare], df[rare]
        order = np.lexsort((places, -df, owners))
        owners, places = owners[order], places[order]
        first, last = (np.searchsorted(owners, np.arange(len(ends)), side) for side in ("left", "right"))
        heads = np.zeros(len(ends), np.uint64)
        for step in (0, 1):
            has = np.flatnonzero(first + step < last)
            heads *= np.uint64(PLACES + 1)
            heads[has] += places[first[has] + step].astype(np.uint64) + np.uint64(1)
        return own, heads


def terms(question: str, *, words: bool = False) -> list[str]:
    """The terms of a question in order, in NFKC and lower case: Han words or pairs (a lone character by itself), and others."""
    found: list[str] = []
    for run in _RUN.findall(compatible(question[:_LONGEST]).lower()):
        if not "\u3400" <= run[0] <= "\u9fff" or len(run) == 1:
            found.append(run)
        elif words:
            found += _cut(run)
        else:
            found += [run[i : i + 2] for i in range(len(run) - 1)]
    return found


def _cut(run: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba 0.42 imports pkg_resources, and says so to everybody
        import jieba  # type: ignore[import-not-found,import-untyped,unused-ignore]

    jieba.setLogLevel("ERROR")
    found: list[str] = jieba.lcut(run)
    return found


def _place(term: str) -> int:
    return zlib.crc32(term.encode("utf-8", "surrogatepass")) & (PLACES - 1)


def _question(row: DataRow) -> str:
    return "\n".join(turn.content for turn in row.messages if turn.role == "user")


def _read(path: Path) -> tuple[Any, Any]:
    import numpy as np

    with path.open("rb") as file:
        return np.load(file, allow_pickle=False), np.load(file, allow_pickle=False)


def _ranks(own: NDArray[np.float32], heads: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place of each row among those of its head, the best first from 0; and how many there are."""
    import numpy as np

    order = np.lexsort((np.arange(len(own)), -own, heads))
    ordered = heads[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[starts, len(ordered)])
    rank, size = np.empty(len(own), np.int64), np.empty(len(own), np.int64)
    rank[order] = np.arange(len(ordered)) - np.repeat(starts, sizes)
    size[order] = np.repeat(sizes, sizes)
    return rank, size
