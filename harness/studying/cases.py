"""Study × runs -> the questions on which its arms part most, with every arm's answer: chosen by rule, never by hand.

The runs are read task by task, one arm after the other; what is not shown is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import pvariance
from typing import Final

from harness import catalog
from harness.errors import unknown
from harness.runs import load_run, read_samples
from harness.schema import SampleResult
from harness.schema.study import ArmRun, Study, StudyCase

RULE: Final = (
    "chosen by rule: of each task the questions on which the values of the arms vary most, of one seed, by the task's first "
    "outcome (else its first metric by name); ties by id; nothing is picked by hand"
)
_COUNTS: Final = frozenset({"invalid", "unjudged", "zh_share"})
"""Metrics that say nothing of being right."""


def cases(study: Study, ordered: Mapping[str, Sequence[ArmRun]], runs_dir: Path) -> Iterator[StudyCase]:
    """The cases of a study, task by task; none where it asks for none.

    Args:
        study: what was asked.
        ordered: each arm's runs in the order of the seeds.
        runs_dir: where the runs lie.

    Raises:
        UsageError: a task was not measured, or no arm has such a seed.
        DataError: a sample file is missing or changed.
    """
    if study.cases is None:
        return
    shown = {arm: _shown(study, its) for arm, its in ordered.items()}
    records = {arm: load_run(run.run, runs_dir, verify=False) for arm, run in shown.items()}
    held = [task for task in next(iter(records.values())).tasks if all(task in record.tasks for record in records.values())]
    known = catalog.read()
    for task in _tasks(study, held, known):
        metric = next((one.metric for one in study.outcomes.values() if task in known.leaves(one.benchmark)), None)
        samples = {arm: {r.sample.id: r for r in read_samples(runs_dir / run.run, task)} for arm, run in shown.items()}
        yield from _of_task(task, metric, samples, study.cases.each)


def _shown(study: Study, runs: Sequence[ArmRun]) -> ArmRun:
    """The run of the seed that is shown; of an arm without it (a base) the first."""
    wanted = study.cases.seed if study.cases else None
    if wanted is not None and wanted not in study.seeds:
        raise unknown("seed of the study (cases)", str(wanted), map(str, study.seeds))
    return next((run for run in runs if run.seed == wanted), runs[0])


def _tasks(study: Study, held: Sequence[str], known: catalog.Catalog) -> list[str]:
    if study.cases is None or not study.cases.tasks:
        return list(held)
    found = dict[str, None]()
    for name in study.cases.tasks:
        leaves = [task for task in known.leaves(name) if task in held]
        if not leaves:
            raise unknown("task measured in this study (cases)", name, held)
        found |= dict.fromkeys(leaves)
    return list(found)


def _of_task(task: str, metric: str | None, samples: Mapping[str, Mapping[str, SampleResult]], each: int) -> Iterator[StudyCase]:
    ids = sorted(set[str].intersection(*(set(of) for of in samples.values())))
    parted = {id_: _variance(metric, [of[id_] for of in samples.values()]) for id_ in ids}
    chosen = sorted((id_ for id_ in ids if parted[id_] is not None), key=lambda id_: (-(parted[id_] or 0.0), id_))
    for id_ in chosen[:each]:
        yield _case(task, {arm: of[id_] for arm, of in samples.items()})


def _variance(metric: str | None, results: Sequence[SampleResult]) -> float | None:
    """Of the arms' values of a question; None where some arm has none."""
    name = metric
    if name is None or name not in results[0].metrics:
        name = next((one for one in sorted(results[0].metrics) if one not in _COUNTS), None)
    values = [result.metrics[name] for result in results if name is not None and name in result.metrics]
    return pvariance(values) if len(values) == len(results) else None


def _case(task: str, results: Mapping[str, SampleResult]) -> StudyCase:
    sample = next(iter(results.values())).sample
    options = "".join(f"\n{letter}. {text}" for letter, text in sample.options.items())
    return StudyCase(
        task=task,
        sample=sample.id,
        question=sample.question + options,
        reference=sample.target,
        answers={arm: _reply(result) for arm, result in results.items()},
        metrics={arm: dict(sorted(result.metrics.items())) for arm, result in results.items()},
    )


def _reply(result: SampleResult) -> str:
    text = result.response.text
    return f"(no reply: {result.response.error or 'none was given'})" if text is None else text
