"""The nouns of proof: what was claimed before training, what the runs say to it, and what an adaptation came to.

    Diagnosis ─freeze─> ClaimPlan ─train, measure─> Claim            StageOutcome* -> Adaptation

All differences are written so that more is better: where a metric is a ceiling (`hr`), its complement is compared.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from harness.schema.adaptation import TrainedStage
from harness.schema.evaluation import Frozen, Interval, Score

PLAN_SCHEMA: Final = "harness.claim-plan/1"
ADAPTATION_SCHEMA: Final = "harness.adaptation/1"

Answer = Literal["holds", "does not hold", "undecided"]
StepKind = Literal["measure", "diagnose", "claim", "mix", "train", "baseline", "evaluate"]
PartName = Literal[
    "weak areas improved", "strong areas held", "retained tasks held", "not bought by over-refusal", "only the weak", "off target"
]


# --- what is claimed, frozen before training --------------------------------------------------------------------------------


class Target(Frozen):
    """Some items of one benchmark or task, by one metric: what a difference is taken over."""

    benchmark: str
    """A benchmark, or a retained task."""
    dimensions: tuple[str, ...]
    """Dimensions that are pooled; empty: all."""
    metric: str
    ceiling: bool = False
    """Lower is better, so that the complement is compared."""
    subset: Literal["test", "all"]
    """Benchmarks: the half that no diagnosis has seen. Retained tasks: all items."""

    @property
    def name(self) -> str:
        """`demo_skills/TU`, `demo_en`, `demo_benign/DI+VV`."""
        return self.benchmark + (f"/{'+'.join(self.dimensions)}" if self.dimensions else "")


class Aim(Frozen):
    """A weak target and where it should be."""

    target: Target
    standard: float
    """0-1, on the metric's own scale."""


class Guard(Frozen):
    """A target that must not lose more than a margin."""

    target: Target
    margin: float
    """Share 0-1."""
    why: str
    """Where the margin comes from, with its numbers."""
    in_pool: bool = False
    """Its items stand in a pool that must hold as well: alone it fails the claim only if it is lost beyond doubt."""


class ClaimPlan(Frozen):
    """`claim-<stage>.json`, written before anything is trained: what will be claimed, of which items, at which margins."""

    schema_version: Literal["harness.claim-plan/1"] = PLAN_SCHEMA
    stage: TrainedStage
    model: str
    """What the stage begins with."""
    diagnosis: str
    """Run that was diagnosed; it never serves as the baseline."""
    diagnosis_sha256: str
    culture: str
    culture_digest: str
    aims: tuple[Aim, ...]
    """Everything found weak that this stage is to mend."""
    strong: tuple[Guard, ...]
    """Areas that are strong, of both stages, and strong metrics of this stage's other areas: pooled where several share benchmark
    and metric, and each alone."""
    over_refusal: tuple[Guard, ...]
    """Harmless requests that must go on being answered."""
    retained: tuple[Guard, ...]
    others: tuple[Target, ...]
    """Undecided, or weak and another stage's task: reported, not judged."""
    contrast: tuple[tuple[str, ...], tuple[str, ...]]
    """Names of the areas that should gain, and of those that should stay."""
    earlier_runs: tuple[str, ...]
    """Passes of this model that were finished when this was frozen: none of them may serve as the baseline."""
    alpha: float = 0.05


# --- what the runs say to it ------------------------------------------------------------------------------------------------


class PairedScore(Frozen):
    """A candidate against its baseline on the same items; more is better, values 0-1."""

    n: int
    """Different items; one that occurs twice counts once."""
    baseline: float
    candidate: float
    delta: float
    """`candidate` - `baseline`."""
    interval: Interval
    """Two-sided 95%, of `delta`."""
    lower: float
    """One-sided 95% bound of `delta`."""
    upper: float
    """One-sided 95% bound of `delta`."""
    p: float
    """One-sided, of no improvement."""
    wins: int
    """Items on which the candidate is better."""
    losses: int
    mde80: float
    """Smallest true difference that these items would have shown with 80% power."""


class Ratio(Frozen):
    """A share with its 95% interval; ends may lie outside 0-1, and are None where they are not finite."""

    value: float
    low: float | None
    high: float | None


class Evidence(Frozen):
    """One line of a claim."""

    target: Target
    against: str
    """Run that the candidate is compared with."""
    paired: PairedScore | None
    """None if there is no item to compare."""
    margin: float | None = None
    p_adjusted: float | None = None
    """By Holm over the weak areas."""
    simultaneous_lower: float | None = None
    """Bound of `delta` that holds for all lines of its part at once, 95%."""
    gap_closed: Ratio | None = None
    """Share of the distance to the standard."""
    in_pool: bool = False
    """Undecided, it is no objection: the pool decides."""
    answer: Answer | None
    """None where it is only reported."""
    why: str


class Contrast(Frozen):
    """Mean gain of the areas that should gain, less that of those that should stay."""

    value: float
    lower: float
    """One-sided 95% bound."""
    interval: Interval
    gained: tuple[str, ...]
    stayed: tuple[str, ...]


class Part(Frozen):
    """One part of a claim: all its lines must hold, but those that stand in a pool need only not be lost."""

    name: PartName
    answer: Answer | None
    """None where it is only reported, or where there is nothing to judge."""
    why: str
    evidence: tuple[Evidence, ...] = ()
    contrast: Contrast | None = None


class Claim(Frozen):
    """What a stage's plan claimed, judged."""

    stage: TrainedStage
    plan_sha256: str
    baseline: str
    """Run: a fresh pass of the stage's base model."""
    candidate: str
    """Run of the stage's last checkpoint."""
    parts: tuple[Part, ...]
    answer: Answer


# --- what an adaptation came to ---------------------------------------------------------------------------------------------


class Step(Frozen):
    """One line of `steps.jsonl`: something that is done and need not be done again."""

    stage: TrainedStage
    round: int
    """From 1; what is done once a stage stands in its first round."""
    kind: StepKind
    run: str | None = None
    mix: str | None = None
    checkpoint: str | None = None
    file: str | None = None
    """Written into the adaptation's folder."""
    sha256: str | None = None
    """Of `file`."""
    finished: str
    """ISO 8601, UTC."""


class Trained(Frozen):
    """One round of a stage: what was trained from what, and why."""

    number: int
    checkpoint: str
    parent: str
    diagnosis: str
    """Run whose diagnosis asked for it."""
    mix: str
    mix_rows: int
    mix_rows_sha256: str
    shares: dict[str, float]
    """Area -> share of the rows."""
    trainer: str
    recipe: str
    """Name of the preset."""
    seed: int
    steps: int
    """Optimizer steps."""
    weights_sha256: str
    """Over names and hashes of the weight files."""
    run: str
    """Evaluation of the checkpoint."""
    retention: tuple[Evidence, ...]


class StageOutcome(Frozen):
    """What became of one stage."""

    stage: TrainedStage
    state: Literal["trained", "skipped", "stopped"]
    why: str
    """Why it was skipped or stopped; empty if neither."""
    base: str
    model: str
    """What the next stage goes on with."""
    diagnosis: str
    """Run."""
    baseline: str | None
    """Fresh pass of `base`, if anything was trained."""
    weak: tuple[str, ...]
    strong: tuple[str, ...]
    undecided: tuple[str, ...]
    """Areas of both stages, as diagnosed before the first round."""
    rounds: tuple[Trained, ...] = ()
    claim: Claim | None = None


class Shown(Frozen):
    """One column of the report's tables."""

    label: str
    """base, KG, SAFE."""
    model: str
    run: str
    scores: tuple[Score, ...]
    """Of every benchmark (without tasks that are retained for themselves) and of every retained task: overall, by dimension."""


class Adaptation(Frozen):
    """`adaptations/<id>/adaptation.json`, written last: the loop that was run, and what it proved."""

    schema_version: Literal["harness.adaptation/1"] = ADAPTATION_SCHEMA
    id: str
    asked: dict[str, Any]
    """`plan.json`: all that decides what is done."""
    model: str
    model_fingerprint: str
    judge: str | None
    threshold: float
    culture: str
    culture_digest: str
    benchmarks: dict[str, TrainedStage]
    """Benchmark -> the stage that mends it."""
    retained: dict[str, str]
    """Task -> metric."""
    stages: tuple[StageOutcome, ...]
    shown: tuple[Shown, ...]
    answer: Answer
    stopped: bool = False
    """A retained task was lost, so the loop went no further."""
    why: str
    """The answer in a sentence."""
    notes: tuple[str, ...] = Field(default_factory=tuple)
