"""RunRecord -> a sheet for people, and RunRecord × their labels -> JudgeAudit: how far a judge can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness import folders
from harness.auditing import judges
from harness.auditing.agreeing import agreement, people_agreement
from harness.auditing.answers import Audited, Board, open_run
from harness.auditing.labels import Labels, read_labels
from harness.auditing.rates import corrected, differences, thresholds
from harness.auditing.sheet import drawn, planned, write_sheet
from harness.auditing.weighing import Sampled, sample
from harness.errors import UsageError
from harness.schema import Annotator, BenchmarkAudit, JudgeAudit, RunRecord, SheetRow, StratumPlan

NOBODY = Labels({}, 0, {})


def draw(
    run: str,
    n: int,
    out: Path,
    seed: int = 0,
    *,
    tasks: Sequence[str] = (),
    against: str | None = None,
    runs: Path | None = None,
) -> tuple[SheetRow, ...]:
    """Draw answers for people and write the sheet.

    Args:
        run: run id, unique prefix, path, or `latest`.
        n: answers wanted; what a refusal benchmark's judge calls harmful comes on top.
        out: .csv or .jsonl; must not exist.
        seed: of draw and order.
        tasks: benchmarks or tasks; by default all that is judged.
        against: a second run whose answers to the same items are drawn too, so that people can correct a difference.
        runs: where runs are kept.

    Raises:
        HarnessError: with one line that says what to mend.
    """
    root = folders.runs_dir(runs)
    other = open_run(against, root, tasks) if against else None
    rows = tuple(drawn(open_run(run, root, tasks), n, seed, other))
    write_sheet(rows, out)
    return rows


def audit(
    run: str,
    labels: Sequence[Path] = (),
    *,
    tasks: Sequence[str] = (),
    threshold: float | None = None,
    retest: str | None = None,
    versus: Sequence[str] = (),
    panel: Sequence[str] = (),
    against: str | None = None,
    labels_against: Sequence[Path] = (),
    seed: int = 0,
    runs: Path | None = None,
) -> JudgeAudit:
    """What people, other judges and a second pass say of a run's judge.

    Args:
        run: run id, unique prefix, path, or `latest`.
        labels: sheets that people filled in; without any, the report says what the judge did and what a sheet would need.
        tasks: benchmarks or tasks; by default all that is judged.
        threshold: of ACC; by default the run's own.
        retest: run with the same responses, judged again by the same judge.
        versus: runs with the same responses, judged by others.
        panel: likewise; together with `run` they form a panel.
        against: run of another model on the same items: differences, its value less this run's, corrected.
        labels_against: its labels, where they stand in other files.
        seed: of the bootstrap.
        runs: where runs are kept.

    Raises:
        HarnessError: with one line that says what to mend.
    """
    root = folders.runs_dir(runs)
    mine = open_run(run, root, tasks, threshold)
    level = mine.boards[0].threshold
    other = open_run(against, root, tasks, level) if against else None
    if labels_against and other is None:
        raise UsageError("--labels-against needs --against RUN, the run that they are of")
    said = read_labels([*labels, *labels_against], *([mine] if other is None else [mine, other])) if labels else NOBODY
    if other is not None and not labels:
        raise UsageError("--against corrects a difference by people's labels; give them with --labels")
    sampled = [sample(mine.record.id, board, said) for board in mine.boards]
    others = {name: open_run(name, root, tasks, level) for name in (*([retest] if retest else []), *versus, *panel)}
    _check_others(mine, others, panel)
    return JudgeAudit(
        run=mine.record.id,
        model=mine.record.model.name,
        judge=mine.record.provenance.judge,
        rubrics=mine.record.provenance.rubrics,
        threshold=level,
        label_files=dict(said.files),
        annotators=_annotators(said),
        benchmarks=tuple(_benchmark(mine, one, plan, seed) for one, plan in zip(sampled, planned(mine.boards), strict=True)),
        flips=tuple(judges.flips(mine, others[retest])) if retest else (),
        versus=tuple(pair for name in versus for pair in judges.versus(mine, others[name], said)),
        panel=tuple(judges.panel([mine, *(others[name] for name in panel)], said)) if panel else (),
        against=other.record.id if other else None,
        differences=tuple(differences(mine, other, said)) if other else (),
        notes=tuple(_notes(mine, sampled, said, others.get(retest or ""))),
    )


def _check_others(mine: Audited, others: Mapping[str, Audited], panel: Sequence[str]) -> None:
    """A run agrees with itself, and a judge that sits in a panel twice has two votes: neither says anything."""
    for other in others.values():
        if other.record.id == mine.record.id:
            raise UsageError(
                f"'{other.record.id}' is the run that is audited; name another run of the same responses "
                "(harness judge RUN --judge …, with --fresh for a second pass of the same judge)"
            )
    seats = [others[name].record.id for name in panel]
    if twice := next((name for name in seats if seats.count(name) > 1), None):
        raise UsageError(f"run '{twice}' sits in the panel twice")


def _benchmark(run: Audited, sampled: Sampled, plan: tuple[StratumPlan, ...], seed: int) -> BenchmarkAudit:
    board = sampled.board
    return BenchmarkAudit(
        benchmark=board.benchmark,
        kind=board.kind,
        rubric=board.rubric,
        items=len(board.answers),
        counts=_counts(board),
        strata=plan,
        labelled=len(sampled.items),
        agreement=agreement(sampled, seed),
        people=people_agreement(sampled),
        thresholds=thresholds(board),
        rates=corrected(run.record.id, sampled),
    )


def _counts(board: Board) -> dict[str, int]:
    found = Counter(board.class_of(answer.word) for answer in board.answers)
    return {name: found[name] for name in board.classes}


def _annotators(said: Labels) -> tuple[Annotator, ...]:
    found = Counter(label.annotator for labels in said.by_answer.values() for label in labels)
    return tuple(Annotator(name=name, labels=n) for name, n in sorted(found.items()))


def _notes(run: Audited, sampled: Sequence[Sampled], said: Labels, again: Audited | None) -> Iterator[str]:
    if said.empty:
        yield f"{said.empty:,} rows of the sheets have no label yet and count as not labelled"
    yield from _sample_notes([one for one in sampled if one.items])
    if again is not None:
        yield from _retest_notes(run.record, again.record)


def _retest_notes(first: RunRecord, again: RunRecord) -> Iterator[str]:
    judge = again.provenance.judge
    if judge != first.provenance.judge:
        yield (
            f"retest: '{again.id}' was judged by {judge}, not by {first.provenance.judge}: this is no retest but a second judge "
            "(--versus)"
        )
    elif judge is not None and judge.startswith("openai:") and again.usage.judged == 0:
        yield (
            f"retest: '{again.id}' asked its judge nothing, its verdicts come from the cache: that none flipped says nothing; "
            f"harness judge {first.id} --judge {judge} --fresh asks again"
        )
    elif judge is not None and not judge.startswith("openai:"):
        yield f"retest: {judge} is a program that says the same each time"


def _sample_notes(sampled: Sequence[Sampled]) -> Iterator[str]:
    simple = [one.board.benchmark for one in sampled if "all" in one.members]
    foreign = [one.board.benchmark for one in sampled if "all" not in one.members and not one.own]
    if simple:
        yield f"{', '.join(simple)}: the labels name no strata and are taken as a simple random sample of the answers"
    if foreign:
        yield (
            f"{', '.join(foreign)}: the sheet's strata are not those of this run alone (two runs at once, other --tasks, another "
            "judge's verdicts); labels stand for them by the sizes that the sheet states"
        )
    for one in sampled:
        if one.unseen > 0:
            yield (
                f"{one.board.benchmark}: {one.unseen:,} answers lie in strata of which nobody labelled any; there the judge's "
                "value is taken, and the interval allows all of 0-100%"
            )
        if one.items and one.board.kind != "choice" and len({one.board.class_of(a.word) for a in one.board.answers}) == 1:
            yield f"{one.board.benchmark}: the judge put all answers into one class, where kappa can only be 0 or missing"
