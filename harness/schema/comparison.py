"""The nouns of comparisons: how two runs differ, where, how surely, and on which samples.

    RunRecord × RunRecord ─compare─> Comparison

Nothing is ruled here, that is a gate's business. Differences are candidate - baseline, written so that more is better: where a
metric is a ceiling (`hr`), its complement is compared.
"""

from __future__ import annotations

from typing import Final, Literal

from harness.schema.evaluation import Frozen, Message, VerdictState
from harness.schema.gating import GateSide
from harness.schema.outcome import PairedScore

COMPARISON_SCHEMA: Final = "harness.comparison/1"

Scope = Literal["overall", "dimension", "topic", "level"]
FlipKind = Literal["lost", "gained"]


class Effect(Frozen):
    """How large a difference is, apart from how many items there are; with its 95% interval."""

    kind: Literal["odds ratio", "d_z"]
    """odds ratio: items gained over items lost (verdicts). d_z: mean over deviation of the differences (scores)."""
    value: float | None
    """None where it is not finite: nothing was lost."""
    low: float | None
    high: float | None
    """None where it is not finite."""
    g: float | None = None
    """Cohen's g, -0.5 to 0.5: the share of the changed items that were gained, less one half. Of verdicts only."""


class Difference(Frozen):
    """One row: some items of one benchmark by one metric."""

    benchmark: str
    scope: Scope
    name: str
    """Dimension, topic or level; empty for `overall`."""
    aggregation: Literal["micro", "macro"]
    """micro: every item weighs the same. macro: every dimension does."""
    metric: str
    ceiling: bool
    """Less is better, so the complement is compared."""
    paired: PairedScore
    p: float
    """Two-sided, of no difference: McNemar's mid-p (verdicts), t or exact sign flips (scores), z (macro)."""
    p_adjusted: float | None
    """By Holm, over all rows of this scope and metric; of `overall`, over all micro rows. None of macro rows."""
    p_exploration: float | None
    """By Benjamini and Hochberg, over the topics of this metric; None elsewhere."""
    effect: Effect | None
    """None where no item changed, and of macro rows."""
    correlation: float | None
    """Of the two runs' values, item by item; None where one of them has no spread, and of macro rows."""
    discordance: float
    """Mean squared difference; of verdicts, the share of items that changed."""


class FlipCount(Frozen):
    """What became of the items of one benchmark by one metric."""

    benchmark: str
    metric: str
    n: int
    gained: int
    lost: int
    both_right: int | None
    """None where the metric is no verdict."""
    both_wrong: int | None
    lacking_baseline: int = 0
    """Items without a value in the baseline: ties."""
    lacking_candidate: int = 0
    """Items without a value in the candidate: wrong."""


class FlipSide(Frozen):
    """What one of the two made of a sample."""

    value: float | None
    """Of the flip's metric, on its own scale; None if it has none."""
    state: VerdictState | None
    label: str | None
    score: float | None
    reason: str
    response: str | None
    """As generated, whole; None if there was none."""
    error: str | None = None


class Flip(Frozen):
    """One sample that is right in one run and wrong in the other (or scored otherwise)."""

    kind: FlipKind
    benchmark: str
    task: str
    id: str
    hash: str
    """Of its content."""
    dimension: str
    topic: str | None
    level: str | None
    metric: str
    """Its most telling metric."""
    also: tuple[str, ...] = ()
    """Further metrics that flipped."""
    question: str
    target: str | None
    options: dict[str, str]
    prompt: str | tuple[Message, ...]
    """As the candidate was asked (the baseline, where the candidate was not)."""
    baseline: FlipSide
    candidate: FlipSide


class Comparison(Frozen):
    """What two runs say when they are laid side by side."""

    schema_version: Literal["harness.comparison/1"] = COMPARISON_SCHEMA
    baseline: GateSide
    candidate: GateSide
    judge: str | None
    threshold: float
    different: tuple[str, ...]
    """What but the model differs, where that was allowed. Not empty: no difference here can be laid to the model."""
    by: tuple[Scope, ...]
    differences: tuple[Difference, ...]
    counts: tuple[FlipCount, ...]
    flipped: dict[FlipKind, int]
    """Samples that were lost, and gained, by any metric: each counted once."""
    flips: tuple[Flip, ...]
    """Losses first, spread over the areas; perhaps not all."""
    notes: tuple[str, ...] = ()
