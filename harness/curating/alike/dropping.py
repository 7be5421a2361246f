"""What the steps against duplicates share: what of a row is compared, and clusters -> the rows that go and which one stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from harness.curating.columns import Columns, packed
from harness.curating.contract import Dropping
from harness.schema import DataRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

Of = Literal["conversation", "questions"]
"""`questions`: all turns but the last reply."""


def said(row: DataRow, of: Of) -> str:
    """What is compared: all turns, or all but the last reply."""
    turns = row.messages if of == "conversation" else row.messages[:-1]
    return "\n".join(turn.content for turn in turns)


def id_columns(rows: Sequence[DataRow]) -> dict[str, NDArray[Any]]:
    """Columns of a sketch that `dropping` finds ids in."""
    ids, ends = packed([row.id for row in rows])
    return {"ids": ids, "id_ends": ends}


def note(kept: NDArray[Any]) -> list[str]:
    """How many clusters, and how large; nothing where there are none."""
    import numpy as np

    sizes = np.bincount(kept) if len(kept) else np.zeros(0, int)
    clusters = int((sizes > 1).sum())
    return [f"{clusters:,} clusters of duplicates, the largest of {int(sizes.max()):,} rows"] if clusters else []


def dropping(shards: Sequence[Columns], starts: NDArray[Any], kept: NDArray[Any], why: str) -> Iterator[Dropping]:
    """For each shard the rows that another one stays for, with that one's id.

    Args:
        shards: with the columns of `id_columns`.
        starts: row with which each shard begins, and the end.
        kept: for each row the one that stays of its cluster.
        why: the reason.
    """
    import numpy as np

    ids = _Ids(shards, starts)
    for shard in range(len(shards)):
        start, stop = int(starts[shard]), int(starts[shard + 1])
        here = kept[start:stop]
        going = np.flatnonzero(here != np.arange(start, stop))
        yield {int(place): (why, f"of {ids.of(int(here[place]))}") for place in going}


class _Ids:
    """Ids of rows, those of some hundred shards in memory."""

    def __init__(self, shards: Sequence[Columns], starts: NDArray[Any]) -> None:
        self._starts = starts
        self._read = lru_cache(256)(lambda shard: (shards[shard].read("ids").tobytes(), shards[shard].read("id_ends")))

    def of(self, row: int) -> str:
        """`source/source_id`."""
        import numpy as np

        shard = int(np.searchsorted(self._starts, row, "right")) - 1
        data, ends = self._read(shard)
        place = row - int(self._starts[shard])
        return data[ends[place] : ends[place + 1]].decode("utf-8", "replace")
