"""The gate bench runs from end to end with few repetitions, and what it simulates is what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("scipy.stats")

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture
def gatesim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the bench's modules be imported."""
    monkeypatch.syspath_prepend(BENCH)


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, str(BENCH / "gatebench.py"), *words], env=env, capture_output=True, text=True, check=False
    )


def test_a_quick_bench_keeps_false_alarms_below_5_percent_and_finds_drops(tmp_path: Path) -> None:
    done = bench("--quick", "--only", "T2,T3,T7", "--json", str(tmp_path / "found.json"))
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "12 of 12 targets met" in done.stdout
    lines = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["lines"]
    share = {line["what"].strip(): line["values"]["share"] for line in lines}
    unchanged = [line for line in lines if line["id"] in ("T2", "T7") and line["met"] is not None]
    assert len(unchanged) == 9
    assert all(line["values"]["share"] <= 0.05 for line in unchanged)
    assert share["-5 points: FAIL"] >= 0.88
    assert share["-10 points: FAIL"] >= 0.999
    assert share["McNemar, a look each batch, same data"] > 0.15
    assert share["drop > 1 point, same data"] > 0.2


def test_a_section_that_is_not_there_is_named() -> None:
    done = bench("--only", "T2,T9")
    assert done.returncode == 2
    assert "no section T9; there are: T1, T2" in done.stderr


def test_a_broken_family_is_found_at_a_tenth_of_the_cost_and_an_unchanged_one_is_left_alone(gatesim: None) -> None:
    from gatesim import gates, worlds
    from gatesim.targets import BROKEN, planned_margins

    random = np.random.default_rng(1)
    margins = [metric.margin for metric in worlds.FAMILY]
    broken = gates.betting_family(worlds.family(random, 40, BROKEN, 0.7), margins)
    assert broken.failed.all()
    assert not broken.passed.any()
    assert broken.saving > 10
    same = worlds.family(random, 60, worlds.Truth(), 0.7)
    fast, strict = gates.betting_family(same, margins), gates.betting_family(same, planned_margins(same))
    assert fast.failed.mean() <= 0.05
    assert strict.failed.mean() <= 0.05
    assert fast.saving > 2.8 > strict.saving > 1.4


def test_what_is_asked_of_a_family_is_at_most_every_item_once(gatesim: None) -> None:
    """With margins that hardly anything can prove, hardly anything stops before the end, and nothing is counted twice."""
    from gatesim import gates, worlds

    same = worlds.family(np.random.default_rng(2), 6, worlds.Truth(), 0.9)
    found = gates.betting_family(same, [1e-6] * len(worlds.FAMILY))
    assert found.cost.max() == pytest.approx(1.0)
    assert found.cost.min() > 0.8


def test_verdicts_have_the_change_and_the_correlation_that_were_asked_for(gatesim: None) -> None:
    from gatesim import worlds

    for change, rho in ((0.0, 0.7), (-0.05, 0.6), (0.05, 0.85)):
        drawn = worlds.verdicts(np.random.default_rng(3), 678, 2000, 0.44, change, rho)
        lost, won = worlds.cells(0.44, change, rho)
        assert drawn.mean() == pytest.approx(change, abs=0.002)
        assert (drawn != 0).mean() == pytest.approx(lost + won, abs=0.002)
        both = 0.44 - lost
        after = 0.44 + change
        assert (both - 0.44 * after) / np.sqrt(0.44 * 0.56 * after * (1 - after)) == pytest.approx(rho)


def test_the_family_has_the_sizes_and_rates_of_the_benchmarks(gatesim: None) -> None:
    from gatesim import worlds

    drawn = worlds.family(np.random.default_rng(4), 20, worlds.Truth(), 0.7)
    sizes = dict(zip((metric.name for metric in worlds.FAMILY), map(len, drawn.differences), strict=True))
    assert sizes["a_eval"] == sum(sizes[f"a_eval/{i}"] for i in range(5)) == 678
    assert sum(worlds.SIZES.values()) == 10_299
    whole = drawn.differences[0]
    for part, place in zip(drawn.differences[1:6], drawn.places[1:6], strict=True):
        assert (whole[place] == part).all()
    assert {float(value) for value in np.unique(drawn.differences[9])} <= {-1.0, 0.0, 1.0}


def test_near_duplicates_are_alike_and_the_best_of_five_leads(gatesim: None) -> None:
    from gatesim import worlds

    random = np.random.default_rng(5)
    clusters = worlds.duplicates(random, 100, 4, 300, 0.6)
    assert np.corrcoef(clusters[:, 0].ravel(), clusters[:, 3].ravel())[0, 1] == pytest.approx(0.6, abs=0.02)
    reused, fresh = worlds.contest(random, 678, 500, 0.7)
    assert reused.mean() < -0.008
    assert abs(fresh.mean()) < 0.002


def test_the_other_gates_rule_as_they_are_described(gatesim: None) -> None:
    """100 items of which 30, 6 or none are lost: intervals -39..-21, -11..-1 and 0..0 points against 1.5."""
    from gatesim import gates

    columns = np.zeros((100, 3), dtype=np.float32)
    columns[:30, 0] = columns[:6, 1] = -1
    breach, passed = gates.nemo(columns)
    assert breach.tolist() == [True, False, False]
    assert passed.tolist() == [False, False, True]
    assert gates.dropped(columns).tolist() == [True, True, False]
    assert gates.mcnemar(columns)[1] == pytest.approx(0.5**7)
    assert gates.mcnemar(columns)[2] == 0.5
