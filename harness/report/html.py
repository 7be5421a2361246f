"""Blocks and pictures -> HTML that needs nothing beside it: inline style, inline vector pictures, no address of anything.

It is read without JavaScript, which only sorts tables; it follows the reader's light or dark setting and can be printed. A
fragment brings its own style, so that it may stand in anybody's page too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from harness.report.blocks import Block, Heading, Lines, Table
from harness.report.leaderboard_style import CSS, SCRIPT
from harness.report.text import one_line

_MARKED: Final = re.compile(r"^.*[†‡]+$")


@dataclass(frozen=True)
class Picture:
    """A drawn picture."""

    svg: str
    title: str


@dataclass(frozen=True)
class Folded:
    """A table that is unfolded by a click or a key, without a script."""

    summary: str
    table: Table


@dataclass(frozen=True)
class Markup:
    """HTML whose maker has escaped whatever is not his own."""

    html: str


Part = Block | Picture | Folded | Markup


def fragment(parts: Sequence[Part]) -> str:
    """Style, headings with a list of them, tables, lines and pictures: same parts, same bytes."""
    return "\n".join(_fragment(parts)) + "\n"


def around(title: str) -> tuple[str, str]:
    """What stands before and after a fragment in a file of its own."""
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{_text(title)}</title>\n"
        "<style>body{margin:0;background:#fff}@media (prefers-color-scheme:dark){body{background:#15181c}}"
        "@media print{body{background:#fff}}</style>\n</head>\n<body>\n"
    )
    return head, "\n</body>\n</html>\n"


def _fragment(parts: Sequence[Part]) -> Iterator[str]:
    yield f"<style>{CSS}</style>"
    yield '<main class="harness-board">'
    names = {place: f"board-{place}" for place, part in enumerate(parts) if isinstance(part, Heading) and part.level == 2}
    for place, part in enumerate(parts):
        yield from _part(part, names.get(place))
        if isinstance(part, Heading) and part.level == 1:
            yield "<nav>" + "".join(f'<a href="#{names[p]}">{_text(_title(parts[p]))}</a>' for p in names) + "</nav>"
    yield "</main>"
    yield f"<script>{SCRIPT}</script>"


def _title(part: Part) -> str:
    return part.text if isinstance(part, Heading) else ""


def _part(part: Part, anchor: str | None) -> Iterator[str]:
    if isinstance(part, Heading):
        yield f"<h{part.level}{f' id={chr(34)}{anchor}{chr(34)}' if anchor else ''}>{_text(part.text)}</h{part.level}>"
    elif isinstance(part, Lines):
        yield from _lines(part)
    elif isinstance(part, Table):
        yield from _table(part)
    elif isinstance(part, Folded):
        yield f"<details><summary>{_text(part.summary)}</summary>"
        yield from _table(part.table)
        yield "</details>"
    elif isinstance(part, Markup):
        yield part.html
    else:
        yield f"<figure>{part.svg}<figcaption>{_text(part.title)}</figcaption></figure>"


def _lines(part: Lines) -> Iterator[str]:
    if part.strong:
        yield from (f'<p class="strong">{_text(line)}</p>' for line in part.lines)
        return
    yield "<ul>"
    yield from (f"<li>{_text(line)}</li>" for line in part.lines)
    yield "</ul>"


def _table(table: Table) -> Iterator[str]:
    words = table.words | set(range(table.left))
    heads = "".join(f'<th scope="col"{_side(place in words)}>{_text(head)}</th>' for place, head in enumerate(table.columns))
    named = table.columns.index("model") if "model" in table.columns else 0
    yield f'<div class="scroll"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>'
    for row in table.rows:
        yield f"<tr>{''.join(_tagged(cell, place in words, place == named) for place, cell in enumerate(row))}</tr>"
    yield "</tbody></table></div>"


def _tagged(cell: str, word: bool, head: bool) -> str:
    tag, scope = ("th", ' scope="row"') if head else ("td", "")
    return f"<{tag}{scope}{_side(word)}>{_cell(cell)}</{tag}>"


def _side(word: bool) -> str:
    return ' class="word"' if word else ""


def _cell(text: str) -> str:
    """A mark behind a number stands raised."""
    if not _MARKED.match(text):
        return _text(text)
    bare = text.rstrip("†‡")
    return f"{_text(bare)}<sup>{text[len(bare) :]}</sup>"


def _text(text: str) -> str:
    return escape(one_line(text), quote=True)
