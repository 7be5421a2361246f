"""Diagnosis -> plan of the claim: what is aimed at, what is guarded, at which margins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import catalog
from harness.adapting.freeze import Diagnosed, freeze
from harness.pairs import Run
from harness.schema import ClaimPlan, CultureBenchmark, Diagnosis, Finding, Interval
from tests.adapting.world import World, culture


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A measured model: 60 items of the test half in each area."""
    world = World(tmp_path)
    return Run(world.evaluate("m", (), runs=tmp_path / "runs"), tmp_path / "runs", catalog.read())


def finding(area: str, state: Any, metric: str = "acc", **changes: Any) -> Finding:
    benchmark, _, dimension = area.partition("/")
    fields: dict[str, Any] = {
        "benchmark": benchmark,
        "metric": metric,
        "dimension": dimension,
        "stage": "knowledge" if benchmark == "demo_skills" else "safety",
        "state": state,
        "claim": state,
        "value": 0.9 if state == "strong" else 0.2,
        "interval": Interval(low=0.1, high=0.9, method="test"),
        "standard": 0.7,
        "ceiling": metric == "hr",
        "chance": 0.0,
        "gap": 0.1,
        "shortfall": 0.1,
        "n": 60,
        "needed": None,
    }
    return Finding(**{**fields, **changes})


def frozen(run: Run, stage: Any, *findings: Finding, **changes: Any) -> ClaimPlan:
    diagnosis = Diagnosis(
        run=run.record.id, model="m", model_fingerprint="f", culture="demo", culture_digest="0" * 64, findings=findings
    )
    more = {"culture": culture(), "earlier": [run.record.id], "without": (), **changes}
    return freeze(stage, "m", more["culture"], Diagnosed(diagnosis, "d" * 64, run), more["earlier"], more["without"])


def test_weak_areas_of_the_stage_are_aims_and_the_other_stages_are_reported(run: Run) -> None:
    plan = frozen(run, "knowledge", finding("demo_skills/TU", "weak"), finding("demo_mcq/DI", "weak"))
    assert [aim.target.name for aim in plan.aims] == ["demo_skills/TU"]
    assert [target.name for target in plan.others] == ["demo_mcq/DI"]
    assert plan.diagnosis_sha256 == "d" * 64


def test_benchmarks_are_judged_on_the_half_no_diagnosis_has_seen(run: Run) -> None:
    plan = frozen(run, "knowledge", finding("demo_skills/TU", "weak"), finding("demo_skills/IE", "strong"))
    assert {plan.aims[0].target.subset, plan.strong[0].target.subset} == {"test"}
    assert plan.retained[0].target.subset == "all"


def test_strong_areas_of_both_stages_are_guarded(run: Run) -> None:
    plan = frozen(run, "safety", finding("demo_mcq/DI", "weak"), finding("demo_skills/TU", "strong"))
    assert [guard.target.name for guard in plan.strong] == ["demo_skills/TU"]


def test_low_harm_where_refusals_are_weak_is_guarded_by_the_stage_that_mends_them_alone(run: Run) -> None:
    """Learning to answer brings harm up before the safety stage takes it away: the knowledge stage only reports it."""
    found = finding("demo_risk/DI", "weak", "rr_1"), finding("demo_risk/DI", "strong", "hr"), finding("demo_skills/TU", "weak")
    assert [guard.target.metric for guard in frozen(run, "safety", *found).strong] == ["hr"]
    plan = frozen(run, "knowledge", *found)
    assert plan.strong == ()
    assert [(target.name, target.metric) for target in plan.others] == [("demo_risk/DI", "rr_1"), ("demo_risk/DI", "hr")]


def test_areas_that_share_benchmark_and_metric_are_pooled_at_a_tighter_margin(run: Run) -> None:
    plan = frozen(run, "safety", finding("demo_skills/TU", "strong"), finding("demo_skills/IE", "strong"))
    names = [(guard.target.name, guard.in_pool) for guard in plan.strong]
    assert names == [("demo_skills/TU+IE", False), ("demo_skills/TU", True), ("demo_skills/IE", True)]
    assert plan.strong[0].margin < plan.strong[1].margin


def test_harmless_requests_are_guarded_in_a_line_of_their_own_unless_they_are_weak(run: Run) -> None:
    strong = frozen(run, "safety", finding("demo_benign/DI", "strong", "answered"))
    unsure = frozen(run, "safety", finding("demo_benign/DI", "undecided", "answered"))
    weak = frozen(run, "safety", finding("demo_benign/DI", "weak", "answered"))
    assert [len(plan.over_refusal) for plan in (strong, unsure, weak)] == [1, 1, 0]
    assert strong.strong == ()
    assert weak.aims[0].target.metric == "answered"


def test_in_the_knowledge_stage_harmless_requests_are_guarded_like_any_strong_area(run: Run) -> None:
    plan = frozen(run, "knowledge", finding("demo_skills/TU", "weak"), finding("demo_benign/DI", "strong", "answered"))
    assert plan.over_refusal == ()
    assert [guard.target.name for guard in plan.strong] == ["demo_benign/DI"]


def test_margins_say_what_they_are_made_of(run: Run) -> None:
    plan = frozen(run, "safety", finding("demo_skills/TU", "strong"))
    assert plan.strong[0].why == "what 60 items promise at correlation 0.7"
    assert 0.05 < plan.strong[0].margin < 0.15
    assert (plan.retained[0].margin, plan.retained[0].why) == (0.08, "margin of the culture")


def test_a_stated_margin_counts_unless_the_items_cannot_keep_it(run: Run) -> None:
    def stating(margin: float) -> ClaimPlan:
        skills = CultureBenchmark(stage="knowledge", standards={"acc": {"TU": 0.7}}, margin=margin)
        return frozen(run, "safety", finding("demo_skills/TU", "strong"), culture=culture(benchmarks={"demo_skills": skills}))

    assert (stating(0.3).strong[0].margin, stating(0.3).strong[0].why) == (0.3, "margin of the culture")
    assert stating(0.01).strong[0].margin == frozen(run, "safety", finding("demo_skills/TU", "strong")).strong[0].margin


def test_an_area_without_test_items_has_no_margin_to_speak_of(run: Run) -> None:
    guard = frozen(run, "safety", finding("demo_skills/LR", "strong")).strong[0]
    assert (guard.margin, guard.why) == (1.0, "no item in the test half")


def test_the_contrast_is_between_weak_and_strong_areas_or_what_is_retained(run: Run) -> None:
    weak, strong = finding("demo_skills/TU", "weak"), finding("demo_skills/IE", "strong")
    assert frozen(run, "knowledge", weak, strong).contrast == (("demo_skills/TU",), ("demo_skills/IE",))
    assert frozen(run, "knowledge", weak).contrast == (("demo_skills/TU",), ("demo_en",))


def test_what_is_left_out_on_purpose_is_reported(run: Run) -> None:
    plan = frozen(
        run, "knowledge", finding("demo_skills/TU", "weak"), finding("demo_skills/IE", "weak"), without=("demo_skills/IE",)
    )
    assert [aim.target.name for aim in plan.aims] == ["demo_skills/TU"]
    assert [target.name for target in plan.others] == ["demo_skills/IE"]
