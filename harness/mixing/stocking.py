"""Plan × culture -> what its sources hold, row by row compared with everything the culture measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.catalog import Catalog
from harness.demo import lessons
from harness.mixing.building import Stock
from harness.mixing.pools import HELD_OUT_BY, Dropped, Pool, Sieve, demo_pools, file_pool
from harness.rows import benchmarks
from harness.rows.sources import family_or_part, find, is_built_in
from harness.schema import Culture

Watch = Callable[[str, int, int], None]


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
    culture: Culture, known: Catalog, names: Sequence[str], *, rows: int, seed: int, watch: Watch | None = None
) -> Stocked:
    """Read the sources `names` for a mix of at most `rows` rows, and compare them with the culture's tasks in the catalog.

    Raises:
        HarnessError: a benchmark or a source cannot be read.
    """
    measured = benchmarks.items(culture, known)
    items = measured.items
    sieve = Sieve(items, lessons.asked_keys() if any(item.generator == "demo" for item in items) else frozenset())
    pools: dict[str, Pool] = {}
    sources: dict[str, dict[str, float]] = {}
    for done, name in enumerate(names, 1):
        if is_built_in(name):
            shares = lessons.parts(family_or_part(name))
            opened = demo_pools(name, most=lessons.COUNTED, seed=seed, sieve=sieve)
            for family, pool in opened.items():
                pools.setdefault(pool.name, pool)
                sources.setdefault(name, {})[pool.name] = shares[family]
        else:
            pools[name] = file_pool(name, culture.sources[name], find(culture, name), most=rows, seed=seed, sieve=sieve)
            sources[name] = {name: 1.0}
        if watch:
            watch("sources", done, len(names))
    return Stocked(
        Stock(pools, sources), sieve, dict(Counter(item.benchmark for item in items)), _notes(measured.unread, sieve, sources)
    )


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
