"""Plan × pools × seed -> the rows of a mix, and for each part of it how many there are and why.

The weak part is filled first; the replay follows it, so that it stays the share that was asked for where the weak part had to be
smaller. A pool that serves two parts is cut, not used twice: each row of it occurs equally often in the whole mix.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from harness.errors import Refused
from harness.mixing import reasons
from harness.mixing.filling import Cell, Want, fill
from harness.mixing.plan import Plan, Replay, WeakArea
from harness.mixing.pools import Pool
from harness.mixing.shares import Measured, cap_for, share_intervals, weak_shares
from harness.schema import Finding, Share, TrainingRow

MAX_REPEATS = 4
"""How often a row may occur in a mix: beyond four passes repeated data teaches little (Muennighoff 2023, arXiv 2305.16264)."""

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Stock:
    """What the sources of a plan hold."""

    pools: Mapping[str, Pool]
    """By name."""
    sources: Mapping[str, Weights]
    """Source -> its pools with their weights, which sum to 1. Of tagged rows: with their sizes."""
    tagged: Set[str] = frozenset()
    """Sources whose rows are tagged: only their pools of an area serve it."""

    def pools_of(self, sources: Sequence[str], area: str) -> dict[str, float]:
        """The pools of some sources that serve an area. Each source has the same weight; tagged ones weigh as they hold rows."""
        serving = {source: self._serving(source, area) for source in sources}
        sizes = {source: sum(pools.values()) for source, pools in serving.items() if source in self.tagged}
        rows, part = sum(sizes.values()), len(sizes) / len(sources)
        weights: dict[str, float] = {}
        for source, pools in serving.items():
            for pool, weight in pools.items():
                own = part * weight / rows if source in self.tagged else weight / len(sources)
                weights[pool] = weights.get(pool, 0.0) + own
        return weights

    def _serving(self, source: str, area: str) -> Weights:
        pools = self.sources[source]
        return {pool: size for pool, size in pools.items() if self.pools[pool].teaches(area)} if source in self.tagged else pools


@dataclass(frozen=True)
class Built:
    """A mix in memory."""

    rows: tuple[TrainingRow, ...]
    shares: tuple[Share, ...]
    notes: tuple[str, ...]


def build(plan: Plan, stock: Stock, *, rows: int, seed: int, max_repeats: int = MAX_REPEATS) -> Built:
    """At most `rows` rows, in an order that the seed gives.

    Raises:
        Refused: the sources of the weak areas hold nothing.
    """
    return _Builder(plan, stock, rows, seed, max_repeats).built()


@dataclass(frozen=True)
class _Given:
    """Rows of each part from each pool."""

    weak: Mapping[Cell, int]
    replay: Mapping[Cell, int]

    def of(self, kind: str, number: int) -> dict[str, int]:
        """Pool -> rows of one part."""
        cells = self.weak if kind == "weak" else self.replay
        return {pool: n for (i, pool), n in cells.items() if i == number}

    @property
    def total(self) -> int:
        return sum(self.weak.values()) + sum(self.replay.values())


class _Builder:
    def __init__(self, plan: Plan, stock: Stock, rows: int, seed: int, max_repeats: int) -> None:
        self.plan, self.stock, self.rows, self.seed = plan, stock, rows, seed
        self.room = {name: pool.room(rows, max_repeats) for name, pool in stock.pools.items()}
        self.pools = {area.area: stock.pools_of(area.sources, area.area) for area in plan.weak}
        self.pools |= {part.name: self._kept_pools(part) for part in plan.replay}
        self.weak_rows = round(rows * (1 - plan.kept))
        self.shortfalls = {area.area: area.shortfall for area in plan.weak}
        self.planned = weak_shares(self.shortfalls)
        self.free = weak_shares(self.shortfalls, cap=1.0)
        self.given = self._give(self.planned)
        if not self.given.weak:
            raise Refused(f"the sources of {', '.join(self.shortfalls)} hold no row that may be learnt from")

    def built(self) -> Built:
        """Rows, shares and notes."""
        drawn = self._drawn()
        intervals = self._intervals()
        weak = [self._weak_share(area, drawn[area.area], intervals) for area in self.plan.weak]
        replay = [self._replay_share(part, drawn.get(part.name, [])) for part in self.plan.replay]
        every = [row for part in drawn.values() for row in part]
        random.Random(f"mix/{self.seed}").shuffle(every)
        return Built(tuple(every), (*weak, *replay), (*self.plan.notes, *self._notes(weak, replay)))

    def _give(self, shares: Mapping[str, float]) -> _Given:
        """Rows for these shares of the weak part, and for the replay beside them."""
        weak_wants = [Want(shares[area.area], self.pools[area.area]) for area in self.plan.weak]
        weak = fill(weak_wants, self.room, self.weak_rows, cap_for(len(shares)) * self.weak_rows)
        left = dict(self.room)
        for (_, pool), n in weak.items():
            left[pool] -= n
        got = sum(weak.values())
        kept = self.rows - self.weak_rows if got == self.weak_rows else round(got * self.plan.kept / (1 - self.plan.kept))
        return _Given(weak, fill([Want(part.share, self.pools[part.name]) for part in self.plan.replay], left, kept))

    def _kept_pools(self, part: Replay) -> dict[str, float]:
        """Pools of what is replayed: its dimensions alike."""
        weights: dict[str, float] = {}
        for area, sources in part.parts:
            for pool, weight in self.stock.pools_of(sources, area).items():
                weights[pool] = weights.get(pool, 0.0) + weight
        return weights

    def _drawn(self) -> dict[str, list[TrainingRow]]:
        """Part -> its rows: every pool draws once, and the parts cut it between them."""
        parts = [(area.area, self.given.of("weak", i)) for i, area in enumerate(self.plan.weak)]
        parts += [(part.name, self.given.of("replay", i)) for i, part in enumerate(self.plan.replay)]
        totals: Counter[str] = Counter()
        for _, cells in parts:
            totals.update(cells)
        waiting = {pool: iter(self.stock.pools[pool].draw(n, self.seed)) for pool, n in totals.items()}
        drawn: dict[str, list[TrainingRow]] = {}
        for name, cells in parts:
            taken = [next(waiting[pool]) for pool, n in cells.items() for _ in range(n)]
            drawn[name] = [TrainingRow(messages=row.messages, area=name, source=row.source, source_id=row.id) for row in taken]
        return drawn

    def _intervals(self) -> dict[str, tuple[float, float]]:
        areas = {area.area: [_measured(finding) for finding in area.findings] for area in self.plan.weak}
        return share_intervals(areas, self._shared, self.seed)

    def _shared(self, shortfalls: Mapping[str, float]) -> dict[str, float]:
        """Shares of the whole mix, as they come out for these shortfalls."""
        given = self._give(weak_shares(shortfalls))
        return {area.area: sum(given.of("weak", i).values()) / given.total for i, area in enumerate(self.plan.weak)}

    def _weak_share(self, area: WeakArea, rows: list[TrainingRow], intervals: Mapping[str, tuple[float, float]]) -> Share:
        low, high = intervals.get(area.area, (None, None))
        planned = self.planned[area.area]
        at_limit = planned > cap_for(len(self.planned)) - 1e-9
        return Share(
            area=area.area,
            kind="weak",
            share=len(rows) / self.given.total,
            low=low,
            high=high,
            rows=len(rows),
            **self._counts(self.pools[area.area], rows),
            sources=area.sources,
            reason=reasons.weak(
                area,
                self.shortfalls,
                capped=at_limit and abs(planned - self.free[area.area]) > 1e-9,
                planned=planned * self.weak_rows,
                rows=len(rows),
            ),
        )

    def _replay_share(self, part: Replay, rows: list[TrainingRow]) -> Share:
        return Share(
            area=part.name,
            kind="replay",
            share=len(rows) / self.given.total,
            rows=len(rows),
            **self._counts(self.pools[part.name], rows),
            sources=tuple(dict.fromkeys(source for sources in part.sources for source in sources)),
            reason=reasons.replay(part),
        )

    def _counts(self, pools: Weights, rows: Sequence[TrainingRow]) -> dict[str, Any]:
        """How many different rows there are, and how often each of those used occurs."""
        different = len({(row.source, row.source_id) for row in rows})
        # A generator's families are counted only so far, and then as far as the mix has drawn.
        available = max(different, sum(self.stock.pools[pool].size for pool in pools))
        return {"available": available, "repeats": round(len(rows) / different, 3) if different else 0.0}

    def _notes(self, weak: Sequence[Share], replay: Sequence[Share]) -> list[str]:
        notes = reasons.limits(len(weak))
        if (got := sum(share.rows for share in weak)) < self.weak_rows:
            notes.append(reasons.smaller(got, self.weak_rows, self.given.total, self.rows))
        for part, share in zip(self.plan.replay, replay, strict=True):
            if abs(share.share - part.share) > max(0.005, 1.5 / self.given.total):
                notes.append(reasons.other_replay(part, share))
        return notes


def _measured(finding: Finding) -> Measured:
    # A standard that is no better than guessing is not corrected for chance, and a ceiling has none.
    chance = 0.0 if finding.ceiling or finding.chance >= finding.standard else finding.chance
    return Measured(finding.value, finding.n, finding.ceiling, chance, finding.shortfall)
