"""Tagged rows -> pools, one for each set of areas that its rows teach.

Every row lies in exactly one pool, so that a row with two areas cannot be drawn once for each: the areas cut its pool between
them. Rows that teach nothing the mix asks for are passed over; rows without a tag, in a file that a culture declares, count for
every area that names the file.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Set
from pathlib import Path
from typing import Final

from harness.mixing.datasets import TaggedSet
from harness.mixing.pools import Pool, Sieve, Taught
from harness.rows.dataset import read_rows as rows_of_set
from harness.rows.formats import READERS, Read
from harness.schema import DataRow

TAGGED: Final = "rows"
"""Format of a declared file whose rows may be tagged."""

Marked = tuple[frozenset[str] | None, Taught]
"""The areas that a row teaches, of those asked for (None: not tagged), and the row."""


def set_pools(one: TaggedSet, wanted: Set[str], *, most: int, seed: int, sieve: Sieve) -> list[Pool]:
    """The rows of a data set that are tagged with something of `wanted`; of each pool `most` are kept in memory.

    Raises:
        DataError: the rows are not those that the manifest describes.
    """
    marked = (_marked(row, wanted) for row in rows_of_set(one.folder) if row.areas)
    return _pools(one.name, marked, most, seed, sieve)


def declared_pools(
    name: str,
    path: Path,
    wanted: Set[str],
    *,
    most: int,
    seed: int,
    sieve: Sieve,
    keep: Callable[[Read], bool] | None = None,
) -> list[Pool]:
    """The rows of a declared file of rows that are tagged with something of `wanted`, or not tagged at all.

    With `keep`, only those of which it says yes.

    Raises:
        DataError: the file is not of its format; names the line.
    """

    def rows() -> Iterator[Marked]:
        for read in READERS[TAGGED](path):
            if read.trouble is not None:
                sieve.drop(name, read.id, read.trouble)
            elif read.row is not None and (keep is None or keep(read)):
                yield _marked(read.row, wanted)

    return _pools(name, rows(), most, seed, sieve)


def _marked(row: DataRow, wanted: Set[str]) -> Marked:
    areas = frozenset(row.areas) & wanted if row.areas else None
    return areas, Taught(row.messages, row.source, row.source_id)


def _pools(name: str, rows: Iterable[Marked], most: int, seed: int, sieve: Sieve) -> list[Pool]:
    """One pool for each set of areas, by name."""
    heaps: dict[frozenset[str] | None, _Kept] = {}
    for areas, row in sieve.passing(one for one in rows if one[0] is None or one[0]):
        heaps.setdefault(areas, _Kept(most)).add(row, seed)
    pools = []
    for areas, kept in heaps.items():
        named = f"{name}#{'+'.join(sorted(areas))}" if areas else name
        pools.append(Pool(named, kept.rows(), kept.counted, areas=areas))
    return sorted(pools, key=lambda pool: pool.name)


class _Kept:
    """The first rows in an order that the seed gives; all are counted."""

    def __init__(self, most: int) -> None:
        self.most, self.counted = most, 0
        self._heap: list[tuple[int, int, Taught]] = []

    def add(self, row: Taught, seed: int) -> None:
        digest = hashlib.sha256(f"{seed}/{row.source}/{row.id}".encode()).digest()
        self.counted += 1
        entry = (-int.from_bytes(digest, "big"), -self.counted, row)
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def rows(self) -> list[Taught]:
        return [row for _, _, row in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))]
