"""Fertility, Vocabulary, VocabularyExtension -> what a reader sees: on a terminal, as JSON's companion, as a page with plots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from rich.console import RenderableType

from harness.report import html
from harness.report.blocks import Block, Heading, Lines, Table, blocks_console, blocks_markdown
from harness.report.plots.drawing import FAINT, RULE, Svg, colour_of, short, width_of
from harness.schema.vocabulary import (
    Fertility,
    FertilityRow,
    FertilityUse,
    TokenCount,
    Vocabulary,
    VocabularyCost,
    VocabularyExtension,
)

SCOPES: Final = {"overall": "All text", "text": "By text", "script": "By script"}
HOW: Final = (
    "tokens without those put around a text (BOS, chat template)",
    "fragments: tokens that are not whole characters, of the three bytes of a Chinese one for instance",
    "after/before: 95% interval by a bootstrap over lines; a line of training rows is a whole dialogue",
    "by script: a token counts for the script that it begins with, after a space",
)
COSTS: Final = (
    "operations: 2 x tokens x (parameters that are no embedding + output matrix), forward; attention and the training of the new "
    "rows come on top",
    "rows: what the embedding matrix gains, padded; parameters: rows x hidden size, twice where input and output are not tied",
)
Shown = Block | html.Picture
_PLOT: Final = 320.0
_BAR: Final = 14.0
_GAP: Final = 10.0


def fertility_console(found: Fertility) -> RenderableType:
    """For a terminal."""
    return blocks_console(part for part in _page(found) if not isinstance(part, html.Picture))


def fertility_markdown(found: Fertility) -> str:
    """As GitHub markdown, without pictures."""
    return blocks_markdown(part for part in _page(found) if not isinstance(part, html.Picture))


def fertility_html(found: Fertility) -> str:
    """A file that needs nothing beside it."""
    head, tail = html.around("Tokens of a text")
    return head + html.fragment(list(_page(found))) + tail


def vocabulary_console(made: Vocabulary) -> RenderableType:
    """What was learnt."""
    before, after = made.tokens_per_line
    words = len(made.pieces) - made.characters - made.fragments
    lines = (
        f"{len(made.pieces):,} new tokens for '{made.base}' ({made.kind}, script {made.script}): {made.characters:,} characters, "
        f"{made.fragments:,} steps to one, {words:,} longer; {made.dropped:,} dropped, which their own text does not reach",
        f"tokens a line: {before:,.1f} -> {after:,.1f} ({made.tokens_after / made.tokens_before - 1:+.1%}) on "
        f"{made.lines:,} lines of the texts themselves",
    )
    texts = tuple((one.name, f"{one.lines:,}", f"{one.characters:,}") for one in made.text)
    return blocks_console([Lines(lines), Table(("text", "lines", "characters"), texts)])


def extension_console(made: VocabularyExtension) -> RenderableType:
    """What a base was given."""
    lines = [
        f"'{made.name}': '{made.base}' with {made.added:,} new tokens ({made.tokens_before:,} -> {made.tokens:,} ids)",
        f"embeddings: {made.weights.get('rows_before', 0):,} -> {made.weights.get('rows', 0):,} rows, "
        f"{'input and output tied' if made.weights.get('tied') else 'input and output'}",
    ]
    if made.dropped:
        lines.append(f"{made.dropped:,} pieces of the vocabulary were left out")
    if made.tokens_per_line is not None and made.tokens_per_line_before is not None:
        lines.append(
            f"tokens a line: {made.tokens_per_line_before:,.1f} -> {made.tokens_per_line:,.1f} on {made.lines:,} lines of the "
            "texts it was learnt from"
        )
    lines.append(f"new rows know nothing yet: harness vocab warmup --base {made.name}")
    return blocks_console([Lines(tuple(lines))])


def _page(found: Fertility) -> Iterator[Shown]:
    yield Heading("Tokens of a text", 1)
    yield Lines(tuple(_verdict(one) for one in found.costs) or _alone(found), strong=True)
    yield Lines((*_read(found), *found.notes, *HOW))
    for scope, title in SCOPES.items():
        rows = [row for row in found.rows if row.scope == scope]
        if rows:
            yield Heading(title)
            yield _table(found, rows, scope)
            if scope != "overall" or len(found.tokenizers) > 1:
                yield _pictured(found, rows, scope, title)
    yield Heading("Lines by their tokens")
    yield from _lines(found)
    if found.costs:
        yield Heading("Whether it pays")
        yield Table(("", *(cost.tokenizer for cost in found.costs)), _costs(found.costs))
        yield Lines(COSTS)
    if found.uses:
        yield Heading("Use of the new tokens")
        yield from _uses(found.uses)


def _verdict(cost: VocabularyCost) -> str:
    if cost.verdict == "undecided":
        return f"{cost.tokenizer}: undecided whether it pays; {cost.why}"
    return f"{cost.tokenizer}: it {cost.verdict}; {cost.why}"


def _alone(found: Fertility) -> tuple[str, ...]:
    count = found.rows[0].counts[0]
    return (f"{found.tokenizers[0].name}: {count.per_line:,.1f} tokens a line, {count.per_character:.2f} a character",)


def _read(found: Fertility) -> Iterator[str]:
    for text in found.text:
        yield f"text: {text.name}, {text.lines:,} lines, {text.characters:,} characters"


def _table(found: Fertility, rows: Sequence[FertilityRow], scope: str) -> Table:
    several = scope != "script"
    lines = tuple(
        (row.name if not place else "", found.tokenizers[place].name, *_counts(count, several), _ratio(row, place))
        for row in rows
        for place, count in enumerate(row.counts)
    )
    per = ("tokens/line", "bytes/token") if several else ("tokens",)
    names = (scope if several and scope != "overall" else "", "tokenizer", *per, "tokens/char", "chars/token")
    columns = (*names, "fragments %", "1-char %", "unknown", "after/before")
    aside = frozenset(columns.index(name) for name in ("chars/token", "1-char %", "unknown"))
    return Table(columns, lines, left=2, aside=aside)


def _counts(count: TokenCount, several: bool) -> tuple[str, ...]:
    share = 100 / count.tokens if count.tokens else 0.0
    first = (f"{count.per_line:,.1f}", f"{count.bytes_per_token:.2f}") if several else (f"{count.tokens:,}",)
    return (
        *first,
        f"{count.per_character:.3f}",
        f"{count.characters_per_token:.2f}",
        f"{share * count.fragments:.1f}",
        f"{share * count.single_characters:.1f}",
        f"{count.unknown:,}",
    )


def _ratio(row: FertilityRow, place: int) -> str:
    if not place or not row.counts[0].tokens:
        return ""
    ratio = f"{row.counts[place].tokens / row.counts[0].tokens:.3f}"
    interval = row.ratios[place - 1] if row.ratios else None
    return ratio if interval is None else f"{ratio} ({interval.low:.3f} to {interval.high:.3f})"


def _pictured(found: Fertility, rows: Sequence[FertilityRow], scope: str, title: str) -> html.Picture:
    names = [one.name for one in found.tokenizers]
    if scope == "script":
        rows = [row for row in rows if any(count.tokens for count in row.counts)]
        bars = [(row.name, [count.per_character for count in row.counts]) for row in rows]
        return html.Picture(_bars("by-script", "Tokens a character, by script", bars, names, 3), "Tokens a character, by script")
    bars = [(row.name, [count.per_line for count in row.counts]) for row in rows]
    more = [(f"{row.name}: bytes a token", [count.bytes_per_token for count in row.counts]) for row in rows]
    if scope == "overall":
        bars, more = [("tokens a line", bars[0][1])], [("bytes a token", more[0][1])]
    both = _bars(f"{scope}-lines", f"{title}: tokens a line", bars, names, 1)
    return html.Picture(
        both + _bars(f"{scope}-bytes", f"{title}: bytes a token", more, names, 2), f"{title}: tokens a line, bytes a token"
    )


def _lines(found: Fertility) -> Iterator[Shown]:
    edges = found.histogram_edges
    ends = [f"{low:,}-{high - 1:,}" for low, high in pairwise(edges)] + [f"{edges[-1]:,} or more"]
    shown = [place for place in range(len(edges)) if any(counts[place] for counts in found.histograms)]
    rows = tuple((ends[place], *(f"{counts[place]:,}" for counts in found.histograms)) for place in shown)
    names = [one.name for one in found.tokenizers]
    yield Table(("tokens in a line", *names), rows)
    bars = [(ends[place], [float(counts[place]) for counts in found.histograms]) for place in shown]
    yield html.Picture(_bars("lines", "Lines by their tokens", bars, names, 0), "Lines by their tokens")


def _costs(costs: Sequence[VocabularyCost]) -> tuple[tuple[str, ...], ...]:
    def row(name: str, cells: Iterator[str]) -> tuple[str, ...]:
        return (name, *cells)

    return (
        row("tokens after/before", (f"{one.ratio:.3f}" for one in costs)),
        row("tokens saved a line", (f"{one.saved_per_line:,.1f}" for one in costs)),
        row(
            "context gained, in tokens of the base", (_optional(one.context_gained, "+,.0f", one.context_before) for one in costs)
        ),
        row("rows added", (f"{one.rows:,}" for one in costs)),
        row("parameters added", (_optional(one.parameters, ",") for one in costs)),
        row("of all parameters", (_optional(one.parameters_share, ".2%") for one in costs)),
        row("operations a line, before", (_optional(one.flops_line_before, ".3g") for one in costs)),
        row("operations a line, after", (_optional(one.flops_line, ".3g") for one in costs)),
        row("lines read that pay for one line of warm-up", (_optional(one.payback_lines, ",.1f") for one in costs)),
        row("a line costs the same at after/before", (_optional(one.breakeven_ratio, ".4f") for one in costs)),
    )


def _optional(value: float | None, form: str, of: int | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:{form}}" + ("" if of is None else f" to {of:,}")


def _uses(uses: Sequence[FertilityUse]) -> Iterator[Shown]:
    yield Lines(
        tuple(f"{one.tokenizer}: {one.used:,} of {one.new:,} new tokens occur, {one.occurrences:,} times in all" for one in uses)
    )
    rows = tuple((one.tokenizer, f"{n:,}", f"{100 * share:.1f}") for one in uses for n, share in one.shares)
    if rows:
        yield Table(("tokenizer", "most frequent new tokens", "% of their occurrences"), rows)
        yield html.Picture(_curves(uses), "Share of the occurrences of new tokens that the most frequent ones have")


def _bars(id: str, title: str, rows: Sequence[tuple[str, Sequence[float]]], series: Sequence[str], digits: int) -> str:  # noqa: A002
    """Groups of horizontal bars with their numbers: one group a name, one bar a tokenizer."""
    names = [short(name) for name, _ in rows]
    left = max((width_of(name) for name in names), default=0) + 12
    most = max((value for _, values in rows for value in values), default=1.0) or 1.0
    top, group = 20.0 * len(series) + 6, _BAR * len(series) + _GAP
    svg = Svg(left + _PLOT + 90, top + group * len(rows) + 4)
    for place, name in enumerate(series):
        svg.rect(left, 20.0 * place + 4, 10, 10, colour_of(place))
        svg.text(left + 15, 20.0 * place + 13, short(name), fill=FAINT)
    for number, (_, values) in enumerate(rows):
        y = top + group * number
        svg.text(left - 8, y + (group - _GAP) / 2 + 4, names[number], "end")
        for place, value in enumerate(values):
            length = max(1.0 if value else 0.0, _PLOT * value / most)
            svg.rect(left, y + _BAR * place + 1, length, _BAR - 2, colour_of(place))
            svg.text(left + length + 5, y + _BAR * place + _BAR - 3, f"{value:,.{digits}f}", fill=FAINT)
    told = "; ".join(f"{name} {' and '.join(f'{value:,.{digits}f}' for value in values)}" for name, values in rows)
    return svg.whole(id, title, f"{title}, {' and '.join(series)}: {told}.")


def _curves(uses: Sequence[FertilityUse]) -> str:
    """Share of all uses against the number of the most frequent tokens, which grows by factors."""
    left, top, high, wide = 44.0, 10.0, 180.0, 420.0
    most = max(n for one in uses for n, _ in one.shares)
    svg = Svg(left + wide + 150, top + high + 44)
    for percent in (0, 25, 50, 75, 100):
        y = top + high * (1 - percent / 100)
        svg.line(left, y, left + wide, y, RULE)
        svg.text(left - 6, y + 4, f"{percent}%", "end", FAINT)

    def across(n: int) -> float:
        return left + wide * (math.log10(max(n, 1)) / max(math.log10(most), 0.1))

    for step in sorted({10**k for k in range(6) if 10**k <= most} | {most}):
        if step == most or across(most) - across(step) > width_of(f"{most:,}") + 8:
            svg.text(across(step), top + high + 16, f"{step:,}", "middle", FAINT)
    svg.text(left + wide, top + high + 36, "most frequent new tokens", "end", FAINT)
    for place, one in enumerate(uses):
        points = [(across(n), top + high * (1 - share)) for n, share in one.shares]
        for (x1, y1), (x2, y2) in pairwise(points):
            svg.line(x1, y1, x2, y2, colour_of(place), 2)
        for x, y in points:
            svg.circle(x, y, 3, colour_of(place))
        svg.text(left + wide + 10, top + 14 + 18 * place, short(one.tokenizer), fill=colour_of(place))
    told = "; ".join(f"{one.tokenizer}: {', '.join(f'{n:,} {100 * share:.1f}%' for n, share in one.shares)}" for one in uses)
    return svg.whole("uses", "Use of the new tokens", f"Share of all occurrences of new tokens. {told}.")
