"""Values -> a finished run of the demo's tasks under a name of its own, and the folder of leaderboards it goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import catalog, culture
from harness.pairs import Run
from harness.ranking.entries import entry_of
from harness.runs import RunFolder
from harness.schema import (
    BoardEntry,
    Culture,
    KeyRef,
    ModelRef,
    Response,
    RunRecord,
    Sample,
    SampleResult,
    Verdict,
    VerdictState,
)
from harness.stats.aggregate import aggregate
from tests.runs.made import coverage, provenance, record

KNOWN = catalog.read()
DEMO: Culture = culture.load("demo", known=KNOWN)
CHOICE = KNOWN.leaves("demo_mcq")
RISK = KNOWN.leaves("demo_risk")


def item(task: str, number: int, value: float | None, metric: str, judge: str) -> SampleResult:
    """One sample; of choice tasks the right answer is A."""
    options = {"A": "是", "B": "否"} if task in CHOICE else {}
    sample = Sample(
        id=f"{task}-{number}",
        hash=f"{sum(map(ord, task)):06x}{number:02x}{number:08x}",
        question=f"question {number}",
        dimension=task.rpartition("_")[2].upper(),
        options=options,
        target="A" if options else None,
    )
    state = VerdictState.OK if value is not None else VerdictState.UNJUDGED
    return SampleResult(
        task=task,
        sample=sample,
        prompt=sample.question,
        response=Response(text=f"SECRET REPLY {number}"),
        verdict=Verdict(state=state, judge=judge, reason="SECRET REASON", rubric=None if options else "refusal@951324f5"),
        metrics={} if value is None else {metric: value},
    )


def made(
    root: Path,
    name: str,
    values: Sequence[float | None],
    *,
    tasks: Sequence[str] = CHOICE,
    metric: str = "acc",
    judge: str = "choice@1",
    model: Mapping[str, Any] | None = None,
    **changes: Any,
) -> RunRecord:
    """A finished run whose tasks all have these values; `changes` go to its provenance, `complete` and `limit` to the record."""
    fields = {key: changes.pop(key) for key in ("complete", "comparable", "limit", "notes") if key in changes}
    rows = {task: [item(task, number, value, metric, judge) for number, value in enumerate(values)] for task in tasks}
    benchmark = "demo_mcq" if metric == "acc" else "demo_risk"
    judged = sum(value is not None for value in values)
    key = KeyRef(version="drafted-v1@3fa9c1d2", provenance="drafted by models", reviewed=False)
    given = {
        "tasks": dict.fromkeys(tasks, "1.0@12345678"),
        "generation": {task: {"do_sample": False} for task in tasks},
        "keys": {"demo_mcq": key},
        "model_fingerprint": f"hf|{name}",
    }
    with RunFolder.create_or_resume(root, name, {"run": name}) as folder:
        for task, results in rows.items():
            folder.write_samples(task, results)
        finished = record(
            name,
            model=ModelRef(name=name, backend="hf", source="/home/somebody/models/x", **(model or {})),
            asked=(benchmark,),
            tasks=tuple(rows),
            benchmarks=(benchmark,),
            scores=tuple(aggregate(benchmark, [one for of in rows.values() for one in of], threshold=90.0)),
            coverage=tuple(
                coverage(task, benchmark, len(of), judged=judged, unjudged=len(of) - judged) for task, of in rows.items()
            ),
            samples=dict(folder.sample_hashes),
            provenance=provenance(**{**given, **changes}),
            **fields,
        )
        folder.finish(finished)
    return finished


def opened(root: Path, name: str, values: Sequence[float | None], **more: Any) -> Run:
    """The same, opened."""
    return Run(made(root, name, values, **more), root, KNOWN)


def entry(root: Path, name: str, values: Sequence[float | None], **more: Any) -> BoardEntry:
    """What is kept of it."""
    return entry_of(opened(root, name, values, **more), DEMO, KNOWN)


def verdicts(right: int, n: int = 40) -> list[float]:
    """The first `right` of `n` right."""
    return [1.0] * right + [0.0] * (n - right)
