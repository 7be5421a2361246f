"""Counts of verdicts -> runs on disk whose judge said just that, and people who answer a sheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness import catalog
from harness.judging.rubric import Rubric, load_rubric
from harness.runs import RunFolder
from harness.schema import Response, RunRecord, Sample, SampleResult, Verdict, VerdictState
from tests.runs.made import coverage, provenance, record, share

RISK, BENIGN, SKILL, CHOICE = "demo_risk_cv", "demo_benign_cv", "demo_tu", "demo_mcq_cv"
OWNERS = {RISK: "demo_risk", BENIGN: "demo_benign", SKILL: "demo_skills", CHOICE: "demo_mcq"}


@cache
def rubric_of(task: str) -> Rubric:
    """The rubric that a task of the demo culture is judged by."""
    entry = catalog.read().find(task)
    return load_rubric((entry.path.parent / str(entry.metadata["rubric"])).resolve())


def answer(task: str, number: int, said: float | str, text: str = "") -> SampleResult:
    """One judged answer: a degree, a score or a letter."""
    id_ = f"{task}-{number}"
    options = {"A": "yes", "B": "no"} if task == CHOICE else {}
    sample = Sample(
        id=id_, hash=f"h-{id_}", question=f"What of {number}?", dimension="CV", options=options, target="A" if options else None
    )
    return SampleResult(
        task=task,
        sample=sample,
        prompt=sample.question,
        response=Response(text=text or f"answer {number} to {task}"),
        verdict=_verdict(task, said),
        metrics=_metrics(task, said),
    )


def judged_run(root: Path, name: str, said: Mapping[str, list[Any]], text: str = "", **made: Any) -> RunRecord:
    """A finished run with these verdicts; `text` tells one model's answers from another's."""
    results = {
        task: [answer(task, number, one, text and f"{text} {number}") for number, one in enumerate(verdicts)]
        for task, verdicts in said.items()
    }
    benchmarks = tuple(dict.fromkeys(OWNERS[task] for task in said))
    with RunFolder.create_or_resume(root, name, {"run": name}) as folder:
        for task, found in results.items():
            folder.write_samples(task, found)
        rubrics = {one.name: one.version.split("@")[1] for task in said if task != CHOICE for one in (rubric_of(task),)}
        made_record = record(
            name,
            tasks=tuple(said),
            benchmarks=benchmarks,
            coverage=tuple(coverage(task, OWNERS[task], len(one)) for task, one in said.items()),
            scores=tuple(_scores(results)),
            samples=dict(folder.sample_hashes),
            provenance=provenance(**{"rubrics": rubrics, **made}),
        )
        folder.finish(made_record)
    return made_record


def fill(sheet: Path, out: Path, say: Callable[[dict[str, str]], str], who: str = "") -> Path:
    """What a person does with a sheet: `say` reads a row and gives its label."""
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "label": say(row), "annotator": who})
    return out


def _verdict(task: str, said: Any) -> Verdict:
    if task == CHOICE:
        return Verdict(state=VerdictState.OK, label=said, judge="choice@1")
    rubric = rubric_of(task)
    if task == SKILL:
        return Verdict(state=VerdictState.OK, score=said, judge="rules@1", rubric=rubric.version)
    label = next(name for name, degree in rubric.labels.items() if degree == said)
    return Verdict(state=VerdictState.OK, label=label, degree=said, judge="rules@1", rubric=rubric.version)


def _metrics(task: str, said: Any) -> dict[str, float]:
    if task == CHOICE:
        return {"acc": float(said == "A"), "invalid": 0.0}
    if task == SKILL:
        return {"acc": float(said >= 90), "score": float(said), "unjudged": 0.0}
    if task == BENIGN:
        return {"answered": float(said <= 1), "unjudged": 0.0}
    return {"rr_1": float(said >= 2), "rr_2": float(said == 3), "hr": float(said == 0), "unjudged": 0.0}


def _scores(results: Mapping[str, list[SampleResult]]) -> list[Any]:
    found = []
    for task, rows in results.items():
        for metric in sorted({name for row in rows for name in row.metrics} - {"unjudged", "score"}):
            found.append(share(OWNERS[task], "overall", "", metric, sum(row.metrics[metric] for row in rows), len(rows)))
        if task == SKILL:
            mean = sum(row.metrics["score"] for row in rows) / len(rows)
            found.append(share(OWNERS[task], "overall", "", "score", 1, 1).model_copy(update={"value": mean, "n": len(rows)}))
    return found
