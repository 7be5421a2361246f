"""The nouns of judge audits: what people are shown, what they said, and what that says of the judge.

    RunRecord ─draw─> SheetRow* ─people─> Label*            RunRecord × Label* ─audit─> JudgeAudit

A sheet is blind: it never holds what the judge said, nor by which model an answer was given.
"""

from __future__ import annotations

from typing import Final, Literal

from harness.schema.evaluation import Frozen, Interval

AUDIT_SCHEMA: Final = "harness.judge-audit/1"

SHEET_ROWS: Final = 200
"""Answers a sheet asks of people by default."""

AuditKind = Literal["score", "refusal", "benign", "choice"]


class SheetRow(Frozen):
    """One answer as people see it: never with what the judge said of it, nor by whom it was given."""

    task: str
    id: str
    hash: str
    """Of the item and of the answer: joins a label to what was read, and to nothing else."""
    question: str
    response: str
    reference: str
    """Empty where there is none."""
    label: str
    """Empty, for people to fill in."""
    annotator: str
    stratum: str
    """Which rows had the same chance to be drawn, and of how many: sealed, another text in each row."""


class Label(Frozen):
    """What one person said of one answer."""

    task: str
    id: str
    hash: str
    annotator: str
    label: str | None = None
    """Published label, or letter (`invalid`: no clear choice)."""
    degree: int | None = None
    """Refusal degree 0-3 behind `label`."""
    score: float | None = None
    """0-100."""
    stratum: str | None = None
    """None where the file has none: a simple random sample."""
    stratum_size: int | None = None


class AuditRate(Frozen):
    """A mean with its 95% interval."""

    value: float
    interval: Interval
    n: int
    """Items behind it."""


class ClassAgreement(Frozen):
    """One class, in labelled items, as counted."""

    name: str
    people: int
    """Labels of people that name it."""
    judge: int
    """Labels whose item the judge put there."""
    recall: AuditRate | None
    """Of what people name so, the share that the judge does; None where there is none."""
    precision: AuditRate | None
    """Of what the judge names so, the share that people do."""


class Agreement(Frozen):
    """Judge against people, on labelled items that stand for all: each counts as often as it was passed over."""

    items: int
    raw: AuditRate
    classes: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    """Labels as counted: rows people, columns judge."""
    by_class: tuple[ClassAgreement, ...]
    kappa: float | None
    """Cohen's, over `classes`; None where only one was used."""
    kappa_interval: Interval | None
    kappa_linear: float | None = None
    """Of degrees, or of scores in bands of ten."""
    kappa_quadratic: float | None = None
    alpha: float | None
    """Krippendorff's, judge and people as two raters."""
    alpha_level: Literal["nominal", "ordinal", "interval"]


class ThresholdRow(Frozen):
    """ACC as it would be at another threshold, by the judge."""

    threshold: float
    at_least: AuditRate
    """Score >= threshold."""
    above: AuditRate
    """Score > threshold."""


class CorrectedRate(Frozen):
    """A metric by the judge alone, and corrected by what people say."""

    metric: str
    judged: AuditRate
    corrected: AuditRate
    lam: float
    """Weight of the judge inside the strata, 0-1."""
    labels: int


class Annotator(Frozen):
    """One person."""

    name: str
    labels: int


class PeopleAgreement(Frozen):
    """People against each other, on the answers that more than one of them labelled."""

    items: int
    raw: float
    """Share of pairs of labels that are the same."""
    kappa: float | None
    """Cohen's of two people, Fleiss' of more who labelled the same answers; None else."""
    alpha: float | None
    alpha_level: Literal["nominal", "ordinal", "interval"]


class StratumPlan(Frozen):
    """Answers that the judge put in one place, and how many of them a sheet of `SHEET_ROWS` would hold."""

    name: str
    size: int
    drawn: int


class BenchmarkAudit(Frozen):
    """One benchmark's answers of one kind."""

    benchmark: str
    kind: AuditKind
    rubric: str | None
    items: int
    """Judged answers."""
    counts: dict[str, int]
    """Judge's class -> answers."""
    strata: tuple[StratumPlan, ...]
    labelled: int
    """Answers that somebody labelled."""
    agreement: Agreement | None = None
    people: PeopleAgreement | None = None
    thresholds: tuple[ThresholdRow, ...] = ()
    rates: tuple[CorrectedRate, ...] = ()
    """With labels only."""


class FlipRate(Frozen):
    """The same responses judged again: how many verdicts changed."""

    run: str
    judge: str | None
    benchmark: str
    kind: AuditKind
    of: Literal["pass at T", "class"]
    flips: int
    rate: AuditRate


class JudgePair(Frozen):
    """Two judges on the same responses."""

    run: str
    judge: str | None
    benchmark: str
    kind: AuditKind
    items: int
    raw: float
    kappa: float | None
    people: float | None = None
    """Kappa of the second judge with people, where there are labels."""


class PanelRate(Frozen):
    """A metric by several judges: each one's indicators, averaged."""

    benchmark: str
    kind: AuditKind
    metric: str
    judges: dict[str, float]
    """Run -> value by its judge."""
    panel: AuditRate
    thresholded: float | None = None
    """What a threshold on the averaged score would have given: another metric, shown as a warning."""
    votes: float | None = None
    """Independent votes that the judges are worth; None without labels."""
    kappas: tuple[tuple[str, str, float | None], ...] = ()
    """Each two judges."""


class CorrectedDifference(Frozen):
    """Candidate - baseline by the judge alone, and corrected by people's labels of both runs."""

    benchmark: str
    metric: str
    judged: AuditRate
    corrected: AuditRate
    lam: float
    labels: int
    """Items that people labelled in both runs."""


class JudgeAudit(Frozen):
    """What is known of a judge on one run."""

    schema_version: Literal["harness.judge-audit/1"] = AUDIT_SCHEMA
    run: str
    model: str
    judge: str | None
    rubrics: dict[str, str]
    """Rubric name -> content hash."""
    threshold: float
    label_files: dict[str, str]
    """File name -> SHA-256."""
    annotators: tuple[Annotator, ...]
    benchmarks: tuple[BenchmarkAudit, ...]
    flips: tuple[FlipRate, ...] = ()
    versus: tuple[JudgePair, ...] = ()
    panel: tuple[PanelRate, ...] = ()
    against: str | None = None
    """Run that differences are taken to: its value less this run's."""
    differences: tuple[CorrectedDifference, ...] = ()
    notes: tuple[str, ...] = ()
