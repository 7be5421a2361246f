"""GateReport -> a page for a terminal and as GitHub markdown: the ruling and why first, then what it rests on.

On a terminal a line of a policy takes two or three lines: its numbers in columns, then why. Where there is no room, lesser
columns give way, and what they hold stands below the line, so that nothing is lost and no word is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from harness.report.blocks import Block, Heading, Lines, Table, blocks_markdown
from harness.report.gate_facts import (
    COLUMNS,
    NAME,
    QUESTIONS,
    STATEMENT,
    UNSHOWN,
    WORDS,
    bets,
    evidence,
    facts,
    groups,
    headline,
    legend,
    margins,
    numbers,
    refusal_headline,
    row,
)
from harness.report.text import cells, one_line
from harness.schema import GateLine, GateRefusal, GateReport, Question

STYLE: Final = {"PASS": "green", "FAIL": "bold red", "UNDECIDED": "yellow", UNSHOWN: "dim"}
NARROWER: Final = ("missing", "power", "p (Holm)", "n", "margin", "95%", "baseline", "candidate")
"""Columns that give way, in this order."""
GAP: Final = 2
LONGEST: Final = 28
"""Columns of a terminal; a name that takes more stands on a line of its own."""


def show_gate(report: GateReport) -> RenderableType:
    """For a terminal."""
    parts: list[RenderableType] = [
        _text(headline(report), f"bold {STYLE[report.ruling]}"),
        _text(f"{one_line(report.why, STATEMENT)}."),
        "",
    ]
    parts += [*_listed(facts(report)), _Lines(report)]
    parts += ["", *(_text(line, "dim") for line in margins(report))]
    if report.notes:
        parts += ["", _text("Notes", "bold"), *(_Hanging("·", Text(note), GAP) for note in _notes(report))]
    return Group(*parts, "", *(_text(line, "dim") for line in legend(report)))


def gate_markdown(report: GateReport) -> str:
    """As GitHub markdown."""
    return blocks_markdown(_blocks(report))


def refusal_markdown(refusal: GateRefusal) -> str:
    """What stands in place of the page where nothing could be ruled."""
    return blocks_markdown((Heading(refusal_headline(refusal), 1), *refusal_blocks(refusal)))


def refusal_blocks(refusal: GateRefusal) -> Iterator[Block]:
    """Why nothing was ruled."""
    sides = (("policy", refusal.policy), ("baseline", refusal.baseline), ("candidate", refusal.candidate))
    yield Lines((f"Nothing was ruled: {one_line(refusal.error, 2 * STATEMENT)}.",), strong=True)
    yield Lines(tuple(f"{label}: {one_line(text, NAME)}" for label, text in sides))


# --- markdown ---------------------------------------------------------------------------------------------------------------


def _blocks(report: GateReport) -> Iterator[Block]:
    yield Heading(headline(report), 1)
    yield Lines((f"{one_line(report.why, STATEMENT)}.",), strong=True)
    yield from detail_blocks(report)


def detail_blocks(report: GateReport) -> Iterator[Block]:
    """All but the headline and why."""
    yield Lines(tuple(f"{label}: {text}" for label, text in facts(report)))
    for question, lines in groups(report):
        yield Heading(_title(question), 2)
        yield line_table(lines)
    if report.notes:
        yield Heading("Notes", 2)
        yield Lines(tuple(_notes(report)))
    yield Heading("How to read it", 2)
    yield Lines((*margins(report), *legend(report)))


def line_table(lines: Sequence[GateLine]) -> Table:
    """Lines with all columns, and why."""
    betting = any(line.bets for line in lines)
    columns = (*COLUMNS, *(("asked", "evidence: drop", "evidence: PASS") if betting else ()), "why")
    rows = tuple((*row(line), *(_bet_cells(line) if betting else ()), one_line(line.why)) for line in lines)
    return Table(columns, rows, left=WORDS, words=frozenset({len(columns) - 1}))


def _bet_cells(line: GateLine) -> tuple[str, str, str]:
    seen = line.bets
    if seen is None:
        return "", "", ""
    return f"{seen.items:,} of {seen.of:,}", evidence(seen.log_e_drop), evidence(seen.log_e_pass)


def _notes(report: GateReport) -> Iterator[str]:
    return (one_line(note, STATEMENT) for note in report.notes)


def _title(question: Question) -> str:
    return f"{question.capitalize()}: {QUESTIONS[question]}"


# --- terminal ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Hanging:
    """Text that goes on below itself, not below its label, and leaves no blanks at the ends of lines."""

    label: str
    text: Text
    indent: int
    style: str = "dim"
    """Of the label."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for place, line in enumerate(self.text.wrap(console, max(1, options.max_width - self.indent), overflow="fold")):
            line.rstrip()
            yield Text.assemble(((self.label if place == 0 else "").ljust(self.indent), self.style), line)


def _text(text: str, style: str = "") -> RenderableType:
    return _Hanging("", Text(text, style=style), 0)


def _listed(rows: Iterable[tuple[str, str]]) -> Iterator[RenderableType]:
    found = list(rows)
    indent = max(len(label) for label, _ in found) + GAP
    return (_Hanging(label, Text(text), indent) for label, text in found)


@dataclass(frozen=True)
class _Lines:
    """All lines by question, in the same columns, as many as fit the width they are drawn in."""

    report: GateReport

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _drawn(self.report, options.max_width)


def _drawn(report: GateReport, width: int) -> Iterator[RenderableType]:
    kept, widths = _layout([row(line) for line in report.lines], width)
    below = tuple(name for name in COLUMNS[WORDS:] if name not in kept and not (name == "missing" and not _any_missing(report)))
    for question, lines in groups(report):
        yield ""
        yield _text(_title(question), "bold")
        yield _cells(kept, widths, dict.fromkeys(COLUMNS, "") | {name: name for name in kept[WORDS:]}, "dim")
        for line in lines:
            yield from _line(line, kept, widths, below)


def _any_missing(report: GateReport) -> bool:
    return any(line.missing for line in report.lines)


def _layout(rows: Sequence[tuple[str, ...]], width: int) -> tuple[list[str], dict[str, int]]:
    """Columns that fit, and how wide each is; where not even the change fits beside them, names stand on lines of their own."""
    widths = {name: max(cells(name), *(cells(one[place]) for one in rows)) for place, name in enumerate(COLUMNS)}
    widths["line"] = max((cells(one[1]) for one in rows if cells(one[1]) <= LONGEST), default=0)
    kept = list(COLUMNS)
    for name in NARROWER:
        if sum(widths[one] + GAP for one in kept) - GAP <= width:
            break
        kept.remove(name)
    over = sum(widths[one] + GAP for one in kept) - GAP - width
    return kept, widths | {"line": max(0, widths["line"] - max(0, over))}


def _line(line: GateLine, kept: Sequence[str], widths: dict[str, int], below: Sequence[str]) -> Iterator[RenderableType]:
    said = dict(zip(COLUMNS, row(line), strict=True))
    indent = widths["ruling"] + GAP
    if cells(said["line"]) > widths["line"]:
        yield _Hanging(said["ruling"], Text(said["line"]), indent, STYLE[said["ruling"]])
        said |= {"ruling": "", "line": ""}
    yield _cells(kept, widths, said)
    for text, style in ((one_line(line.why), ""), (numbers(line, below), "dim"), (bets(line), "dim")):
        if text:
            yield _Hanging("", Text(text, style=style), indent)


def _cells(kept: Sequence[str], widths: dict[str, int], said: dict[str, str], style: str = "") -> Text:
    drawn = Text(style=style, no_wrap=True)
    for place, name in enumerate(kept):
        text, room = said[name], " " * (widths[name] - cells(said[name]))
        cell = f"{text}{room}" if COLUMNS.index(name) < WORDS else f"{room}{text}"
        drawn.append(" " * GAP if place else "")
        drawn.append(cell, STYLE.get(text, "") if name == "ruling" else None)
    drawn.rstrip()
    return drawn
