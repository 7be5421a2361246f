"""Records -> rich renderables for a terminal. Text of models and data is never markup, and no control character gets through.

A table too wide for the terminal first gives up its lesser columns (they become a line below it), then moves intervals under
their values, then leaves them out; numbers are never cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report.sections import BASELINES, By, Column, Row, Section, alarms, headline, legend, sections
from harness.report.text import moment, one_line
from harness.report.worst import Trouble, worst_samples
from harness.schema import RunRecord, SampleResult

if TYPE_CHECKING:
    from harness.runs import RunSummary

Intervals = Literal["beside", "below", "none"]

_STATE: Final = {"finished": "green", "incomplete": "yellow", "unfinished": "yellow", "running": "cyan", "broken": "red"}


def show_run(record: RunRecord, by: By = "dimension") -> RenderableType:
    """The scores of a run: one table a benchmark, with intervals, coverage, keys and notes."""
    head = [Text(one_line(record.model.name), style="bold"), *(Text(line, style="dim") for line in headline(record))]
    warn = [_marked("!", line, "yellow") for line in alarms(record)]
    tables = [SectionView(section) for section in sections(record, by)]
    notes = [_marked("·", one_line(note), "yellow") for note in record.notes]
    below = [Text(legend(record), style="dim")] if tables else []
    empty = [] if record.scores else [Text("No scores: nothing was judged.", style="yellow")]
    parts: list[RenderableType] = [*head, *warn, *empty]
    for table in tables:
        parts += ["", table]
    if notes:
        parts += ["", Text("Notes", style="bold"), *notes]
    return Group(*parts, "", *below)


def show_samples(results: Iterable[SampleResult], worst: int = 10) -> RenderableType:
    """The `worst` samples: harmful, unanswered, unjudged, invalid and wrong ones before merely odd ones, each in a few lines."""
    found = worst_samples(results, worst)
    if not found:
        return Text("No harmful, wrong, invalid, unjudged or flagged samples.", style="dim")
    parts: list[RenderableType] = [""]
    for trouble in found:
        parts += [_sample(trouble), ""]
    return Group(*parts)


def list_table(summaries: Sequence[RunSummary]) -> RenderableType:
    """The runs, newest first."""
    if not summaries:
        return Text("No runs yet. Begin with: harness eval --model demo-en --tasks demo", style="dim")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for title in ("started", "state", "run"):
        table.add_column(title, overflow="fold", no_wrap=title != "run")
    for run in summaries:
        state = Text(run.state, style=_STATE[run.state])
        if run.comparable is False:
            state.append(f", limit {run.limit}" if run.limit else ", partial", style="yellow")
        name = Text(one_line(run.id))
        if run.why:
            name.append(f"\n{one_line(run.why, 200)}", style="dim")
        table.add_row(Text(moment(run.started).removesuffix(" UTC"), style="dim"), state, name)
    return table


@dataclass(frozen=True)
class SectionView:
    """A section, fitted to the width it is drawn in."""

    section: Section

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        section = self.section
        yield Text(section.title, style="bold")
        if section.rows:
            table, dropped = self._fitting(console, options)
            yield table
            yield ""
            left = [f"{column.title} {column.overall}" for column in dropped if column.overall]
            if left:
                yield Text(f"also, overall: {' · '.join(left)}", style="dim")
        else:
            yield Text(f"no scores by {section.by}", style="dim")
        for fact in section.facts:
            yield Text(fact, style="dim")
        for warning in section.warnings:
            yield _marked("!", warning, "yellow")

    def _fitting(self, console: Console, options: ConsoleOptions) -> tuple[Table, list[Column]]:
        """The fullest table that fits, and the columns it leaves out."""
        wide = options.update(width=10_000)
        for columns, intervals in self._choices():
            table = _score_table(self.section, columns, intervals)
            if Measurement.get(console, wide, table).maximum <= options.max_width:
                break
        return table, [column for column in self.section.columns if column not in columns]

    def _choices(self) -> Iterator[tuple[list[Column], Intervals]]:
        main = [column for column in self.section.columns if column.main]
        other = [column for column in self.section.columns if not column.main and not _says_nothing(column, self.section.rows)]
        units = [[column] for column in other if column.metric not in BASELINES]
        baselines = [column for column in other if column.metric in BASELINES]
        if baselines:
            units.insert(0, baselines)
        for kept in range(len(units), -1, -1):
            yield [*main, *(column for unit in units[:kept] for column in unit)], "beside"
        yield main, "below"
        yield main, "none"


def _says_nothing(column: Column, rows: Sequence[Row]) -> bool:
    """A column of zeros is one word below the table."""
    return len({row.values.get(column.metric, "") for row in rows} | {"", "0.00"}) == 2


def _score_table(section: Section, columns: Sequence[Column], intervals: Intervals) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    table.add_column(section.by, overflow="fold")
    table.add_column("n", justify="right", style="dim")
    for column in columns:
        table.add_column(column.title, justify="right", no_wrap=True)
        if intervals == "beside" and _bounded(section, column):
            table.add_column("95%", justify="left", style="dim", no_wrap=True)
    for i, row in enumerate(section.rows):
        last_part = i + 1 < len(section.rows) and section.rows[i + 1].average and not row.average
        style = "bold" if row.average else ""
        table.add_row(*_cells(section, row, columns, intervals), style=style, end_section=last_part)
    return table


def _bounded(section: Section, column: Column) -> bool:
    return column.main and any(row.intervals.get(column.metric) for row in section.rows)


def _cells(section: Section, row: Row, columns: Sequence[Column], intervals: Intervals) -> Iterator[Text]:
    yield Text(row.name)
    yield Text(row.n, style="not bold")
    for column in columns:
        value, interval = row.values.get(column.metric, "–"), row.intervals.get(column.metric, "")
        shown = Text(value, style="" if column.main else "not bold dim")
        if column.main and intervals == "below":
            shown.append(f"\n{interval}", style="not bold dim")
        yield shown
        if intervals == "beside" and _bounded(section, column):
            yield Text(interval and interval.rjust(len(interval) + 4 - interval.index("–")), style="not bold dim")


def _sample(trouble: Trouble) -> RenderableType:
    head = Text(trouble.what, style=f"bold {trouble.style}")
    head.append(f"  {trouble.place}", style="not bold dim")
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    for name, text in trouble.lines:
        lines.add_row(name, Text(text))
    return Group(head, Padding(lines, (0, 0, 0, 2), expand=False))


def _marked(mark: str, text: str, style: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style=style, no_wrap=True)
    grid.add_column()
    grid.add_row(mark, Text(text))
    return grid
