"""The nouns of adapting: what a culture wants, what a diagnosis found, what is trained on it, and what came out.

    RunRecord ─diagnose─> Diagnosis ─mix─> Mix + Recipe ─train─> Checkpoint

An **area** is one dimension of one benchmark, written `benchmark/dimension` (`demo_skills/TU`): the unit of standards, sources
and shares. A retained task is an area too (`demo_en`).
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from harness.schema.evaluation import Frozen, Interval, Message

DIAGNOSIS_SCHEMA: Final = "harness.diagnosis/1"
MIX_SCHEMA: Final = "harness.mix/1"
RECIPE_SCHEMA: Final = "harness.recipe/1"
CHECKPOINT_SCHEMA: Final = "harness.checkpoint/1"

TrainedStage = Literal["knowledge", "safety"]
CheckpointStage = Literal["vocabulary", "knowledge", "safety", "mixed"]
"""What a training was for. `vocabulary`: only embeddings of new tokens; `mixed`: knowledge and safety at once."""
State = Literal["weak", "strong", "undecided"]
Precision = Literal["fp32", "bf16-master", "bf16-mixed", "bf16"]
Distributed = Literal["none", "ddp", "zero1", "zero2", "zero3", "fsdp2"]


# --- what a culture wants ---------------------------------------------------------------------------------------------------


class Source(Frozen):
    """A file of training rows that a culture names."""

    path: str
    """Relative to the culture's folder, to `$HARNESS_DATA` or `$HARNESS_DATA/training`; also where a download is cached."""
    format: Literal["alpaca", "messages", "sharegpt", "halluqa", "safety_prompts", "refgpt", "belle_multiturn", "rows"]
    url: str | None = None
    sha256: str | None = None
    """Needed with `url`."""
    licence: str = "unknown"
    language: str | None = None
    rows: int | None = None
    """Records that the file should have, as counted or published; None: not known."""
    traps: tuple[str, ...] = ()
    """What one has to know before training on it, a line each."""
    areas: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Category of a row (`*`: any) -> `benchmark/dimension` that it teaches, where the source's own words decide that."""
    about: str = ""


class CultureBenchmark(Frozen):
    """One benchmark of a culture: which stage mends it, what is good enough, and what teaches it."""

    stage: TrainedStage
    standards: dict[str, dict[str, float]]
    """Metric -> dimension -> standard, as shares 0-1 on the metric's own scale. `hr` is a ceiling, all others are floors."""
    sources: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Dimension -> names of sources (`demo:FAMILY`, or a table of `[sources]`)."""
    margin: float | None = None
    """Loss that is accepted in an area that was strong, as a share 0-1; by default what its items can exclude, at least 0.02."""


class Retained(Frozen):
    """A task whose score must not be lost."""

    metric: str = "acc"
    margin: float = 0.05
    """Loss that is accepted, as a share 0-1."""
    sources: tuple[str, ...] = ()


class StagePlan(Frozen):
    """How one stage is trained."""

    recipe: str
    """Name of a recipe."""
    rows: int
    """Rows of the mix, at most."""
    replay: dict[str, float] = Field(default_factory=dict)
    """Benchmark or retained task -> share of the rows that keeps it."""


class Culture(Frozen):
    """A folder's `culture.toml`: data, no code."""

    name: str
    title: str
    language: str
    benchmarks: dict[str, CultureBenchmark]
    retained: dict[str, Retained] = Field(default_factory=dict)
    stages: dict[TrainedStage, StagePlan]
    sources: dict[str, Source] = Field(default_factory=dict)
    folder: str
    """Where the file lies."""
    digest: str
    """SHA-256 of the file."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """What an evaluation for this culture asks: its benchmarks and the retained tasks."""
        return (*self.benchmarks, *self.retained)


# --- what a diagnosis found -------------------------------------------------------------------------------------------------


class Finding(Frozen):
    """One dimension of one benchmark, by one metric, against its standard."""

    benchmark: str
    metric: str
    dimension: str
    stage: TrainedStage
    state: State
    """By one-sided 95% bounds of this finding alone: what the mix goes by."""
    claim: State
    """By bounds that hold for all findings together (Holm): what may be said in public."""
    value: float
    """0-1, as measured."""
    interval: Interval
    """Two one-sided 95% bounds of `value`."""
    standard: float
    """0-1, on the scale of `value`. With a reference run, its value on the same items."""
    ceiling: bool
    """True where lower is better."""
    chance: float
    """Score of blind guessing over the same items; 0 where there is no such thing."""
    gap: float
    """How far `value` stands on the wrong side of the standard (negative: on the right side), corrected for chance."""
    shortfall: float
    """Expected gap where there is one, under the shrunken posterior, corrected for chance: 0-1; what shares are made of."""
    n: int
    """Items of the dev half."""
    needed: int | None
    """Items in all that would decide it with 80% power at this gap; None where decided."""

    @property
    def area(self) -> str:
        """`benchmark/dimension`."""
        return f"{self.benchmark}/{self.dimension}"


class TopicEstimate(Frozen):
    """One topic, shrunk toward its benchmark: to be looked at, never a verdict."""

    benchmark: str
    metric: str
    dimension: str
    topic: str
    n: int
    value: float
    """As measured."""
    shrunk: float
    """Empirical-Bayes posterior mean."""
    interval: Interval
    """95% of the posterior."""


class Diagnosis(Frozen):
    """What is weak, what is strong, and what cannot be said yet."""

    schema_version: Literal["harness.diagnosis/1"] = DIAGNOSIS_SCHEMA
    run: str
    model: str
    model_fingerprint: str
    culture: str
    culture_digest: str
    reference: str | None = None
    """Run the model is compared with, where the standard is a model."""
    subset: Literal["dev"] = "dev"
    findings: tuple[Finding, ...]
    topics: tuple[TopicEstimate, ...] = ()
    notes: tuple[str, ...] = ()

    def areas(self, state: State, stage: TrainedStage | None = None) -> tuple[str, ...]:
        """Areas in a state, sorted. An area is weak if any of its findings is, strong if all are, else undecided."""
        states: dict[str, set[State]] = {}
        for finding in self.findings:
            if stage in (None, finding.stage):
                states.setdefault(finding.area, set()).add(finding.state)
        return tuple(sorted(area for area, found in states.items() if _joint(found) == state))


def _joint(states: set[State]) -> State:
    if "weak" in states:
        return "weak"
    return "strong" if states == {"strong"} else "undecided"


# --- what is trained on -----------------------------------------------------------------------------------------------------


class TrainingRow(Frozen):
    """One line of a mix's `rows.jsonl`: a conversation that ends with the assistant's turn."""

    messages: tuple[Message, ...]
    area: str
    """What it was drawn for."""
    source: str
    """Name of the source."""
    source_id: str
    """Which row of the source."""


class Share(Frozen):
    """One part of a mix."""

    area: str
    """`benchmark/dimension`, or a benchmark or retained task that is replayed."""
    kind: Literal["weak", "replay"]
    share: float
    """Of the mix's rows, 0-1."""
    low: float | None = None
    """90% bootstrap interval of a weak area's share over the items of the diagnosis."""
    high: float | None = None
    rows: int
    available: int
    """Different rows that the sources hold."""
    repeats: float
    """How often each different row occurs, on average."""
    sources: tuple[str, ...]
    reason: str
    """Why the share is what it is, in words and numbers."""


class Mix(Frozen):
    """`mixes/<id>/mix.json`, written last beside `rows.jsonl` and `dropped.jsonl`."""

    schema_version: Literal["harness.mix/1"] = MIX_SCHEMA
    id: str
    culture: str
    stage: TrainedStage
    model: str
    """Whose weaknesses it fills."""
    diagnosis: str
    """Run that was diagnosed."""
    seed: int
    rows: int
    rows_sha256: str
    shares: tuple[Share, ...]
    sources: dict[str, str]
    """Source -> SHA-256 of its file, or the version of its generator."""
    dropped: dict[str, int]
    """Reason -> rows left out; each stands in `dropped.jsonl`."""
    checked: dict[str, int]
    """Benchmark -> items the rows were compared with."""
    notes: tuple[str, ...] = ()


class Hyper(Frozen):
    """What decides the trained weights, in the words of the field. `trainers/recipes/*.toml` are presets of it."""

    epochs: float = 2.0
    instances_per_step: int = 128
    """Rows behind one optimizer step, over all processes: per-device batch x accumulation x processes."""
    learning_rate: float = 1e-6
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    adam_betas: tuple[float, float] = (0.9, 0.999)
    max_grad_norm: float = 1.0
    max_length: int = 8192
    """Tokens of a row; what is longer is cut at the end."""
    precision: Precision = "bf16-master"
    """bf16-master: bf16 weights with an exact fp32 master. bf16-mixed: fp32 weights under autocast. bf16: no master (refused
    below a learning rate of 1e-4 unless allowed)."""
    tf32: bool = True
    """Where the hardware has it."""
    packing: Literal["step", "dataset", "none"] = "step"
    """step: the rows of one optimizer step, balanced over processes and micro-steps. dataset: best fit over all rows."""
    tokens_per_micro_step: int = 8192
    """Tokens of one pack, at most (a longer row is a pack of its own)."""
    recompute_layers: int | Literal["all", "auto"] = "auto"
    """Layers, counted from the first, whose activations are recomputed (gradient checkpointing)."""
    distributed: Distributed = "none"
    processes: int = 1
    """On this machine."""
    hostfile: str | None = None
    """DeepSpeed's hostfile, for several machines."""
    compile: bool = False
    save_steps: int = 0
    """Optimizer steps between resumable checkpoints; 0: only at the end of every epoch."""
    keep_checkpoints: int = 1
    allow_pure_bf16: bool = False
    trainable: Literal["all", "embeddings"] = "all"
    """embeddings: only the input and output embeddings learn, everything else stays as it is, bit for bit."""


class Recipe(Frozen):
    """`recipe.json`: all that a trainer may know. Paths are absolute."""

    schema_version: Literal["harness.recipe/1"] = RECIPE_SCHEMA
    trainer: str
    preset: str
    """Name of the recipe that `hyper` started from."""
    name: str
    """Name of the checkpoint to be."""
    stage: CheckpointStage
    base: str
    """Folder with config, tokenizer and safetensors."""
    rows: str
    """JSONL of TrainingRow: only `messages` matters to a trainer."""
    rows_sha256: str
    work: str
    """Folder for logs, `progress.jsonl`, resumable checkpoints and `delivery.json`."""
    out: str
    """Folder for the trained model: a Hugging Face folder with safetensors."""
    seed: int
    hyper: Hyper
    options: dict[str, Any] = Field(default_factory=dict)
    """For this trainer alone, as its `trainer.toml` allows."""


class TrainingReport(Frozen):
    """What a trainer measured of its own run; absent where it does not know."""

    steps: int
    rows: int | None = None
    tokens: int | None = None
    """Real tokens trained on, all epochs; padding not counted."""
    supervised_tokens: int | None = None
    seconds: float | None = None
    """Of the training loop."""
    tokens_per_second: float | None = None
    supervised_tokens_per_second: float | None = None
    mfu: float | None = None
    """Strict model FLOPs utilisation, 0-1: head on supervised tokens only, causal attention inside documents, no recompute."""
    flops_per_token: float | None = None
    peak_memory_bytes: int | None = None
    """Of one device, or of the process on a CPU."""
    padding_share: float | None = None
    first_loss: float | None = None
    final_loss: float | None = None
    processes: int = 1
    engine: str | None = None
    """What ran at run time, e.g. `DeepSpeedEngine zero1`."""
    resumed: int = 0
    """Times it went on from a resumable checkpoint."""


class Delivery(Frozen):
    """`delivery.json`: a trainer's last word, written last and by rename."""

    report: TrainingReport
    versions: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What the trainer could not do as asked, in words."""


class Checkpoint(Frozen):
    """`checkpoints/<name>/checkpoint.json`, written last: a model with its whole descent."""

    schema_version: Literal["harness.checkpoint/1"] = CHECKPOINT_SCHEMA
    name: str
    path: str = "model"
    """Relative to the folder of this file."""
    parent: str
    parent_fingerprint: str | None = None
    stage: CheckpointStage
    trainer: str
    trainer_digest: str
    """SHA-256 over the trainer's folder."""
    recipe: Recipe
    mix: str | None
    """Mix id."""
    diagnosis: str | None
    """Run whose diagnosis asked for it."""
    weights: dict[str, str]
    """File -> SHA-256."""
    report: TrainingReport
    versions: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What a reader of its scores must know."""
    created: str
    """ISO 8601, UTC."""
