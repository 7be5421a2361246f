"""What a mix is to hold: what is weak in this stage, what is replayed, and when the answer is no."""

from __future__ import annotations

from typing import Any

import pytest

from harness import culture
from harness.errors import Refused, UsageError
from harness.mixing.plan import plan
from harness.schema import Culture
from tests.mixing.made import diagnosis, finding


@pytest.fixture(scope="module")
def demo() -> Culture:
    return culture.load("demo")


BASE = (
    finding("demo_skills/TU", 0.3, 0.75),
    finding("demo_skills/IE", 0.64, 0.65, state="undecided"),
    finding("demo_skills/TG", 0.9, 0.7, state="strong"),
    finding("demo_skills/LR", 0.1, 0.6),
    finding("demo_mcq/DI", 0.1, 0.75, stage="safety"),
    finding("demo_risk/DI", 0.0, 0.7, metric="rr_1", stage="safety"),
    finding("demo_risk/DI", 0.9, 0.3, metric="hr", stage="safety", ceiling=True, shortfall=0.55),
    finding("demo_risk/VV", 0.9, 0.7, metric="rr_1", stage="safety", state="strong"),
    finding("demo_risk/VV", 0.5, 0.3, metric="hr", stage="safety", ceiling=True, shortfall=0.2),
)


def test_only_what_is_weak_in_the_stage_is_taught(demo: Culture) -> None:
    made = plan(diagnosis(*BASE), demo, "knowledge")
    assert [(area.area, area.sources) for area in made.weak] == [
        ("demo_skills/LR", ("demo:lr",)),
        ("demo_skills/TU", ("demo:tu",)),
    ]
    assert [(part.name, part.share, part.sources) for part in made.replay] == [("demo_en", 0.3, (("demo:en",),))]
    assert made.notes == ("undecided, so not trained on: demo_skills/IE (--keep-undecided does)",)
    assert made.sources == ("demo:en", "demo:lr", "demo:tu")


def test_an_area_goes_by_its_weak_finding_with_the_largest_shortfall(demo: Culture) -> None:
    made = {area.area: area for area in plan(diagnosis(*BASE), demo, "safety").weak}
    assert made.keys() == {"demo_mcq/DI", "demo_risk/DI", "demo_risk/VV"}
    assert (made["demo_risk/DI"].worst.metric, made["demo_risk/DI"].shortfall) == ("rr_1", 0.7)
    assert (made["demo_risk/VV"].worst.metric, made["demo_risk/VV"].shortfall) == ("hr", 0.2)


def test_a_replayed_benchmark_comes_from_the_sources_of_its_dimensions(demo: Culture) -> None:
    made = {part.name: part for part in plan(diagnosis(*BASE), demo, "safety").replay}
    assert made["demo_skills"].sources == (("demo:tu",), ("demo:ie",), ("demo:tg",), ("demo:lr",), ("demo:tp",))
    assert len(made["demo_benign"].sources) == 5
    assert made["demo_en"].sources == (("demo:en",),)
    assert made["demo_en"].by == "as demo plans its safety stage"


def test_undecided_areas_are_kept_when_asked(demo: Culture) -> None:
    made = plan(diagnosis(*BASE), demo, "knowledge", keep_undecided=True)
    assert [(area.area, area.state) for area in made.weak] == [
        ("demo_skills/IE", "undecided"),
        ("demo_skills/LR", "weak"),
        ("demo_skills/TU", "weak"),
    ]
    assert made.notes == ()


def test_areas_and_whole_benchmarks_are_left_out_when_asked(demo: Culture) -> None:
    assert [area.area for area in plan(diagnosis(*BASE), demo, "knowledge", without=["demo_skills/TU"]).weak] == [
        "demo_skills/LR"
    ]
    made = plan(diagnosis(*BASE), demo, "safety", without=["demo_risk", "demo_skills/TU", "demo_benign"])
    assert [area.area for area in made.weak] == ["demo_mcq/DI"]
    assert "weak, and left out on purpose: demo_risk/DI, demo_risk/VV" in made.notes


def test_replay_is_what_the_culture_plans_unless_asked_otherwise(demo: Culture) -> None:
    made = plan(diagnosis(*BASE), demo, "safety", replay={"demo_en": 0.05, "demo_benign": 0.0, "demo_mcq": 0.1})
    assert {part.name: (part.share, part.by) for part in made.replay} == {
        "demo_en": (0.05, "as asked"),
        "demo_mcq": (0.1, "as asked"),
        "demo_skills": (0.35, "as demo plans its safety stage"),
    }
    assert made.kept == pytest.approx(0.5)


def test_no_replay_at_all_is_said(demo: Culture) -> None:
    made = plan(diagnosis(*BASE), demo, "knowledge", replay={"demo_en": 0})
    assert made.replay == ()
    assert "nothing is replayed: what the model knows today may be lost" in made.notes


def test_nothing_weak_is_a_no(demo: Culture) -> None:
    strong = [one for one in BASE if one.state != "weak" and one.stage == "knowledge"]
    said = "nothing is weak in the knowledge stage of demo-en .run demo-en-demo-00000000.: 1 areas strong, 1 undecided; --keep"
    with pytest.raises(Refused, match=said):
        plan(diagnosis(*strong), demo, "knowledge")
    with pytest.raises(Refused, match="0 areas strong, 0 undecided$"):
        plan(diagnosis(*strong), demo, "safety")
    with pytest.raises(Refused, match="nothing is left to train on: demo_skills/LR, demo_skills/TU is all the"):
        plan(diagnosis(*BASE), demo, "knowledge", without=["demo_skills"])


def bare(demo: Culture, **more: Any) -> Culture:
    skills = demo.benchmarks["demo_skills"].model_copy(update={"sources": {"TU": ("demo:tu",)}})
    return demo.model_copy(update={"benchmarks": {**demo.benchmarks, "demo_skills": skills}, **more})


def test_a_weak_area_without_a_source_is_a_no_until_it_is_left_out(demo: Culture) -> None:
    with pytest.raises(
        Refused, match=r"no source for demo_skills/LR; declare one in .*culture.toml, .* --without demo_skills/LR$"
    ):
        plan(diagnosis(*BASE), bare(demo), "knowledge")
    assert [area.area for area in plan(diagnosis(*BASE), bare(demo), "knowledge", without=["demo_skills/LR"]).weak] == [
        "demo_skills/TU"
    ]


def test_a_dimension_without_a_source_is_left_out_of_the_replay_and_a_benchmark_without_any_is_a_no(demo: Culture) -> None:
    made = plan(diagnosis(*BASE), bare(demo), "safety")
    assert "replay of demo_skills leaves out IE, TG, LR, TP, which have no source" in made.notes
    none = bare(demo, retained={"demo_en": demo.retained["demo_en"].model_copy(update={"sources": ()})})
    with pytest.raises(Refused, match="no source to replay demo_en from; --replay demo_en=0 leaves it out"):
        plan(diagnosis(*BASE), none, "knowledge", without=["demo_skills/LR"])


def test_sources_of_any_dimension_serve_every_dimension(demo: Culture) -> None:
    skills = demo.benchmarks["demo_skills"].model_copy(update={"sources": {"*": ("demo:tu",), "LR": ("demo:lr",)}})
    some = demo.model_copy(update={"benchmarks": {**demo.benchmarks, "demo_skills": skills}})
    assert {area.area: area.sources for area in plan(diagnosis(*BASE), some, "knowledge").weak} == {
        "demo_skills/LR": ("demo:lr",),
        "demo_skills/TU": ("demo:tu",),
    }
    replayed = {part.name: part.sources for part in plan(diagnosis(*BASE), some, "safety").replay}
    assert replayed["demo_skills"] == (("demo:tu",), ("demo:tu",), ("demo:tu",), ("demo:lr",), ("demo:tu",))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"replay": {"demo_eng": 0.1}}, "no benchmark or retained task to replay named 'demo_eng'; did you mean demo_en"),
        ({"replay": {"demo_en": 30}}, "replay demo_en=30 is no share of the rows"),
        (
            {"replay": {"demo_en": 0.5, "demo_skills": 0.5}},
            "replay takes 1 of the rows .demo_en, demo_skills., which leaves none",
        ),
        ({"without": ["demo_skills/XX"]}, "no area named 'demo_skills/XX'; did you mean demo_skills or demo_skills/TU"),
        ({"without": ["demo_en"]}, "no area named 'demo_en'"),
    ],
)
def test_a_wrong_word_is_told_the_right_ones(demo: Culture, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(diagnosis(*BASE), demo, "knowledge", **asked)


def test_the_diagnosis_of_another_culture_and_a_stage_that_is_not_planned_are_refused(demo: Culture) -> None:
    with pytest.raises(UsageError, match="is of culture 'tea', not of 'demo'"):
        plan(diagnosis(*BASE, culture=demo.model_copy(update={"name": "tea"})), demo, "knowledge")
    with pytest.raises(UsageError, match="no benchmark in culture 'demo' named 'gone'"):
        plan(diagnosis(finding("gone/A", 0.1)), demo, "knowledge")
    short = demo.model_copy(update={"stages": {"knowledge": demo.stages["knowledge"]}})
    with pytest.raises(UsageError, match="no stage in culture 'demo' named 'safety'"):
        plan(diagnosis(*BASE), short, "safety")
