"""two or more raters' words on the same items -> how far they agree, beyond what chance would give.

No one number says it. Raw agreement flatters where one class rules; kappa (Cohen 1960) falls to nothing there, although the
raters hardly ever differ; so both are always shown, with recall and precision of each class. Weighted kappa (Cohen 1968)
forgives near misses on an ordered scale; Krippendorff's alpha takes any number of raters, gaps and scales.

Items may carry weights: a sample that was drawn by strata stands for all items only if each one counts as often as it was passed
over. What cannot be computed is None, never zero: all raters used one class, say.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from harness.schema import Interval

if TYPE_CHECKING:
    import numpy

Weights = Literal["none", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]
Counts = Sequence[Sequence[float]]
"""Square: rows are people's classes, columns the judge's (or one rater's and another's), in the same order."""

REPLICATES: Final = 1000


def confusion(
    truth: Sequence[Hashable], judged: Sequence[Hashable], classes: Sequence[Hashable], weights: Sequence[float] | None = None
) -> tuple[tuple[float, ...], ...]:
    """How often (or with what weight) each class met each.

    Raises:
        ValueError: a value that is no class, or not as many of both.
    """
    place = {name: number for number, name in enumerate(classes)}
    table = [[0.0] * len(place) for _ in place]
    for one, other, weight in zip(truth, judged, weights if weights is not None else [1.0] * len(truth), strict=True):
        if one not in place or other not in place:
            raise ValueError(f"{one if one not in place else other!r} is none of the classes {tuple(classes)}")
        table[place[one]][place[other]] += weight
    return tuple(tuple(row) for row in table)


def raw_agreement(table: Counts) -> float | None:
    """Share of the diagonal; None of an empty table."""
    total = math.fsum(value for row in table for value in row)
    return math.fsum(row[i] for i, row in enumerate(table)) / total if total else None


def cohen_kappa(table: Counts, weights: Weights = "none") -> float | None:
    """1 - observed / expected disagreement (Cohen 1960; weighted by |i - j| or its square: Cohen 1968).

    Returns:
        None if chance alone cannot disagree: at most one class was used.
    """
    rows = [math.fsum(row) for row in table]
    columns = [math.fsum(column) for column in zip(*table, strict=True)]
    total = math.fsum(rows)
    if not total:
        return None
    power, size = {"none": 0, "linear": 1, "quadratic": 2}[weights], range(len(table))
    apart = [(i, j, abs(i - j) ** power) for i in size for j in size if i != j]
    seen = math.fsum(cost * table[i][j] for i, j, cost in apart) / total
    chance = math.fsum(cost * rows[i] * columns[j] for i, j, cost in apart) / total**2
    return 1 - seen / chance if chance > 1e-12 else None


def fleiss_kappa(counts: Sequence[Sequence[int]]) -> float | None:
    """Kappa of several raters (Fleiss 1971, Psychological Bulletin 76): one row an item, one column a class, values raters.

    Returns:
        None if all raters used one class.

    Raises:
        ValueError: no items, fewer than two raters, or not the same number for all items.
    """
    raters = {sum(row) for row in counts}
    if len(raters) != 1 or min(raters) < 2:
        raise ValueError("Fleiss' kappa needs the same two or more raters for each item; with gaps use Krippendorff's alpha")
    m = raters.pop()
    observed = math.fsum((sum(k * k for k in row) - m) / (m * (m - 1)) for row in counts) / len(counts)
    chance = math.fsum((sum(column) / (m * len(counts))) ** 2 for column in zip(*counts, strict=True))
    return (observed - chance) / (1 - chance) if chance < 1 - 1e-12 else None


def krippendorff_alpha(
    units: Sequence[Sequence[Hashable | None]], level: Level = "nominal", weights: Sequence[float] | None = None
) -> float | None:
    """1 - observed / expected disagreement over all pairable values, from the coincidence matrix.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".

    Args:
        units: for each item, one value a rater; None where a rater has none. Numbers, except for `nominal`.
        level: what a difference is: any, ranks apart, or squared.
        weights: of the items.

    Returns:
        None if no item has two values, or all values are one.
    """
    import numpy

    kept = [([value for value in unit if value is not None], w) for unit, w in _weighted(units, weights)]
    pairable = [(unit, w) for unit, w in kept if len(unit) > 1]
    values = sorted({value for unit, _ in pairable for value in unit}, key=_order)
    if len(values) < 2:
        return None
    place = {value: number for number, value in enumerate(values)}
    matrix = numpy.zeros((len(values), len(values)))
    for unit, weight in pairable:
        seen = numpy.bincount([place[value] for value in unit], minlength=len(values)).astype(float)
        matrix += weight * (numpy.outer(seen, seen) - numpy.diag(seen)) / (len(unit) - 1)
    totals = matrix.sum(axis=1)
    distance = _distances(values, totals, level)
    expected = float((numpy.outer(totals, totals) * distance).sum() - (totals * numpy.diag(distance)).sum())
    observed = float((matrix * distance).sum())
    return 1 - (float(totals.sum()) - 1) * observed / expected if expected > 0 else None


def bootstrap_kappas(
    tables: Mapping[Hashable, Sequence[Sequence[tuple[int, int, float]]]], size: int, weights: Weights = "none", seed: int = 0
) -> Interval:
    """Percentile interval of kappa, 95%, over items drawn again within their strata (Efron & Tibshirani 1993, section 13).

    A draw in which kappa does not exist, because one class is left, counts as no agreement beyond chance: 0.

    Args:
        tables: stratum -> for each item, for each of its labels (people's class, judge's class, weight), classes by number.
        size: how many classes there are.
        weights: as of `cohen_kappa`.
        seed: same seed, same interval.
    """
    import numpy

    draw = numpy.random.default_rng(seed)
    summed = numpy.zeros((REPLICATES, size * size))
    for name in sorted(tables, key=_order):
        items = tables[name]
        labels = [(place, i * size + j, w) for place, item in enumerate(items) for i, j, w in item]
        owners, cells, weight = (numpy.array(column) for column in zip(*labels, strict=True))
        times = draw.multinomial(len(items), numpy.full(len(items), 1 / len(items)), size=REPLICATES)
        for cell in numpy.unique(cells):
            inside = cells == cell
            summed[:, cell] += times[:, owners[inside]] @ weight[inside]
    found = [cohen_kappa(one.reshape(size, size).tolist(), weights) or 0.0 for one in summed]
    low, high = numpy.quantile(found, [0.025, 0.975])
    return Interval(low=float(low), high=float(high), method=f"bootstrap over items, {REPLICATES} draws")


def kappa_floor(agreement_low: float, table: Counts) -> float | None:
    """Kappa if raters agreed no more often than `agreement_low`: the bound where too few disagreements were seen to draw from.

    kappa = 1 - (1 - agreement) / (1 - agreement by chance), the chance taken from the margins as they are.

    Returns:
        None where one rater used a single class: kappa is 0 there or does not exist, however often they agree.
    """
    kappa, agreed = cohen_kappa(table), raw_agreement(table)
    if agreed is None:
        return None
    rows, columns = [math.fsum(row) for row in table], [math.fsum(column) for column in zip(*table, strict=True)]
    chance = math.fsum(one * other for one, other in zip(rows, columns, strict=True)) / math.fsum(rows) ** 2
    single = min(sum(n > 0 for n in rows), sum(n > 0 for n in columns)) < 2
    return None if kappa is None or single else max(-1.0, 1 - (1 - agreement_low) / (1 - chance))


def flips(one: Sequence[Hashable], other: Sequence[Hashable]) -> tuple[int, int]:
    """How many items' values differ, of how many: test against retest.

    Raises:
        ValueError: not as many of both.
    """
    return sum(a != b for a, b in zip(one, other, strict=True)), len(one)


def _weighted(
    units: Sequence[Sequence[Hashable | None]], weights: Sequence[float] | None
) -> list[tuple[Sequence[Hashable | None], float]]:
    return list(zip(units, weights if weights is not None else [1.0] * len(units), strict=True))


def _order(value: object) -> tuple[int, float, str]:
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))


def _distances(values: Sequence[Hashable], totals: numpy.ndarray, level: Level) -> numpy.ndarray:
    """delta² of each pair of values (Krippendorff 2011, section E)."""
    import numpy

    if level == "nominal":
        return 1.0 - numpy.eye(len(values))
    if level == "interval":
        numbers = numpy.array([float(str(value)) for value in values])
        return numpy.asarray((numbers[:, None] - numbers[None, :]) ** 2)
    middle = numpy.cumsum(totals) - totals / 2
    return numpy.asarray((middle[:, None] - middle[None, :]) ** 2)
