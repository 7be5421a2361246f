"""N-grams of many texts -> which texts hold each: an inverted index in five arrays, kept on disk as it is used."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.rows.ngrams import Codes, numbers, numbers_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK: Final = 1 << 15
"""Places looked at together: their numbers stay in the processor's cache."""
_SPREAD: Final = 16
"""Bits of the map for each gram: of strange grams one in sixteen is looked up in vain."""


@dataclass(frozen=True)
class Holders:
    """The different n-grams of some texts, and the texts that hold each."""

    keys: NDArray[np.uint64]
    """The different grams, ascending."""
    starts: NDArray[np.int64]
    """Where the holders of each begin; one more for the end of the last."""
    texts: NDArray[np.int32]
    """Numbers of texts, gram after gram."""
    sizes: NDArray[np.int32]
    """Different grams of each text."""
    bits: NDArray[np.uint8]
    """A map of 2^k bits: set is the one that the first k bits of a gram name."""

    @property
    def nbytes(self) -> int:
        """Bytes in all."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def index(self, found: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Place of each gram among the keys; -1 if it is none."""
        import numpy as np

        if not len(self.keys):
            return np.full(len(found), -1, np.int64)
        places = np.minimum(np.searchsorted(self.keys, found), len(self.keys) - 1)
        return np.where(self.keys[places] == found, places, -1)

    def save(self, stem: Path) -> None:
        """Write `<stem>.<name>.npy` for each array."""
        import numpy as np

        for field in fields(self):
            np.save(stem.with_name(f"{stem.name}.{field.name}.npy"), getattr(self, field.name), allow_pickle=False)


def load(stem: Path) -> Holders:
    """What was saved, read when it is looked at: processes that load the same files share their memory."""
    import numpy as np

    def one(name: str) -> Any:
        return np.load(stem.with_name(f"{stem.name}.{name}.npy"), mmap_mode="r", allow_pickle=False)

    return Holders(**{field.name: one(field.name) for field in fields(Holders)})


def holders(codes: Codes, n: int) -> Holders:
    """Of all texts."""
    import numpy as np

    lengths = np.maximum(np.diff(codes.bounds) - n + 1, 0)
    owners = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    skipped = np.repeat(codes.bounds[:-1] - np.r_[0, np.cumsum(lengths)][:-1], lengths)
    found = numbers_at(codes.codes, np.arange(len(owners)) + skipped, n) if len(owners) else np.zeros(0, np.uint64)
    order = np.argsort(found, kind="stable")
    found, owners = found[order], owners[order]
    first = np.ones(len(found), bool)
    first[1:] = (found[1:] != found[:-1]) | (owners[1:] != owners[:-1])
    found, owners = found[first], owners[first]
    keys, starts = np.unique(found, return_index=True)
    sizes = np.bincount(owners, minlength=len(lengths)).astype(np.int32)
    return Holders(keys, np.r_[starts, len(found)].astype(np.int64), owners, sizes, _map(keys))


def _map(keys: NDArray[np.uint64]) -> NDArray[np.uint8]:
    import numpy as np

    width = max(16, int(len(keys) * _SPREAD - 1).bit_length() if len(keys) else 0)
    flags = np.zeros(1 << width, bool)
    flags[keys >> np.uint64(64 - width)] = True
    return np.packbits(flags, bitorder="little")


@dataclass(frozen=True)
class Found:
    """Where in some texts a gram begins that is known."""

    places: NDArray[np.int64]
    """In the codes, ascending."""
    texts: NDArray[np.int64]
    """The text each stands in."""
    grams: NDArray[np.int64]
    """Its place among the keys."""


def scan(codes: Codes, known: Holders, n: int) -> Found:
    """Every place of every text, block by block."""
    import numpy as np

    shift = np.uint64(65 - len(known.bits).bit_length() - 3)
    hits, grams = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(codes.codes) - n + 1, _BLOCK):
        found = numbers(codes.codes[start : start + _BLOCK + n - 1], n)
        top = (found >> shift).view(np.int64)
        maybe = np.flatnonzero(known.bits[top >> 3] >> (top & 7).astype(np.uint8) & 1)
        grams.append(known.index(found[maybe]))
        hits.append(maybe + start)
    return _inside(codes, np.concatenate(hits), np.concatenate(grams), n)


def scan_at(codes: Codes, places: NDArray[np.int64], known: Holders, n: int) -> Found:
    """Only some places."""
    import numpy as np

    places = places[places + n <= len(codes.codes)]
    found = numbers_at(codes.codes, places, n) if len(places) else np.zeros(0, np.uint64)
    return _inside(codes, places, known.index(found), n)


def _inside(codes: Codes, places: NDArray[np.int64], grams: NDArray[np.int64], n: int) -> Found:
    """Without what no key is, and what reaches over the end of a text."""
    import numpy as np

    known = grams >= 0
    places, grams = places[known], grams[known]
    texts = np.searchsorted(codes.bounds, places, "right") - 1
    whole = places + n <= codes.bounds[texts + 1]
    return Found(places[whole], texts[whole], grams[whole])
