"""StudyResult -> a page for a terminal and as GitHub markdown: arms, factor table, interference, what a reader must know.

Where a terminal is narrow the lesser columns give way, and a factor table falls into one table for each outcome. Sample answers
stand on the HTML page alone: benchmarks may not allow their text to be published, and markdown is written to be committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from harness.report.blocks import Heading, Lines, Table, blocks_markdown
from harness.report.study_tables import (
    Fitting,
    Part,
    arms,
    contrasts,
    factors,
    head,
    legend,
    notes,
    outcome_title,
    scores,
    trade_offs,
)
from harness.report.text import one_line
from harness.schema.study import StudyResult

_STYLE = {"▲": "green", "▼": "bold red"}


def show_result(result: StudyResult) -> RenderableType:
    """For a terminal."""
    shown: list[RenderableType] = []
    for part in _parts(result):
        if isinstance(part, Heading):
            shown += ["", Text(one_line(part.text), style="bold" if part.level < 3 else "bold dim")]
        elif isinstance(part, Lines):
            shown += [Text(one_line(line), style="bold" if part.strong else "") for line in part.lines]
        else:
            shown.append(_Shown(part if isinstance(part, Fitting) else Fitting(part, ())))
    return Group(*shown)


def markdown(result: StudyResult) -> str:
    """As GitHub markdown, without sample answers."""
    return blocks_markdown(part.table if isinstance(part, Fitting) else part for part in _parts(result))


def _parts(result: StudyResult) -> Iterator[Part]:
    yield from head(result)
    yield from arms(result)
    yield from factors(result)
    yield from contrasts(result)
    yield from trade_offs(result)
    yield Heading("Scores")
    for outcome in result.study.outcomes:
        yield Heading(outcome_title(result.study, outcome), 3)
        yield scores(result, outcome)
    yield from notes(result)
    yield from legend(result)


@dataclass(frozen=True)
class _Shown:
    """A table with as many columns as fit the width it is drawn in."""

    fitting: Fitting

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table, narrower = self.fitting.table, self.fitting.narrower
        every = tuple(range(len(table.columns)))
        for dropped in range(len(narrower) + 1):
            kept = [place for place in every if place not in narrower[:dropped]]
            if _fits(_rich(table, kept), console, options):
                yield _rich(table, kept)
                return
        for part in self.fitting.parts or (every[1:],):
            kept = [0, *(place for place in part if place not in narrower)]
            wide = [0, *part]
            yield _rich(table, wide if _fits(_rich(table, wide), console, options) else kept)


def _fits(table: RichTable, console: Console, options: ConsoleOptions) -> bool:
    return Measurement.get(console, options.update(width=10_000), table).maximum <= options.max_width


def _rich(table: Table, kept: Sequence[int]) -> RichTable:
    """Names may break where there is no room, numbers never."""
    words = table.words | set(range(table.left))
    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for place in kept:
        left = place in words
        drawn.add_column(one_line(table.columns[place]), justify="left" if left else "right", no_wrap=not left, overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(one_line(row[place]), style=_style(row[place])) for place in kept))
    return drawn


def _style(cell: str) -> str:
    return next((style for mark, style in _STYLE.items() if mark in cell), "")
