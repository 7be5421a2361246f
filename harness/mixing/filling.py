"""Wanted shares × what the sources hold -> rows of each. Numbers in, numbers out.

Each want takes its rows from its own sources, by their weights; what one of them does not hold comes from its others, and what
none of them holds goes to the other wants, in proportion to their shares, as far as `most` allows. If nothing is left that may
give, fewer rows come out: a mix is never filled up with what nobody asked for.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Cell = tuple[int, str]
"""(number of the want, name of the pool)."""

_EPS = 1e-9


@dataclass(frozen=True)
class Want:
    """A share of the rows, and the pools it may come from."""

    share: float
    """Above 0; relative to the other wants."""
    pools: Mapping[str, float]
    """Pool -> weight, above 0."""


def fill(wants: Sequence[Want], room: Mapping[str, int], rows: int, most: float = math.inf) -> dict[Cell, int]:
    """Rows of each want from each of its pools.

    Args:
        wants: Any number.
        room: Pool -> rows that it may give in all.
        rows: To be given out; the sum of the result is that, or less if the pools or `most` do not allow it.
        most: Rows of one want at most (before rounding to whole rows).
    """
    left = {pool: float(size) for pool, size in room.items()}
    got: dict[Cell, float] = defaultdict(float)
    targets = [min(most, rows * want.share / math.fsum(w.share for w in wants)) for want in wants]
    # Each round fills the wants, empties a pool or takes a want to its limit, so there are few.
    for _ in range(2 * (len(wants) + len(left)) + 2):
        _serve(wants, targets, left, got)
        has = _sums(got, len(wants))
        missing = rows - math.fsum(has)
        still = [i for i, want in enumerate(wants) if has[i] < most - _EPS and _open(want, left)]
        if missing < _EPS * rows or not still:
            break
        total = math.fsum(wants[i].share for i in still)
        targets = [min(most, has[i] + missing * want.share / total) if i in still else has[i] for i, want in enumerate(wants)]
    return _whole(got, room)


def _serve(wants: Sequence[Want], targets: Sequence[float], left: dict[str, float], got: dict[Cell, float]) -> None:
    """Give each want what it lacks of its target, as far as its own pools hold it."""
    for _ in range(len(left) + 1):
        has = _sums(got, len(wants))
        asks: dict[Cell, float] = {}
        for i, want in enumerate(wants):
            lacks, giving = targets[i] - has[i], _open(want, left)
            if lacks > _EPS and giving:
                weight = math.fsum(giving.values())
                asks |= {(i, pool): lacks * w / weight for pool, w in giving.items()}
        if not asks:
            return
        asked: dict[str, float] = defaultdict(float)
        for (_, pool), amount in asks.items():
            asked[pool] += amount
        for (i, pool), amount in asks.items():
            got[i, pool] += amount * min(1.0, left[pool] / asked[pool])
        for pool, amount in asked.items():
            left[pool] = max(0.0, left[pool] - amount)


def _open(want: Want, left: Mapping[str, float]) -> dict[str, float]:
    return {pool: weight for pool, weight in want.pools.items() if left[pool] > _EPS}


def _sums(got: Mapping[Cell, float], wants: int) -> list[float]:
    sums = [0.0] * wants
    for (i, _), amount in got.items():
        sums[i] += amount
    return sums


def _whole(got: Mapping[Cell, float], room: Mapping[str, int]) -> dict[Cell, int]:
    """Whole rows by the largest remainders, no pool above its room."""
    cells = {cell: math.floor(amount + _EPS) for cell, amount in got.items()}
    used: dict[str, int] = defaultdict(int)
    for (_, pool), amount in cells.items():
        used[pool] += amount
    over = math.floor(math.fsum(got.values()) + 1e-6) - sum(cells.values())
    for cell in sorted(got, key=lambda cell: (cells[cell] - got[cell], cell)):
        if over > 0 and used[cell[1]] < room[cell[1]]:
            cells[cell] += 1
            used[cell[1]] += 1
            over -= 1
    return {cell: amount for cell, amount in cells.items() if amount}
