"""Audited × Audited* -> how much hangs on the judge: the same responses judged again, by another, or by several.

A panel's metric is the mean of each judge's own metric. Averaging scores first and then asking for the threshold gives another
metric: with three judges that scatter by 10 points, 35% where each of them says 42%.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import fmean

from harness.auditing.answers import METRICS, Answer, Audited, Board
from harness.auditing.labels import Labels
from harness.auditing.rates import rate_of
from harness.auditing.weighing import words
from harness.errors import NotComparable
from harness.schema import AuditRate, FlipRate, JudgePair, PanelRate
from harness.stats.agreement import cohen_kappa, confusion, raw_agreement
from harness.stats.agreement import flips as count_flips
from harness.stats.intervals import rate_interval
from harness.stats.ppi import effective_votes

Matched = tuple[Board, Board, list[tuple[Answer, Answer]]]


def flips(run: Audited, again: Audited) -> Iterator[FlipRate]:
    """Verdicts that changed: of scores whether T was reached, of everything else the class."""
    for mine, theirs, pairs in _matched(run, again):
        ours = [mine.class_of(one.word) for one, _ in pairs]
        changed, n = count_flips(ours, [mine.class_of(other.word) for _, other in pairs])
        yield FlipRate(
            run=again.record.id,
            judge=again.record.provenance.judge,
            benchmark=theirs.benchmark,
            kind=mine.kind,
            of="pass at T" if mine.kind == "score" else "class",
            flips=changed,
            rate=AuditRate(value=changed / n, interval=rate_interval(changed, n), n=n),
        )


def versus(run: Audited, other: Audited, labels: Labels) -> Iterator[JudgePair]:
    """Agreement of two judges on all answers, and of the second with people on the labelled ones."""
    for mine, theirs, pairs in _matched(run, other):
        table = confusion(
            [mine.class_of(one.word) for one, _ in pairs], [mine.class_of(two.word) for _, two in pairs], mine.classes
        )
        yield JudgePair(
            run=other.record.id,
            judge=other.record.provenance.judge,
            benchmark=theirs.benchmark,
            kind=mine.kind,
            items=len(pairs),
            raw=raw_agreement(table) or 0.0,
            kappa=cohen_kappa(table),
            people=_with_people(mine, [answer for _, answer in pairs], labels),
        )


def panel(runs: Sequence[Audited], labels: Labels) -> Iterator[PanelRate]:
    """Every rate by all judges together."""
    first = runs[0]
    for board in first.boards:
        if board.kind == "choice":
            continue
        columns = [_column(board, first, one) for one in runs]
        shared = sorted(set.intersection(*(set(column) for column in columns)))
        if not shared:
            continue
        answers = [[column[key] for key in shared] for column in columns]
        for metric in METRICS[board.kind]:
            yield _panel(board, metric, runs, answers, labels)


def _panel(board: Board, metric: str, runs: Sequence[Audited], answers: Sequence[Sequence[Answer]], labels: Labels) -> PanelRate:
    values = [[board.value(metric, one, one.word) or 0.0 for one in column] for column in answers]
    names = [one.record.id for one in runs]
    return PanelRate(
        benchmark=board.benchmark,
        kind=board.kind,
        metric=metric,
        judges={name: fmean(column) for name, column in zip(names, values, strict=True)},
        panel=rate_of([fmean(item) for item in zip(*values, strict=True)]),
        thresholded=_thresholded(board, answers) if metric == "acc" else None,
        votes=_votes(board, metric, answers, labels),
        kappas=tuple(_kappas(names, values)) if metric != "score" else (),
    )


def _thresholded(board: Board, answers: Sequence[Sequence[Answer]]) -> float:
    means = [fmean(answer.word.score or 0.0 for answer in item) for item in zip(*answers, strict=True)]
    return fmean(mean >= board.threshold for mean in means)


def _votes(board: Board, metric: str, answers: Sequence[Sequence[Answer]], labels: Labels) -> float | None:
    """By the judges' errors against people, on the labelled answers."""
    truths = [_truth(board, metric, answer, labels) for answer in answers[0]]
    known = [place for place, truth in enumerate(truths) if truth is not None]
    errors = [
        [(board.value(metric, column[place], column[place].word) or 0.0) - (truths[place] or 0.0) for place in known]
        for column in answers
    ]
    return effective_votes(errors) if known else None


def _truth(board: Board, metric: str, answer: Answer, labels: Labels) -> float | None:
    said = [board.value(metric, answer, word) for word in words(labels.by_answer.get(answer.hash, ()))]
    known = [one for one in said if one is not None]
    return fmean(known) if known else None


def _kappas(names: Sequence[str], values: Sequence[Sequence[float]]) -> Iterator[tuple[str, str, float | None]]:
    for (a, ours), (b, theirs) in combinations(zip(names, values, strict=True), 2):
        yield a, b, cohen_kappa(confusion(ours, theirs, (0.0, 1.0)))


def _with_people(board: Board, answers: Sequence[Answer], labels: Labels) -> float | None:
    rows = [
        (board.class_of(word), board.class_of(answer.word))
        for answer in answers
        for word in words(labels.by_answer.get(answer.hash, ()))
    ]
    return cohen_kappa(confusion([a for a, _ in rows], [b for _, b in rows], board.classes)) if rows else None


def _matched(run: Audited, other: Audited) -> Iterator[Matched]:
    for board in run.boards:
        mine = {answer.hash: answer for answer in board.answers}
        theirs = _column(board, run, other)
        shared = sorted(mine.keys() & theirs.keys())
        twin = _twin(board, other)
        if shared and twin is not None:
            yield board, twin, [(mine[key], theirs[key]) for key in shared]


def _column(board: Board, run: Audited, other: Audited) -> Mapping[str, Answer]:
    """The other run's verdicts on this board's responses.

    Raises:
        NotComparable: the responses are not the same, or not judged by the same rubric.
    """
    twin = _twin(board, other)
    if twin is None:
        return {}
    ids = f"'{run.record.id}' and '{other.record.id}'"
    different = [key for key in (a.key for a in board.answers) if key in other.keys and other.keys[key] != run.keys[key]]
    if different:
        task, name = different[0]
        raise NotComparable(
            f"runs {ids} do not hold the same responses: {task} {name} and {len(different) - 1} more differ; "
            "judge one run twice (harness judge)"
        )
    if twin.classes != board.classes:
        raise NotComparable(f"runs {ids} were not judged by the same classes: {board.rubric} and {twin.rubric}")
    return {answer.hash: answer for answer in twin.answers}


def _twin(board: Board, other: Audited) -> Board | None:
    return next((one for one in other.boards if (one.benchmark, one.kind) == (board.benchmark, board.kind)), None)
