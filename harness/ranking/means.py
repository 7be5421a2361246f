"""A table of printed means -> PublishedRow*: each category a mean of scores, each average the mean of categories.

BELLE's tables (arXiv 2304.07854, tables 2 and 5) hold no counts: a cell is the mean score (0-1) of a category, printed with three
decimals. So there is no interval, and what the categories give for an average is only as exact as three decimals are. Rows are
named by what was trained (base, data); one row may be compared under several factors, which a second table of the paper says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harness.schema import Average, BoardScore, PublishedCell, PublishedRow
from harness.schema.evaluation import Frozen
from harness.stats.aggregate import macro, micro
from harness.stats.published import CellCheck, rounded

NAMED: Final = ("base", "data")
"""Fields that name a row."""
NOTHING: Final = "-"
UNITS: Final = {"fraction": (100, 1), "percent": (1, 2)}
"""Unit of a block -> what makes it percent, and the decimals that are then printed."""

Block = Mapping[str, Any]


class Averaged(Frozen):
    """An average over categories, and which it leaves out."""

    overall: str
    without: tuple[str, ...] = ()


def mean_rows(
    block: Block,
    averages: Mapping[str, Averaged],
    metric: str,
    label: str,
    checks: Mapping[str, CellCheck],
    listed: Sequence[Block],
) -> Iterator[PublishedRow]:
    """The rows of a table by one of its averages.

    Args:
        block: `unit`, `n` (category -> items) and `rows` with `printed` (category or average -> mean).
        averages: metric -> average; no category.
        metric: which of them.
        label: of the source.
        checks: by id, what the arithmetic gives for a printed average.
        listed: rows of another table that say under which factors a row is compared.
    """
    wanted = averages[metric]
    columns = {one.overall for one in averages.values()}
    scale, decimals = UNITS[block.get("unit", "percent")]
    for row in block["rows"]:
        parts = {name: mean for name, mean in row["printed"].items() if name not in columns | {*wanted.without}}
        cells = {name: _cell(scale * mean, block["n"][name], decimals) for name, mean in parts.items()}
        name = "/".join((block["id"], row["factor"], *(row[field] for field in NAMED), wanted.overall))
        n = sum(block["n"][name] for name in parts)
        yield PublishedRow(
            model=_name(row),
            stage=None,
            parent=None,
            source=label,
            table=block["id"],
            overall=_average(scale * row["printed"][wanted.overall], checks.get(name), n, scale, decimals),
            printed_as="macro",
            counted=dict(_given(parts, block["n"], scale / 100)),
            dimensions=cells,
            means=True,
            factors=_factors(row, listed),
        )


def _cell(percent: float, n: int, decimals: int) -> PublishedCell:
    value = rounded(percent, decimals)
    return PublishedCell(printed=value, count=None, n=n, misprint=False, given=value, decimals=decimals)


def _average(percent: float, check: CellCheck | None, n: int, scale: float, decimals: int) -> PublishedCell:
    cell = _cell(percent, n, decimals)
    if check is None or check.recomputed is None:
        return cell
    return cell.model_copy(update={"misprint": not check.agrees, "given": rounded(scale * check.recomputed, decimals)})


def _given(parts: Mapping[str, float], sizes: Mapping[str, int], scale: float) -> Iterator[tuple[Average, BoardScore]]:
    """Both averages of the printed means, as shares."""
    sums = {name: (scale * mean * sizes[name], sizes[name]) for name, mean in parts.items()}
    n = sum(size for _, size in sums.values())
    yield "micro", BoardScore(value=micro(sums), interval=None, n=n)
    yield "macro", BoardScore(value=macro(sums), interval=None, n=n)


def _name(row: Block) -> str:
    return ", ".join(row[field] for field in NAMED if row[field] != NOTHING)


def _factors(row: Block, listed: Sequence[Block]) -> tuple[str, ...]:
    """Its own factor, then those of the rows that stand for it elsewhere."""
    alike = [other["factor"] for other in listed if all(other[field] == row[field] for field in NAMED)]
    return tuple(name for name in dict.fromkeys((row["factor"], *alike)) if name != NOTHING)
