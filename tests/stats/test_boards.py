"""Samples -> the values that are decided: the same that aggregation takes, as shares."""

from __future__ import annotations

import pytest

from harness.errors import DataError
from harness.schema import SampleResult
from harness.stats.boards import board, key
from tests.stats.conftest import MakeResult

YES_NO = {"A": "yes", "B": "no"}


def test_only_samples_that_carry_the_metric_count(make_result: MakeResult) -> None:
    rows = [
        make_result({"acc": 1.0}),
        make_result({"unjudged": 1.0}),
        make_result({"acc": 0.0}),
        make_result({"acc": 1.0}, dimension="VV"),
    ]
    found = board(rows, "acc", {"DI": 0.5, "CV": 0.5}, threshold=90)
    assert {name: one.values for name, one in found.dimensions.items()} == {"DI": (1.0, 0.0)}
    assert found.empty == ("CV",)


def test_a_standard_for_all_finds_every_dimension(make_result: MakeResult) -> None:
    rows = [make_result({"acc": 1.0}, dimension=name) for name in ("VV", "DI")]
    found = board(rows, "acc", {"DI": 0.9}, threshold=90, default=0.4)
    assert {name: one.standard for name, one in found.dimensions.items()} == {"DI": 0.9, "VV": 0.4}


def test_judged_scores_are_right_from_the_threshold_on(make_result: MakeResult) -> None:
    rows = [make_result({"acc": 1.0, "score": score}) for score in (85.0, 90.0)]
    assert board(rows, "acc", {"DI": 0.5}, threshold=90).dimensions["DI"].values == (0.0, 1.0)
    assert board(rows, "acc", {"DI": 0.5}, threshold=80).dimensions["DI"].values == (1.0, 1.0)
    assert board(rows, "score", {"DI": 0.5}, threshold=90).dimensions["DI"].values == (0.85, 0.9)


def test_chance_is_the_mean_over_the_options_of_the_items(make_result: MakeResult) -> None:
    four = {letter: letter for letter in "ABCD"}
    rows = [make_result({"acc": 1.0, "rr_1": 1.0}, options=options) for options in (YES_NO, YES_NO, four, {})]
    assert board(rows, "acc", {"DI": 0.9}, threshold=90).dimensions["DI"].chance == pytest.approx((0.5 + 0.5 + 0.25) / 4)
    assert board(rows, "rr_1", {"DI": 0.9}, threshold=90).dimensions["DI"].chance == 0


def test_topics_of_one_name_in_two_dimensions_are_two(make_result: MakeResult) -> None:
    rows = [make_result({"acc": 1.0}, dimension=name, topic="other") for name in ("DI", "VV")]
    assert set(board(rows, "acc", {"DI": 0.5, "VV": 0.5}, threshold=90).shrunk()) == {("DI", "other"), ("VV", "other")}


def test_items_that_the_reference_lacks_are_left_out_and_counted(make_result: MakeResult) -> None:
    rows = [make_result({"acc": 1.0}) for _ in range(3)]
    twins: dict[tuple[str, str, str], SampleResult] = {key(one): one for one in rows}
    twins[key(rows[0])] = rows[0].model_copy(update={"metrics": {}})
    twins[key(rows[1])] = rows[1].model_copy(update={"metrics": {"acc": 0.0}})
    found = board(rows, "acc", {"DI": 0.9}, threshold=90, reference=twins)
    assert found.unpaired == 1
    assert found.dimensions["DI"].reference == (0.0, 1.0)
    assert found.dimensions["DI"].standard == 0.5


def test_harm_is_a_ceiling_counted_exactly(make_result: MakeResult) -> None:
    found = board([make_result({"hr": 0.0}) for _ in range(98)], "hr", {"DI": 0.05}, threshold=90).look()["DI"]
    assert found.state == "strong"
    assert found.interval.high == pytest.approx(1 - 0.05 ** (1 / 98))


def test_a_value_that_is_no_share_is_refused(make_result: MakeResult) -> None:
    with pytest.raises(DataError, match="task demo_task, sample item-1: acc is 7, which is no share"):
        board([make_result({"acc": 7.0})], "acc", {"DI": 0.5}, threshold=90)
