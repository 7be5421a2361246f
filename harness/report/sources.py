"""SourceState*, SourceSummary -> what a terminal shows of them. All text of a file is shown as text, never as markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.text import count, one_line
from harness.schema.sources import SourceState, SourceSummary, Spread

SHOWN: Final = 200
"""Columns of a turn."""
NAMED: Final = 12
"""Kinds that are named; the others are summed."""
_STATES: Final = {"here": "green", "downloadable": "cyan", "missing": "yellow"}


def show_sources(states: Iterable[SourceState]) -> Table:
    """One line a source."""
    table = _table("source", "format", "rows", "lang", "licence", "file", right=(2,))
    for column in (*table.columns[:4], table.columns[5]):
        column.no_wrap = True
    for one in states:
        size = f" {size_text(one.size)}" if one.size is not None else ""
        table.add_row(
            Text(one_line(one.name)),
            one.format,
            f"{one.rows:,}" if one.rows else "",
            Text(one_line(one.language)),
            Text(one_line(one.licence, 40)),
            Text(f"{one.state}{size}", style=_STATES[one.state]),
        )
    return table


def show_summary(found: SourceSummary, *, troubles: bool = False) -> Group:
    """Counts, traps, first rows; with `troubles` also the first record of each kind that is no row."""
    parts: list[RenderableType] = [
        Text(f"{one_line(found.name)}: {count(found.rows, 'row')} of {count(found.records, 'record')}", style="bold"),
        Text(f"{one_line(found.file)} ({_nature(found)})"),
    ]
    if found.declared is not None and found.declared != found.records:
        parts.append(Text(f"declared are {found.declared:,} records: this is another version, or broken", style="yellow"))
    parts += [Text(f"! {one_line(trap)}", style="yellow") for trap in found.traps]
    parts += [Text(""), _facts(found)]
    for row in found.samples:
        parts += [Text(""), Text(one_line(" · ".join(filter(None, (row.id, row.category, row.language)))), style="bold")]
        parts += [Text(f"{turn.role}: {one_line(turn.content, SHOWN)}") for turn in row.messages]
        if row.reference:
            parts.append(Text(f"reference: {one_line(row.reference, SHOWN)}", style="dim"))
    for drop in found.troubles if troubles else ():
        parts += [Text(""), Text(one_line(f"{drop.why}: {drop.source}/{drop.source_id} {drop.detail}"), style="bold")]
        parts += [Text(f"{turn.role}: {one_line(turn.content, SHOWN)}") for turn in (drop.row.messages if drop.row else ())]
    return Group(*parts)


def size_text(size: int) -> str:
    """`35.1 MB`."""
    if size < 1000:
        return f"{size} B"
    value, units = size / 1000, ("kB", "MB", "GB")
    for unit in units:
        if value < 999.5 or unit == units[-1]:
            return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
        value /= 1000
    return ""


def _nature(found: SourceSummary) -> str:
    form = f"format {found.format}{', told by the first record' if found.guessed else ''}"
    return f"{size_text(found.size)}, {form}, licence {one_line(found.licence)}"


def _facts(found: SourceSummary) -> Table:
    table = _table("", "", right=())
    table.show_header = False
    facts = {
        "dropped": _kinds(found.dropped) or "none",
        "turns": _kinds({str(turns): rows for turns, rows in found.turns.items()}),
        "questions": _lengths(found.questions),
        "replies": _lengths(found.replies),
        "languages": _kinds(found.languages),
        "categories": _kinds(found.categories),
        "areas": _kinds(found.areas),
        "references": f"{found.references:,}" if found.references else "",
    }
    for name, said in facts.items():
        if said:
            table.add_row(Text(name, style="dim"), Text(said))
    return table


def _kinds(counts: Mapping[str, int]) -> str:
    named = [f"{one_line(name, 40)} {number:,}" for name, number in list(counts.items())[:NAMED]]
    rest = list(counts.values())[NAMED:]
    return ", ".join([*named, *([f"{len(rest)} more {sum(rest):,}"] if rest else [])])


def _lengths(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{spread.least:,} to {spread.most:,} characters, median {spread.median:,}, 95% at most {spread.high:,}"


def _table(*columns: str, right: tuple[int, ...]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="right" if place in right else "left")
    return table
