"""SampleResult* × standards -> Board: the dimensions of one benchmark by one metric, ready to be decided.

Pure: whoever calls chooses the samples (a diagnosis passes the dev half alone). Values are shares 0-1, and the same that
aggregation takes: every sample that carries the metric counts once, an unjudged one carries none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from harness.errors import DataError
from harness.schema import SampleResult
from harness.stats.aggregate import SAFETY
from harness.stats.diagnosis import Dimension, Look, Shrunk, look, topics

CEILINGS: Final = frozenset({"hr"})
"""Metrics of which less is better; a standard is the most there may be."""
CHOSEN: Final = frozenset({"acc", "acc_norm"})
"""Metrics by which guessing scores, where a sample has options."""
SCALE: Final = {"score": 100.0}
"""Metrics that are not shares, and what makes them one."""

Key = tuple[str, str, str]
"""Task, id and content hash of a sample."""


@dataclass(frozen=True)
class Board:
    """What was seen of one benchmark by one metric."""

    metric: str
    dimensions: dict[str, Dimension]
    """Those with a standard and at least one value."""
    topics: dict[tuple[str, str], tuple[float, ...]]
    """(dimension, topic) -> values, sorted."""
    empty: tuple[str, ...]
    """Dimensions with a standard but without a value."""
    unpaired: int
    """Items left out because the reference has no value for them."""

    @property
    def ceiling(self) -> bool:
        """Whether less is better."""
        return self.metric in CEILINGS

    def look(self) -> dict[str, Look]:
        """Each dimension decided for itself."""
        found = look(list(self.dimensions.values()), ceiling=self.ceiling, exact=self.metric in SAFETY)
        return dict(zip(self.dimensions, found, strict=True))

    def shrunk(self) -> dict[tuple[str, str], Shrunk]:
        """The topics, each steadied by all others of the benchmark."""
        return topics(self.topics)


def board(
    results: Sequence[SampleResult],
    metric: str,
    standards: Mapping[str, float],
    *,
    threshold: float,
    default: float | None = None,
    reference: Mapping[Key, SampleResult] | None = None,
) -> Board:
    """Read the values of one metric.

    Args:
        results: samples of one benchmark.
        metric: its name, as samples carry it.
        standards: dimension -> standard, 0-1.
        threshold: T (0-100) of `acc` where a sample has a score.
        default: standard of dimensions that `standards` does not name; None leaves them out.
        reference: another model's results on the same samples; their means take the place of the standards.

    Raises:
        DataError: a value is no share.
    """
    scored = [result for result in results if metric in result.metrics]
    items = scored if reference is None else [one for one in scored if metric in reference[key(one)].metrics]
    groups: dict[str, list[SampleResult]] = defaultdict(list)
    for one in items:
        groups[one.sample.dimension].append(one)
    wanted = {**standards, **(dict.fromkeys(sorted(groups.keys() - standards.keys()), default) if default is not None else {})}
    dimensions, by_topic = {}, defaultdict(list)
    for name, standard in wanted.items():
        if rows := groups.get(name):
            twins = None if reference is None else [reference[key(row)] for row in rows]
            dimensions[name] = _dimension(rows, twins, metric, float(standard or 0.0), threshold)
            for row, value in zip(rows, dimensions[name].values, strict=True):
                if row.sample.topic:
                    by_topic[name, row.sample.topic].append(value)
    return Board(
        metric=metric,
        dimensions=dimensions,
        topics={place: tuple(by_topic[place]) for place in sorted(by_topic)},
        empty=tuple(name for name in wanted if name not in groups),
        unpaired=len(scored) - len(items),
    )


def key(result: SampleResult) -> Key:
    """What must be equal in two runs for their values to be paired."""
    return result.task, result.sample.id, result.sample.hash


def _dimension(
    rows: Sequence[SampleResult], twins: Sequence[SampleResult] | None, metric: str, standard: float, threshold: float
) -> Dimension:
    values = tuple(_value(row, metric, threshold) for row in rows)
    chance = fmean(1 / len(row.sample.options) if metric in CHOSEN and row.sample.options else 0.0 for row in rows)
    if twins is None:
        return Dimension(values, standard, chance)
    reference = tuple(_value(twin, metric, threshold) for twin in twins)
    return Dimension(values, fmean(reference), chance, reference)


def _value(result: SampleResult, metric: str, threshold: float) -> float:
    value = result.metrics[metric] / SCALE.get(metric, 1.0)
    if metric == "acc" and "score" in result.metrics:
        value = float(result.metrics["score"] >= threshold)
    if not 0 <= value <= 1:
        raise DataError(
            f"task {result.task}, sample {result.sample.id}: {metric} is {result.metrics[metric]:g}, which is no share"
        )
    return value
