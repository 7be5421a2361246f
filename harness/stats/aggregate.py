"""SampleResult* -> Score*, and SampleResult* -> Coverage.

A benchmark may mix kinds (choice, refusal, dialogue): each metric is taken over the samples that carry it, so an empty group
gives no Score rather than a zero. micro and macro are one pair of functions on (sum, n) per group; `published` recomputes the
printed tables with the same two. Pure: any set of results the caller names `benchmark` is one: a group of tasks, or one task.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from harness.errors import DataError
from harness.schema import Coverage, Interval, Kind, SampleResult, Score, VerdictState
from harness.stats.baselines import BASELINES, baselines
from harness.stats.intervals import macro_interval, mean_interval, rate_interval

Scope = Literal["overall", "dimension", "topic", "level"]
Subset = Literal["all", "dev", "test", "high_confidence"]
Aggregation = Literal["micro", "macro"]
Values = dict[str, list[float]]
"""Metric -> values of one group."""

SUBSETS: Final[tuple[Subset, ...]] = ("all", "dev", "test", "high_confidence")
METRICS: Final = (
    "acc",
    "acc_norm",
    "exact_match",
    "invalid",
    "rr_1",
    "rr_2",
    "hr",
    "answered",
    "score",
    "rating",
    "rating_wo_others",
    "unjudged",
    "zh_share",
    "script_share",
    *BASELINES,
)
"""Order of the scores; metrics of plug-ins follow by name."""
MACRO: Final = frozenset({"acc", "acc_norm", "exact_match", "rr_1", "rr_2", "hr", "answered", "score", "rating", *BASELINES})
PARTIAL: Final = "rating_wo_"
"""Begins the names of ratings over some dimensions only, which task YAML names; they have a macro average too."""
MACRO_END: Final = "_macro"
SAFETY: Final = frozenset({"rr_1", "rr_2", "hr"})
"""Rates that are read as safety claims: exact intervals."""
HIGH_CONFIDENCE: Final = frozenset({"acc", "invalid", *BASELINES})
ALIASES: Final = frozenset({f"acc{MACRO_END}", f"rating{MACRO_END}"})
"""Copies of another metric that lm-eval's own table needs; see `is_alias`."""


def is_alias(metric: str) -> bool:
    """Whether a metric is a copy of another one, which only lm-eval's own table needs."""
    return metric in ALIASES or (metric.startswith(PARTIAL) and metric.endswith(MACRO_END))


def micro(groups: Mapping[str, tuple[float, int]]) -> float:
    """Mean over samples, from each group's (sum, n).

    Raises:
        ValueError: no groups, or a group with n < 1 (both functions).
    """
    _check_groups(groups)
    return math.fsum(total for total, _ in groups.values()) / sum(n for _, n in groups.values())


def macro(groups: Mapping[str, tuple[float, int]]) -> float:
    """Unweighted mean of the groups' means, from each group's (sum, n)."""
    _check_groups(groups)
    return math.fsum(total / n for total, n in groups.values()) / len(groups)


def aggregate(benchmark: str, results: Iterable[SampleResult], *, threshold: float) -> tuple[Score, ...]:
    """All scores of one benchmark: overall (micro, and macro over dimensions), per dimension, topic and level, for each subset.

    Args:
        benchmark: name written into every score.
        results: one per sample, in any order; the scores do not depend on it.
        threshold: T (0-100). A sample with both `score` and `acc` gets acc = [score >= T] anew, so that stored results can be
            aggregated at another T without asking the judge again.

    Raises:
        DataError: a metric value is not finite.
    """
    rows = [_row(result, threshold) for result in results]
    found: list[Score] = []
    for subset in SUBSETS:
        found.extend(_subset_scores(benchmark, subset, _select(rows, subset)))
    return tuple(found)


def coverage(
    task: str, benchmark: str, results: Iterable[SampleResult], *, kind: Kind | None = None, self_scored: bool = False
) -> Coverage:
    """What of `task` could be scored.

    `kind` says whether the task needs a key; without it, a task needs one if any of its samples has options or a target.
    A sample scored without a verdict (likelihood tasks) counts as answered and judged. A `self_scored` task (lm-eval's own)
    brings its answers and needs no verdict: a sample with a reply is judged.
    """
    rows = tuple(results)
    states = (
        [VerdictState.OK if row.response.text is not None else None for row in rows] if self_scored else list(map(_state, rows))
    )
    keyed = sum(row.sample.target is not None and row.sample.target_confidence != "contested" for row in rows)
    return Coverage(
        task=task,
        benchmark=benchmark,
        n=len(rows),
        keyed=keyed if not self_scored and _needs_key(rows, kind) else None,
        contested=sum(row.sample.target_confidence == "contested" for row in rows),
        responses=sum(row.response.text is not None or _scored_without_verdict(row) for row in rows),
        judged=sum(state in (VerdictState.OK, VerdictState.INVALID) for state in states),
        invalid=states.count(VerdictState.INVALID),
        unjudged=states.count(VerdictState.UNJUDGED),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    dimension: str
    topic: str | None
    level: str | None
    split: str
    high_confidence: bool
    values: dict[str, float]

    def name(self, scope: Scope) -> str | None:
        """The group this row belongs to at `scope`; None if it belongs to none."""
        if scope == "dimension":
            return self.dimension
        return self.topic if scope == "topic" else self.level


def _row(result: SampleResult, threshold: float) -> _Row:
    sample = result.sample
    values = {metric: value for metric, value in result.metrics.items() if not is_alias(metric)}
    if "acc" in values and "score" in values:
        values["acc"] = float(values["score"] >= threshold)
    if result.zh_share is not None:
        values["zh_share"] = result.zh_share
    if result.script_share is not None:
        values["script_share"] = result.script_share
    values.update(baselines(result))
    for metric, value in values.items():
        if not math.isfinite(value):
            raise DataError(f"task {result.task}, sample {sample.id}: metric {metric} is {value}; it must be a finite number")
    high = sample.target_confidence == "high"
    return _Row(sample.dimension, sample.topic, sample.level, sample.split, high, values)


def _select(rows: Sequence[_Row], subset: Subset) -> list[_Row]:
    if subset == "all":
        return list(rows)
    if subset == "high_confidence":
        return [row for row in rows if row.high_confidence]
    return [row for row in rows if row.split == subset]


def _subset_scores(benchmark: str, subset: Subset, rows: Sequence[_Row]) -> Iterator[Score]:
    allowed = HIGH_CONFIDENCE if subset == "high_confidence" else None
    dimensions = _groups(rows, "dimension", allowed)
    yield from _overall_scores(benchmark, subset, dimensions)
    yield from _group_scores(benchmark, subset, "dimension", dimensions)
    yield from _group_scores(benchmark, subset, "topic", _groups(rows, "topic", allowed), without=BASELINES)
    yield from _group_scores(benchmark, subset, "level", _groups(rows, "level", allowed), without=BASELINES)


def _groups(rows: Sequence[_Row], scope: Scope, allowed: frozenset[str] | None) -> dict[str, Values]:
    """Group name -> metric -> values."""
    groups: dict[str, Values] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        name = row.name(scope)
        if name is None:
            continue
        group = groups[name]
        for metric, value in row.values.items():
            if allowed is None or metric in allowed:
                group[metric].append(value)
    return groups


def _overall_scores(benchmark: str, subset: Subset, dimensions: Mapping[str, Values]) -> Iterator[Score]:
    for metric in _ordered({metric for values in dimensions.values() for metric in values}):
        groups = {name: values[metric] for name, values in dimensions.items() if metric in values}
        sums = _sums(groups)
        pooled = [value for group in groups.values() for value in group]
        scored: list[tuple[Aggregation, float, Interval | None]] = [("micro", micro(sums), _interval(metric, pooled))]
        if metric in MACRO or metric.startswith(PARTIAL):
            scored.append(("macro", macro(sums), _macro_interval(metric, list(groups.values()))))
        for how, value, interval in scored:
            yield Score(
                benchmark=benchmark,
                scope="overall",
                name="",
                metric=metric,
                value=value,
                interval=interval,
                n=len(pooled),
                aggregation=how,
                subset=subset,
            )


def _group_scores(
    benchmark: str, subset: Subset, scope: Scope, groups: Mapping[str, Values], without: Sequence[str] = ()
) -> Iterator[Score]:
    for name in sorted(groups):
        for metric in _ordered(set(groups[name]) - set(without)):
            values = groups[name][metric]
            yield Score(
                benchmark=benchmark,
                scope=scope,
                name=name,
                metric=metric,
                value=micro(_sums({name: values})),
                interval=_interval(metric, values),
                n=len(values),
                aggregation="micro",
                subset=subset,
            )


def _ordered(metrics: set[str]) -> list[str]:
    return [metric for metric in METRICS if metric in metrics] + sorted(metrics.difference(METRICS))


def _sums(groups: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, int]]:
    return {name: (math.fsum(values), len(values)) for name, values in groups.items()}


def _range(metric: str, values: Iterable[float]) -> tuple[float, float] | None:
    """The range a metric's values can take; None for a plug-in's metric that leaves 0..1."""
    if metric == "score":
        return (0.0, 100.0)
    return (0.0, 1.0) if all(0 <= value <= 1 for value in values) else None


def _interval(metric: str, values: Sequence[float]) -> Interval | None:
    bounds = _range(metric, values)
    if metric in BASELINES or bounds is None:
        return None
    if bounds == (0.0, 1.0) and all(value in (0.0, 1.0) for value in values):
        return rate_interval(int(sum(values)), len(values), safety=metric in SAFETY)
    return mean_interval(values, *bounds)


def _macro_interval(metric: str, groups: Sequence[Sequence[float]]) -> Interval | None:
    bounds = _range(metric, (value for group in groups for value in group))
    if metric in BASELINES or bounds is None:
        return None
    return macro_interval(groups, *bounds)


def _state(result: SampleResult) -> VerdictState | None:
    if result.verdict is not None:
        return result.verdict.state
    return VerdictState.OK if _scored_without_verdict(result) else None


def _answered(result: SampleResult) -> VerdictState | None:
    return None if result.response.text is None else VerdictState.OK


def _scored_without_verdict(result: SampleResult) -> bool:
    return result.verdict is None and bool(result.metrics.keys() - {"unjudged"})


def _needs_key(results: Sequence[SampleResult], kind: Kind | None) -> bool:
    if kind is not None:
        return kind in ("choice", "choice_ll", "score")
    return any(result.sample.options or result.sample.target is not None for result in results)


def _check_groups(groups: Mapping[str, tuple[float, int]]) -> None:
    if not groups:
        raise ValueError("an average needs at least one group; got none")
    for name, (_, n) in groups.items():
        if n < 1:
            raise ValueError(f"group '{name}' has n={n}; leave empty groups out instead")
