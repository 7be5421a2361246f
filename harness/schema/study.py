"""The nouns of studies: which training choices are compared, and what the comparison came to.

    Study ─plan─> StudyStep* ─train, measure─> ArmRun* ─analyse─> StudyResult

A **study** trains several **arms** from one base, each with several seeds, and measures them alike. A **phase** is one training;
an arm is a vocabulary and a list of phases. What two arms have in common (the first phase of `knowledge, safety` and the only one
of `knowledge`) is trained once for each seed. The unit of replication is the training run, not the item.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from harness.schema.adaptation import CheckpointStage
from harness.schema.evaluation import Frozen, Interval

STUDY_SCHEMA: Final = "harness.study/1"
STUDY_RESULT_SCHEMA: Final = "harness.study-result/1"
DRAWN_SCHEMA: Final = "harness.drawn/1"
BASE_VOCABULARY: Final = "base"

StudyStepKind = Literal["extend", "warm up", "draw", "train", "measure"]


# --- what is asked: study.toml ------------------------------------------------------------------------------------------------


class StudyData(Frozen):
    """`[data.NAME]`: a pool of rows that phases draw from. One of `areas`, `sources`, `path` says where they come from."""

    areas: tuple[str, ...] = ()
    """Benchmarks, retained tasks or `benchmark/dimension` of the culture: the rows of the sources that teach them, evenly."""
    sources: tuple[str, ...] = ()
    """Sources of the culture, or `demo:FAMILY`, evenly."""
    path: str | None = None
    """A data set of `harness curate`, or a JSONL file of rows; relative to the study's file."""
    curate: str | None = None
    """Pipeline that the rows go through first (`zh_cn/alpaca_zh`, a TOML file): a quality filter that is on."""
    language: str | None = None
    """Only rows of this language."""
    about: str = ""


class StudyVocabulary(Frozen):
    """`[vocabularies.NAME]`: the base with new tokens. `base` is the name of the base as it is."""

    text: tuple[str, ...]
    """What the new tokens are learnt from: pools of `[data]`, files of text, JSONL or rows (relative to the study's file), or
    `demo:PART`."""
    size: int = Field(ge=1)
    """New tokens, at most."""
    warmup: str | None = None
    """Phase that trains only the embeddings, before any other; None: the means of the old pieces have to do."""


class StudyPhase(Frozen):
    """`[phases.NAME]`: one training."""

    data: dict[str, int]
    """Pool -> rows drawn from it, by the seed; one that holds fewer gives all it has, and the result says so."""
    recipe: str
    stage: CheckpointStage
    set: dict[str, Any] = Field(default_factory=dict)
    """Fields of the recipe set anew."""
    trainer: str = "full_ft"


class StudyArm(Frozen):
    """`[arms.NAME]`: one way to train; no phases: the base itself."""

    phases: tuple[str, ...] = ()
    vocabulary: str = BASE_VOCABULARY
    factors: dict[str, str] = Field(default_factory=dict)
    """Factor -> level, as the factor table shows them (`data quality` -> `filtered`)."""
    about: str = ""


class StudyOutcome(Frozen):
    """`[outcomes.NAME]`: one number of a run, as a share 0-1."""

    benchmark: str
    """A benchmark or task that the study measures."""
    metric: str = "acc"
    dimensions: tuple[str, ...] = ()
    """Only these; empty: all."""
    aggregation: Literal["micro", "macro"] = "micro"
    """Mean over all items; or over the means of the dimensions, each counting alike."""
    ceiling: bool = False
    """Lower is better."""
    family: str = ""
    """Outcomes of one family are corrected for their contrasts together (Holm); by default an outcome is its own family."""


class StudyContrast(Frozen):
    """`[contrasts."NAME"]`: a weighted sum of arms; the weights sum to 0."""

    weights: dict[str, float]
    outcomes: tuple[str, ...] = ()
    """Names of outcomes; empty: all."""
    factor: str = ""
    """Factor whose block of the factor table it belongs to."""


class StudyInterference(Frozen):
    """`[interference]`: which arms play the parts of the 2x2 of knowledge and safety, and of order and phasing."""

    base: str
    knowledge: str
    safety: str
    knowledge_safety: str
    """First knowledge, then safety."""
    safety_knowledge: str | None = None
    mixed: str | None = None
    """Both at once."""
    knowledge_outcomes: tuple[str, ...]
    safety_outcomes: tuple[str, ...]


class StudyCases(Frozen):
    """`[cases]`: sample answers of all arms side by side."""

    tasks: tuple[str, ...] = ()
    """Empty: all that are measured."""
    each: int = 2
    """Questions of each task."""
    seed: int | None = None
    """Of the arms shown; default: the first."""


class Study(Frozen):
    """A `study.toml`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}$")
    title: str = ""
    culture: str
    base: str
    """Model that all arms begin with."""
    seeds: tuple[int, ...] = (1, 2, 3)
    tasks: tuple[str, ...] = ()
    """What every arm is measured on; empty: the culture's benchmarks and retained tasks."""
    judge: str = "rules"
    generation: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, StudyData] = Field(default_factory=dict)
    vocabularies: dict[str, StudyVocabulary] = Field(default_factory=dict)
    phases: dict[str, StudyPhase] = Field(default_factory=dict)
    arms: dict[str, StudyArm]
    outcomes: dict[str, StudyOutcome]
    contrasts: dict[str, StudyContrast] = Field(default_factory=dict)
    interference: StudyInterference | None = None
    cases: StudyCases | None = None
    folder: str
    """Where the file lies."""
    digest: str
    """SHA-256 of the file."""


# --- what is done -------------------------------------------------------------------------------------------------------------


class StudyStep(Frozen):
    """One thing to do once, whichever arms need it."""

    id: str
    """Kind, name and hash of all that decides it: `train knowledge/s1 3fa9c1d2`."""
    kind: StudyStepKind
    name: str
    """Of what it makes: a checkpoint, a mix, a run's model."""
    seed: int | None
    """None where no seed matters (the base itself)."""
    needs: tuple[str, ...] = ()
    """Ids of the steps that come first."""
    arms: tuple[str, ...] = ()
    """Arms that need it."""


class DrawnPool(Frozen):
    """What one pool gave to a phase."""

    wanted: int
    rows: int
    available: int
    """Rows that it holds, as far as they were counted."""
    areas: dict[str, int]
    """What its rows were drawn for -> rows."""


class Drawn(Frozen):
    """`mixes/<id>/drawn.json`, written last beside `rows.jsonl` and `dropped.jsonl`: the rows of one phase with one seed."""

    schema_version: Literal["harness.drawn/1"] = DRAWN_SCHEMA
    id: str
    culture: str
    seed: int | None
    """None: text that a vocabulary is learnt from, which no seed changes."""
    rows: int
    rows_sha256: str
    pools: dict[str, DrawnPool]
    dropped: dict[str, int] = Field(default_factory=dict)
    """Reason -> rows of the sources left out."""
    checked: dict[str, int] = Field(default_factory=dict)
    """Benchmark -> items that the rows were compared with."""
    notes: tuple[str, ...] = ()


class StudyStepDone(Frozen):
    """One line of a study's `steps.jsonl`."""

    id: str
    name: str
    run: str | None = None
    """Id of the run, of a step that measures."""
    complete: bool = True
    """Whether no response or verdict is missing."""
    finished: str
    """When, in UTC."""


class ArmRun(Frozen):
    """One arm with one seed, trained and measured."""

    arm: str
    seed: int | None
    """None: the base, which no seed changes."""
    model: str
    """Name of the checkpoint (or of the base)."""
    run: str
    """Id of the run that measured it."""
    rows: int = 0
    """Rows of all its phases."""
    tokens: int | None = None
    """Tokens trained on, all phases and epochs; None if a trainer did not say."""
    vocabulary: int | None = None
    """Size of the vocabulary."""
    tokens_per_line: float | None = None
    """Of the text that the vocabularies of the study were learnt from, a sample; None where the study extends none."""


# --- what it came to ----------------------------------------------------------------------------------------------------------


class ArmScore(Frozen):
    """One outcome of one arm."""

    arm: str
    outcome: str
    values: tuple[float, ...]
    """One for each training run, 0-1, in the order of the seeds."""
    mean: float
    sd: float | None
    """Between training runs; None for a single one."""
    interval: Interval | None
    """95%, of the mean over training runs and items."""
    n: int
    """Items."""


class ContrastResult(Frozen):
    """One contrast on one outcome; more is better (of a ceiling the complement is compared)."""

    name: str
    outcome: str
    family: str
    factor: str = ""
    weights: dict[str, float]
    value: float
    """Share 0-1."""
    se: float
    """Of `value`: training runs and items are chance (`harness.stats.studies`); of a single run: items alone."""
    df: float
    """Degrees of freedom of the t distribution."""
    n: int = 0
    """Items, the same in every run."""
    interval: Interval
    p: float
    """Two-sided."""
    p_holm: float
    """By Holm over the contrasts of the family."""
    mde80: float
    """Smallest true difference that this design shows with 80% power."""
    seeds: int
    """Fewest training runs of an arm with weight (arms that no seed changes aside)."""
    descriptive: bool
    """Fewer than three training runs an arm: no claim."""
    verdict: Literal["higher", "lower", "not shown", "descriptive"]


class TradeOff(Frozen):
    """Change of a knowledge outcome and of a safety outcome together, between two arms: an ellipse that holds both with 95%."""

    name: str
    knowledge: str
    safety: str
    centre: tuple[float, float]
    covariance: tuple[float, float, float]
    """Var(x), cov(x, y), var(y) of the two means."""
    radius: float
    """Mahalanobis distance of the ellipse's border."""
    descriptive: bool = False
    """Fewer than three training runs: of a single one the ellipse is of items alone."""


class StudyCase(Frozen):
    """One question and what each arm said."""

    task: str
    sample: str
    question: str
    reference: str | None
    answers: dict[str, str]
    """Arm -> reply."""
    metrics: dict[str, dict[str, float]]
    """Arm -> metric -> value."""


class StudyResult(Frozen):
    """`result.json`, written last."""

    schema_version: Literal["harness.study-result/1"] = STUDY_RESULT_SCHEMA
    study: Study
    runs: tuple[ArmRun, ...]
    scores: tuple[ArmScore, ...]
    contrasts: tuple[ContrastResult, ...]
    trade_offs: tuple[TradeOff, ...] = ()
    cases: tuple[StudyCase, ...] = ()
    case_rule: str = ""
    """How the cases were chosen."""
    notes: tuple[str, ...] = ()
