"""Values of several models on the same items -> the ranks that each may have, all of them right at once with 95%.

A bare rank is a point estimate that looks like a fact: of ten models a point apart, asked 678 questions, five may be the best.
Here a model has a set of ranks, [1 + models significantly better, K - models significantly worse] (Mogstad, Romano, Shaikh &
Wilhelm, Rev. Econ. Stud. 91, 2024, 476-518, section 3: joint confidence sets for all ranks), where "significantly" holds for all
ordered pairs together: a stepwise max-t test (Romano & Wolf, Econometrica 73, 2005, 1237-1282) with a multiplier bootstrap.

The multipliers are signs, one for each item and shared by all pairs, and a difference is studentised by its root mean square. So
the statistic of two models is McNemar's z, (wins - losses) / sqrt(wins + losses), and for two models the test is the sign-flip
test itself, exact however few items differ; Gaussian multipliers over an estimated variance call 4 wins of 1,000 significant
(two-sided p = .125). A column that never varies needs no floor, since only differences between columns count: a pair
without any is never separated, and a pair that differs on every item is separated from the sixth item on.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    Matrix = NDArray[float64]

ALPHA: Final = 0.05
"""Chance that any of the rank sets misses its model's true rank."""
DRAWS: Final = 4999
_BLOCK: Final = 2_000_000
"""Signs that are held at once."""
_TIE: Final = 1e-9
"""Statistics closer than this are the same number, summed in another order."""


@dataclass(frozen=True, slots=True)
class RankSet:
    """Where one model may stand."""

    name: str
    mean: float
    """Over units, 0-1, more being better."""
    low: int
    """Best rank that is not excluded: 1 + the models that are significantly better."""
    high: int
    """Worst rank that is not excluded: K - the models that are significantly worse."""
    better: tuple[str, ...]
    """Models that are significantly better, sorted."""
    worse: tuple[str, ...]
    """Models that are significantly worse, sorted."""


def rank_sets(
    columns: Mapping[str, Sequence[float | None]],
    units: Sequence[str] | None = None,
    *,
    alpha: float = ALPHA,
    draws: int = DRAWS,
    seed: str = "ranks-v1",
) -> tuple[RankSet, ...]:
    """Rank sets that hold together with probability 1 - `alpha`.

    Args:
        columns: model -> its values 0-1 on the items, in one order, more being better. None: the model has no value for the item,
            which counts as the worst; items that no model has a value for are left out.
        units: name of the unit that each item is part of (duplicates share one, and count once, by their mean); default: each
            item is one.
        alpha: chance that any set is wrong.
        draws: of the signs.
        seed: the same values, units and seed give the same sets, whatever the order of `columns`.

    Returns:
        One a model, the highest mean first (the same mean: by name).

    Raises:
        ValueError: columns differ in length, hold no value at all, or a value is not within 0-1.
    """
    names = sorted(columns)
    if not names:
        return ()
    matrix = _matrix([columns[name] for name in names], units)
    above = _separated(matrix, alpha, draws, seed)
    means = matrix.mean(axis=0)
    found = [_rank_set(place, names, float(means[place]), above) for place in range(len(names))]
    return tuple(sorted(found, key=lambda one: (-one.mean, one.name)))


def tiers(found: Sequence[RankSet]) -> tuple[tuple[str, ...], ...]:
    """Rank sets -> display groups, best first; the groups follow the means.

    A tier begins with the best model that has none yet; it goes on until a model comes that is significantly worse than that one.
    Members of a tier are not shown to be equal: they are not shown to differ from its first.
    """
    groups: list[list[RankSet]] = []
    for one in sorted(found, key=lambda each: (-each.mean, each.name)):
        if groups and groups[-1][0].name not in one.better:
            groups[-1].append(one)
        else:
            groups.append([one])
    return tuple(tuple(one.name for one in group) for group in groups)


def _rank_set(place: int, names: Sequence[str], mean: float, above: set[tuple[int, int]]) -> RankSet:
    better = tuple(names[other] for other in range(len(names)) if (other, place) in above)
    worse = tuple(names[other] for other in range(len(names)) if (place, other) in above)
    return RankSet(names[place], mean, 1 + len(better), len(names) - len(worse), better, worse)


def _matrix(columns: Sequence[Sequence[float | None]], units: Sequence[str] | None) -> Matrix:
    """Values, units × models."""
    import numpy as np

    lengths = {len(column) for column in columns} | ({len(units)} if units is not None else set())
    if len(lengths) != 1:
        raise ValueError(f"rank sets need the same items for all models; got columns (and units) of {sorted(lengths)} items")
    for value in (value for column in columns for value in column):
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"values to be ranked lie within 0-1; got {value}")
    kept = [item for item in range(lengths.pop()) if any(column[item] is not None for column in columns)]
    if not kept:
        raise ValueError("rank sets need at least one item with a value; got none")
    full = np.array([[column[item] or 0.0 for column in columns] for item in kept], dtype=np.float64)
    if units is None:
        return full
    places: dict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(kept):
        places[units[item]].append(row)
    return np.array([full[rows].mean(axis=0) for rows in places.values()])


def _separated(matrix: Matrix, alpha: float, draws: int, seed: str) -> set[tuple[int, int]]:
    """Ordered pairs (j, k) of columns with "j is better than k" beyond doubt, all of them together."""
    import numpy as np

    count = matrix.shape[1]
    pairs = [(j, k) for j in range(count) for k in range(j + 1, count) if np.any(matrix[:, j] != matrix[:, k])]
    if not pairs:
        return set()
    left, right = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    scale = np.sqrt(np.square(matrix[:, left] - matrix[:, right]).sum(axis=0))
    sums = matrix.sum(axis=0)
    observed = (sums[left] - sums[right]) / scale
    flipped = _flipped(matrix, draws, seed)
    drawn = (flipped[:, left] - flipped[:, right]) / scale
    # Both directions of a pair are hypotheses of their own: the right half of the columns is the left one, turned.
    rejected = _stepwise(np.concatenate([observed, -observed]), np.concatenate([drawn, -drawn], axis=1), alpha)
    ordered = [*pairs, *((k, j) for j, k in pairs)]
    return {ordered[place] for place in rejected}


def _stepwise(observed: Matrix, drawn: Matrix, alpha: float) -> set[int]:
    """Hypotheses rejected: the critical value is that of the largest statistic among those that still stand, until none falls."""
    import numpy as np

    standing = np.ones(len(observed), dtype=bool)
    place = math.ceil((1 - alpha) * (len(drawn) + 1)) - 1
    while standing.any() and place < len(drawn):
        largest = np.sort(drawn[:, standing].max(axis=1))
        falling = standing & (observed > largest[place] + _TIE)
        if not falling.any():
            break
        standing &= ~falling
    return {int(number) for number in np.flatnonzero(~standing)}


def _flipped(matrix: Matrix, draws: int, seed: str) -> Matrix:
    """Column sums after each item's row got a random sign, draws × models.

    The signs are bits of `random.Random`, which gives the same ones on every platform and with every numpy.
    """
    import numpy as np

    source, n = random.Random(seed), matrix.shape[0]
    width, step = math.ceil(n / 8), max(1, _BLOCK // n)
    parts = []
    for begin in range(0, draws, step):
        rows = min(step, draws - begin)
        bits = np.frombuffer(source.randbytes(rows * width), dtype=np.uint8).reshape(rows, width)
        parts.append((np.unpackbits(bits, axis=1)[:, :n] * 2.0 - 1.0) @ matrix)
    return np.concatenate(parts)
