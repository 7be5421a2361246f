"""BenchmarkFigures -> a short table for a terminal, and a page of figures: categories, lengths, words.

The page may be shown to anybody: it holds numbers, names of categories and single words, and no item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType

from harness.report import html
from harness.report.blocks import Heading, Lines, Table, blocks_console
from harness.report.plots import CloudWord, bars, cloud, histogram
from harness.report.text import count
from harness.schema.benchmark import BenchmarkFigures, BenchmarkLengths, BenchmarkPart

ABSENT: Final = "–"
MOST: Final = 60
"""Topics that a picture shows; a table shows all."""
MEDIANS: Final = "question, reference: median length in characters"
HOW: Final = (
    "length: characters of the item's own text, or of its reference; what a task of ours puts around it is not counted",
    "words: of runs of letters; of Chinese and kana, strings of two to four characters that hold together and stand in changing "
    "surroundings. No word is longer than eight characters",
    "chosen are the words that tell the topics (without topics: the dimensions) apart best, so that what is frequent everywhere "
    "is not shown; their size says how many questions hold them",
)


def benchmark_console(figures: BenchmarkFigures) -> RenderableType:
    """The dimensions, with their numbers and lengths."""
    table = _table("dimension", figures.dimensions, references=figures.references is not None)
    return blocks_console([Heading(_title(figures), 1), Lines((_what(figures), MEDIANS)), _summed(table, figures)])


def benchmark_html(figures: BenchmarkFigures) -> str:
    """A file that needs nothing beside it: same figures, same bytes."""
    head, tail = html.around(_title(figures))
    return head + html.fragment(list(_page(figures))) + tail


def _title(figures: BenchmarkFigures) -> str:
    return figures.name if figures.title in ("", figures.name) else f"{figures.title} ({figures.name})"


def _what(figures: BenchmarkFigures) -> str:
    topics = f", {count(len(figures.topics), 'topic')}" if figures.topics else ""
    tasks = count(len(figures.tasks), "task")
    return f"{count(figures.n, 'item')} in {tasks}: {count(len(figures.dimensions), 'dimension')}{topics}"


def _page(figures: BenchmarkFigures) -> Iterator[html.Part]:
    yield Heading(_title(figures), 1)
    yield Lines((_what(figures),), strong=True)
    yield Lines(HOW)
    yield Heading("Categories")
    yield from _categories(figures)
    yield Heading("Lengths")
    yield from _lengths(figures)
    yield Heading("Words of the questions")
    yield from _words(figures)


def _categories(figures: BenchmarkFigures) -> Iterator[html.Part]:
    references = figures.references is not None
    yield _summed(_table("dimension", figures.dimensions, references=references), figures)
    yield Lines((MEDIANS,))
    shares = [(_named(part), (part.share,)) for part in figures.dimensions]
    yield html.Picture(bars("dimensions", "Items by dimension", shares, ("items",)), "Items by dimension, percent")
    if not figures.topics:
        return
    largest = sorted(figures.topics, key=lambda part: (-part.n, part.name))[:MOST]
    topics = [(_topic(part, figures), (part.share,)) for part in figures.topics if part in largest]
    left = len(figures.topics) - len(topics)
    more = f"; {left} smaller ones stand in the table alone" if left else ""
    yield html.Picture(bars("topics", "Items by topic", topics, ("items",)), f"Items by topic, percent{more}")
    yield html.Folded("Topics as a table", _table("topic", figures.topics, references=references, within=True))


def _lengths(figures: BenchmarkFigures) -> Iterator[html.Part]:
    found = {"questions": figures.questions, "references": figures.references}
    there = {name: one for name, one in found.items() if one is not None}
    rows = tuple(
        (name, f"{one.n:,}", f"{one.mean:,.1f}", f"{one.median:,.1f}", f"{one.p90:,.1f}", f"{one.most:,}")
        for name, one in there.items()
    )
    yield Table(("", "n", "mean", "median", "90% up to", "longest"), rows)
    for name, one in there.items():
        title = f"Length of the {name}"
        picture = histogram(f"length-{name}", title, one.edges, one.counts, "characters")
        yield html.Picture(picture, f"{title}, in characters{_last(one)}")


def _last(one: BenchmarkLengths) -> str:
    """What the last bar holds, where it is wider than the others."""
    if one.edges[-1] - one.edges[-2] <= one.edges[1]:
        return ""
    return f"; the last bar holds all from {one.edges[-2]:,} to {one.most:,}"


def _words(figures: BenchmarkFigures) -> Iterator[html.Part]:
    if not figures.words:
        yield Lines(("No word stands in three questions.",))
        return
    names = {part.name: _named(part) for part in figures.dimensions}
    words = [CloudWord(one.word, one.n, names[one.most]) for one in figures.words]
    kinds = list(names.values())
    coloured = ", coloured by the dimension where they are most frequent" if 1 < len(kinds) <= 6 else ""
    yield html.Picture(cloud("words", "Words of the questions", words, kinds), f"Words of the questions{coloured}")
    rows = tuple(
        (one.word, f"{one.n:,}", f"{100 * one.n / figures.n:.1f}", f"{one.weight:.1f}", one.most) for one in figures.words
    )
    columns = ("word", "questions", "%", "weight", "most frequent in")
    yield html.Folded("Words as a table", Table(columns, rows, words=frozenset({4})))


# --- tables -------------------------------------------------------------------------------------------------------------------


def _table(what: str, parts: Sequence[BenchmarkPart], *, references: bool, within: bool = False) -> Table:
    words = (what, *(("dimension",) if within else ()))
    numbers = ("n", "%", "question", *(("with reference", "reference") if references else ()))
    rows = tuple(
        (
            _named(part),
            *((part.within,) if within else ()),
            f"{part.n:,}",
            f"{100 * part.share:.1f}",
            f"{part.question:,.1f}",
            *((f"{part.references:,}", ABSENT if part.reference is None else f"{part.reference:,.1f}") if references else ()),
        )
        for part in parts
    )
    return Table((*words, *numbers), rows, left=len(words))


def _summed(table: Table, figures: BenchmarkFigures) -> Table:
    """With a last row for all."""
    known = figures.references
    more = () if known is None else (f"{known.n:,}", f"{known.median:,.1f}")
    row = ("all", *("" for _ in range(table.left - 1)), f"{figures.n:,}", "100.0", f"{figures.questions.median:,.1f}", *more)
    return Table(table.columns, (*table.rows, row), left=table.left, strong=frozenset({len(table.rows)}))


def _named(part: BenchmarkPart) -> str:
    """`TU Text understanding`; a name that says enough stands alone."""
    return f"{part.name} {part.title}" if part.title and len(part.name) <= 3 else part.name


def _topic(part: BenchmarkPart, figures: BenchmarkFigures) -> str:
    return f"{part.within} {part.name}" if len(figures.dimensions) > 1 and len(part.within) <= 3 else part.name
