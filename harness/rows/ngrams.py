"""Texts -> bare code points and hashed n-grams, many texts at once: what makes comparing a million rows a matter of minutes.

Python looks at a character in some 50 ns, numpy in some ten: a table says of each code point what it is when compared (nothing
for marks, lower case, simplified where that is wanted), and an n-gram is one 64-bit number, the sum of its code points, each
times a fixed odd number. Two different n-grams have the same number once in 2^64 times.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from harness.judging.text import compatible

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FACTORS: Final = (
    0x9E3779B97F4A7C15,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0xD6E8FEB86659FD93,
    0xA0761D6478BD642F,
    0xE7037ED1A0B428DB,
    0x8EBC6AF09C88C6E3,
    0x589965CC75374CC3,
)
_UNKNOWN: Final = 0xFFFFFFFF
_SLOW: Final = 0xFFFFFFFE
"""Of a code point that cannot be looked at alone: a combining mark, a full-width letter."""
_POINTS: Final = 0x110000


class _Kept(dict[int, int | None]):
    """Code point -> itself, or None if it is punctuation, a separator or a control character; filled as they are met.

    `str.translate` with this is ten times as fast as a pattern of all such ranges.
    """

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.category(chr(code))[0] in "PZC" else code
        return self[code]


_KEPT: Final = _Kept()


def bare(text: str) -> str:
    """Lower case and NFKC, without punctuation, separators and control characters; symbols (`+`, `=`) stay."""
    said = text.translate(_KEPT)
    if not unicodedata.is_normalized("NFKC", said):
        # Linear in the length, unlike NFKC alone, which a run of combining marks makes quadratic.
        said = compatible(said).translate(_KEPT)
    return said.lower()


def grams(text: str, n: int) -> set[str]:
    """The different n-grams of a bare text; none if it is shorter than n."""
    return {text[i : i + n] for i in range(len(text) - n + 1)}


@dataclass(frozen=True)
class Codes:
    """Bare texts, one after the other."""

    codes: NDArray[np.uint32]
    bounds: NDArray[np.int64]
    """Where each text begins; one more for the end of the last."""

    def text(self, number: int) -> NDArray[np.uint32]:
        """The code points of one text."""
        return self.codes[self.bounds[number] : self.bounds[number + 1]]


class Coder:
    """Texts -> Codes. Gives for each text what `bare` gives, folded."""

    def __init__(self, fold: Mapping[int, int] | None = None) -> None:
        """`fold`: code point -> the one that it counts as (traditional -> simplified)."""
        self._fold = dict(fold or {})
        self._table = _unfolded() if not fold else _empty()

    def codes(self, texts: Sequence[str]) -> Codes:
        """All texts; 4 bytes a character."""
        import numpy as np

        raw, ends = _points(texts)
        found = self._table[raw]
        if found.size and found.max() == _UNKNOWN:
            self._meet(np.unique(raw[found == _UNKNOWN]))
            found = self._table[raw]
        if found.size and found.max() == _SLOW:
            slow = np.unique(np.searchsorted(ends, np.flatnonzero(found == _SLOW), "right"))
            return self._mixed(texts, set(slow.tolist()))
        kept = found != 0
        bounds = np.r_[0, np.cumsum(kept, dtype=np.int64)][np.r_[0, ends]]
        return Codes(found[kept], bounds)

    def _mixed(self, texts: Sequence[str], slow: set[int]) -> Codes:
        """With texts that need all of `bare`."""
        import numpy as np

        parts = []
        fast = self.codes([text for number, text in enumerate(texts) if number not in slow])
        turn = iter(range(len(fast.bounds) - 1))
        for number, text in enumerate(texts):
            parts.append(_points([bare(text).translate(self._fold)])[0] if number in slow else fast.text(next(turn)))
        return Codes(np.concatenate(parts), np.r_[0, np.cumsum([len(part) for part in parts], dtype=np.int64)])

    def _meet(self, points: NDArray[np.uint32]) -> None:
        for point in points.tolist():
            self._table[point] = self._alone(point)

    def _alone(self, point: int) -> int:
        """What a code point is in a text of ordinary ones; 0 if nothing."""
        character = chr(point)
        category = unicodedata.category(character)
        if category[0] in "PZC":
            return 0
        lower = character.lower()
        joins = category[0] == "M" or 0x1100 <= point < 0x1200 or character == "Σ"
        if joins or len(lower) != 1 or not unicodedata.is_normalized("NFKC", character):
            return _SLOW
        return self._fold.get(ord(lower), ord(lower))


def _empty() -> NDArray[np.uint32]:
    import numpy as np

    return np.full(_POINTS, _UNKNOWN, np.uint32)


@cache
def _unfolded() -> NDArray[np.uint32]:
    """The table without folding: 4.5 MB that all coders fill together, as they meet code points."""
    return _empty()


def _points(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Code points of all texts, and where each text ends."""
    import numpy as np

    raw = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
    return raw, np.cumsum([len(text) for text in texts], dtype=np.int64)


def numbers(codes: NDArray[np.uint32], n: int) -> NDArray[np.uint64]:
    """The number of the n-gram that begins at each place, for n up to 8; n - 1 fewer than codes."""
    count = max(0, len(codes) - n + 1)
    return _summed(codes[k : k + count] for k in range(n))


def numbers_at(codes: NDArray[np.uint32], places: NDArray[np.int64], n: int) -> NDArray[np.uint64]:
    """The numbers of the n-grams that begin at some places."""
    return _summed(codes[places + k] for k in range(n))


def _summed(columns: Iterable[NDArray[np.uint32]]) -> NDArray[np.uint64]:
    import numpy as np

    total: Any = 0
    for column, factor in zip(columns, _FACTORS, strict=False):
        total = total + column.astype(np.uint64) * np.uint64(factor)
    return cast("NDArray[np.uint64]", total)
