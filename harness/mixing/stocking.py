"""Plan × culture × data sets -> what its sources hold, row by row compared with everything the culture measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

from harness.catalog import Catalog
from harness.demo import lessons
from harness.mixing.building import Stock
from harness.mixing.datasets import TaggedSet, is_data
from harness.mixing.plan import Plan
from harness.mixing.pools import HELD_OUT_BY, Dropped, Pool, Sieve, demo_pools, file_pool
from harness.mixing.tagged import TAGGED, declared_pools, set_pools
from harness.rows import benchmarks
from harness.rows.formats import Read
from harness.rows.sources import family_or_part, find, is_built_in
from harness.schema import Culture

Watch = Callable[[str, int, int], None]
Keep = Callable[[str, Read], bool]
"""(source, what was read) -> whether it may serve."""


@dataclass(frozen=True)
class Stocked:
    """What the sources hold, and what was looked at."""

    stock: Stock
    sieve: Sieve
    checked: dict[str, int]
    """Benchmark -> items compared with."""
    notes: tuple[str, ...]

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Rows left out; complete only once the mix has been drawn, which may open a generator further."""
        return tuple(self.sieve.dropped.values())


def take_stock(
    culture: Culture,
    known: Catalog,
    plan: Plan,
    *,
    rows: int,
    seed: int,
    sets: Sequence[TaggedSet] = (),
    watch: Watch | None = None,
    keep: Keep | None = None,
    untagged: Set[str] = frozenset(),
) -> Stocked:
    """Read the sources of a plan for a mix of at most `rows` rows, and compare them with the culture's tasks in the catalog.

    Args:
        culture: Its tasks and sources.
        known: The catalog.
        plan: Which sources.
        rows: Of the mix, at most.
        seed: Of the order in which rows are drawn.
        sets: Data sets that stand in for sources.
        watch: Called with (stage, done, total).
        keep: Of files, only rows of which this says yes, given the source's name.
        untagged: Sources all of whose rows serve, whatever they are tagged with.

    Raises:
        HarnessError: a benchmark, a source or a data set cannot be read.
    """
    measured = benchmarks.items(culture, known)
    items = measured.items
    sieve = Sieve(items, lessons.asked_keys() if any(item.generator == "demo" for item in items) else frozenset())
    opened = _Opened(culture, plan, rows, seed, sieve, keep, untagged)
    # Data sets first: of two rows that ask the same, the one that was curated stays.
    names = sorted(plan.sources, key=lambda name: (not is_data(name), name))
    for done, name in enumerate(names, 1):
        opened.add(name, sets)
        if watch:
            watch("sources", done, len(names))
    stock = Stock(opened.pools, opened.sources, frozenset(opened.tagged))
    notes = (*_notes(measured.unread, sieve, opened.sources), *_shared(stock))
    return Stocked(stock, sieve, dict(Counter(item.benchmark for item in items)), notes)


class _Opened:
    """Pools, source by source."""

    def __init__(
        self, culture: Culture, plan: Plan, rows: int, seed: int, sieve: Sieve, keep: Keep | None, untagged: Set[str]
    ) -> None:
        self.culture, self.wanted, self.rows, self.seed, self.sieve = culture, plan.areas, rows, seed, sieve
        self.keep, self.untagged = keep, untagged
        self.pools: dict[str, Pool] = {}
        self.sources: dict[str, dict[str, float]] = {}
        self.tagged: set[str] = set()
        self._sets: dict[str, list[Pool]] = {}

    def add(self, name: str, sets: Sequence[TaggedSet]) -> None:
        """The pools of one source."""
        if is_data(name):
            self._add_tagged(name, self._of_set(name, sets))
        elif is_built_in(name):
            self._add_demo(name)
        elif self.culture.sources[name].format == TAGGED and name not in self.untagged:
            file = find(self.culture, name)
            found = declared_pools(
                name, file, self.wanted, most=self.rows, seed=self.seed, sieve=self.sieve, keep=self._kept(name)
            )
            self._add_tagged(name, found)
        else:
            file, source = find(self.culture, name), self.culture.sources[name]
            self.pools[name] = file_pool(
                name, source, file, most=self.rows, seed=self.seed, sieve=self.sieve, keep=self._kept(name)
            )
            self.sources[name] = {name: 1.0}

    def _kept(self, name: str) -> Callable[[Read], bool] | None:
        return None if self.keep is None else partial(self.keep, name)

    def _add_demo(self, name: str) -> None:
        shares = lessons.parts(family_or_part(name))
        for family, pool in demo_pools(name, most=lessons.COUNTED, seed=self.seed, sieve=self.sieve).items():
            self.pools.setdefault(pool.name, pool)
            self.sources.setdefault(name, {})[pool.name] = shares[family]

    def _of_set(self, name: str, sets: Sequence[TaggedSet]) -> list[Pool]:
        """The pools of one area; each data set is read once."""
        whole, _, area = name.partition("#")
        if whole not in self._sets:
            one = next(one for one in sets if one.name == whole)
            self._sets[whole] = set_pools(one, self.wanted, most=self.rows, seed=self.seed, sieve=self.sieve)
        return [pool for pool in self._sets[whole] if pool.teaches(area)]

    def _add_tagged(self, name: str, pools: Sequence[Pool]) -> None:
        self.pools |= {pool.name: pool for pool in pools}
        self.sources[name] = {pool.name: float(pool.size) for pool in pools}
        self.tagged.add(name)


def _shared(stock: Stock) -> tuple[str, ...]:
    """What becomes of rows that teach several areas."""
    rows = sum(pool.size for pool in stock.pools.values() if pool.areas is not None and len(pool.areas) > 1)
    return (f"rows tagged with several of these areas: {rows:,}; each is drawn once at most, for one of them",) if rows else ()


def _notes(unread: Mapping[str, str], sieve: Sieve, sources: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    notes = []
    own = dict.fromkeys(item.benchmark for item in sieve.items if item.generator in HELD_OUT_BY)
    if own and any(map(is_built_in, sources)):
        notes.append(
            f"demo rows share templates with {', '.join(own)}: held apart by the hash of what fills them, they were compared by "
            "whole question and by filling, not by n-grams"
        )
    if unread:
        why = next(iter(unread.values()))
        notes.append(f"not compared with {', '.join(unread)}, whose items are not here ({why})")
    return tuple(notes)
