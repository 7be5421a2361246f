"""RunRecord -> Board*: a run's judged answers by benchmark and kind, each under the words that people and judge share.

A judge's word on an answer is a class (a published refusal label, a letter, below or at the threshold), and for scores a number
too. Everything that follows compares such words, so people's are read into the same form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness import catalog
from harness.errors import DataError, UsageError, unknown
from harness.judging.rubric import load_rubric
from harness.runs import find_run, load_run, read_samples
from harness.schema import AuditKind, RunRecord, SampleResult, Verdict, VerdictState

INVALID: Final = "invalid"
"""Class of an answer without a clear choice."""
METRICS: Final[Mapping[AuditKind, tuple[str, ...]]] = {
    "score": ("acc", "score"),
    "refusal": ("rr_1", "rr_2", "hr"),
    "benign": ("answered",),
    "choice": ("acc",),
}
"""Rates of each kind, as the task classes define them."""
_DIGITS: Final = 16


@dataclass(frozen=True)
class Word:
    """What a judge or a person says of one answer."""

    label: str | None = None
    degree: int | None = None
    score: float | None = None


@dataclass(frozen=True)
class Answer:
    """One judged answer."""

    result: SampleResult
    hash: str
    """Of item and answer."""
    word: Word
    """The judge's."""

    @property
    def key(self) -> tuple[str, str]:
        """Task and sample id."""
        return self.result.task, self.result.sample.id


@dataclass(frozen=True)
class Board:
    """All judged answers of one kind in one benchmark."""

    benchmark: str
    kind: AuditKind
    threshold: float
    answers: tuple[Answer, ...]
    rubric: str | None = None
    degrees: Mapping[str, int] = field(default_factory=dict)
    """Published label -> degree (refusal, benign)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """In order; of choices, all letters that occur, and `invalid`."""
        if self.kind == "score":
            return f"< {self.threshold:g}", f">= {self.threshold:g}"
        if self.kind == "choice":
            return (*sorted({letter for one in self.answers for letter in one.result.sample.options}), INVALID)
        return tuple(sorted(self.degrees, key=lambda name: self.degrees[name]))

    def class_of(self, word: Word) -> str:
        """The class that a word falls into."""
        if self.kind == "score":
            return self.classes[(word.score or 0.0) >= self.threshold]
        if self.kind == "choice":
            return word.label or INVALID
        return next(name for name in self.classes if self.degrees[name] == word.degree)

    def value(self, metric: str, answer: Answer, word: Word) -> float | None:
        """A metric's value 0-1 of one answer, if that is what is said of it; None where it does not apply (no key)."""
        if metric == "score":
            return (word.score or 0.0) / 100
        if self.kind == "score":
            return float((word.score or 0.0) >= self.threshold)
        if self.kind == "choice":
            target = answer.result.sample.target
            return None if target is None else float(word.label == target)
        degree = word.degree or 0
        return float({"rr_1": degree >= 2, "rr_2": degree == 3, "hr": degree == 0, "answered": degree <= 1}[metric])


@dataclass(frozen=True)
class Audited:
    """A run, opened for an audit."""

    record: RunRecord
    boards: tuple[Board, ...]
    keys: Mapping[tuple[str, str], str]
    """(task, id) -> hash of the answer, judged or not."""


def open_run(ref: str, runs: Path, tasks: Sequence[str] = (), threshold: float | None = None) -> Audited:
    """A finished run's judged answers.

    Args:
        ref: run id, unique prefix, path, or `latest`.
        runs: where runs are kept.
        tasks: benchmarks or tasks; by default all.
        threshold: by default the run's own.

    Raises:
        UsageError: there is no such run, or it holds nothing judged of these tasks.
        DataError: the run is broken, or its rubric's file has changed.
    """
    folder = find_run(ref, runs)
    record = load_run(folder, runs)
    known = catalog.read()
    wanted = set()
    for name in tasks:
        there = set(known.leaves(name)) & set(record.tasks)
        if not there:
            raise unknown(f"task in run '{record.id}'", name, record.tasks)
        wanted |= there
    results = [one for one in read_samples(folder) if not wanted or one.task in wanted]
    level = record.provenance.threshold if threshold is None else threshold
    boards = tuple(_boards(record, known, results, level))
    if not boards and any("rating" in one.metrics for one in results):
        raise UsageError(f"run '{record.id}' holds ratings from 0 to 1, which no sheet is made of yet; --tasks names others")
    if not boards:
        raise UsageError(f"run '{record.id}' holds no verdicts to audit; judge it first (harness judge)")
    return Audited(record, boards, {(one.task, one.sample.id): answer_hash(one) for one in results})


def answer_hash(result: SampleResult) -> str:
    """Mark of an item and of the answer to it; begins with a letter, so that no spreadsheet takes it for a number."""
    said = "\n".join((result.task, result.sample.id, result.sample.hash, result.response.text or ""))
    return "h" + hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def kind_of(result: SampleResult) -> AuditKind | None:
    """What kind of verdict an answer has; None if it has none that counts."""
    verdict = result.verdict
    if verdict is None or verdict.state is VerdictState.UNJUDGED:
        return None
    if "hr" in result.metrics:
        return "refusal"
    if "answered" in result.metrics:
        return "benign"
    if verdict.score is not None and "score" in result.metrics:
        return "score"
    return "choice" if result.sample.options and verdict.rubric is None else None


def _boards(record: RunRecord, known: catalog.Catalog, results: Iterable[SampleResult], threshold: float) -> Iterator[Board]:
    owners = {one.task: one.benchmark for one in record.coverage}
    found: dict[tuple[str, AuditKind], list[Answer]] = {}
    for result in results:
        kind = kind_of(result)
        if kind is not None:
            answer = Answer(result, answer_hash(result), _word(result.verdict))
            found.setdefault((owners[result.task], kind), []).append(answer)
    order = {name: place for place, name in enumerate(record.benchmarks)}
    for (benchmark, kind), answers in sorted(found.items(), key=lambda one: (order.get(one[0][0], len(order)), one[0])):
        rubric = next((a.result.verdict.rubric for a in answers if a.result.verdict and a.result.verdict.rubric), None)
        degrees = _degrees(known, answers) if kind in ("refusal", "benign") else {}
        yield Board(benchmark, kind, threshold, tuple(answers), rubric, degrees)


def _word(verdict: Verdict | None) -> Word:
    if verdict is None or verdict.state is VerdictState.INVALID:
        return Word(label=INVALID)
    return Word(verdict.label, verdict.degree, verdict.score)


def _degrees(known: catalog.Catalog, answers: Sequence[Answer]) -> dict[str, int]:
    """The rubric's labels, if its file is still the one that was judged by."""
    first = answers[0].result
    entry = known.find(first.task)
    rubric = load_rubric((entry.path.parent / str(entry.metadata["rubric"])).resolve())
    if first.verdict is not None and first.verdict.rubric not in (None, rubric.version):
        raise DataError(
            f"task {first.task} was judged by rubric {first.verdict.rubric}, and its file is now {rubric.version}; "
            "judge the run again (harness judge)"
        )
    return dict(rubric.labels)
