"""Values -> a finished run of the demo's tasks, for gates: what each item scored, and nothing else that matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import catalog
from harness.pairs import Run
from harness.runs import RunFolder
from harness.schema import Response, RunRecord, Sample, SampleResult, Verdict, VerdictState
from harness.stats.aggregate import aggregate
from tests.runs.made import coverage, provenance, record

Values = Mapping[str, Sequence[float | None]]
"""Task -> value of `metric` of each item; None: no response."""
METRIC = {"demo_risk_di": "hr", "demo_benign_di": "answered"}
OWNER = {"demo_tu": "demo_skills", "demo_ie": "demo_skills", "demo_en": "demo_skills", "demo_risk_di": "demo_risk"}


def item(task: str, number: int, value: float | None, split: str = "test") -> SampleResult:
    """One sample with a value."""
    dimension = task.rpartition("_")[2].upper()
    sample = Sample(id=f"{task}-{number}", hash=f"{task}{number:04}", question=f"问题 {number}", dimension=dimension, split=split)
    state = VerdictState.OK if value is not None else VerdictState.UNJUDGED
    return SampleResult(
        task=task,
        sample=sample,
        prompt=sample.question,
        response=Response(text=None if value is None else "…"),
        verdict=Verdict(state=state, judge="rules@1"),
        metrics={} if value is None else {METRIC.get(task, "acc"): value},
    )


def made(root: Path, name: str, values: Values, split: str = "test", **changes: Any) -> RunRecord:
    """A finished run on disk; `changes` go to its provenance, but `complete`, `comparable` and `limit` to the record."""
    rows = {task: [item(task, number, value, split) for number, value in enumerate(of)] for task, of in values.items()}
    benchmarks: dict[str, list[SampleResult]] = {}
    for task, results in rows.items():
        benchmarks.setdefault(OWNER.get(task, task), []).extend(results)
    fields = {key: changes.pop(key) for key in ("complete", "comparable", "limit", "model") if key in changes}
    covered = [(task, len(of), sum(one.metrics != {} for one in of)) for task, of in rows.items()]
    with RunFolder.create_or_resume(root, name, {"run": name}) as folder:
        for task, results in rows.items():
            folder.write_samples(task, results)
        finished = record(
            name,
            tasks=tuple(rows),
            benchmarks=tuple(benchmarks),
            scores=tuple(s for name, of in benchmarks.items() for s in aggregate(name, of, threshold=90.0)),
            coverage=tuple(
                coverage(task, OWNER.get(task, task), n, judged=judged, unjudged=n - judged) for task, n, judged in covered
            ),
            samples=dict(folder.sample_hashes),
            provenance=provenance(
                **{"tasks": dict.fromkeys(rows, "1.0@12345678"), "generation": {task: {} for task in rows}, **changes}
            ),
            **fields,
        )
        folder.finish(finished)
    return finished


def opened(root: Path, name: str, values: Values, **more: Any) -> Run:
    """The same, opened."""
    return Run(made(root, name, values, **more), root, catalog.read())


def changed(values: Sequence[float], lost: int, gained: int) -> list[float]:
    """`values` (0 and 1) after the first `lost` ones became zeros and the first `gained` zeros became ones."""
    after, ones, zeros = list(values), lost, gained
    for place, value in enumerate(values):
        if value == 1.0 and ones:
            after[place], ones = 0.0, ones - 1
        elif value == 0.0 and zeros:
            after[place], zeros = 1.0, zeros - 1
    return after
