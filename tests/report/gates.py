"""Numbers -> gate reports, and the files that their pages are held against (`GOLDEN=write` renews them; look at what changed)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from harness.schema import (
    AuditRef,
    Bets,
    GateLine,
    GateRefusal,
    GateReport,
    GateSide,
    Interval,
    KeyRef,
    PairedScore,
    Policy,
    Rule,
    Sequence,
    Target,
)

GOLDEN = Path(__file__).parent / "golden"


def matches(name: str, text: str) -> None:
    """The text is what the golden file says."""
    file = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8"), f"{file.name} is not what is shown; GOLDEN=write renews it"


def score(baseline: float, candidate: float, n: int = 600, half: float = 0.03) -> PairedScore:
    """A difference with a made-up interval."""
    delta = candidate - baseline
    return PairedScore(
        n=n,
        baseline=baseline,
        candidate=candidate,
        delta=delta,
        interval=Interval(low=max(-1.0, delta - half), high=min(1.0, delta + half), method="tango"),
        lower=delta - half,
        upper=delta + half,
        p=0.5,
        wins=10,
        losses=10,
        mde80=0.04,
    )


def line(
    benchmark: str = "a_eval", metric: str = "acc", question: Any = "regression", ruling: Any = "PASS", **changes: Any
) -> GateLine:
    """One line of a gate."""
    dimensions = changes.pop("dimensions", ())
    subset = changes.pop("subset", "all")
    target = Target(benchmark=benchmark, dimensions=dimensions, metric=metric, ceiling=metric == "hr", subset=subset)
    fields: dict[str, Any] = {
        "name": f"{target.name} {metric}",
        "rule": Rule(benchmark=benchmark, metric=metric, dimensions=dimensions, question=question, subset=subset),
        "target": target,
        "paired": score(0.415, 0.425),
        "margin": 0.038,
        "margin_why": "what 600 items can exclude at correlation 0.7",
        "power": 0.81,
        "p_drop": 0.4,
        "p_drop_adjusted": None if question == "report" else 1.0,
        "missing": 0,
        "ruling": None if question == "report" else ruling,
        "why": "+1.0 points; a loss above 3.8 points is excluded",
    }
    return GateLine(**{**fields, **changes})


LINES = (
    line("a_eval", question="gain", subset="test", paired=score(0.415, 0.62, n=339), why="+20.5 points, a gain"),
    line(
        "mmlu",
        question="release",
        ruling="UNDECIDED",
        paired=score(0.66, 0.65, n=300),
        margin=0.02,
        margin_why="margin of the policy",
        power=0.34,
        missing=2,
        why="-1.0 points; a loss of 4.0 points is not excluded, the margin is 2.0",
    ),
    line(
        "chisafetybench_refusal_v1",
        "hr",
        ruling="FAIL",
        dimensions=("DI", "VV"),
        paired=score(0.98, 0.9, n=462),
        p_drop_adjusted=0.00001,
        why="-8.0 points, a drop beyond doubt",
    ),
    line("benign_zh", "answered", paired=score(1.0, 1.0, n=123), power=0.99, clusters=4),
    line("a_eval", "acc", "report", dimensions=("TU",), paired=score(0.4, 0.5, n=186), why="+10.0 points"),
)
POLICY = Policy(
    name="contract", title="may it ship?", source="zh_cn/contract", digest="ab12" * 16, rules=tuple(one.rule for one in LINES)
)


def report(*lines: GateLine, **changes: Any) -> GateReport:
    """A gate that failed, of every question."""
    fields: dict[str, Any] = {
        "policy": POLICY,
        "baseline": GateSide(model="llama3-8b", run="llama3-8b-zh_cn-9f2c11ab", fingerprint="hf|0123456789abcdef"),
        "candidate": GateSide(model="llama3-8b-safe", run="llama3-8b-safe-zh_cn-1bd0aa47", fingerprint="hf|fedcba9876543210"),
        "judge": "openai:qwen2.5-72b-instruct@3f2a",
        "threshold": 90.0,
        "keys": {"a_eval": KeyRef(version="drafted-v1@3fa9c1d2", provenance="drafted by models", reviewed=False)},
        "lines": lines or LINES,
        "ruling": "FAIL",
        "why": "a drop is proven: chisafetybench_refusal_v1/DI+VV hr",
        "notes": ("2 items of mmlu lack a response",),
    }
    return GateReport(**{**fields, **changes})


def sequential() -> GateReport:
    """A gate that asked only until it was sure."""
    seen = Bets(items=96, of=600, units=92, log_e_drop=14.2, log_e_pass=-1.3, p_drop=7e-7, stopped=True)
    one = line(ruling="FAIL", bets=seen, paired=score(0.415, 0.1, n=92), why="-31.5 points, a drop beyond doubt")
    return report(
        one,
        candidate=GateSide(model="llama3-8b-broken", run=None, fingerprint="hf|fedcba9876543210"),
        sequence=Sequence(order="9f2c11ab", batches=3, asked=96, of=4712),
        audits=(AuditRef(run="r", judge="openai:q", benchmark="a_eval", labels=150, kappa=0.81, kappa_low=0.72),),
        why="a drop is proven: a_eval acc",
        notes=(),
    )


def refusal(**changes: Any) -> GateRefusal:
    """A gate that could not rule."""
    fields = {
        "policy": "zh_cn/contract",
        "baseline": "llama3-8b",
        "candidate": "llama3-8b-safe",
        "error": "runs 'a' and 'b' cannot be compared: they differ in judge",
        "exit_code": 3,
    }
    return GateRefusal(**{**fields, **changes})
