"""Benchmark items × training text -> is it one of them, or nearly?

Two texts are compared without case, punctuation and white space (NFKC). They are too alike if they are equal, or if too many of
the character n-grams of the shorter one stand in the longer one: n = 8 at a half, n = 5 at six tenths. Eight catches a copied
sentence inside a long text; five catches a copy with a word exchanged.

A text of fewer than nine characters has so few n-grams that any phrase would hold most of them. It counts only if it stands whole
in a text at most twice as long; below five characters, only if it is the whole text.

An inverted index of hashed n-grams makes this a matter of microseconds a text: a gram that no item has costs one look into a bit
map, and only items that share one are counted. It finds what comparing every pair finds (`tests/rows/test_contamination.py` does
both). It holds no text: what is kept of it on disk shows nobody a benchmark, and all workers read the same pages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.rows import holders
from harness.rows.holders import Found, Holders
from harness.rows.ngrams import Coder, Codes, bare, grams, numbers, numbers_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LIMITS", "SHORT", "STRETCH", "BenchmarkItem", "Hit", "Index", "bare", "grams"]

LIMITS: Final = {8: 0.5, 5: 0.6}
"""n -> share of the shorter text's n-grams from which on two texts are too alike."""
SHORT: Final = 9
"""Characters below which the shares say nothing."""
STRETCH: Final = 2.0
"""A short text counts in a text at most this many times as long."""

_BATCH: Final = 1 << 19
"""Characters that are looked at together."""
_PAIRS: Final = 1 << 21
"""Pairs of a gram and a holder that are counted together."""
_SAMPLE: Final = 48
"""Grams of a text by which is seen that it has at least so many different ones."""
_NAMES: Final = "items.json"


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


@dataclass(frozen=True)
class _Names:
    """What the numbers of an index stand for."""

    items: list[tuple[str, str]]
    """(benchmark, id) of each text."""
    whole: dict[str, int]
    """Digest of a bare text -> its number."""
    fold: Mapping[int, int]


class Index:
    """All texts of some benchmark items, by their n-grams."""

    def __init__(self, items: Iterable[BenchmarkItem], fold: Mapping[int, int] | None = None) -> None:
        """`fold`: code point -> the one that it counts as, on both sides (see `harness.rows.folding`)."""
        texts = [(item.benchmark, item.id, text) for item in items for text in item.texts]
        coder = Coder(fold)
        codes, kept = _different(coder.codes([text for *_, text in texts]))
        names = _Names(
            [texts[number][:2] for number in kept.values()], dict(zip(kept, range(len(kept)), strict=True)), fold or {}
        )
        self._use(names, coder, {n: holders.holders(codes, n) for n in LIMITS}, codes.bounds[1:] - codes.bounds[:-1])

    def _use(self, names: _Names, coder: Coder, known: Mapping[int, Holders], lengths: NDArray[np.int64]) -> None:
        self._names, self._coder, self._known, self._lengths = names, coder, known, lengths

    @classmethod
    def load(cls, folder: Path) -> Index:
        """What `save` wrote; memory is shared with other processes that load the same."""
        import numpy as np

        index = cls.__new__(cls)
        found = json.loads((folder / _NAMES).read_bytes())
        fold = {int(point): to for point, to in found["fold"].items()}
        names = _Names([(one[0], one[1]) for one in found["items"]], found["whole"], fold)
        lengths = np.load(folder / "lengths.npy", mmap_mode="r", allow_pickle=False)
        index._use(names, Coder(fold), {n: holders.load(folder / f"grams{n}") for n in LIMITS}, lengths)
        return index

    def save(self, folder: Path) -> None:
        """Write it into a folder that exists, without any text."""
        import numpy as np

        for n, known in self._known.items():
            known.save(folder / f"grams{n}")
        np.save(folder / "lengths.npy", self._lengths, allow_pickle=False)
        names = self._names
        said = {"items": names.items, "whole": names.whole, "fold": dict(names.fold)}
        (folder / _NAMES).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(known.nbytes for known in self._known.values()) + self._lengths.nbytes

    def find(self, text: str) -> Hit | None:
        """The item that a text repeats most, or None. The same text goes before all others, then the largest share."""
        return self._batch([text]).get(0)

    def find_any(self, texts: Sequence[str]) -> Hit | None:
        """The first hit among several texts."""
        return next(self.find_rows([texts]))

    def find_rows(self, rows: Iterable[Sequence[str]]) -> Iterator[Hit | None]:
        """`find_any` of each row, many at a time: ten times as fast."""
        for batch in _batches(rows):
            texts = [text for row in batch for text in row]
            found, at = self._batch(texts), 0
            for row in batch:
                yield next((found[i] for i in range(at, at + len(row)) if i in found), None)
                at += len(row)

    def _batch(self, texts: Sequence[str]) -> dict[int, Hit]:
        """Text -> its hit, of those that have one."""
        if not self._names.items:
            return {}
        codes = self._coder.codes(texts)
        best = self._best(codes)
        hits = {text: self._hit(number, rule, -share) for text, (share, number, rule) in best.items()}
        return hits | dict(self._same(codes, best))

    def _best(self, codes: Codes) -> dict[int, tuple[float, int, str]]:
        """Text -> (-share, item, rule) of the item that it is most alike."""
        fives = holders.scan(codes, self._known[5], 5)
        if not len(fives.places):
            return {}
        eights = holders.scan_at(codes, _longer(fives), self._known[8], 8)
        best: dict[int, tuple[float, int, str]] = {}
        for n, found in ((8, eights), (5, fives)):
            for text, number, share, rule in self._alike(codes, found, n):
                rank = (-share, number, rule)
                if text not in best or rank[:2] < best[text][:2]:
                    best[text] = rank
        return best

    def _same(self, codes: Codes, best: Mapping[int, tuple[float, int, str]]) -> Iterator[tuple[int, Hit]]:
        """Texts that are an item, word for word: such a one shares all its grams, or is too short to have any."""
        import numpy as np

        short = np.flatnonzero(np.diff(codes.bounds) < min(LIMITS))
        for text in {*short.tolist(), *(text for text, rank in best.items() if rank[0] == -1.0)}:
            said = codes.text(text)
            number = self._names.whole.get(_digest(said)) if len(said) else None
            if number is not None:
                yield text, self._hit(number, "same text", 1.0)

    def _alike(self, codes: Codes, found: Found, n: int) -> Iterator[tuple[int, int, float, str]]:
        """(text, item, share, rule) of the pairs that are too alike by their n-grams."""
        import numpy as np

        if not len(found.texts):
            return
        known, lengths = self._known[n], np.diff(codes.bounds)
        least = _least(codes, np.unique(found.texts), n)
        for texts, items, counts in _shared(found, known):
            shorter, longer = np.minimum(lengths[texts], self._lengths[items]), np.maximum(lengths[texts], self._lengths[items])
            short = shorter < SHORT
            limit = np.where(short, 1.0, LIMITS[n])
            may = counts >= limit * np.minimum(known.sizes[items], least[texts]) - 1e-6
            may &= ~short | ((n == 5) & (longer <= STRETCH * shorter))
            own: dict[int, int] = {}
            for at in np.flatnonzero(may).tolist():
                text, item = int(texts[at]), int(items[at])
                if text not in own:
                    own[text] = len(np.unique(numbers(codes.text(text), n)))
                share = int(counts[at]) / min(own[text], int(known.sizes[item]))
                if share >= limit[at]:
                    yield text, item, share, "short text" if short[at] else f"{n}-grams"

    def _hit(self, number: int, rule: str, share: float) -> Hit:
        benchmark, item = self._names.items[number]
        return Hit(benchmark, item, rule, round(share, 3))


def _batches(rows: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    batch: list[Sequence[str]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(map(len, row))
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _digest(codes: NDArray[np.uint32]) -> str:
    return hashlib.blake2b(codes.tobytes(), digest_size=16).hexdigest()


def _different(codes: Codes) -> tuple[Codes, dict[str, int]]:
    """Without empty texts and those that were there before; digest -> number as given of those that stay, in order."""
    import numpy as np

    kept: dict[str, int] = {}
    for number in range(len(codes.bounds) - 1):
        if len(said := codes.text(number)):
            kept.setdefault(_digest(said), number)
    parts = [codes.text(number) for number in kept.values()]
    bounds = np.r_[0, np.cumsum([len(part) for part in parts], dtype=np.int64)].astype(np.int64)
    return Codes(np.concatenate([np.zeros(0, np.uint32), *parts]), bounds), kept


def _longer(fives: Found) -> NDArray[np.int64]:
    """Where an 8-gram may begin that some item has: only where a known 5-gram begins and another ends."""
    import numpy as np

    at = fives.places
    later = np.searchsorted(at, at + 3)
    return at[(later < len(at)) & (at[np.minimum(later, len(at) - 1)] == at + 3)] if len(at) else at


def _least(codes: Codes, texts: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Text -> how many different n-grams it has at least: those of a sample; of a short one all.

    Counting them all for every text would take longer than everything else.
    """
    import numpy as np

    least = np.ones(len(codes.bounds) - 1, np.int64)
    count = np.maximum(codes.bounds[texts + 1] - codes.bounds[texts] - n + 1, 1)
    steps = np.arange(_SAMPLE)
    places = codes.bounds[texts][:, None] + steps * np.maximum(count, _SAMPLE)[:, None] // _SAMPLE
    places = np.minimum(places, (codes.bounds[texts] + count - 1)[:, None])
    sample = np.sort(numbers_at(codes.codes, places, n), axis=1)
    least[texts] = 1 + (sample[:, 1:] != sample[:, :-1]).sum(axis=1)
    return least


def _shared(found: Found, known: Holders) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """(texts, items, different grams that both have) of all pairs that share one, some texts at a time."""
    import numpy as np

    pairs = np.unique(found.texts * len(known.keys) + found.grams)
    texts, keys = np.divmod(pairs, len(known.keys))
    widths = known.starts[keys + 1] - known.starts[keys]
    ends = np.cumsum(widths)
    start = 0
    while start < len(texts):
        end = int(np.searchsorted(ends, (ends[start - 1] if start else 0) + _PAIRS, "right"))
        # Whole texts only: the one that the cut falls into goes to the next part, unless it fills this one alone.
        end = len(texts) if end >= len(texts) else max(int(np.searchsorted(texts, texts[end])), start)
        if end == start:
            end = int(np.searchsorted(texts, texts[start], "right"))
        width = widths[start:end]
        skipped = np.repeat(known.starts[keys[start:end]] - np.r_[0, np.cumsum(width)][:-1], width)
        items = known.texts[np.arange(len(skipped)) + skipped].astype(np.int64)
        both, counts = np.unique(np.repeat(texts[start:end], width) * len(known.sizes) + items, return_counts=True)
        yield *np.divmod(both, len(known.sizes)), counts
        start = end
