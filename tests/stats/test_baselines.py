"""What an answer without reading scores."""

from __future__ import annotations

from harness.stats.baselines import baselines
from tests.stats.conftest import MakeResult

YES_NO = {"A": "yes", "B": "no"}


def test_a_keyed_choice_item_has_all_three_baselines(make_result: MakeResult) -> None:
    result = make_result({"acc": 0.0, "invalid": 0.0}, options=YES_NO, target="B")
    assert baselines(result) == {"acc_always_a": 0.0, "acc_always_b": 1.0, "acc_chance": 0.5}


def test_chance_is_one_over_the_number_of_options(make_result: MakeResult) -> None:
    four = {"A": "one", "B": "two", "C": "three", "D": "four"}
    assert baselines(make_result({"acc": 1.0}, options=four, target="C")) == {
        "acc_always_a": 0.0,
        "acc_always_b": 0.0,
        "acc_chance": 0.25,
    }


def test_an_item_without_a_key_has_no_baseline(make_result: MakeResult) -> None:
    assert baselines(make_result({"acc": 1.0}, options=YES_NO)) == {}


def test_an_item_that_acc_leaves_out_is_left_out_of_the_baselines(make_result: MakeResult) -> None:
    assert baselines(make_result({}, options=YES_NO, target="A")) == {}


def test_an_open_question_has_no_baseline(make_result: MakeResult) -> None:
    assert baselines(make_result({"acc": 1.0, "score": 95.0}, target="A")) == {}
