"""Sample* of a benchmark -> BenchmarkFigures: how many of what, how long, in which words (figures 1-3 of arXiv 2304.07854)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Final

from harness.data.words import Word, telling
from harness.errors import DataError
from harness.schema import Sample
from harness.schema.benchmark import BenchmarkFigures, BenchmarkLengths, BenchmarkPart, BenchmarkWord

WORDS: Final = 90
BINS: Final = 25
"""Of a histogram, or one more."""


def figures(name: str, title: str, samples: Mapping[str, Sequence[Sample]], titles: Mapping[str, str]) -> BenchmarkFigures:
    """Count a benchmark.

    Args:
        name: of a benchmark, group or task.
        title: what its file calls it.
        samples: task -> its items.
        titles: task -> what its file calls it.

    Raises:
        DataError: it has no item.
    """
    every = [one for found in samples.values() for one in found]
    if not every:
        raise DataError(f"'{name}' has no item")
    references = [len(text) for text in map(reference, every) if text]
    dimensions = _grouped(every, [one.dimension for one in every])
    return BenchmarkFigures(
        name=name,
        title=title,
        tasks=tuple(samples),
        n=len(every),
        dimensions=tuple(_part(part, rows, len(every), _title(part, samples, titles)) for part, rows in dimensions.items()),
        topics=tuple(topic for part, rows in dimensions.items() for topic in _topics(part, rows, len(every))),
        questions=_lengths([len(one.question.strip()) for one in every]),
        references=_lengths(references) if references else None,
        words=tuple(_words(every)),
    )


def reference(sample: Sample) -> str:
    """The text that an answer is held against; empty where there is none, or only the letter of an option."""
    return "" if sample.options or sample.target is None else sample.target.strip()


def _grouped(samples: Iterable[Sample], names: Iterable[str]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample, name in zip(samples, names, strict=True):
        found[name].append(sample)
    return found


def _part(name: str, rows: Sequence[Sample], total: int, title: str = "", within: str = "") -> BenchmarkPart:
    references = [len(text) for text in map(reference, rows) if text]
    return BenchmarkPart(
        name=name,
        title=title,
        within=within,
        n=len(rows),
        share=len(rows) / total,
        question=median(len(one.question.strip()) for one in rows),
        references=len(references),
        reference=median(references) if references else None,
    )


def _title(dimension: str, samples: Mapping[str, Sequence[Sample]], titles: Mapping[str, str]) -> str:
    """What all tasks of a dimension call it; empty if they say different things, or just its name."""
    found = {titles[task] for task, rows in samples.items() if any(one.dimension == dimension for one in rows)}
    only = found.pop() if len(found) == 1 else ""
    return "" if only in (dimension, *samples) else only


def _topics(dimension: str, rows: Sequence[Sample], total: int) -> list[BenchmarkPart]:
    named = [one for one in rows if one.topic]
    parts = [
        _part(name, found, total, within=dimension) for name, found in _grouped(named, [one.topic or "" for one in named]).items()
    ]
    return sorted(parts, key=lambda part: (-part.n, part.name))


# --- lengths ------------------------------------------------------------------------------------------------------------------


def _lengths(lengths: Sequence[int]) -> BenchmarkLengths:
    ordered = sorted(lengths)
    edges = _edges(ordered)
    counts = [0] * (len(edges) - 1)
    for length in ordered:
        counts[min(length // edges[1], len(counts) - 1)] += 1
    return BenchmarkLengths(
        n=len(ordered),
        mean=fmean(ordered),
        median=median(ordered),
        p90=_quantile(ordered, 0.9),
        most=ordered[-1],
        edges=edges,
        counts=tuple(counts),
    )


def _edges(ordered: Sequence[int]) -> tuple[int, ...]:
    """Equal steps of 1, 2 or 5 times a power of ten up to where all but 5% are; the last bin takes the rest."""
    until = _quantile(ordered, 0.95)
    step = next(s for s in (m * 10**p for p in range(12) for m in (1, 2, 5)) if s * BINS >= until)
    regular = [step * i for i in range(int(until // step) + 2)]
    return (*regular, max(regular[-1] + step, ordered[-1] + 1)) if ordered[-1] >= regular[-1] else tuple(regular)


def _quantile(ordered: Sequence[int], share: float) -> float:
    """By linear interpolation."""
    place = share * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


# --- words --------------------------------------------------------------------------------------------------------------------


def _words(samples: Sequence[Sample]) -> list[BenchmarkWord]:
    """Told apart by topic, where there are topics, else by dimension."""
    sizes = {name: len(rows) for name, rows in _grouped(samples, [one.dimension for one in samples]).items()}
    parts = [(one.dimension, one.topic or "") for one in samples]
    names = [f"{place:06d}" for place in _places(parts)]
    dimension = dict(zip(names, (part[0] for part in parts), strict=True))
    found = telling([one.question for one in samples], names, WORDS)
    return [BenchmarkWord(word=one.word, n=one.n, weight=one.weight, most=_most(one, dimension, sizes)) for one in found]


def _places(parts: Sequence[tuple[str, str]]) -> list[int]:
    """Each part's number, by first appearance."""
    numbers: dict[tuple[str, str], int] = {}
    return [numbers.setdefault(part, len(numbers)) for part in parts]


def _most(word: Word, dimension: Mapping[str, str], sizes: Mapping[str, int]) -> str:
    by: dict[str, int] = defaultdict(int)
    for part, count in word.parts.items():
        by[dimension[part]] += count
    return max(by, key=lambda name: (by[name] / sizes[name], name))
