"""Files -> the shards of rows as read, one after the other, while workers are already busy with the first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from harness.curating.shards import SIZE, Counting, Shard, ShardCounts
from harness.rows.reading import read_rows
from harness.runs.write import make_folder, write_whole
from harness.schema import DataRow, DroppedRow, Source

DONE: Final = "read.json"
PLACE: Final = 0
"""Of reading, among the steps."""


@dataclass(frozen=True)
class Input:
    """One file to be read."""

    name: str
    source: Source
    path: Path
    sha256: str


class Intake:
    """The reading of some files. After `numbers` has ended, `shards` and `records` are known."""

    def __init__(self, inputs: Sequence[Input], folder: Path, limit: int | None = None) -> None:
        self.records = dict.fromkeys((one.name for one in inputs), 0)
        """Source -> records read."""
        self.shards = 0
        self._inputs, self._folder, self._limit = inputs, folder, limit
        self._size = sum(one.path.stat().st_size for one in inputs)

    @property
    def expected(self) -> int:
        """Shards there will be, as far as one can tell: a row of Chinese instruction data has some 700 bytes."""
        by_size = self._size // (700 * SIZE)
        most = by_size if self._limit is None else min(by_size, -(-self._limit * len(self._inputs) // SIZE))
        return max(self.shards, most)

    def numbers(self) -> Iterator[int]:
        """The number of each shard, once it is on disk. Shards that are there already are not written again.

        Raises:
            DataError: a file cannot be read, or the disk is full.
        """
        done = self._folder / DONE
        if done.is_file():
            found = json.loads(done.read_bytes())
            self.records, self.shards = found["records"], found["shards"]
            yield from range(self.shards)
            return
        make_folder(self._folder)
        rows = self._rows()
        while batch := list(islice(rows, SIZE)):
            shard = Shard(self._folder, self.shards)
            if not shard.done:
                _store(shard, batch)
            self.shards += 1
            yield shard.number
        write_whole(done, [json.dumps({"shards": self.shards, "records": self.records}).encode()])

    def _rows(self) -> Iterator[DataRow | DroppedRow]:
        for one in self._inputs:
            for row in islice(read_rows(one.name, one.source, one.path), self._limit):
                self.records[one.name] += 1
                yield row


def _store(shard: Shard, batch: Sequence[DataRow | DroppedRow]) -> None:
    kept = [row for row in batch if isinstance(row, DataRow)]
    drops = [row for row in batch if isinstance(row, DroppedRow)]
    count = Counting(seen=len(batch), dropped=len(drops))
    count.reasons.update(drop.why for drop in drops)
    shard.store(kept, drops, ShardCounts(rows=len(kept), steps={PLACE: count.done()}))
