"""Proofs -> rulings: which error each question controls, and what a whole gate says."""

from __future__ import annotations

import pytest

from harness.gating.rulings import Proof, rule_all, rule_line
from harness.schema import GateLine, Question, Rule, Ruling, Target


def line(name: str, question: Question, ruling: Ruling | None) -> GateLine:
    """A line of which only the ruling matters."""
    return GateLine(
        name=name,
        rule=Rule(benchmark=name, metric="acc", question=question),
        target=Target(benchmark=name, dimensions=(), metric="acc", subset="all"),
        paired=None,
        margin=0.02,
        margin_why="",
        power=None,
        p_drop=None,
        p_drop_adjusted=None,
        missing=0,
        ruling=ruling,
        why="",
    )


@pytest.mark.parametrize(
    ("question", "dropped", "held", "gained", "ruling"),
    [
        ("regression", True, False, False, "FAIL"),
        ("regression", False, True, False, "PASS"),
        ("regression", False, False, False, "UNDECIDED"),
        ("release", True, False, False, "FAIL"),
        ("release", False, True, False, "PASS"),
        ("release", False, False, False, "UNDECIDED"),
        ("gain", False, True, True, "PASS"),
        ("gain", True, False, False, "FAIL"),
        ("gain", False, True, False, "UNDECIDED"),
        ("report", True, False, False, None),
    ],
)
def test_a_line_is_ruled_by_what_is_proven(
    question: Question, dropped: bool, held: bool, gained: bool, ruling: Ruling | None
) -> None:
    assert rule_line(question, Proof(dropped, held, gained)) == ruling


def test_a_proven_drop_within_the_margin_fails_a_regression_line_and_passes_a_release_line() -> None:
    small = Proof(dropped=True, held=True, gained=False)
    assert rule_line("regression", small) == "FAIL"
    assert rule_line("release", small) == "PASS"


def test_one_proven_drop_fails_the_gate() -> None:
    ruling, why = rule_all([line("a", "release", "PASS"), line("b", "regression", "FAIL"), line("c", "gain", "UNDECIDED")])
    assert (ruling, why) == ("FAIL", "a drop is proven: b")


@pytest.mark.parametrize("question", ["release", "gain"])
def test_what_must_be_proven_and_is_not_leaves_the_gate_undecided(question: Question) -> None:
    ruling, why = rule_all([line("a", "regression", "PASS"), line("b", question, "UNDECIDED")])
    assert ruling == "UNDECIDED"
    assert why.endswith(": b")


def test_an_undecided_regression_line_blocks_nothing_and_is_named() -> None:
    ruling, why = rule_all([line("a", "release", "PASS"), line("b", "regression", "UNDECIDED")])
    assert (ruling, why) == ("PASS", "no drop is proven; 1 of 2 lines are proven, not b")


def test_a_policy_that_only_reports_rules_nothing() -> None:
    assert rule_all([line("a", "report", None)]) == ("UNDECIDED", "the policy judges nothing")


def test_many_names_are_cut_short() -> None:
    assert rule_all([line(name, "release", "FAIL") for name in "abcdef"])[1] == "a drop is proven: a, b, c, d and 2 more"
