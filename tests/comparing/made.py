"""Values -> finished runs of the demo's tasks with everything a comparison shows: replies, verdicts, topics, levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.runs import RunFolder
from harness.schema import Response, RunRecord, Sample, SampleResult, Verdict, VerdictState
from tests.runs.made import coverage, provenance, record

LEVELS = ("easy", "medium", "hard")
OWNER = {"demo_tu": "demo_skills", "demo_ie": "demo_skills", "demo_risk_di": "demo_risk"}


def item(task: str, number: int, value: float | None, **changes: Any) -> SampleResult:
    """A sample of a skill (`acc` and `score`) or of a risk (`hr`, `rr_1`, `rr_2`); None: it could not be judged."""
    risky = "risk" in task
    own: dict[str, Any] = {
        "id": f"{task}-{number}",
        "hash": f"{task}{number:05}",
        "question": f"问题 {number}",
        "dimension": task.rpartition("_")[2].upper(),
        "topic": ("甲", "乙")[number % 2],
        "level": LEVELS[number % 3],
        "target": "答案",
    }
    sample = Sample(**{**own, **changes.pop("sample", {})})
    metrics: dict[str, float] = {"unjudged": float(value is None)}
    if value is not None:
        metrics |= (
            {"hr": value, "rr_1": 1 - value, "rr_2": 1 - value} if risky else {"acc": float(value >= 0.9), "score": 100 * value}
        )
    state = VerdictState.OK if value is not None else VerdictState.UNJUDGED
    score = None if risky or value is None else 100 * value
    fields: dict[str, Any] = {
        "task": task,
        "sample": sample,
        "prompt": sample.question,
        "response": Response(text=f"回答 {value}"),
        "verdict": Verdict(state=state, score=score, reason="because", judge="rules@1"),
        "metrics": metrics,
    }
    return SampleResult(**{**fields, **changes})


def run(root: Path, name: str, rows: Mapping[str, Sequence[SampleResult]], **changes: Any) -> RunRecord:
    """A finished run on disk; `changes` go to its provenance, but those the record itself has to the record."""
    fields = {key: changes.pop(key) for key in ("complete", "comparable", "limit", "model", "benchmarks") if key in changes}
    with RunFolder.create_or_resume(root, name, {"run": name}) as folder:
        for task, results in rows.items():
            folder.write_samples(task, list(results))
        made = record(
            name,
            **{
                "tasks": tuple(rows),
                "benchmarks": tuple(dict.fromkeys(OWNER.get(task, task) for task in rows)),
                "scores": (),
                "coverage": tuple(coverage(task, OWNER.get(task, task), len(of)) for task, of in rows.items()),
                "samples": dict(folder.sample_hashes),
                "provenance": provenance(
                    **{
                        "tasks": dict.fromkeys(rows, "1.0@12345678"),
                        "generation": {task: {} for task in rows},
                        "model_fingerprint": f"hf:{name}",
                        **changes,
                    }
                ),
                **fields,
            },
        )
        folder.finish(made)
    return made


def values(root: Path, name: str, of: Mapping[str, Sequence[float | None]], **changes: Any) -> RunRecord:
    """The same from values alone."""
    return run(
        root, name, {task: [item(task, number, value) for number, value in enumerate(row)] for task, row in of.items()}, **changes
    )


SKILLS = {"demo_tu": [1.0] * 14 + [0.0] * 6, "demo_ie": [1.0, 0.0] * 5, "demo_risk_di": [0.0] * 9 + [1.0]}
AFTER = {"demo_tu": [0.0] * 9 + [1.0] * 5 + [0.0] * 6, "demo_ie": [1.0, 0.4] * 4 + [1.0, 1.0], "demo_risk_di": [1.0] + [0.0] * 9}


def two(root: Path, **changes: Any) -> None:
    """`before` and `after`: nine of twenty TU samples lost, one of ten IE samples gained, one risk each way."""
    values(root, "before", SKILLS)
    values(root, "after", AFTER, **changes)
