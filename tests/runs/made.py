"""Counts -> runs with realistic numbers, for tests of whatever reads runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.runs import RunFolder
from harness.schema import (
    Coverage,
    FinishReason,
    Interval,
    KeyRef,
    ModelRef,
    Provenance,
    Response,
    RunRecord,
    Sample,
    SampleResult,
    Score,
    Tokens,
    Usage,
    Verdict,
    VerdictState,
)

SPEC = {"model": {"name": "tiny", "backend": "hf"}, "tasks": ["demo_tu"], "seed": 0}


def wilson(k: float, n: int) -> Interval:
    """Wilson's 95% interval of k of n."""
    z, p = 1.959964, k / n
    mid, half = (p + z * z / (2 * n)) / (1 + z * z / n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    return Interval(low=max(0.0, mid - half), high=min(1.0, mid + half), method="wilson")


def share(benchmark: str, scope: Any, name: str, metric: str, k: float, n: int, **more: Any) -> Score:
    """A score of k of n."""
    fixed: dict[str, Any] = {"interval": wilson(k, n), "aggregation": "micro"}
    return Score(benchmark=benchmark, scope=scope, name=name, metric=metric, value=k / n, n=n, **{**fixed, **more})


def macro(benchmark: str, metric: str, parts: dict[str, tuple[float, int]]) -> Score:
    """The unweighted mean over dimensions."""
    value = sum(k / n for k, n in parts.values()) / len(parts)
    interval = Interval(low=value - 0.03, high=value + 0.03, method="bootstrap")
    n = sum(n for _, n in parts.values())
    return share(benchmark, "overall", "", metric, value * n, n, interval=interval, aggregation="macro")


def scores(benchmark: str, metric: str, parts: dict[str, tuple[float, int]], *, averages: bool = True) -> list[Score]:
    """A metric of each dimension and its two averages, from counts."""
    rows = [share(benchmark, "dimension", name, metric, k, n) for name, (k, n) in parts.items()]
    if averages:
        total = sum(k for k, _ in parts.values()), sum(n for _, n in parts.values())
        rows += [share(benchmark, "overall", "", metric, *total), macro(benchmark, metric, parts)]
    return rows


def provenance(**changes: Any) -> Provenance:
    """Where a made run claims to come from."""
    fields: dict[str, Any] = {
        "harness": "0.1.0",
        "git_commit": "9a1c2de4f00d",
        "git_dirty": False,
        "python": "3.11.7",
        "platform": "Linux",
        "packages": {"lm-eval": "0.4.13"},
        "data": {"demo.jsonl": "0" * 64},
        "tasks": {"demo_tu": "1.0@12345678"},
        "keys": {"demo": KeyRef(version="drafted-v1@3fa9c1d2", provenance="drafted by models", reviewed=False)},
        "judge": "rules@1",
        "rubrics": {},
        "chat_template": None,
        "generation": {"demo_tu": {"temperature": 0}},
        "model_fingerprint": "hf:0123456789abcdef",
        "seed": 0,
        "threshold": 90.0,
    }
    return Provenance(**{**fields, **changes})


def coverage(task: str, benchmark: str, n: int, **changes: Any) -> Coverage:
    """All asked, all judged, unless told otherwise."""
    fields: dict[str, Any] = {"keyed": n, "responses": n, "judged": n, "invalid": 0, "unjudged": 0}
    return Coverage(task=task, benchmark=benchmark, n=n, **{**fields, **changes})


def record(id: str = "tiny-demo_tu-00000000", **changes: Any) -> RunRecord:  # noqa: A002
    """A finished run of one small benchmark."""
    fields: dict[str, Any] = {
        "model": ModelRef(name="tiny", backend="hf", args={"dtype": "auto"}, source="models/tiny"),
        "tasks": ("demo_tu",),
        "benchmarks": ("demo",),
        "scores": tuple(scores("demo", "acc", {"TU": (7, 12), "IE": (3, 9)})),
        "coverage": (coverage("demo_tu", "demo", 21),),
        "complete": True,
        "comparable": True,
        "tokens": Tokens(prompt=1200, completion=340),
        "samples": {},
        "provenance": provenance(),
        "usage": Usage(started="2026-08-22T14:03:11+00:00", seconds=64.2, generated=21, judged=21),
    }
    return RunRecord(id=id, **{**fields, **changes})


def result(id: str = "s-1", **changes: Any) -> SampleResult:  # noqa: A002
    """One sample that was answered rightly."""
    sample = Sample(id=id, hash=f"hash-{id}", question=f"Which letter comes first, A or B? ({id})", dimension="TU", target="A")
    fields: dict[str, Any] = {
        "task": "demo_tu",
        "sample": sample,
        "prompt": sample.question,
        "response": Response(text="A", finish_reason=FinishReason.STOP),
        "verdict": Verdict(state=VerdictState.OK, label="A", judge="rules@1"),
        "metrics": {"acc": 1.0},
    }
    return SampleResult(**{**fields, **changes})


def finished(root: Path, id: str = "tiny-demo_tu-00000000", count: int = 3, **changes: Any) -> RunRecord:  # noqa: A002
    """A finished run on disk, with its samples."""
    with RunFolder.create_or_resume(root, id, SPEC) as folder:
        folder.write_samples("demo_tu", [result(f"s-{i}") for i in range(count)])
        made = record(id, samples=dict(folder.sample_hashes), **changes)
        folder.finish(made)
    return made
