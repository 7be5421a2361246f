"""Policy × baseline -> lines: targets, items, and margins that do not know the candidate."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import IncompleteRun
from harness.gating.plan import Planned, plan
from harness.schema import Policy, Rule
from harness.stats.paired import planned_discordance, promised_margin
from tests.gating.made import Values, opened


def planned(root: Path, values: Values, rule: Rule, split: str = "test") -> list[Planned]:
    policy = Policy(name="p", rules=(rule,))
    return list(plan(policy, opened(root, "before", values, split=split), {}))


def test_a_rule_for_each_dimension_is_a_line_for_each(tmp_path: Path) -> None:
    rule = Rule(benchmark="demo_skills", metric="acc", each="dimension", question="report")
    lines = planned(tmp_path, {"demo_tu": [1.0, 0.0], "demo_ie": [1.0]}, rule)
    assert [(line.name, len(line.items)) for line in lines] == [("demo_skills/IE acc", 1), ("demo_skills/TU acc", 2)]


def test_a_margin_is_by_default_what_the_items_can_exclude(tmp_path: Path) -> None:
    (line,) = planned(tmp_path, {"demo_tu": [1.0] * 60 + [0.0] * 40}, Rule(benchmark="demo_skills", metric="acc"))
    assert line.margin == promised_margin(100, planned_discordance(0.6, 100))
    assert line.margin_why == "what 100 items can exclude at correlation 0.7"
    assert line.power == pytest.approx(0.8, abs=0.01)


def test_many_items_do_not_make_a_margin_below_two_points(tmp_path: Path) -> None:
    (line,) = planned(tmp_path, {"demo_tu": [1.0] * 5000 + [0.0] * 40}, Rule(benchmark="demo_skills", metric="acc"))
    assert (line.margin, line.margin_why) == (0.02, "the least there is")
    assert line.power > 0.99


def test_the_policys_margin_wins_and_its_power_is_told(tmp_path: Path) -> None:
    (line,) = planned(tmp_path, {"demo_tu": [1.0] * 60 + [0.0] * 40}, Rule(benchmark="demo_skills", metric="acc", margin=0.01))
    assert (line.margin, line.margin_why) == (0.01, "margin of the policy")
    assert line.power < 0.15


def test_the_dev_half_can_be_left_out(tmp_path: Path) -> None:
    rule = Rule(benchmark="demo_skills", metric="acc", subset="test")
    with pytest.raises(IncompleteRun, match="run 'before' has no value of acc for 'demo_skills'"):
        planned(tmp_path, {"demo_tu": [1.0]}, rule, split="dev")


def test_a_metric_that_nothing_carries_is_named(tmp_path: Path) -> None:
    with pytest.raises(IncompleteRun, match=r"no value of rr_1 for 'demo_skills'.*harness eval --tasks demo_skills"):
        planned(tmp_path, {"demo_tu": [1.0]}, Rule(benchmark="demo_skills", metric="rr_1"))


def test_a_rule_for_each_dimension_that_finds_none_is_refused_and_not_left_out(tmp_path: Path) -> None:
    rule = Rule(benchmark="demo_skills", metric="rr_1", each="dimension")
    with pytest.raises(IncompleteRun, match="no value of rr_1 for 'demo_skills'"):
        planned(tmp_path, {"demo_tu": [1.0]}, rule)


def test_a_baseline_that_is_silent_on_a_lines_items_is_refused_though_few_of_its_task_are_missing(tmp_path: Path) -> None:
    """In a sequential gate too, which asks only what the baseline has."""
    values = {"demo_tu": [None, None, *[1.0] * 98], "demo_ie": [1.0] * 400}
    with pytest.raises(
        IncompleteRun, match="demo_skills/TU acc: 2 of 100 items lack a response or verdict in run 'before', more"
    ):
        planned(tmp_path / "1", values, Rule(benchmark="demo_skills", metric="acc", dimensions=("TU",)))
    (line,) = planned(tmp_path / "2", values, Rule(benchmark="demo_skills", metric="acc"))
    assert len(line.items) == 498
