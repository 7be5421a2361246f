"""The gate itself, on hundreds of worlds of which the truth is known: how often it is wrong, and the same as the simulation says.

`bench/gatebench.py` measures the gate's statistics on many thousands; here is what `harness gate` runs, from two runs to a ruling.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from harness import catalog
from harness.gating import fixed, sequential
from harness.gating.plan import Planned, plan
from harness.gating.streams import Kept, Replayed
from harness.pairs import Run
from harness.schema import GateLine, Policy, Rule, Ruling, SampleResult
from harness.stats.betting import order as ordered
from tests.gating.made import item
from tests.runs.made import record

np = pytest.importorskip("numpy")

BENCH: Final = Path(__file__).parents[2] / "bench"
TASKS: Final = ("demo_tu", "demo_ie", "demo_mcq_di")
ITEMS: Final = 120
RATE: Final = 0.44
FLIPS: Final = 0.07
"""Share of items that an unchanged candidate loses, and wins."""


def rule(benchmark: str, **more: Any) -> Rule:
    return Rule(benchmark=benchmark, metric="acc", **more)


SIX: Final = Policy(
    name="six",
    rules=(
        rule("demo_skills", dimensions=("TU", "IE"), question="release", margin=0.10),
        rule("demo_skills", dimensions=("TU",), margin=0.15),
        rule("demo_skills", dimensions=("IE",), question="release", margin=0.15),
        rule("demo_skills", dimensions=("IE",), subset="test", question="gain"),
        rule("demo_mcq_di", question="release", margin=0.15),
        rule("demo_mcq_di", subset="test", margin=0.15, tolerance=0.01),
    ),
)
"""Three benchmarks, six lines that share items."""
ONE: Final = Policy(name="one", rules=(rule("demo_tu", question="release", margin=0.12),))


@cache
def asked(task: str, number: int) -> tuple[SampleResult, SampleResult]:
    """One item, wrong and right; every other one was diagnosed on."""
    split = "test" if number % 2 else "dev"
    return item(task, number, 0.0, split), item(task, number, 1.0, split)


def run(name: str, values: dict[str, list[int]]) -> Run:
    """A run in memory."""
    made = Run(record(name, tasks=tuple(values)), Path("nowhere"), catalog.read())
    rows = {task: [asked(task, number)[value] for number, value in enumerate(of)] for task, of in values.items()}
    made.__dict__["samples"] = {task: {one.sample.id: one for one in of} for task, of in rows.items()}
    return made


def world(seed: int, change: float, tasks: Sequence[str] = TASKS, items: int = ITEMS) -> tuple[Run, Run]:
    """Baseline and candidate, whose rate differs by `change` (at most 0) on all tasks, and whose items flip at random."""
    random = Random(seed)
    before: dict[str, list[int]] = {}
    after: dict[str, list[int]] = {}
    for task in tasks:
        before[task] = [int(random.random() < RATE) for _ in range(items)]
        chances = {1: (FLIPS - change) / RATE, 0: FLIPS / (1 - RATE)}
        after[task] = [value ^ (random.random() < chances[value]) for value in before[task]]
    return run("was", before), run("now", after)


def gated(policy: Policy, was: Run, now: Run, lines: tuple[Planned, ...]) -> tuple[tuple[GateLine, ...], float]:
    found, went = sequential.judge(policy, lines, was, Replayed(now))
    return found, went.share


def rulings(lines: Sequence[GateLine]) -> list[Ruling | None]:
    return [line.ruling for line in lines]


@pytest.mark.parametrize(("change", "most", "share"), [(0.0, 2, 1.0), (-0.30, 25, 0.35)])
def test_an_unchanged_candidate_seldom_fails_six_lines_and_a_broken_one_always_and_soon(
    change: float, most: int, share: float
) -> None:
    """Of 400 worlds of 800 items each, 2.5% failed unchanged (by the simulation 2.9%), and one 30 points worse cost 13%."""
    failed, cost, at_once = 0, 0.0, 0
    for seed in range(25):
        was, now = world(seed, change)
        lines = plan(SIX, was, {})
        found, asked_for = gated(SIX, was, now, lines)
        failed += "FAIL" in rulings(found)
        at_once += "FAIL" in rulings(fixed.judge(SIX, lines, was, now))
        cost += asked_for / 25
    assert failed <= most
    assert at_once <= max(most, 3)
    assert cost <= share
    if change:
        assert (failed, at_once) == (25, 25)


def test_a_candidate_exactly_at_its_margin_seldom_passes() -> None:
    """Of 1,200 worlds of 400 items 3.8% passed, by the simulation 3.8%; at one look 4.9%."""
    passed = at_once = 0
    for seed in range(60):
        was, now = world(1000 + seed, -0.12, ("demo_tu",))
        lines = plan(ONE, was, {})
        passed += rulings(gated(ONE, was, now, lines)[0]) == ["PASS"]
        at_once += rulings(fixed.judge(ONE, lines, was, now)) == ["PASS"]
    assert passed <= 5
    assert at_once <= 6


@pytest.mark.parametrize("change", [0.0, -0.06, -0.20])
def test_what_the_gate_rules_and_asks_is_what_the_simulation_says_of_the_same_differences(
    change: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from gatesim.gates import betting

    policy = Policy(name="watch", rules=(rule("demo_tu", margin=0.12),))
    for seed in range(15):
        was, now = world(2000 + seed, change, ("demo_tu",), 300)
        stream = Kept(Replayed(now))
        (found,), went = sequential.judge(policy, plan(policy, was, {}), was, stream)
        order = ordered([f"demo_tu{number:04}" for number in range(300)], went.order.split()[1])
        places = [f"demo_tu-{int(name[-4:])}" for name in order]
        assert [id_ for _, id_ in stream.answers] == places[: went.asked]
        before, after = (side.samples["demo_tu"] for side in (was, now))
        differences = np.array([[after[id_].metrics["acc"] - before[id_].metrics["acc"]] for id_ in places])
        simulated = betting(differences, 0.12)
        assert bool(simulated.failed[0]) == (found.ruling == "FAIL")
        assert bool(simulated.passed[0]) == (found.ruling == "PASS")
        assert float(simulated.cost[0]) == pytest.approx(went.share)
