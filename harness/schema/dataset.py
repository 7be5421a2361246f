"""The nouns of data: rows of every source as one type, what cleaning them removed and why, and the data set that is left.

Source ─read─> DataRow* ─curate─> DataSet ─review, refine─> DataSet ─mix─> Mix
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from harness.schema.evaluation import Frozen, Message

DATASET_SCHEMA: Final = "harness.dataset/1"


class DataRow(Frozen):
    """One conversation of a training source. Ends with the assistant's turn."""

    source: str
    """Name of the source, as declared."""
    source_id: str
    """Which row of the source: its line, or the file's own id. With `source` it names the row for ever."""
    messages: tuple[Message, ...]
    category: str = ""
    """The source's own word for what the row is about (`Insult`, `Knowledge`); empty where it has none."""
    licence: str = "unknown"
    language: str = ""
    """`zh`, `en`, …: what the source says, or what was found; empty where nobody knows."""
    reference: str | None = None
    """The text that the answers rest on, where the source gives one."""
    areas: tuple[str, ...] = ()
    """`benchmark/dimension` that the row teaches; empty: not tagged."""
    tagged_by: str = ""
    """What said so: `source`, `judge:…`, `classifier:…`, `people`."""
    flags: dict[str, float] = Field(default_factory=dict)
    """What makes it doubtful -> how doubtful, 0-1: people see the most doubtful first."""
    origin: str = ""
    """How it came to be, where it is no longer as the source has it: `edited`, `refined:…`, `generated:…`."""

    @property
    def id(self) -> str:
        """`source/source_id`."""
        return f"{self.source}/{self.source_id}"


class DroppedRow(Frozen):
    """One line of `dropped.jsonl`: a row or a record that was left out, whole, with the reason."""

    step: str
    """Name of the step; `read` for a record that is no row."""
    why: str
    """What drops are counted by."""
    detail: str = ""
    """The number or the other row behind it."""
    source: str
    source_id: str
    row: DataRow | None = None
    """None where there was no row, or where it repeats a benchmark: no text of one is ever written."""


class StepReport(Frozen):
    """What one step did."""

    step: str
    """Its place and name: `3 length`."""
    seen: int
    changed: int
    """Rows that went on with another text, tag or flag."""
    dropped: int
    reasons: dict[str, int]
    """Why -> rows dropped or, where the step only flags, flagged."""
    notes: tuple[str, ...] = ()


class DataSetSource(Frozen):
    """One file behind a data set."""

    name: str
    sha256: str
    licence: str
    records: int
    """Records read, broken ones included."""


class DataSet(Frozen):
    """`dataset.json`, written last beside `rows.jsonl` and `dropped.jsonl`."""

    schema_version: Literal["harness.dataset/1"] = DATASET_SCHEMA
    name: str
    made_by: str
    """`curate`, `refine` or `generate`, with the name of the pipeline."""
    pipeline: str = ""
    """The steps that rows went through, as JSON; new answers to them go through the same."""
    digest: str
    """SHA-256 of all that decides the rows: inputs, steps and their settings."""
    culture: str
    parent: str | None = None
    """Digest of the data set that this one was made from."""
    sources: tuple[DataSetSource, ...]
    rows: int
    rows_sha256: str
    dropped: int
    steps: tuple[StepReport, ...]
    by_source: dict[str, int]
    """Rows left, by source; likewise by category, licence and area."""
    by_category: dict[str, int]
    by_licence: dict[str, int]
    by_area: dict[str, int]
    """A row with two areas counts in both; `untagged` for those with none."""
    contamination: dict[str, int]
    """Benchmark -> rows dropped because they repeat one of its items; 0 where it was compared and nothing was found."""
    unchecked: dict[str, str] = Field(default_factory=dict)
    """Benchmark whose items could not be compared with -> why."""
    notes: tuple[str, ...] = ()
