"""Comparison -> a page for a terminal and as GitHub markdown: what is proven, a table for each benchmark and metric, the flips.

Where the terminal is narrow the lesser columns give way, never a number's end. Baseline and candidate stand on the metric's own
scale; a change is in points, + is better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from harness.report.blocks import Block, Heading, Lines, blocks_markdown
from harness.report.differences import ALPHA, metric_title, proven, show_tables, signed, tables
from harness.report.flips import flip_blocks, show_flips
from harness.report.gate_facts import NAME, STATEMENT
from harness.report.text import one_line
from harness.schema import Comparison, Difference, Flip, FlipKind

NAMED: Final = 6
"""Rows that a sentence names."""


def show_comparison(comparison: Comparison, flips: int | None = 3) -> RenderableType:
    """For a terminal, with at most so many flips of each kind."""
    lost, gained = _chosen(comparison, flips)
    parts: list[RenderableType] = [
        Text(_title(comparison), style="bold"),
        *(Text(line, style="dim") for line in _head(comparison)),
    ]
    parts += [Text(line, style="bold red") for line in _warnings(comparison)]
    parts += ["", *(Text.assemble((f"{word}: ", _STYLE[word]), rows) for word, rows in _summary(comparison))]
    parts.append(show_tables(comparison))
    for title, chosen in _flip_parts(comparison, lost, gained):
        parts += ["", Text(title, style="bold"), show_flips(chosen)]
    if comparison.notes:
        parts += ["", Text("Notes", style="bold"), *(Text(f"· {note}") for note in _notes(comparison))]
    return Group(*parts, "", *(Text(line, style="dim") for line in _legend(comparison)))


def comparison_markdown(comparison: Comparison, flips: int | None = 3) -> str:
    """The same as GitHub markdown."""
    return blocks_markdown(_blocks(comparison, flips))


def _blocks(comparison: Comparison, flips: int | None) -> Iterator[Block]:
    yield Heading(_title(comparison), 2)
    for line in _warnings(comparison):
        yield Lines((line,), strong=True)
    yield Lines((*_head(comparison), *(f"{word}: {rows}" for word, rows in _summary(comparison))))
    for title, table, facts in tables(comparison):
        yield Heading(title, 3)
        yield replace(table, columns=table.columns[:-1], rows=tuple(row[:-1] for row in table.rows))
        yield Lines(facts)
    for title, chosen in _flip_parts(comparison, *_chosen(comparison, flips)):
        yield Heading(title, 3)
        yield from flip_blocks(chosen)
    if comparison.notes:
        yield Heading("Notes", 3)
        yield Lines(tuple(_notes(comparison)))
    yield Heading("How to read this", 3)
    yield Lines(tuple(_legend(comparison)))


def _title(comparison: Comparison) -> str:
    return f"{one_line(comparison.candidate.model, NAME)} against {one_line(comparison.baseline.model, NAME)}"


def _head(comparison: Comparison) -> tuple[str, ...]:
    return (
        f"baseline {one_line(comparison.baseline.run or '–', NAME)}",
        f"candidate {one_line(comparison.candidate.run or '–', NAME)}",
        f"judge {one_line(comparison.judge or 'none', NAME)} · threshold {comparison.threshold:g}",
    )


def _notes(comparison: Comparison) -> Iterator[str]:
    return (one_line(note, STATEMENT) for note in comparison.notes)


def _warnings(comparison: Comparison) -> Iterator[str]:
    if comparison.different:
        yield "NOT MEASURED THE SAME WAY: a difference below may be the measurement's and not the model's."
        yield from (f"differs: {one_line(line, 300)}" for line in comparison.different)


_STYLE: Final = {
    "proven better": "green",
    "proven worse": "bold red",
    "no difference proven": "yellow",
    "areas proven worse": "red",
}


def _summary(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """The averages, by what is proven of them; then what lies below an average and is proven worse."""
    averages = [row for row in comparison.differences if row.scope == "overall" and row.aggregation == "micro"]
    for word, verdict in (("proven worse", "worse"), ("proven better", "better"), ("no difference proven", "–")):
        if found := [row for row in averages if proven(row) == verdict]:
            yield word, _named(found)
    whole = {(row.benchmark, row.metric): row.paired.n for row in averages}
    areas = [row for row in comparison.differences if row.scope != "overall" and row.paired.n < whole[row.benchmark, row.metric]]
    if lost := [row for row in areas if proven(row) == "worse"]:
        yield "areas proven worse", _named(lost)


def _named(rows: Sequence[Difference]) -> str:
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return ", ".join(f"{_place(row)} {metric_title(row.metric)} {signed(row.paired.delta)}" for row in rows[:NAMED]) + more


def _place(row: Difference) -> str:
    return one_line(row.benchmark + (f"/{row.name}" if row.name else ""), 40)


def _flip_parts(comparison: Comparison, lost: Sequence[Flip], gained: Sequence[Flip]) -> Iterator[tuple[str, Sequence[Flip]]]:
    kinds: tuple[tuple[FlipKind, Sequence[Flip]], ...] = (("lost", lost), ("gained", gained))
    for word, chosen in kinds:
        all_of = comparison.flipped.get(word, 0)
        if chosen:
            yield (
                f"Samples {word}: {len(chosen):,} of {all_of:,}" + (" (--flips N shows more)" if len(chosen) < all_of else ""),
                chosen,
            )


def _chosen(comparison: Comparison, flips: int | None) -> tuple[list[Flip], list[Flip]]:
    lost = [flip for flip in comparison.flips if flip.kind == "lost"]
    gained = [flip for flip in comparison.flips if flip.kind == "gained"]
    return lost[:flips], gained[:flips]


def _legend(comparison: Comparison) -> Iterator[str]:
    yield (
        "Percent (mean score: points of 100). change: points, + is better, with its two-sided 95% interval. p: of no difference "
        "at all, two-sided (verdicts: McNemar mid-p); p for all: by Holm, over the micro averages, or over the rows of one kind "
        f"by one metric; proven: p for all is at most {ALPHA:g}."
    )
    yield (
        "+/-: items gained and lost; gained/lost: their ratio with its exact 95% interval (mean scores: d_z, the mean change in "
        "standard deviations); MDE80: the smallest true change that these items would have shown with 80% power. macro: every "
        "dimension weighs the same."
    )
    if "topic" in comparison.by:
        yield "BH: for topics; where it is at most 0.05, one in twenty is false on average: where to look, not what to claim."
