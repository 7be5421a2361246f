"""The nouns of sources: where their files are, and what is in one.

Culture ─data list─> SourceState*    Source × file ─data show─> SourceSummary
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.schema.dataset import DataRow, DroppedRow
from harness.schema.evaluation import Frozen

Presence = Literal["here", "downloadable", "missing"]


class SourceState(Frozen):
    """One declared source, and whether its file is here."""

    name: str
    format: str
    licence: str
    language: str
    rows: int | None = None
    """As declared."""
    state: Presence
    file: str | None = None
    """Where it lies."""
    size: int | None = None
    """Bytes of it."""
    wanted: tuple[str, ...] = ()
    """Where it may be put, the first looked for first."""
    get: str = ""
    """What to get from where."""
    traps: tuple[str, ...] = ()
    areas: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Category -> what its rows teach, as declared."""


class Spread(Frozen):
    """Lengths, in characters."""

    least: int
    median: int
    high: int
    """95 of 100 are not longer."""
    most: int


class SourceSummary(Frozen):
    """What is in one file."""

    name: str
    file: str
    size: int
    """Bytes."""
    format: str
    guessed: bool = False
    """Whether the format was told by the first record."""
    licence: str = "unknown"
    traps: tuple[str, ...] = ()
    declared: int | None = None
    """Records that the culture says there are."""
    records: int
    rows: int
    """Records that are rows."""
    dropped: dict[str, int]
    """Why -> records that are none, by number."""
    turns: dict[int, int]
    """Turns of a row, system turns not counted -> rows."""
    questions: Spread | None = None
    """Of what the user says, turn by turn; None where there are no rows."""
    replies: Spread | None = None
    languages: dict[str, int] = Field(default_factory=dict)
    """As the source says; `unknown` where it does not."""
    categories: dict[str, int] = Field(default_factory=dict)
    """`none` where a row has none."""
    areas: dict[str, int] = Field(default_factory=dict)
    """What rows teach by the source's own words; `untagged` where these do not say."""
    references: int = 0
    """Rows with a reference text."""
    samples: tuple[DataRow, ...] = ()
    troubles: tuple[DroppedRow, ...] = ()
    """The first of each kind."""
