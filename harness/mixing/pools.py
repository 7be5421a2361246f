"""Source -> the different rows that may be learnt from it, and the rows that may not, each with its reason.

A row of a file is left out if it teaches nothing, repeats the question of an earlier row, or repeats an item of a benchmark. Rows
of a generator that shares templates with a benchmark are held apart from that benchmark by what fills the templates, so there the
question as a whole and its fillings are compared; with every other benchmark they are compared like any row.
"""

from __future__ import annotations

import hashlib
import heapq
import random
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from harness.culture import BUILT_IN
from harness.data.hashing import content_hash
from harness.demo import lessons
from harness.demo.families import Item
from harness.rows.contamination import BenchmarkItem, Hit, Index
from harness.rows.formats import READERS, Read
from harness.rows.sources import family_or_part
from harness.schema import Message, Source

T = TypeVar("T")

BATCH: Final = 1_000
"""Rows compared at once."""
DUPLICATE: Final = "duplicate"
CONTAMINATED: Final = "in a benchmark"
HELD_OUT_BY: Final = {"demo": "hash"}
"""Generator -> how its training side is held apart from the benchmarks drawn by it."""


@dataclass(frozen=True)
class Taught:
    """A row that may be learnt from."""

    messages: tuple[Message, ...]
    source: str
    id: str


@dataclass(frozen=True)
class Dropped:
    """A row that may not, and why. Never any text of a benchmark."""

    source: str
    id: str
    reason: str
    hit: Hit | None = None

    @property
    def why(self) -> str:
        """The reason, with the benchmark where it is one: what drops are counted by."""
        return f"{self.reason}: {self.hit.benchmark}" if self.hit else self.reason


@dataclass(frozen=True)
class Pool:
    """The different rows of a file or of one family of a generator."""

    name: str
    rows: Sequence[Taught]
    """In the order in which they are drawn; as many as a mix can use."""
    size: int
    """Different rows in all, as far as counted."""
    more: Callable[[int], Pool] | None = None
    """Where a generator holds more than was counted: the same pool with up to so many rows."""
    areas: frozenset[str] | None = None
    """What its rows are tagged with, as far as the mix asks; None: not tagged, so they count for every area."""

    def teaches(self, area: str) -> bool:
        """Whether its rows may be drawn for an area."""
        return self.areas is None or area in self.areas

    def room(self, rows: int, repeats: int) -> int:
        """Rows that it may give to a mix of `rows`. What teaches several of its areas comes once: it is not to count twice."""
        if self.areas is not None and len(self.areas) > 1:
            return self.size
        return max(rows, repeats * self.size) if self.more else repeats * self.size

    def draw(self, n: int, seed: int) -> list[Taught]:
        """`n` rows: each once, then all again in another order. Empty if the pool is."""
        if self.more and n > len(self.rows):
            return self.more(n).draw(n, seed)
        drawn = list(self.rows[:n])
        turn = 1
        while self.rows and len(drawn) < n:
            again = list(self.rows)
            random.Random(f"{self.name}/{seed}/{turn}").shuffle(again)
            drawn += again[: n - len(drawn)]
            turn += 1
        return drawn


@dataclass
class Sieve:
    """What no row may repeat: items of benchmarks, and rows seen before. One for a whole mix."""

    items: Sequence[BenchmarkItem]
    fillings: Set[str] = frozenset()
    """What fills the items of generators' benchmarks."""
    dropped: dict[tuple[str, str], Dropped] = field(default_factory=dict)
    """By source and id, in the order in which they were met."""

    def __post_init__(self) -> None:
        self._all = Index(self.items)
        self._others = Index(item for item in self.items if item.generator not in HELD_OUT_BY)
        self._own = {content_hash(t): item for item in self.items if item.generator in HELD_OUT_BY for t in item.texts}
        self._seen: set[bytes] = set()

    def drop(self, source: str, name: str, reason: str, hit: Hit | None = None) -> None:
        """Note a row that is left out."""
        self.dropped[source, name] = Dropped(source, name, reason, hit)

    def passing(self, rows: Iterable[tuple[T, Taught]]) -> Iterator[tuple[T, Taught]]:
        """Rows of files that may stay, each with what came with it; the others are noted.

        A thousand are compared at once, which takes a tenth of the time.
        """
        rest = iter(rows)
        while batch := list(islice(rest, BATCH)):
            hits = self._all.find_rows([message.content for message in row.messages] for _, row in batch)
            yield from (one for one, hit in zip(batch, hits, strict=True) if self._stays(one[1], hit))

    def _stays(self, row: Taught, hit: Hit | None) -> bool:
        mark = _mark(row.messages)
        if mark in self._seen:
            self.drop(row.source, row.id, DUPLICATE)
            return False
        self._seen.add(mark)
        if hit is not None:
            self.drop(row.source, row.id, CONTAMINATED, hit)
        return hit is None

    def passes_drawn(self, row: Taught, keys: Sequence[str]) -> bool:
        """Whether a row of the demo generator may stay; if not, it is noted."""
        own = self._own.get(content_hash(row.messages[0].content))
        if own is not None:
            hit: Hit | None = Hit(own.benchmark, own.id, "same text", 1.0)
        elif any(key in self.fillings for key in keys):
            hit = Hit("demo", "", "same filling", 1.0)
        else:
            hit = self._others.find_any([message.content for message in row.messages])
        if hit is not None:
            self.drop(row.source, row.id, CONTAMINATED, hit)
        return hit is None


def file_pool(
    name: str,
    source: Source,
    path: Path,
    *,
    most: int,
    seed: int,
    sieve: Sieve,
    keep: Callable[[Read], bool] | None = None,
) -> Pool:
    """The rows of a file, in an order that the seed gives; only `most` are kept in memory, all are counted.

    With `keep`, rows of which it says no are passed over: they are none of this pool's.

    Raises:
        DataError: the file is not of its format; names the line.
    """
    counted = 0

    def sound() -> Iterator[tuple[None, Taught]]:
        for read in READERS[source.format](path):
            if read.trouble is not None:
                sieve.drop(name, read.id, read.trouble)
            elif keep is None or keep(read):
                yield None, Taught(read.messages, name, read.id)

    def staying() -> Iterator[Taught]:
        nonlocal counted
        for _, row in sieve.passing(sound()):
            counted += 1
            yield row

    rows = heapq.nsmallest(most, staying(), key=lambda row: hashlib.sha256(f"{seed}/{name}/{row.id}".encode()).digest())
    return Pool(name, rows, counted)


def demo_pools(name: str, *, most: int, seed: int, sieve: Sieve) -> dict[str, Pool]:
    """Family -> its training rows, for each family behind `demo:NAME`, counted up to `most`. Ids are `family#number`.

    Raises:
        UsageError: there is no such family or part.
    """
    return {family: _demo_pool(name, family, most, seed, sieve) for family in lessons.parts(family_or_part(name))}


def _demo_pool(name: str, family: str, most: int, seed: int, sieve: Sieve) -> Pool:
    found = lessons.different(family, most, seed)
    rows = []
    for number, item in enumerate(found, 1):
        row = Taught(_turns(item), name, f"{family}#{number}")
        if sieve.passes_drawn(row, lessons.keys(item)):
            rows.append(row)

    def more(n: int) -> Pool:
        # As many again as the sieve has taken: it may take more of a longer list, and then the last rows repeat.
        return replace(_demo_pool(name, family, n + 2 * (len(found) - len(rows)) + 1, seed, sieve), more=None)

    return Pool(f"{BUILT_IN}{family}", rows, len(rows), more if len(found) == most else None)


def _turns(item: Item) -> tuple[Message, ...]:
    return (Message(role="user", content=item.question), Message(role="assistant", content=item.answer))


def _mark(messages: Sequence[Message]) -> bytes:
    """What is asked, without case and white space: two rows that ask the same are duplicates. Marks stay: 3-5 is not 35."""
    asked = "\x1f".join(f"{message.role}:{''.join(message.content.split())}" for message in messages[:-1])
    return hashlib.blake2b(unicodedata.normalize("NFKC", asked).lower().encode(), digest_size=16).digest()
