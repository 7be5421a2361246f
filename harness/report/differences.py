"""Difference* -> a table for each benchmark, metric and breakdown; where a terminal is narrow, the lesser columns give way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from harness.report.blocks import Table
from harness.report.sections import TITLES
from harness.report.text import count, one_line
from harness.schema import Comparison, Difference, Effect, FlipCount, Scope

ALPHA: Final = 0.05
COLUMNS: Final = (
    "n",
    "baseline",
    "candidate",
    "change",
    "95%",
    "proven",
    "p",
    "p for all",
    "BH",
    "effect",
    "+/-",
    "MDE80",
    "change, drawn",
)
NARROWER: Final = (
    *("change, drawn", "p for all", "effect", "MDE80", "BH", "n", "+/-", "p"),
    *("baseline", "candidate", "proven", "95%"),
)
"""Columns that give way, in this order."""
DRAWN: Final = 21
"""Columns of the drawing: zero in the middle."""
_WORDS: Final = {"better": "green", "worse": "bold red"}


def show_tables(comparison: Comparison) -> _Tables:
    """All tables for a terminal."""
    return _Tables(tuple(tables(comparison)))


def proven(row: Difference) -> str:
    """`better` or `worse` where that holds for all rows of its kind at once, else `–`; empty of a macro row."""
    if row.p_adjusted is None:
        return ""
    return "–" if row.p_adjusted > ALPHA else "better" if row.paired.delta > 0 else "worse"


def metric_title(metric: str) -> str:
    """As shown: `RR-1`."""
    return TITLES.get(metric, one_line(metric.replace("_", " "), 30))


def tables(comparison: Comparison) -> Iterator[tuple[str, Table, tuple[str, ...]]]:
    """(title, table with the drawing as its last column, facts) of every benchmark, metric and breakdown."""
    for counted in comparison.counts:
        rows = [row for row in comparison.differences if (row.benchmark, row.metric) == (counted.benchmark, counted.metric)]
        averages = [row for row in rows if row.scope == "overall"]
        for place, scope in enumerate(comparison.by or ("dimension",)):
            found = [row for row in rows if row.scope == scope]
            if found or not place:
                turned = ", less is better" if averages[0].ceiling else ""
                title = f"{one_line(counted.benchmark)} · {metric_title(counted.metric)}{turned}"
                last = averages if not place else []
                facts = tuple(_facts(counted, averages[0])) if not place else ()
                yield f"{title}, by {scope}" if len(comparison.by) > 1 else title, _table(scope, [*found, *last]), facts


def _table(scope: Scope, rows: Sequence[Difference]) -> Table:
    reach = max((abs(end) for row in rows for end in (row.paired.interval.low, row.paired.interval.high)), default=1.0)
    odds = next((row.effect.kind for row in rows if row.effect), "odds ratio")
    shown = [column for column in COLUMNS if column != "BH" or scope == "topic"]
    names = {"effect": "gained/lost" if odds == "odds ratio" else "d_z"}
    cells = [_cells(row, reach or 1.0) for row in rows]
    return Table(
        columns=(scope, *(names.get(column, column) for column in shown)),
        rows=tuple((_name(row), *(found[column] for column in shown)) for row, found in zip(rows, cells, strict=True)),
        strong=frozenset(place for place, row in enumerate(rows) if row.scope == "overall"),
    )


def _cells(row: Difference, reach: float) -> dict[str, str]:
    score = row.paired
    return {
        "n": f"{score.n:,}",
        "baseline": _value(score.baseline, row.ceiling),
        "candidate": _value(score.candidate, row.ceiling),
        "change": signed(score.delta),
        "95%": f"{signed(score.interval.low)} to {signed(score.interval.high)}",
        "proven": proven(row),
        "p": _p(row.p),
        "p for all": _p(row.p_adjusted),
        "BH": _p(row.p_exploration),
        "effect": _effect(row.effect),
        "+/-": f"{score.wins:,}/{score.losses:,}",
        "MDE80": f"{100 * score.mde80:.1f}",
        "change, drawn": drawing(score.interval.low, score.delta, score.interval.high, reach),
    }


def _name(row: Difference) -> str:
    return f"overall, {row.aggregation}" if row.scope == "overall" else one_line(row.name, 24)


def _facts(counted: FlipCount, row: Difference) -> Iterator[str]:
    said = [f"{100 * (counted.gained + counted.lost) / counted.n:.1f}% of the items changed" if counted.n else "no items"]
    if counted.both_right is not None and counted.both_wrong is not None:
        said.append(f"{counted.both_right:,} right and {counted.both_wrong:,} wrong in both")
    if row.correlation is not None:
        said.append(f"correlation {row.correlation:.2f}")
    yield " · ".join(said)
    if counted.lacking_candidate:
        yield f"{count(counted.lacking_candidate, 'item')} without a value in the candidate: counted as wrong"
    if counted.lacking_baseline:
        yield f"{count(counted.lacking_baseline, 'item')} without a value in the baseline: counted as unchanged"


def drawing(low: float, middle: float, high: float, reach: float) -> str:
    """`     ──●──│      `: an interval and its estimate on a scale from -reach to reach, zero in the middle."""
    cells = [" "] * DRAWN
    first, point, last = (round((end / reach + 1) / 2 * (DRAWN - 1)) for end in (low, middle, high))
    for place in range(first, last + 1):
        cells[place] = "─"
    cells[DRAWN // 2] = "┼" if first <= DRAWN // 2 <= last else "│"
    cells[point] = "●"
    return "".join(cells)


@dataclass(frozen=True)
class _Tables:
    """All tables, each with as many columns as fit the width it is drawn in."""

    tables: tuple[tuple[str, Table, tuple[str, ...]], ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.update(width=10_000)
        for dropped in range(len(NARROWER) + 1):
            drawn = [_rich(table, NARROWER[:dropped]) for _, table, _ in self.tables]
            if max((Measurement.get(console, wide, one).maximum for one in drawn), default=0) <= options.max_width:
                break
        for (title, _, facts), table in zip(self.tables, drawn, strict=True):
            yield ""
            yield Text(title, style="bold")
            yield table
            yield from (Text(fact, style="dim") for fact in facts)


def _rich(table: Table, dropped: Sequence[str]) -> RichTable:
    """Names may break where there is no room, numbers never."""
    names = {"gained/lost": "effect", "d_z": "effect"}
    kept = [place for place, title in enumerate(table.columns) if names.get(title, title) not in dropped]
    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for place in kept:
        drawn.add_column(table.columns[place], justify="right" if place else "left", no_wrap=bool(place), overflow="fold")
    for number, row in enumerate(table.rows):
        cells = (Text(row[place], style=_WORDS.get(row[place], "")) for place in kept)
        drawn.add_row(*cells, style="bold" if number in table.strong else "")
    return drawn


def _value(share: float, ceiling: bool) -> str:
    return f"{100 * (1 - share if ceiling else share):.1f}".replace("-0.0", "0.0")


def signed(share: float) -> str:
    """Points: `+1.2`, `0.0`."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return "–"
    value, low, high = (_size(end) for end in (effect.value, effect.low, effect.high))
    return f"{value} ({low} to {high})"


def _size(value: float | None) -> str:
    if value is None:
        return "∞"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
