"""Texts -> hashed character n-grams (shingles) of all of them at once, and how similar two sets of them are.

Characters, not words: Chinese has no spaces, and any word splitter is slower than all the rest of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FACTOR: Final = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio, odd: multiplication spreads what differs in one character over all bits."""


@dataclass(frozen=True)
class Shingles:
    """Hashes of all texts, one text after the other."""

    hashes: NDArray[Any]
    ends: NDArray[np.int64]
    """`hashes[ends[i]:ends[i + 1]]` are those of text i; none for an empty text."""


def shingled(texts: Sequence[str], n: int) -> Shingles:
    """64-bit hashes of every n-gram, repeated ones included.

    A text of fewer than n characters is one shingle, as if followed by NULs: it equals only itself.

    Args:
        texts: without NULs (`bare` removes them).
        n: characters of a shingle.
    """
    import numpy as np

    padded = [text.ljust(n, "\0") if text else "" for text in texts]
    lengths = np.fromiter(map(len, padded), np.int64, len(padded))
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32)
    counts = np.maximum(lengths - n + 1, 0)
    ends = np.concatenate(([0], np.cumsum(counts)))
    if not len(codes):
        return Shingles(np.zeros(0, np.uint64), ends)
    hashes = np.zeros(len(codes) - n + 1, np.uint64)
    for place in range(n):
        hashes ^= codes[place : place + len(hashes)]
        hashes *= np.uint64(_FACTOR)
        hashes ^= hashes >> np.uint64(32)
    return Shingles(hashes[_whole(lengths, n)[: len(hashes)]], ends)


def _whole(lengths: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Which characters begin an n-gram that lies in one text."""
    import numpy as np

    ends = np.cumsum(lengths)
    whole = np.ones(int(ends[-1]), bool)
    for back in range(1, n):
        whole[ends[lengths > 0] - back] = False
    return whole


def distinct(shingles: Shingles) -> Shingles:
    """Each text's set: 32 bits of each hash, sorted, once.

    Two different shingles of two texts of 400 characters share their 32 bits in one of 27,000 pairs of texts.
    """
    import numpy as np

    rows = len(shingles.ends) - 1
    owner = np.repeat(np.arange(rows, dtype=np.uint64), np.diff(shingles.ends))
    keys = (owner << np.uint64(32)) | (shingles.hashes >> np.uint64(32))
    keys.sort()
    keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys
    ends = np.searchsorted(keys, np.arange(rows + 1, dtype=np.uint64) << np.uint64(32))
    return Shingles(keys.astype(np.uint32), ends)


def shared(one: Shingles, other: Shingles) -> NDArray[np.int64]:
    """How many shingles set i of `one` and set i of `other` have in common; both as `distinct` makes them."""
    import numpy as np

    mine, theirs = _keyed(one), _keyed(other)
    if not len(mine) or not len(theirs):
        return np.zeros(len(one.ends) - 1, np.int64)
    places = np.minimum(np.searchsorted(mine, theirs), len(mine) - 1)
    found = np.concatenate(([0], np.cumsum(mine[places] == theirs)))
    return np.asarray(found[other.ends[1:]] - found[other.ends[:-1]])


def _keyed(sets: Shingles) -> NDArray[np.uint64]:
    """The shingles with the number of their set above them: sorted throughout."""
    import numpy as np

    owner = np.repeat(np.arange(len(sets.ends) - 1, dtype=np.uint64), np.diff(sets.ends))
    return np.asarray((owner << np.uint64(32)) | sets.hashes)
