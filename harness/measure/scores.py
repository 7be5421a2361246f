"""What an evaluation gave -> scores, coverage and token totals of a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from harness import catalog
from harness.schema import Coverage, SampleResult, Score, Tokens

if TYPE_CHECKING:
    from harness.lm.run import Loaded, Outcome


def scores_of(known: catalog.Catalog, names: tuple[str, ...], outcome: Outcome, threshold: float) -> list[Score]:
    """All scores of what was asked; of lm-eval's own groups inside a benchmark the overall ones only."""
    from harness.stats.aggregate import aggregate

    scores: list[Score] = []
    places, owners = known.places(names), known.owners(names)
    for benchmark, tasks in known.benchmarks(names).items():
        found = aggregate(benchmark, [result for task in tasks for result in outcome.samples[task]], threshold=threshold)
        found = (*found, *_whole_scores(benchmark, tasks, outcome, places))
        inside = known.find(benchmark).origin == "lm-eval" and all(owners[task] != benchmark for task in tasks)
        scores += [score for score in found if not inside or score.scope == "overall"]
    return scores


def _whole_scores(
    benchmark: str, tasks: tuple[str, ...], outcome: Outcome, places: Mapping[str, catalog.Place]
) -> Iterator[Score]:
    """Scores of metrics that are no mean over samples: of the benchmark, and of each of its tasks."""
    for whole in outcome.wholes:
        found: list[tuple[Literal["overall", "dimension", "topic"], str]] = []
        found += [("overall", "")] if whole.name == benchmark else []
        if whole.name in tasks:
            place = places.get(whole.name, catalog.Place(whole.name))
            found.append(("topic", place.topic) if place.topic else ("dimension", place.dimension))
        for scope, name in found:
            yield Score(
                benchmark=benchmark,
                scope=scope,
                name=name,
                metric=whole.metric,
                value=whole.value,
                interval=None,
                n=whole.n,
                aggregation="micro",
                subset=whole.subset,
            )


def coverage_of(loaded: Loaded, samples: Mapping[str, list[SampleResult]], owners: Mapping[str, str]) -> list[Coverage]:
    """How many samples of each task were asked, keyed, answered and judged."""
    from harness.stats.aggregate import coverage

    found = []
    for name, rows in sorted(samples.items()):
        task = loaded.tasks[name]
        benchmark = str(task.settings.get("benchmark", owners[name]))
        found.append(coverage(name, benchmark, rows, kind=task.kind, self_scored=name in loaded.stock))
    return found


def tokens_of(results: list[SampleResult]) -> Tokens | None:
    """Totals over all responses; None where the backend counts none."""
    responses = [result.response for result in results]
    if all(r.prompt_tokens is None for r in responses):
        return None
    return Tokens(
        prompt=sum(r.prompt_tokens or 0 for r in responses), completion=sum(r.completion_tokens or 0 for r in responses)
    )
