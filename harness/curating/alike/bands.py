"""Sketches of all shards -> clusters of near-duplicates, band by band.

Memory holds the label and the size of each row (8 bytes together), one band of 250,000 rows, and the shingles of some thousand
pairs, read from the sketches as they are wanted. Whoever shares a band is compared in full: a false alarm of a band costs no row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from harness.curating.alike.clusters import Clusters
from harness.curating.alike.shingles import Shingles, shared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.curating.columns import Columns

REACH: Final = 4
"""In a band, a row is compared with so many rows before it that share it, and with the first: never quadratic. What is a
duplicate of another row of a crowded band meets it alone in other bands, where what makes both special is among the minima."""
IN_MEMORY: Final = 250_000
"""Rows of which a band is held at once; of more rows it is taken in parts, by the hashes' own values."""
WAITING: Final = 100_000
"""Pairs that are gathered before they are compared."""
AT_ONCE: Final = 500_000
"""Shingles on either side that are compared at once."""
REMEMBERED: Final = 1_000_000
"""Pairs found different that are not compared again in the next band."""

BANDS: Final = "bands"
SHINGLES: Final = "shingles"
ENDS: Final = "ends"

Pairs = tuple["NDArray[Any]", "NDArray[Any]"]


@dataclass(frozen=True)
class Sketches:
    """All shards as one list of rows."""

    shards: Sequence[Columns]
    starts: NDArray[np.int64]
    """Row with which each shard begins, and the end."""
    sizes: NDArray[np.int32]
    """Distinct shingles of each row."""

    @property
    def rows(self) -> int:
        """Of all shards."""
        return int(self.starts[-1])

    def bands(self) -> Iterator[tuple[NDArray[np.uint64], NDArray[Any]]]:
        """(hashes, rows) of each band, in parts if there are many; in order of rows, without those that have no shingle."""
        import numpy as np

        number = self.shards[0].shape(BANDS)[0] if self.shards else 0
        parts = max(1, -(-self.rows // IN_MEMORY))
        for band, part in product(range(number), range(parts)):
            hashes, rows = [], []
            for shard, start, stop in zip(self.shards, self.starts, self.starts[1:], strict=False):
                found = shard.part(BANDS, band, band + 1)[0]
                some = np.flatnonzero((found % np.uint64(parts) == part) & (self.sizes[start:stop] > 0))
                hashes.append(found[some])
                rows.append(some + start)
            yield np.concatenate(hashes), np.concatenate(rows)

    def sets(self, rows: NDArray[Any]) -> Shingles:
        """Shingles of some rows, in ascending order of rows."""
        import numpy as np

        owners = np.searchsorted(self.starts, rows, "right") - 1
        cuts = np.flatnonzero(np.diff(owners)) + 1
        parts = []
        for local in np.split(np.arange(len(rows)), cuts):
            shard = int(owners[local[0]])
            ends = self.shards[shard].read(ENDS)
            places = rows[local] - self.starts[shard]
            parts.append(self.shards[shard].pieces(SHINGLES, ends[places], np.diff(ends)[places]))
        return Shingles(np.concatenate(parts), np.concatenate(([0], np.cumsum(self.sizes[rows], dtype=np.int64))))


def opened(shards: Sequence[Columns]) -> Sketches:
    """Sketches with columns `bands` (bands, rows), `ends` and `shingles`."""
    import numpy as np

    sizes = [np.diff(shard.read(ENDS)).astype(np.int32) for shard in shards]
    starts = np.concatenate(([0], np.cumsum([len(part) for part in sizes], dtype=np.int64)))
    return Sketches(shards, starts, np.concatenate(sizes) if sizes else np.zeros(0, np.int32))


def clustered(sketches: Sketches, similarity: float) -> Clusters:
    """Joins all rows whose sets of shingles are found to have a Jaccard similarity of at least `similarity`."""
    clusters = Clusters(sketches.rows)
    seen = _Seen()
    for hashes, rows in sketches.bands():
        waiting: list[Pairs] = []
        for one, other in neighbours(hashes, rows):
            wanted = clusters.apart(one, other) & _of_like_size(sketches, one, other, similarity)
            waiting.append(seen.new(one[wanted], other[wanted]))
            if sum(len(one) for one, _ in waiting) >= WAITING:
                _compare(sketches, _once(waiting), similarity, clusters, seen)
                waiting.clear()
        _compare(sketches, _once(waiting), similarity, clusters, seen)
    return clusters


def neighbours(hashes: NDArray[np.uint64], rows: NDArray[Any]) -> Iterator[Pairs]:
    """Pairs of rows with equal hashes, the earlier row first: with the `REACH` before it, and with the first of all."""
    import numpy as np

    if len(rows) < 2:
        return
    order = np.argsort(hashes, kind="stable")
    hashes, rows = hashes[order], rows[order]
    same = np.concatenate(([False], hashes[1:] == hashes[:-1], [False]))
    met = same[1:] | same[:-1]
    fresh, rows = ~same[:-1][met], rows[met]
    first = np.flatnonzero(fresh)[np.cumsum(fresh) - 1]
    depth = np.arange(len(rows)) - first
    for back in range(1, REACH + 1):
        later = np.flatnonzero(depth >= back)
        if not len(later):
            return
        yield rows[later - back], rows[later]
    later = np.flatnonzero(depth > REACH)
    yield rows[first[later]], rows[later]


def _of_like_size(sketches: Sketches, one: NDArray[Any], other: NDArray[Any], similarity: float) -> NDArray[np.bool_]:
    """Sets of very different sizes cannot be similar: |A ∩ B| / |A ∪ B| <= min / max."""
    import numpy as np

    mine, theirs = sketches.sizes[one], sketches.sizes[other]
    return np.asarray(np.minimum(mine, theirs) >= similarity * np.maximum(mine, theirs))


def _once(parts: Sequence[Pairs]) -> Pairs:
    """All pairs, ordered by row, without repetition."""
    import numpy as np

    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    keys = np.unique((np.concatenate([one for one, _ in parts]) << 32) | np.concatenate([other for _, other in parts]))
    return keys >> 32, keys & 0xFFFFFFFF


def _compare(sketches: Sketches, pairs: Pairs, similarity: float, clusters: Clusters, seen: _Seen) -> None:
    """Compare each pair by its shingles, as many at once as memory is meant for."""
    import numpy as np

    one, other = pairs
    weight = np.cumsum(np.maximum(sketches.sizes[one], sketches.sizes[other]), dtype=np.int64)
    alike = np.zeros(len(one), bool)
    for start, stop in _slices(weight):
        alike[start:stop] = similarities(sketches, one[start:stop], other[start:stop]) >= similarity
    clusters.join(one[alike], other[alike])
    seen.add(one[~alike], other[~alike])


def _slices(weight: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Stretches of at most `AT_ONCE`, or of one pair; `weight` is the running sum."""
    import numpy as np

    start = 0
    while start < len(weight):
        before = weight[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(weight, before + AT_ONCE, "right")))
        yield start, stop
        start = stop


def similarities(sketches: Sketches, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Jaccard similarity |A ∩ B| / |A ∪ B| of each pair of rows."""
    import numpy as np

    rows, places = np.unique(np.concatenate((one, other)), return_inverse=True)
    sets = sketches.sets(rows)
    left, right = _picked(sets, places[: len(one)]), _picked(sets, places[len(one) :])
    both = shared(left, right)
    sizes = np.diff(left.ends) + np.diff(right.ends)
    return np.asarray(both / np.maximum(sizes - both, 1))


def _picked(sets: Shingles, which: NDArray[Any]) -> Shingles:
    """Some of the sets, in another order, repeated ones too."""
    import numpy as np

    sizes = np.diff(sets.ends)[which]
    ends = np.concatenate(([0], np.cumsum(sizes)))
    return Shingles(sets.hashes[np.arange(ends[-1]) + np.repeat(sets.ends[which] - ends[:-1], sizes)], ends)


class _Seen:
    """Pairs that were compared and differ; at most `REMEMBERED`, as sorted numbers."""

    def __init__(self) -> None:
        import numpy as np

        self._keys: NDArray[np.int64] = np.zeros(0, np.int64)

    def new(self, one: NDArray[Any], other: NDArray[Any]) -> Pairs:
        """Those not among them."""
        import numpy as np

        if not len(self._keys):
            return one, other
        keys = (one << 32) | other
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        fresh = self._keys[places] != keys
        return one[fresh], other[fresh]

    def add(self, one: NDArray[Any], other: NDArray[Any]) -> None:
        """Remember them, while there is room."""
        import numpy as np

        room = REMEMBERED - len(self._keys)
        if room > 0 and len(one):
            # Both are sorted and have no pair in common: a stable sort merges them in linear time.
            self._keys = np.sort(np.concatenate((self._keys, ((one << 32) | other)[:room])), kind="stable")
