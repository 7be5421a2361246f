"""Run × Culture -> BoardEntry -> `leaderboards/<culture>/<name>.json`.

Runs hold all prompts and replies, are large and stay at home; a leaderboard must be made anew by anybody, in CI, from what is
committed. So an entry keeps what ranks need and nothing else: conditions, scores, and one value a sample beside the beginning of
its content hash. A run that is limited or incomplete has no entry.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from harness import culture as cultures
from harness.catalog import Catalog
from harness.errors import IncompleteRun, NotComparable, UsageError
from harness.pairs import Run
from harness.runs.write import canonical, make_folder, write_whole
from harness.schema import (
    HASH_DIGITS,
    BoardEntry,
    BoardItems,
    Conditions,
    Coverage,
    Culture,
    SampleResult,
    Score,
)
from harness.stats.baselines import BASELINES

MAIN: Final = ("acc", "acc_norm", "exact_match", "rating", "rating_wo_others", "rr_1", "rr_2", "hr", "answered")
"""Metrics that make a table of their own, in this order."""
SPARE: Final = "score"
"""Makes a table only where there is nothing else."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")
_VERDICTS: Final = {0.0: "0", 1.0: "1", None: "-"}


def ranked(present: Iterable[str], retained: str | None = None) -> tuple[str, ...]:
    """The metrics of a benchmark that get a table; of a retained task, only the one that its culture watches."""
    there = set(present)
    if retained is not None:
        return (retained,) if retained in there else ()
    return tuple(metric for metric in MAIN if metric in there) or ((SPARE,) if SPARE in there else ())


def entry_of(run: Run, culture: Culture, known: Catalog, name: str | None = None) -> BoardEntry:
    """What is kept of a run.

    Args:
        run: finished, with its samples.
        culture: whose benchmarks are kept.
        known: the catalog.
        name: as shown; default: the model's.

    Raises:
        NotComparable: the run is limited.
        IncompleteRun: it lacks responses or verdicts.
        UsageError: it holds no benchmark of the culture whole, or the name cannot name a file.
        DataError: a sample file is missing or changed.
    """
    record = run.record
    check_rankable(run)
    held = held_whole(run, culture, known)
    if not any(name in culture.tasks or known.find(name).path.is_relative_to(culture.folder) for name in held):
        raise UsageError(f"run '{record.id}' holds no benchmark of culture '{culture.name}' whole: {', '.join(culture.tasks)}")
    tasks = sorted({task for leaves in held.values() for task in leaves})
    metrics = {benchmark: _metrics(run, benchmark, leaves, culture) for benchmark, leaves in held.items()}
    wanted = {task: {m for b, leaves in held.items() if task in leaves for m in metrics[b]} for task in tasks}
    made = record.provenance
    return BoardEntry(
        name=checked_name(name or record.model.name),
        culture=culture.name,
        model=record.model.name,
        stage=record.model.stage,
        parent=record.model.parent,
        fingerprint=made.model_fingerprint,
        run=record.id,
        harness=made.harness,
        benchmarks=held,
        conditions={benchmark: _conditions(run, benchmark, leaves) for benchmark, leaves in held.items()},
        scores=tuple(score for benchmark in held for score in _scores(run, benchmark, metrics[benchmark], culture, known)),
        coverage=tuple(_coverage(run, task) for task in tasks),
        notes=(*record.notes, *_partly(run, culture, known, held)),
        items={task: _items(run.samples[task].values(), sorted(wanted[task])) for task in tasks},
    )


def check_rankable(run: Run) -> None:
    """Refuse a run that is no basis for a comparison.

    Raises:
        NotComparable: it is limited.
        IncompleteRun: it lacks responses or verdicts.
    """
    record = run.record
    if not record.comparable:
        raise NotComparable(f"run '{record.id}' is limited to the first {record.limit} samples of each task: it cannot be ranked")
    if not record.complete:
        short = min(record.coverage, key=lambda one: one.share, default=None)
        seen = f": {short.task} has {short.judged:,} of {short.n:,} judged" if short else ""
        raise IncompleteRun(f"run '{record.id}' is incomplete{seen}; the command that made it asks again for what is missing")


def held_whole(run: Run, culture: Culture, known: Catalog) -> dict[str, tuple[str, ...]]:
    """Benchmarks and retained tasks that a run holds with all their tasks, the culture's own first -> those tasks.

    A part of one that is lm-eval's (`mmlu_stem`) is no benchmark of its own: it is a dimension of the whole.
    """
    measured = set(run.record.tasks)
    groups = [name for asked in run.record.asked for name in known.groups_under(asked) if known.find(name).aggregates]
    found: dict[str, tuple[str, ...]] = {}
    for name in dict.fromkeys((*culture.benchmarks, *culture.retained, *groups)):
        leaves = known.leaves(name) if name in culture.retained else cultures.mended(known, name, culture.retained)
        part = name not in culture.tasks and known.find(name).origin == "lm-eval"
        part = part and any(set(leaves) < set(whole) for whole in found.values())
        if leaves and measured.issuperset(leaves) and not part:
            found[name] = leaves
    return found


def checked_name(name: str) -> str:
    """A name that can be a file's.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot name an entry: use letters, digits and . _ + -; give another name with --as")
    return name


def place_of(folder: Path, culture: str, name: str) -> Path:
    """File of an entry."""
    return folder / culture / f"{name}.json"


def keep(entry: BoardEntry, folder: Path) -> Path:
    """Write an entry, in place of one of the same name."""
    file = place_of(folder, entry.culture, entry.name)
    make_folder(file.parent)
    write_whole(file, [json.dumps(entry.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True).encode(), b"\n"])
    return file


def _metrics(run: Run, benchmark: str, tasks: Sequence[str], culture: Culture) -> tuple[str, ...]:
    present = {metric for task in tasks for result in run.samples[task].values() for metric in result.metrics}
    retained = culture.retained.get(benchmark)
    return ranked(present, retained.metric if retained else None)


def _conditions(run: Run, benchmark: str, tasks: Sequence[str]) -> Conditions:
    made = run.record.provenance
    results = [result for task in tasks for result in run.samples[task].values()]
    verdicts = [result.verdict for result in results if result.verdict is not None]
    owners = {c.benchmark for c in run.record.coverage if c.task in tasks} | {benchmark}
    asked = sorted(f"{result.task}/{result.sample.hash}" for result in results)
    return Conditions(
        judge=tuple(sorted({verdict.judge for verdict in verdicts})),
        rubrics=tuple(sorted({verdict.rubric for verdict in verdicts if verdict.rubric})),
        keys={name: made.keys[name] for name in sorted(owners) if name in made.keys},
        data=hashlib.sha256(canonical(asked).encode()).hexdigest()[:16],
        tasks={task: made.tasks.get(task, "") for task in sorted(tasks)},
        generation={task: made.generation.get(task, {}) for task in sorted(tasks)},
        chat_template=made.chat_template,
        threshold=made.threshold if any(SPARE in result.metrics for result in results) else None,
    )


def _scores(run: Run, benchmark: str, metrics: Sequence[str], culture: Culture, known: Catalog) -> Iterator[Score]:
    kept_apart = {leaf for name in culture.retained if name != benchmark for leaf in known.leaves(name)}
    for score in run.scores(benchmark, () if benchmark in culture.retained else kept_apart):
        if score.metric in metrics or score.metric in BASELINES:
            yield score


def _coverage(run: Run, task: str) -> Coverage:
    return next(one for one in run.record.coverage if one.task == task)


def _partly(run: Run, culture: Culture, known: Catalog, held: dict[str, tuple[str, ...]]) -> Iterator[str]:
    measured = set(run.record.tasks)
    for name in culture.tasks:
        if name not in held and measured.intersection(known.leaves(name)):
            yield f"{name} was measured in part and has no place here"


def _items(results: Iterable[SampleResult], metrics: Sequence[str]) -> BoardItems:
    ordered = sorted(results, key=lambda result: (result.sample.hash, result.sample.id))
    values = {metric: _encoded([result.metrics.get(metric) for result in ordered]) for metric in metrics}
    return BoardItems(hashes="".join(result.sample.hash[:HASH_DIGITS] for result in ordered), values=values)


def _encoded(values: Sequence[float | None]) -> str | tuple[float | None, ...]:
    if all(value in _VERDICTS for value in values):
        return "".join(_VERDICTS[value] for value in values)
    return tuple(values)
