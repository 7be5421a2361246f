"""Two finished runs -> lines: the tests behind PASS and FAIL, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binom

from harness.errors import IncompleteRun
from harness.gating import fixed
from harness.gating.plan import plan
from harness.schema import GateLine, Policy, Rule
from harness.stats.paired import tango_lower
from tests.gating.made import Values, changed, opened

HALF = [1.0] * 200 + [0.0] * 200


def judged(
    root: Path, before: Values, after: Values, *rules: Rule, units: dict[str, str] | None = None, **more: Any
) -> list[GateLine]:
    policy = Policy(name="p", rules=rules, **more)
    was, now = opened(root, "before", before), opened(root, "after", after)
    return list(fixed.judge(policy, plan(policy, was, units or {}), was, now))


def one(root: Path, lost: int, gained: int, **rule: Any) -> GateLine:
    """400 items, half right, of which so many changed."""
    after = {"demo_tu": changed(HALF, lost, gained)}
    return judged(root, {"demo_tu": HALF}, after, Rule(**{"benchmark": "demo_skills", "metric": "acc", **rule}))[0]


def test_the_p_of_a_drop_is_one_sided_mcnemar_mid_p(tmp_path: Path) -> None:
    line = one(tmp_path, lost=20, gained=8)
    assert line.p_drop == pytest.approx(binom.sf(20, 28, 0.5) + binom.pmf(20, 28, 0.5) / 2)
    assert line.ruling == "FAIL"
    assert line.paired is not None
    assert line.paired.delta == pytest.approx(-12 / 400)


def test_the_margin_is_held_where_tangos_bound_lies_above_it(tmp_path: Path) -> None:
    bound = tango_lower(10, 12, 400)
    assert one(tmp_path / "a", 12, 10, question="release", margin=-bound + 0.001).ruling == "PASS"
    assert one(tmp_path / "b", 12, 10, question="release", margin=-bound - 0.001).ruling == "UNDECIDED"


def test_a_tolerance_is_no_drop(tmp_path: Path) -> None:
    assert one(tmp_path / "a", 20, 8, tolerance=0.02).ruling != "FAIL"
    assert one(tmp_path / "b", 60, 8, tolerance=0.02).ruling == "FAIL"


def test_a_gain_must_be_proven(tmp_path: Path) -> None:
    assert one(tmp_path / "a", 8, 30, question="gain").ruling == "PASS"
    assert one(tmp_path / "b", 20, 24, question="gain").ruling == "UNDECIDED"
    assert one(tmp_path / "c", 40, 8, question="gain").ruling == "FAIL"


def test_fails_are_corrected_for_the_number_of_lines_and_reports_do_not_count(tmp_path: Path) -> None:
    before = {"demo_tu": HALF, "demo_ie": HALF, "demo_en": HALF}
    after = {"demo_tu": changed(HALF, 17, 8), "demo_ie": HALF, "demo_en": HALF}
    tu, ie, en = (Rule(benchmark="demo_skills", dimensions=(name,), metric="acc") for name in ("TU", "IE", "EN"))
    alone = judged(tmp_path / "a", before, after, tu, *(r.model_copy(update={"question": "report"}) for r in (ie, en)))
    among = judged(tmp_path / "b", before, after, tu, ie, en)
    assert alone[0].p_drop == among[0].p_drop
    assert alone[0].p_drop_adjusted == alone[0].p_drop
    assert among[0].p_drop_adjusted == pytest.approx(3 * (among[0].p_drop or 0))
    assert alone[0].ruling == "FAIL"
    assert among[0].ruling != "FAIL"
    assert alone[1].ruling is None
    assert alone[1].p_drop_adjusted is None


def test_passes_are_not_corrected(tmp_path: Path) -> None:
    rules = [Rule(benchmark="demo_skills", dimensions=(d,), metric="acc", question="release", margin=0.05) for d in ("TU", "IE")]
    before = {"demo_tu": HALF, "demo_ie": HALF}
    after = {"demo_tu": changed(HALF, 12, 12), "demo_ie": changed(HALF, 12, 12)}
    both = judged(tmp_path / "a", before, after, *rules)
    single = judged(tmp_path / "b", before, after, rules[0])
    assert [line.ruling for line in both] == ["PASS", "PASS"]
    assert both[0].paired == single[0].paired


def test_of_a_ceiling_a_rise_is_the_drop(tmp_path: Path) -> None:
    rule = Rule(benchmark="demo_risk", metric="hr", question="release")
    (line,) = judged(tmp_path, {"demo_risk_di": [0.0] * 100}, {"demo_risk_di": [1.0] * 10 + [0.0] * 90}, rule)
    assert line.target.ceiling
    assert line.ruling == "FAIL"
    assert line.paired is not None
    assert (line.paired.baseline, line.paired.candidate) == (1.0, 0.9)


def test_a_missing_response_counts_as_wrong(tmp_path: Path) -> None:
    rule = Rule(benchmark="demo_skills", metric="acc")
    after: list[float | None] = [None, None, None, *HALF[3:]]
    (line,) = judged(tmp_path, {"demo_tu": HALF}, {"demo_tu": after}, rule)
    assert line.missing == 3
    assert line.paired is not None
    assert line.paired.losses == 3


def test_more_than_one_percent_missing_is_no_basis(tmp_path: Path) -> None:
    rule = Rule(benchmark="demo_skills", metric="acc")
    after: list[float | None] = [*[None] * 5, *HALF[5:]]
    with pytest.raises(
        IncompleteRun, match="demo_skills acc: 5 of 400 items lack a response or verdict on one side, more than 1%"
    ):
        judged(tmp_path, {"demo_tu": HALF}, {"demo_tu": after}, rule)


def test_near_duplicates_are_one_unit(tmp_path: Path) -> None:
    units = {f"demo_tu{number:04}": f"unit{number // 4}" for number in range(400)}
    after = {"demo_tu": changed(HALF, 20, 8)}
    (line,) = judged(tmp_path, {"demo_tu": HALF}, after, Rule(benchmark="demo_skills", metric="acc"), units=units)
    assert line.paired is not None
    assert line.paired.n == 100
    assert line.clusters == 300
    assert line.ruling != "FAIL"
