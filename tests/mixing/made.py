"""Hand-made diagnoses and benchmark items for the tests of mixing."""

from __future__ import annotations

from typing import Any

from harness.schema import Culture, Diagnosis, Finding, Interval, State


def finding(
    area: str,
    value: float,
    standard: float = 0.7,
    *,
    metric: str = "acc",
    stage: str = "knowledge",
    state: State = "weak",
    n: int = 48,
    ceiling: bool = False,
    chance: float = 0.0,
    shortfall: float | None = None,
) -> Finding:
    """One finding; its shortfall is its gap unless given."""
    benchmark, _, dimension = area.partition("/")
    gap = (value - standard if ceiling else standard - value) / (1 - chance)
    return Finding(
        benchmark=benchmark,
        metric=metric,
        dimension=dimension,
        stage=stage,  # type: ignore[arg-type]
        state=state,
        claim=state,
        value=value,
        interval=Interval(low=max(0.0, value - 0.1), high=min(1.0, value + 0.1), method="made"),
        standard=standard,
        ceiling=ceiling,
        chance=chance,
        gap=gap,
        shortfall=max(0.0, gap) if shortfall is None else shortfall,
        n=n,
        needed=None,
    )


def diagnosis(*findings: Finding, culture: Culture | None = None, **more: Any) -> Diagnosis:
    """A diagnosis of the base model of the demo."""
    said = {"run": "demo-en-demo-00000000", "model": "demo-en", "model_fingerprint": "f" * 8, "culture": "demo"}
    said |= {"culture": culture.name, "culture_digest": culture.digest} if culture else {"culture_digest": "0" * 64}
    return Diagnosis.model_validate({**said, "findings": findings, **more})
