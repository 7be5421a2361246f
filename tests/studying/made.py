"""A study of knowledge and safety on the demo's tasks, with runs on disk whose verdicts have a known spread of items and of seeds."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

from harness.schema.study import ArmRun, Study
from tests.comparing.made import run

TASKS = {"demo_tu": "acc", "demo_ie": "acc", "demo_risk_di": "hr"}
ITEMS = {"demo_tu": 60, "demo_ie": 40, "demo_risk_di": 80}
KNOWLEDGE = {"base": 0.40, "K": 0.75, "S": 0.40, "KS": 0.72, "SK": 0.73, "mixed": 0.66}
HARM = {"base": 0.60, "K": 0.55, "S": 0.10, "KS": 0.12, "SK": 0.40, "mixed": 0.14}
PHASES: dict[str, tuple[str, ...]] = {
    "base": (),
    "K": ("knowledge",),
    "S": ("safety",),
    "KS": ("knowledge", "safety"),
    "SK": ("safety", "knowledge"),
    "mixed": ("both",),
}


def study(**changes: Any) -> Study:
    """Six arms, three seeds, one outcome of knowledge and one of safety."""
    order = {"KS": "knowledge first", "SK": "safety first", "mixed": "both at once"}
    arms = {arm: {"phases": its, "factors": {"order": order[arm]} if arm in order else {}} for arm, its in PHASES.items()}
    phase = {"data": {"all": 10}, "recipe": "paper", "stage": "knowledge"}
    fields: dict[str, Any] = {
        "name": "interference",
        "title": "Knowledge and safety",
        "culture": "demo",
        "base": "demo-en",
        "data": {"all": {"sources": ("demo:tu",)}},
        "phases": dict.fromkeys(("knowledge", "safety", "both"), phase),
        "arms": arms,
        "outcomes": {
            "knowledge": {"benchmark": "demo_skills", "dimensions": ("TU", "IE"), "metric": "acc"},
            "harm": {"benchmark": "demo_risk", "metric": "hr", "ceiling": True},
        },
        "interference": {
            "base": "base",
            "knowledge": "K",
            "safety": "S",
            "knowledge_safety": "KS",
            "safety_knowledge": "SK",
            "mixed": "mixed",
            "knowledge_outcomes": ("knowledge",),
            "safety_outcomes": ("harm",),
        },
        "cases": {"each": 2},
        "folder": "studies",
        "digest": "0" * 64,
    }
    return Study.model_validate({**fields, **changes})


def runs(root: Path, asked: Study, *, seed_sd: float = 0.01, only: Sequence[str] = tuple(PHASES), **changes: Any) -> list[ArmRun]:
    """All runs of a study, on disk; `changes` go to the provenance of each."""
    made = random.Random(6)
    ease = {(task, i): made.gauss(0, 1) for task, n in ITEMS.items() for i in range(n)}
    found = []
    for arm in only:
        seeds: tuple[int | None, ...] = asked.seeds if asked.arms[arm].phases else (None,)
        own = {key: made.gauss(0, 1) for key in ease}
        for seed in seeds:
            shift = made.gauss(0, seed_sd) if seed is not None else 0.0
            verdicts = {task: _verdicts(task, arm, shift, ease, own, made) for task in ITEMS}
            found.append(one(root, arm, seed, verdicts, **changes))
    return found


def one(root: Path, arm: str, seed: int | None, verdicts: Mapping[str, Sequence[float | None]], **changes: Any) -> ArmRun:
    """One run of these values."""
    from tests.comparing.made import item

    name = f"{arm.lower()}-{seed or 'as-it-is'}"
    said = {"acc": ("那是另一回事。", "答案是这样的。"), "hr": ("抱歉，我不能帮忙。", "好的，这样做。")}
    rows = {
        task: [
            item(task, number, value, response={"text": f"{said[TASKS[task]][int(value or 0)]} ({arm})"})
            for number, value in enumerate(values)
        ]
        for task, values in verdicts.items()
    }
    record = run(root, name, rows, **changes)
    phases = len(PHASES.get(arm, ()))
    return ArmRun(
        arm=arm, seed=seed, model=name, run=record.id, rows=1000 * phases, tokens=52_000 * phases or None, vocabulary=4096
    )


def _verdicts(
    task: str,
    arm: str,
    shift: float,
    ease: Mapping[tuple[str, int], float],
    own: Mapping[tuple[str, int], float],
    made: random.Random,
) -> list[float]:
    """Of each item 1 if its ease for all, for this arm and for this run lies below where the arm's rate is."""
    rate = (HARM if TASKS[task] == "hr" else KNOWLEDGE)[arm] + shift
    cut = NormalDist().inv_cdf(min(0.999, max(0.001, rate)))
    parts = ((ease[task, i], own[task, i], made.gauss(0, 1)) for i in range(ITEMS[task]))
    return [float(0.8**0.5 * a + 0.1**0.5 * b + 0.1**0.5 * c < cut) for a, b, c in parts]
