"""RunRecord × Culture -> Diagnosis: which dimensions are weak, by the dev half of the run alone.

The other half stays unseen until the trained model is tested on it. Whoever picks the weakest of many picks bad luck too: an
unchanged model seems to gain 2.5 points where it was worst, if it is tested on the items that called it weak.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness import catalog, folders, notes
from harness import culture as cultures
from harness.errors import IncompleteRun, UsageError
from harness.measure import COMPLETE_AT
from harness.runs import find_run, load_run, read_samples
from harness.schema import Culture, Diagnosis, Finding, KeyRef, RunRecord, SampleResult, State, TopicEstimate, TrainedStage
from harness.stats.aggregate import coverage
from harness.stats.boards import Board, board, key
from harness.stats.diagnosis import Look, claims

Held = Mapping[str, tuple[str, ...]]
"""Benchmark of the culture -> its tasks in the run."""


def diagnose(
    run: str | RunRecord,
    *,
    culture: str | None = None,
    reference: str | None = None,
    runs: Path | None = None,
    allow_limited: bool = False,
) -> Diagnosis:
    """Compare each dimension of a run with what a culture wants of it.

    Args:
        run: Run id, unique prefix, path, `latest`, or a record whose folder lies under `runs`.
        culture: Name or path of a culture; default: the one whose benchmarks the run holds.
        reference: Run of another model on the same items, whose values take the place of the culture's standards.
        runs: Where runs are kept.
        allow_limited: Take a run of the first few samples too; its findings are for trying things out.

    Raises:
        UsageError: No such run or culture, nothing of the culture in the run, a limited run, a reference measured otherwise.
        IncompleteRun: Fewer than 99% of a task's dev samples are judged.
        DataError: A file is broken.
    """
    root = folders.runs_dir(runs)
    known = catalog.read()
    tested = _open(run, root, allow_limited)
    wanted = cultures.load(culture, known=known) if culture else _culture_of(tested.record, known)
    held = _held(known, wanted, tested.record)
    if not held:
        raise UsageError(f"{_said(tested.record)} no benchmark of culture '{wanted.name}': {', '.join(wanted.benchmarks)}")
    tasks = {task for leaves in held.values() for task in leaves}
    tested.read(tasks)
    other = None if reference is None else _open(reference, root, allow_limited)
    if other is not None:
        other.read(tasks)
        _check_same(known, tested, other)
    boards = dict(_boards(wanted, held, tested, other))
    findings = tuple(_findings(wanted, boards))
    if not findings:
        raise UsageError(f"{_said(tested.record)} no scored dev sample that culture '{wanted.name}' has a standard for")
    return Diagnosis(
        run=tested.record.id,
        model=tested.record.model.name,
        model_fingerprint=tested.record.provenance.model_fingerprint,
        culture=wanted.name,
        culture_digest=wanted.digest,
        reference=other.record.id if other else None,
        findings=findings,
        topics=tuple(_topics(boards)),
        notes=(
            *_notes_of_run(tested),
            *_notes_of_extent(known, wanted, held),
            *_notes_of_boards(boards),
            *_notes_of_reference(other),
        ),
    )


Boards = Mapping[tuple[str, str], Board]
"""(benchmark, metric) -> board."""


@dataclass
class _Opened:
    """A run and the dev half of the tasks that are diagnosed."""

    record: RunRecord
    path: Path
    dev: dict[str, list[SampleResult]] = field(default_factory=dict)
    """Task -> results, in the run's order."""

    def read(self, tasks: Iterable[str]) -> None:
        """Read the dev half; the other half is let pass."""
        for task in sorted(tasks):
            if task not in self.record.tasks:
                raise UsageError(f"run '{self.record.id}' holds no task '{task}', so it cannot be the standard here")
            self.dev[task] = [result for result in self._samples(task) if result.sample.split == "dev"]
            judged = coverage(task, task, self.dev[task])
            if judged.n and judged.share < COMPLETE_AT:
                raise IncompleteRun(
                    f"run '{self.record.id}': only {judged.judged} of the {judged.n} dev samples of {task} are judged; "
                    "the command that made it asks again for what is missing"
                )

    def _samples(self, task: str) -> Iterator[SampleResult]:
        """Without reading the record once more for each task, where the folder bears its name."""
        if self.path.name == self.record.id:
            return read_samples(self.record, task, root=self.path.parent)
        return read_samples(self.path, task)


def _open(run: str | RunRecord, root: Path, allow_limited: bool) -> _Opened:
    path = find_run(run.id if isinstance(run, RunRecord) else run, root)
    record = run if isinstance(run, RunRecord) else load_run(path, root)
    if not record.comparable and not allow_limited:
        raise UsageError(f"run '{record.id}' is limited to the first {record.limit} samples of each task: too few to diagnose by")
    return _Opened(record, path)


def _said(record: RunRecord) -> str:
    return f"run '{record.id}' ({', '.join(record.asked or record.tasks)}) holds"


def _culture_of(record: RunRecord, known: catalog.Catalog) -> Culture:
    """The one culture that has a benchmark in the run."""
    there = cultures.names()
    found = [one for one in (cultures.load(name, known=known) for name in there) if _held(known, one, record)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise UsageError(f"{_said(record)} benchmarks of {len(found)} cultures: {names}; choose with --culture")
    raise UsageError(f"{_said(record)} no benchmark of any culture; there are: {', '.join(there) or 'none'}")


def _held(known: catalog.Catalog, wanted: Culture, record: RunRecord) -> Held:
    """Tasks of each benchmark that the run holds; retained ones are not there to be mended."""
    found = {
        name: tuple(task for task in cultures.mended(known, name, wanted.retained) if task in record.tasks)
        for name in wanted.benchmarks
    }
    return {name: tasks for name, tasks in found.items() if tasks}


def _boards(wanted: Culture, held: Held, tested: _Opened, other: _Opened | None) -> Iterator[tuple[tuple[str, str], Board]]:
    for name, tasks in held.items():
        results = [result for task in tasks for result in tested.dev[task]]
        twins = {key(result): result for task in tasks for result in other.dev[task]} if other else None
        for metric, standards in wanted.benchmarks[name].standards.items():
            named = {dimension: standard for dimension, standard in standards.items() if dimension != cultures.ANY}
            yield (
                (name, metric),
                board(
                    results,
                    metric,
                    named,
                    threshold=tested.record.provenance.threshold,
                    default=standards.get(cultures.ANY),
                    reference=twins,
                ),
            )


def _findings(wanted: Culture, boards: Boards) -> Iterator[Finding]:
    looks = [(*place, one, *found) for place, one in boards.items() for found in one.look().items()]
    for (benchmark, metric, one, dimension, seen), claim in zip(looks, claims([seen for *_, seen in looks]), strict=True):
        yield _finding(benchmark, metric, wanted.benchmarks[benchmark].stage, one, dimension, seen, claim)


def _finding(benchmark: str, metric: str, stage: TrainedStage, one: Board, dimension: str, seen: Look, claim: State) -> Finding:
    return Finding(
        benchmark=benchmark,
        metric=metric,
        dimension=dimension,
        stage=stage,
        state=seen.state,
        claim=claim,
        value=seen.value,
        interval=seen.interval,
        standard=seen.standard,
        ceiling=one.ceiling,
        chance=one.dimensions[dimension].chance,
        gap=seen.gap,
        shortfall=seen.shortfall,
        n=seen.n,
        needed=seen.needed,
    )


def _topics(boards: Boards) -> Iterator[TopicEstimate]:
    for (benchmark, metric), one in boards.items():
        for (dimension, topic), seen in one.shrunk().items():
            yield TopicEstimate(
                benchmark=benchmark,
                metric=metric,
                dimension=dimension,
                topic=topic,
                n=seen.n,
                value=seen.value,
                shrunk=seen.shrunk,
                interval=seen.interval,
            )


def _check_same(known: catalog.Catalog, tested: _Opened, other: _Opened) -> None:
    """Two runs can be paired only where everything but the model is the same.

    Raises:
        UsageError: something else differs; it is named.
    """
    mine, theirs = tested.record.provenance, other.record.provenance
    who = f"'{other.record.id}' cannot be the standard of '{tested.record.id}'"
    for task, results in tested.dev.items():
        if {key(one) for one in results} != {key(one) for one in other.dev[task]}:
            raise UsageError(f"{who}: their dev samples of {task} are not the same ({len(results)} and {len(other.dev[task])})")
    pairs: list[tuple[str, object, object]] = [
        (f"task {task}", theirs.tasks.get(task), mine.tasks.get(task)) for task in tested.dev
    ]
    for name in sorted({str(known.find(task).metadata.get("benchmark", task)) for task in tested.dev}):
        pairs.append((f"the answer key of {name}", _key_name(theirs.keys.get(name)), _key_name(mine.keys.get(name))))
    for what in ("judge", "threshold", "rubrics"):
        pairs.append((f"the {what}", getattr(theirs, what), getattr(mine, what)))
    for what, there, here in pairs:
        if there != here:
            raise UsageError(f"{who}: {what} was {there or 'none'} there and is {here or 'none'} here")


def _key_name(ref: KeyRef | None) -> str | None:
    if ref is None:
        return None
    return ref.version if ref.min_confidence is None else f"{ref.version} (at least {ref.min_confidence})"


def _notes_of_run(tested: _Opened) -> Iterator[str]:
    """The run's own, with what was counted in samples counted anew in the dev half."""
    counted = tuple(notes.FLAGS.values())
    yield from (note for note in tested.record.notes if not note.endswith(counted))
    for note in notes.of_flags([result for rows in tested.dev.values() for result in rows]):
        yield f"dev half: {note}"


def _notes_of_extent(known: catalog.Catalog, wanted: Culture, held: Held) -> Iterator[str]:
    for name in wanted.benchmarks:
        missing = [task for task in cultures.mended(known, name, wanted.retained) if task not in held.get(name, ())]
        if missing:
            yield f"not in this run: {', '.join(missing) if name in held else name}"


def _notes_of_boards(boards: Boards) -> Iterator[str]:
    for (benchmark, metric), one in boards.items():
        if one.empty:
            yield f"{benchmark}, {metric}: nothing scored in {', '.join(one.empty)}"
        if one.unpaired:
            yield f"{benchmark}, {metric}: {one.unpaired} items left out, as the standard's run has no value for them"
        low = [name for name, seen in one.dimensions.items() if 0 < seen.standard <= seen.chance]
        if low:
            yield f"{benchmark}, {metric}: the standard is no better than guessing in {', '.join(low)}; not corrected for chance"


def _notes_of_reference(other: _Opened | None) -> Iterator[str]:
    if other is not None:
        yield f"the standard is run {other.record.id} ({other.record.model.name}) on the same items: weak is worse than it"
