"""Cases are the questions on which arms part most, by a rule that nobody can bend; every arm's answer stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.schema.study import ArmRun, StudyCase
from harness.studying.cases import RULE, cases
from harness.studying.values import in_order
from tests.studying.made import PHASES, one, study

VALUES = {
    "base": {"demo_tu": [0.0, 0.0, 1.0, 0.0], "demo_risk_di": [1.0, 1.0]},
    "K": {"demo_tu": [0.0, 1.0, 1.0, 1.0], "demo_risk_di": [1.0, 1.0]},
    "KS": {"demo_tu": [0.0, 1.0, 1.0, 0.0], "demo_risk_di": [0.0, None]},
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ArmRun]]:
    root, found = tmp_path_factory.mktemp("runs"), []
    for arm, values in VALUES.items():
        for seed in (1, 2) if PHASES[arm] else (None,):
            turned = {task: [value if seed != 2 or value is None else 1 - value for value in its] for task, its in values.items()}
            found.append(one(root, arm, seed, turned))
    return root, found


def chosen(given: tuple[Path, list[ArmRun]], **wanted: Any) -> list[StudyCase]:
    arms = {arm: {"phases": PHASES[arm]} for arm in VALUES}
    asked = study(arms=arms, seeds=(1, 2), interference=None, cases=wanted)
    return list(cases(asked, in_order(asked, given[1]), given[0]))


def test_the_questions_on_which_arms_part_most_come_first_and_ties_go_by_id(given: tuple[Path, list[ArmRun]]) -> None:
    found = chosen(given, tasks=("demo_tu",), each=3)
    assert [case.sample for case in found] == ["demo_tu-1", "demo_tu-3", "demo_tu-0"]
    assert "by rule" in RULE


def test_every_arm_says_its_own_and_has_its_own_values(given: tuple[Path, list[ArmRun]]) -> None:
    case = chosen(given, tasks=("demo_tu",), each=1)[0]
    assert list(case.answers) == ["base", "K", "KS"]
    assert all(text.endswith(f"({arm})") for arm, text in case.answers.items())
    assert {arm: its["acc"] for arm, its in case.metrics.items()} == {"base": 0.0, "K": 1.0, "KS": 1.0}
    assert (case.question, case.reference) == ("问题 1", "答案")


def test_a_question_that_some_arm_has_no_value_for_is_no_case(given: tuple[Path, list[ArmRun]]) -> None:
    assert [case.sample for case in chosen(given, tasks=("demo_risk",), each=5)] == ["demo_risk_di-0"]


def test_the_answers_are_those_of_the_seed_that_is_asked_for(given: tuple[Path, list[ArmRun]]) -> None:
    second = chosen(given, tasks=("demo_tu",), each=4, seed=2)
    assert {case.sample: case.metrics["K"]["acc"] for case in second}["demo_tu-1"] == 0.0
    assert {case.metrics["base"]["acc"] for case in second} == {0.0, 1.0}, "the base has only one run"


def test_without_names_all_measured_tasks_have_cases(given: tuple[Path, list[ArmRun]]) -> None:
    assert {case.task for case in chosen(given, each=1)} == {"demo_tu", "demo_risk_di"}


def test_a_study_that_asks_for_no_cases_has_none(given: tuple[Path, list[ArmRun]]) -> None:
    arms = {arm: {"phases": PHASES[arm]} for arm in VALUES}
    asked = study(arms=arms, seeds=(1, 2), interference=None, cases=None)
    assert list(cases(asked, in_order(asked, given[1]), given[0])) == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"tasks": ("demo_tp",)}, "no task measured in this study"), ({"seed": 9}, "no seed of the study .* named '9'")],
)
def test_what_was_not_measured_cannot_be_shown(given: tuple[Path, list[ArmRun]], wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        chosen(given, **wanted)
