"""Headings, tables and lines -> GitHub markdown or a terminal: one page, written once, in two looks.

All text is untrusted: escaped in markdown, never markup on a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from harness.report.markdown import escape
from harness.report.text import one_line


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the page's."""

    text: str
    level: Literal[1, 2, 3] = 2


@dataclass(frozen=True)
class Lines:
    """Statements, one a line."""

    lines: tuple[str, ...]
    strong: bool = False
    terminal: bool = False
    """Only there, in place of a column that stands aside."""


@dataclass(frozen=True)
class Table:
    """Rows of text; the first `left` columns are words, the others numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    strong: frozenset[int] = frozenset()
    """Rows that sum up others."""
    aside: frozenset[int] = frozenset()
    """Columns that a terminal has no room for."""
    words: frozenset[int] = frozenset()
    """Further columns of words."""


Block = Heading | Lines | Table

_PLAIN: Final = re.compile(r"[-+]?[\d.,]+%?[†‡]*( \([-+\d.,– to]+\))?")
"""Numbers, which need no escape inside a table."""


def blocks_markdown(blocks: Iterable[Block]) -> str:
    """The page as GitHub markdown."""
    return "\n".join(_markdown(blocks)).lstrip("\n") + "\n"


def blocks_console(blocks: Iterable[Block]) -> RenderableType:
    """The page for a terminal."""
    parts: list[RenderableType] = []
    for block in blocks:
        if isinstance(block, Heading):
            parts += ["", Text(one_line(block.text), style="bold" if block.level < 3 else "bold dim")]
        elif isinstance(block, Lines):
            parts += [Text(one_line(line), style="bold" if block.strong else "") for line in block.lines]
        else:
            parts.append(_rich_table(block))
    return Group(*parts)


def _markdown(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Lines) and block.terminal:
            continue
        yield ""
        if isinstance(block, Heading):
            yield f"{'#' * block.level} {escape(block.text)}"
        elif isinstance(block, Lines):
            mark = "**" if block.strong else ""
            head = "" if block.strong else "- "
            yield from (f"{head}{mark}{escape(line)}{mark}" for line in block.lines)
        else:
            yield from _markdown_table(block)


def _markdown_table(table: Table) -> Iterator[str]:
    yield _row(table.columns)
    words = table.words | set(range(table.left))
    yield f"|{'|'.join('---' if i in words else '---:' for i in range(len(table.columns)))}|"
    for number, row in enumerate(table.rows):
        cells = [cell if _PLAIN.fullmatch(cell) else escape(cell) for cell in row]
        yield _row([f"**{cell}**" if cell else "" for cell in cells] if number in table.strong else cells)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rich_table(block: Table) -> RichTable:
    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    shown = [number for number in range(len(block.columns)) if number not in block.aside]
    for number in shown:
        table.add_column(one_line(block.columns[number]), justify="left" if number < block.left else "right", overflow="fold")
    for number, row in enumerate(block.rows):
        table.add_row(*(Text(one_line(row[place])) for place in shown), style="bold" if number in block.strong else "")
    return table
