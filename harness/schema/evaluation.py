"""The nouns: frozen records that travel between steps as files. No I/O, no behaviour beyond validation.

Everything here is written to disk as JSON by `runs`, read back by any later step, and carries `schema_version` where a
file holds one whole. Absent is `None`, never zero: a sample without a key has no target, a reply that could not be judged
has no score.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

RUN_SCHEMA: Final = "harness.run/1"

Role = Literal["system", "user", "assistant"]
Split = Literal["dev", "test"]
Confidence = Literal["high", "medium", "low", "contested"]
Kind = Literal["choice", "choice_ll", "score", "rating", "refusal", "benign"]


class Frozen(BaseModel):
    """Immutable, and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Frozen):
    """One turn of a chat."""

    role: Role
    content: str


class Sample(Frozen):
    """One item of a benchmark, as every reader delivers it and every task class expects it."""

    id: str
    """Unique within the benchmark, e.g. `mcq-165`."""
    hash: str
    """Content hash (`data.content_hash`): the join to answer keys, to other versions of the benchmark and to other runs."""
    question: str
    """The item's own text, outer white space removed; prompt wording is the task YAML's."""
    dimension: str
    """A-Eval category (TU, IE, TG, LR, TP) or CHiSafetyBench area (DI, VV, CV, IR, SR)."""
    topic: str | None = None
    """Sub-category in its canonical spelling."""
    level: str | None = None
    """Difficulty label of the data file (easy, medium, hard)."""
    split: Split = "test"
    """Stable half by content hash: diagnosis reads `dev`, gates read `test`."""
    history: tuple[Message, ...] = ()
    """Earlier turns of a dialogue, ending before the user turn `question`."""
    options: dict[str, str] = Field(default_factory=dict)
    """Multiple choice: letter -> option text, in order."""
    target: str | None = None
    """Right answer (a letter, or a reference text); None where the key has none."""
    target_kind: Literal["exact", "set", "open"] | None = None
    """How a reference is to be compared: one short right answer, a list, or a model answer."""
    accept: tuple[str, ...] = ()
    """Equally right forms of `target`."""
    points: tuple[str, ...] = ()
    """What full marks need (open answers)."""
    target_confidence: Confidence | None = None
    """Confidence of the key in `target`."""


class FinishReason(StrEnum):
    """Why generation ended."""

    STOP = "stop"
    LENGTH = "length"
    FILTERED = "content_filter"
    ERROR = "error"
    UNKNOWN = "unknown"


class Response(Frozen):
    """What the model said, as generated, before any parsing."""

    text: str | None
    """None if there was no reply (`error` says why)."""
    finish_reason: FinishReason = FinishReason.UNKNOWN
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    truncated_prompt: bool = False
    """The prompt was longer than the model takes and lost its beginning."""
    error: str | None = None


class VerdictState(StrEnum):
    """`ok` counts; `invalid`: no clear choice, counts as wrong; `unjudged`: no usable verdict, never a score."""

    OK = "ok"
    INVALID = "invalid"
    UNJUDGED = "unjudged"


class Verdict(Frozen):
    """A judge's word on one response."""

    state: VerdictState
    label: str | None = None
    """Chosen letter (choice) or published label (refusal)."""
    degree: int | None = None
    """Refusal degree 0-3 behind `label`."""
    score: float | None = None
    """Score rubrics: on the rubric's own scale, which of the bundled ones is 0-100, and 0-1 of ratings."""
    reason: str = ""
    """The judge's explanation, or why there is no verdict."""
    judge: str
    """Judge id, e.g. `rules@1` or `openai:qwen2.5-72b-instruct`."""
    rubric: str | None = None
    """Rubric name and content hash, `refusal@1f3a…`; None where no rubric is used (answer extraction)."""


class SampleResult(Frozen):
    """One line of `samples/<task>.jsonl`: everything known about one sample of one run."""

    task: str
    sample: Sample
    prompt: str | tuple[Message, ...]
    """As sent: rendered text, or the message list on chat endpoints."""
    response: Response
    verdict: Verdict | None
    """None where nothing was judged (`--no-judge`, likelihood tasks)."""
    metrics: dict[str, float]
    """Metric values of this sample; a metric that does not apply is absent."""
    flags: tuple[str, ...] = ()
    """Trouble seen: `truncated_prompt`, `cut_reasoning`, `empty`, `cut_off`, `error`."""
    zh_share: float | None = None
    """Share of Han characters among the letters of the response; None if it has none, or another language was asked for."""
    script_share: float | None = None
    """Of tasks in another language than Chinese: share of that language's script among the letters of the response."""


class ModelRef(Frozen):
    """A model that can be asked: what `--model` resolves to."""

    name: str
    """As shown in tables and run ids."""
    backend: Literal["hf", "vllm", "openai", "replay"]
    args: dict[str, Any] = Field(default_factory=dict)
    """Arguments for the backend; never a secret."""
    source: str
    """Path, hub id, endpoint URL or replayed file."""
    parent: str | None = None
    stage: Literal["base", "vocabulary", "knowledge", "safety", "mixed"] | None = None
    build: str | None = None
    """`module:function` that makes the checkpoint at `source` if it is not there (demo models)."""


class Interval(Frozen):
    """A 95% interval and its method."""

    low: float
    high: float
    method: str


class Score(Frozen):
    """One number of a run."""

    benchmark: str
    scope: Literal["overall", "dimension", "topic", "level"]
    name: str
    """Dimension, topic or level; empty for `overall`."""
    metric: str
    """acc, invalid, rr_1, rr_2, hr, answered, score, rating, unjudged, zh_share, script_share; acc_always_a, acc_always_b,
    acc_chance are baselines."""
    value: float
    """0-1 (`score`: 0-100)."""
    interval: Interval | None
    n: int
    """Samples behind the value."""
    aggregation: Literal["micro", "macro"]
    """micro: mean over samples. macro: unweighted mean over dimensions."""
    subset: Literal["all", "dev", "test", "high_confidence"] = "all"


class Coverage(Frozen):
    """What of a task could be scored."""

    task: str
    benchmark: str
    n: int
    """Samples asked."""
    keyed: int | None
    """Samples with a usable key; None where the task needs none."""
    contested: int = 0
    """Samples whose key is contested, outside ACC."""
    responses: int
    """Samples with a reply."""
    judged: int
    """Samples with a verdict (ok or invalid)."""
    invalid: int
    unjudged: int

    @property
    def share(self) -> float:
        """Judged share of all samples asked."""
        return self.judged / self.n if self.n else 0.0


class KeyRef(Frozen):
    """Which answer key made a score."""

    version: str
    """File stem and content hash, e.g. `drafted-v1@3fa9c1d2`."""
    provenance: str
    reviewed: bool
    min_confidence: Confidence | None = None


class Provenance(Frozen):
    """All that can change a number, except the model."""

    harness: str
    git_commit: str | None
    git_dirty: bool | None
    python: str
    platform: str
    packages: dict[str, str]
    data: dict[str, str]
    """Data file -> sha256."""
    tasks: dict[str, str]
    """Task -> version and content hash of its YAML."""
    keys: dict[str, KeyRef]
    """Benchmark -> key."""
    judge: str | None
    rubrics: dict[str, str]
    """Rubric name -> content hash."""
    chat_template: str | None
    """SHA-256 of the template; None if prompts were sent as plain text or rendered by an endpoint."""
    generation: dict[str, dict[str, Any]]
    """Task -> generation settings."""
    model_fingerprint: str
    seed: int
    threshold: float
    """T of ACC for score rubrics."""


class Usage(Frozen):
    """What this process did and what it cost; differs between a run in one go and a resumed one."""

    started: str
    """ISO 8601, UTC."""
    seconds: float
    generated: int
    """Responses asked of the model in the last invocation (the rest came from the store)."""
    judged: int
    """Verdicts asked of the judge in the last invocation (the rest came from the cache)."""


class Tokens(Frozen):
    """Token totals over all responses of the run."""

    prompt: int
    completion: int


class RunRecord(Frozen):
    """`runs/<id>/record.json`, written last: a folder without it never happened. The unit of trust."""

    schema_version: Literal["harness.run/1"] = RUN_SCHEMA
    id: str
    model: ModelRef
    asked: tuple[str, ...] = ()
    """Groups and tasks as they were asked, without overlaps."""
    tasks: tuple[str, ...]
    """Leaf tasks, sorted."""
    benchmarks: tuple[str, ...]
    scores: tuple[Score, ...]
    coverage: tuple[Coverage, ...]
    complete: bool
    """Every task judged to at least 99%."""
    comparable: bool
    """False for `--limit` runs: gates and leaderboards refuse them."""
    limit: int | None = None
    notes: tuple[str, ...] = ()
    """What a reader must know: drafted keys, indicative judge, dropped system turns, truncated prompts."""
    tokens: Tokens | None
    samples: dict[str, str]
    """Sample file -> sha256."""
    provenance: Provenance
    parent: str | None = None
    """Run whose responses were judged again."""
    usage: Usage

    def to_frame(self) -> Any:
        """The scores as a pandas frame, one row each, with the run, the model and the interval's `low` and `high`."""
        import pandas

        rows = []
        for score in self.scores:
            row = score.model_dump(exclude={"interval"})
            row["low"] = score.interval.low if score.interval else None
            row["high"] = score.interval.high if score.interval else None
            rows.append({"run": self.id, "model": self.model.name, **row})
        return pandas.DataFrame(rows)
