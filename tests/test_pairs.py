"""Runs on disk -> paired values: which items, on which scale, and what is missing never helps the candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import catalog
from harness.errors import DataError
from harness.pairs import Run, pairs
from harness.runs import RunFolder
from harness.schema import Sample, SampleResult, Target
from tests.runs.made import provenance, record, result

Items = list[tuple[str, dict[str, float]]]


def run(root: Path, name: str, tasks: dict[str, list[SampleResult]], **changes: Any) -> Run:
    """A finished run with these samples."""
    with RunFolder.create_or_resume(root, name, {"run": name}) as folder:
        for task, results in tasks.items():
            folder.write_samples(task, results)
        made = record(name, tasks=tuple(tasks), samples=dict(folder.sample_hashes), **changes)
        folder.finish(made)
    return Run(made, root, catalog.read())


def item(number: int, metrics: dict[str, float], task: str = "demo_tu", **sample: Any) -> SampleResult:
    """One sample of the test half."""
    fields: dict[str, Any] = {"id": f"{task}-{number}", "hash": f"h{number}", "question": "?", "dimension": "TU", "split": "test"}
    return result(task=task, sample=Sample(**{**fields, **sample}), metrics=metrics)


def target(metric: str = "acc", **changes: Any) -> Target:
    return Target(**{"benchmark": "demo_skills", "dimensions": ("TU",), "metric": metric, "subset": "test", **changes})


def values(root: Path, before: list[SampleResult], after: list[SampleResult], wanted: Target) -> list[tuple[float, float]]:
    found = pairs(run(root, "before", {"demo_tu": before}), run(root, "after", {"demo_tu": after}))(wanted)
    return list(zip(found.baseline, found.candidate, strict=True))


def test_items_are_matched_by_task_and_id_whatever_their_order(tmp_path: Path) -> None:
    before = [item(1, {"acc": 0.0}), item(2, {"acc": 1.0})]
    after = [item(2, {"acc": 1.0}), item(1, {"acc": 1.0})]
    assert values(tmp_path, before, after, target()) == [(0.0, 1.0), (1.0, 1.0)]


def test_benchmarks_are_read_on_the_test_half_and_retained_tasks_on_all_items(tmp_path: Path) -> None:
    both = [item(1, {"acc": 1.0}), item(2, {"acc": 0.0}, split="dev")]
    assert values(tmp_path, both, both, target()) == [(1.0, 1.0)]
    whole = target(benchmark="demo_tu", dimensions=(), subset="all")
    assert len(pairs(*(run(tmp_path, name, {"demo_tu": both}) for name in ("one", "two")))(whole).baseline) == 2


def test_other_dimensions_of_the_benchmark_are_left_out(tmp_path: Path) -> None:
    mixed = [item(1, {"acc": 1.0}), item(2, {"acc": 0.0}, dimension="EN")]
    assert values(tmp_path, mixed, mixed, target()) == [(1.0, 1.0)]
    assert len(values(tmp_path / "x", mixed, mixed, target(dimensions=("TU", "EN")))) == 2


def test_of_a_ceiling_the_complement_is_compared(tmp_path: Path) -> None:
    before, after = [item(1, {"hr": 1.0})], [item(1, {"hr": 0.0})]
    assert values(tmp_path, before, after, target("hr", ceiling=True)) == [(0.0, 1.0)]


def test_mean_scores_are_taken_as_shares(tmp_path: Path) -> None:
    assert values(tmp_path, [item(1, {"score": 40.0})], [item(1, {"score": 95.0})], target("score")) == [(0.4, 0.95)]


def test_what_the_candidate_lacks_is_wrong_and_what_the_baseline_lacks_is_a_tie(tmp_path: Path) -> None:
    unjudged = {"unjudged": 1.0}
    before = [item(1, {"acc": 1.0}), item(2, unjudged), item(3, unjudged), item(4, {"acc": 1.0})]
    after = [item(1, unjudged), item(2, {"acc": 1.0}), item(3, unjudged)]
    assert values(tmp_path, before, after, target()) == [(1.0, 0.0), (1.0, 1.0), (1.0, 0.0)]


def test_of_a_ceiling_too_what_the_candidate_lacks_is_the_worst(tmp_path: Path) -> None:
    assert values(tmp_path, [item(1, {"hr": 0.0})], [item(1, {})], target("hr", ceiling=True)) == [(1.0, 0.0)]


def test_an_item_that_occurs_twice_counts_once(tmp_path: Path) -> None:
    twice = [item(1, {"acc": 1.0}), item(2, {"acc": 1.0}, hash="h1")]
    assert len(values(tmp_path, twice, twice, target())) == 1


def test_an_item_that_is_not_the_same_on_both_sides_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sample demo_tu-1 of task demo_tu is not the same"):
        values(tmp_path, [item(1, {"acc": 1.0})], [item(1, {"acc": 1.0}, hash="other")], target())


def test_a_metric_out_of_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="length is 812, which cannot be compared"):
        values(tmp_path, [item(1, {"length": 812.0})], [item(1, {"length": 3.0})], target("length"))


@pytest.mark.parametrize(
    "changes",
    [{"judge": "openai:other"}, {"threshold": 60.0}, {"tasks": {"demo_tu": "2.0@00000000"}}, {"data": {"demo.jsonl": "1" * 64}}],
)
def test_runs_made_under_different_conditions_are_not_compared(tmp_path: Path, changes: dict[str, Any]) -> None:
    one = run(tmp_path, "one", {"demo_tu": [item(1, {"acc": 1.0})]})
    other = run(tmp_path, "other", {"demo_tu": [item(1, {"acc": 1.0})]}, provenance=provenance(**changes))
    with pytest.raises(DataError, match=f"cannot be compared: they differ in {next(iter(changes))}"):
        pairs(one, other)


def test_a_limited_run_is_not_compared(tmp_path: Path) -> None:
    one = run(tmp_path, "one", {"demo_tu": [item(1, {"acc": 1.0})]})
    other = run(tmp_path, "other", {"demo_tu": [item(1, {"acc": 1.0})]}, comparable=False, limit=1)
    with pytest.raises(DataError, match="limited to the first 1 samples"):
        pairs(one, other)


def test_scores_of_a_benchmark_leave_out_tasks_that_are_retained_for_themselves(tmp_path: Path) -> None:
    english = [item(1, {"acc": 0.0}, task="demo_en", dimension="EN")]
    found = run(tmp_path, "one", {"demo_tu": [item(1, {"acc": 1.0})], "demo_en": english})
    overall = {score.aggregation: score.value for score in found.scores("demo_skills", {"demo_en"}) if score.scope == "overall"}
    assert overall == {"micro": 1.0, "macro": 1.0}
    assert {score.name for score in found.scores("demo_skills") if score.scope == "dimension"} == {"TU", "EN"}
