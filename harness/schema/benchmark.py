"""The nouns of what a benchmark is made of: counts, lengths and words of its items.

    Benchmark ─describe─> BenchmarkFigures

The figures of arXiv 2304.07854 (categories, lengths of the questions, words of the questions), for any benchmark. They hold no
item: words are single and short, all else is numbers and the names of categories.
"""

from __future__ import annotations

from typing import Final, Literal

from harness.schema.evaluation import Frozen

FIGURES_SCHEMA: Final = "harness.benchmark-figures/1"


class BenchmarkLengths(Frozen):
    """Lengths in characters, outer white space aside."""

    n: int
    """Texts that are measured."""
    mean: float
    median: float
    p90: float
    most: int
    edges: tuple[int, ...]
    """Of the histogram, ascending from 0, one more than `counts`; `counts[i]` has `edges[i]` up to, not with, `edges[i + 1]`. The
    last may be wider than the others."""
    counts: tuple[int, ...]


class BenchmarkPart(Frozen):
    """A dimension or a topic."""

    name: str
    title: str = ""
    """What the tasks call it, where that is another word."""
    within: str = ""
    """Dimension of a topic."""
    n: int
    share: float
    """Of all items, 0-1."""
    question: float
    """Median length of its questions."""
    references: int
    """Items with a reference text."""
    reference: float | None
    """Median length of those."""


class BenchmarkWord(Frozen):
    """A word of the questions."""

    word: str
    n: int
    """Questions that hold it."""
    weight: float
    """How much it tells apart: `n` times the divergence of the parts that it stands in from all parts, in nats."""
    most: str
    """Dimension in which it is most frequent, compared with the dimension's size."""


class BenchmarkFigures(Frozen):
    """What a benchmark, group or task is made of."""

    schema_version: Literal["harness.benchmark-figures/1"] = FIGURES_SCHEMA
    name: str
    title: str
    tasks: tuple[str, ...]
    n: int
    dimensions: tuple[BenchmarkPart, ...]
    """In the order of the tasks."""
    topics: tuple[BenchmarkPart, ...]
    """By dimension, the largest first; empty where items have none."""
    questions: BenchmarkLengths
    references: BenchmarkLengths | None
    """None where there is no reference text: none at all, or letters of options."""
    words: tuple[BenchmarkWord, ...]
    """The heaviest first."""
