"""The nouns of leaderboards: what is kept of a run so that it can be ranked, and what a page says.

    RunRecord ─add─> BoardEntry          BoardEntry* × published rows ─leaderboard─> Leaderboard

An entry holds no text: not a question, not a reply. Its items are known by the beginning of their content hashes.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from harness.schema.evaluation import Coverage, Frozen, Interval, KeyRef, Score

ENTRY_SCHEMA: Final = "harness.board-entry/1"
BOARD_SCHEMA: Final = "harness.leaderboard/1"

SectionName = Literal["knowledge", "choice", "refusal", "dialogue", "benign", "retention"]
Average = Literal["micro", "macro"]
HASH_DIGITS: Final = 8


# --- what is kept of a run --------------------------------------------------------------------------------------------------


class Conditions(Frozen):
    """How a benchmark was measured: what must be the same for two models to be ranked together."""

    judge: tuple[str, ...]
    """Ids of all that judged its samples; empty where lm-eval scored them itself."""
    rubrics: tuple[str, ...]
    """Rubrics with content hash, as the verdicts name them."""
    keys: dict[str, KeyRef]
    data: str
    """Hash over the items that were asked."""
    tasks: dict[str, str]
    """Task -> version and content hash of its YAML."""
    generation: dict[str, dict[str, Any]]
    """Task -> generation settings."""
    chat_template: str | None
    threshold: float | None
    """T of ACC; None where no sample has a score."""


class BoardItems(Frozen):
    """The values of one task, without any text."""

    hashes: str
    """The first `HASH_DIGITS` digits of each item's content hash, one after another, sorted."""
    values: dict[str, str | tuple[float | None, ...]]
    """Metric -> one value an item, in the order of `hashes`. Verdicts are one text of `0`, `1` and `-` (no value)."""


class BoardEntry(Frozen):
    """`leaderboards/<culture>/<name>.json`: a run, small enough to be kept and whole enough to be ranked."""

    schema_version: Literal["harness.board-entry/1"] = ENTRY_SCHEMA
    name: str
    """As shown; names the file."""
    culture: str
    model: str
    """As the run calls it."""
    stage: Literal["base", "vocabulary", "knowledge", "safety", "mixed"] | None
    parent: str | None
    fingerprint: str
    run: str
    harness: str
    benchmarks: dict[str, tuple[str, ...]]
    """Benchmarks and retained tasks that were measured whole -> their tasks."""
    conditions: dict[str, Conditions]
    """By benchmark."""
    scores: tuple[Score, ...]
    """Over all items, overall and by dimension; tasks that are retained for themselves are left out of their benchmark."""
    coverage: tuple[Coverage, ...]
    notes: tuple[str, ...]
    items: dict[str, BoardItems]
    """Task -> values."""


# --- what a page says -------------------------------------------------------------------------------------------------------


class BoardScore(Frozen):
    """A number with its 95% interval: shares 0-1, or the metric's own unit."""

    value: float
    interval: Interval | None
    n: int


class Place(Frozen):
    """Where a model may stand among those measured the same way."""

    tier: int
    """From 1: groups that are not shown to differ from their first."""
    low: int
    high: int
    """Ranks that are not excluded, 95% for all models of the group at once."""
    of: int
    behind: BoardScore | None
    """The first model less this one, on the same items, more being better; None for the first itself."""


class BoardRow(Frozen):
    """A model that was measured."""

    name: str
    stage: str | None
    parent: str | None
    run: str
    fingerprint: str
    overall: dict[Average, BoardScore]
    dimensions: dict[str, BoardScore]
    judged: int
    asked: int
    """Coverage: items with a verdict, of all asked."""
    keys: dict[str, KeyRef]
    judge: tuple[str, ...]
    place: Place | None
    """None where the model stands alone, or carries no values to rank by."""


class BaselineRow(Frozen):
    """What an answer given without reading scores: a fact about the items."""

    name: str
    overall: dict[Average, float]
    dimensions: dict[str, float]


class BoardGroup(Frozen):
    """Models that were measured the same way, ranked together."""

    conditions: Conditions
    differs: tuple[str, ...]
    """In what, from the table's first group; empty for that one."""
    rows: tuple[BoardRow, ...]
    """Best first."""
    baselines: tuple[BaselineRow, ...]


class PublishedCell(Frozen):
    """One printed number and what its counts give."""

    printed: float | None
    """Percent, as printed; None where a source shows counts alone."""
    count: int | None
    n: int
    misprint: bool
    """The printed number disagrees with the counts, or no count makes it."""
    given: float | None
    """Percent that the counts give; None if none does. Of a mean: itself; of an average of means: what those give."""
    decimals: int = 2
    """Of the percentage, as many as are printed."""


class PublishedRow(Frozen):
    """A model in somebody's table."""

    model: str
    stage: str | None
    parent: str | None
    source: str
    table: str
    """Id of the block in `published/results.json`."""
    overall: PublishedCell | None
    printed_as: Average
    """What the source's Overall is."""
    counted: dict[Average, BoardScore]
    """From the counts of the dimensions, where all are known (micro: where the overall count is); no interval of means."""
    dimensions: dict[str, PublishedCell]
    means: bool = False
    """Its cells are means of scores, of which no count is known."""
    factors: tuple[str, ...] = ()
    """What its source compares it under, where one table holds several comparisons."""


class BoardTable(Frozen):
    """One benchmark by one metric."""

    benchmark: str
    title: str
    metric: str
    ceiling: bool
    """Less is better."""
    section: SectionName
    dimensions: tuple[str, ...]
    groups: tuple[BoardGroup, ...]
    published: tuple[PublishedRow, ...]
    options: BaselineRow | None
    """Chance level of the published items, where it is on file."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of the published rows: how they were read."""


class BoardSection(Frozen):
    """Tables of one kind, and what of that kind has no table."""

    name: SectionName
    title: str
    tables: tuple[BoardTable, ...]
    unmeasured: tuple[str, ...]
    """Benchmarks without any measured model."""


class Leaderboard(Frozen):
    """All that a page shows."""

    schema_version: Literal["harness.leaderboard/1"] = BOARD_SCHEMA
    culture: str
    title: str
    entries: tuple[str, ...]
    """Names of the measured models."""
    sections: tuple[BoardSection, ...]
    misprints: tuple[str, ...]
    """A line for each published number that disagrees with its own counts."""
    notes: tuple[str, ...]
    """Notes of the runs, each once, with the models it is of."""
