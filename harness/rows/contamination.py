"""Benchmark items × training text -> is it one of them, or nearly?

Two texts are compared without case, punctuation and white space (NFKC). They are too alike if they are equal, or if too many of
the character n-grams of the shorter one stand in the longer one: n = 8 at a half, n = 5 at six tenths. Eight catches a copied
sentence inside a long text; five catches a copy with a word exchanged.

A text of fewer than nine characters has so few n-grams that any phrase would hold most of them. It counts only if it stands whole
in a text at most twice as long; below five characters, only if it is the whole text.

An inverted index makes this a matter of microseconds a text: a gram that no item has costs one look-up, and only items that share
one are counted. It gives exactly what comparing every pair gives (`tests/rows/test_contamination.py` does both).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.judging.text import compatible

LIMITS: Final = {8: 0.5, 5: 0.6}
"""n -> share of the shorter text's n-grams from which on two texts are too alike."""
SHORT: Final = 9
"""Characters below which the shares say nothing."""
STRETCH: Final = 2.0
"""A short text counts in a text at most this many times as long."""


@dataclass(frozen=True)
class BenchmarkItem:
    """What must not be learnt: one item of a benchmark."""

    benchmark: str
    id: str
    texts: tuple[str, ...]
    """The question, and the earlier turns of a dialogue."""
    generator: str | None = None
    """Which generator drew it, e.g. `demo`; None for an item of a file."""


@dataclass(frozen=True)
class Hit:
    """A benchmark item that a training text repeats."""

    benchmark: str
    item: str
    rule: str
    """`same text`, `8-grams`, `5-grams` or `short text`."""
    share: float
    """Of the shorter text's grams."""


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


class Index:
    """All texts of some benchmark items, by their n-grams."""

    def __init__(self, items: Iterable[BenchmarkItem]) -> None:
        self._items: list[BenchmarkItem] = []
        self._lengths: list[int] = []
        self._sizes: dict[int, list[int]] = {n: [] for n in LIMITS}
        self._whole: dict[str, int] = {}
        self._holders: dict[int, dict[str, list[int]]] = {n: {} for n in LIMITS}
        for item in items:
            for text in item.texts:
                self._add(item, bare(text))

    def _add(self, item: BenchmarkItem, text: str) -> None:
        if not text or text in self._whole:
            return
        number = len(self._items)
        self._whole[text] = number
        self._items.append(item)
        self._lengths.append(len(text))
        for n, holders in self._holders.items():
            found = grams(text, n)
            self._sizes[n].append(len(found))
            for gram in found:
                holders.setdefault(gram, []).append(number)

    def find(self, text: str) -> Hit | None:
        """The item that a text repeats most, or None. The same text goes before all others, then the largest share."""
        if not self._items:
            return None
        said = bare(text)
        if said in self._whole:
            return self._hit(self._whole[said], "same text", 1.0)
        places = self._places(said)
        if not places:
            return None
        hits = [*self._alike(said, 8, _longer(said, places, self._holders[8])), *self._alike(said, 5, places)]
        return self._hit(*min(hits, key=lambda hit: (-hit[2], hit[0]))) if hits else None

    def find_any(self, texts: Sequence[str]) -> Hit | None:
        """The first hit among several texts."""
        return next((hit for text in texts if (hit := self.find(text))), None)

    def _places(self, text: str) -> list[int]:
        """Where a 5-gram begins that some item has."""
        holders = self._holders[5]
        return [i for i in range(len(text) - 4) if text[i : i + 5] in holders]

    def _alike(self, text: str, n: int, places: Sequence[int]) -> list[tuple[int, str, float]]:
        """(number, rule, share) of the items that are too alike by their n-grams."""
        shared: Counter[int] = Counter()
        for gram in {text[i : i + n] for i in places}:
            shared.update(self._holders[n][gram])
        if not shared:
            return []
        own, hits = len(grams(text, n)), []
        for number, count in shared.items():
            share = count / min(own, self._sizes[n][number])
            shorter, longer = sorted((len(text), self._lengths[number]))
            if shorter < SHORT:
                if n == 5 and share == 1 and longer <= STRETCH * shorter:
                    hits.append((number, "short text", share))
            elif share >= LIMITS[n]:
                hits.append((number, f"{n}-grams", share))
        return hits

    def _hit(self, number: int, rule: str, share: float) -> Hit:
        item = self._items[number]
        return Hit(item.benchmark, item.id, rule, round(share, 3))


def _longer(text: str, places: Sequence[int], holders: dict[str, list[int]]) -> list[int]:
    """Where an 8-gram begins that some item has: only where a 5-gram begins and another ends."""
    known = set(places)
    return [i for i in places if i + 3 in known and text[i : i + 8] in holders]
