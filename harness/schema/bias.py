"""The noun of a bias report: what a set of rows is made of, and how far that is from what a culture's benchmarks ask.

DataSet × benchmarks ─data report─> BiasReport
"""

from __future__ import annotations

from typing import Final, Literal

from harness.schema.evaluation import Frozen, Interval

BIAS_SCHEMA: Final = "harness.bias/1"


class Part(Frozen):
    """One part of the rows."""

    name: str
    rows: int
    share: float
    """Of all rows, 0-1."""


class Rate(Frozen):
    """A share of rows with its 95% interval (Wilson)."""

    rows: int
    of: int
    value: float
    """0-1."""
    interval: Interval


class SourceRates(Frozen):
    """What differs between sources, one a line."""

    source: str
    rows: int
    refusals: Rate
    persona: Rate
    median_reply: int
    """Characters."""


class Spread(Frozen):
    """How something is spread over the rows."""

    name: str
    unit: str
    mean: float
    quantiles: dict[str, float]
    """`min`, `5%`, `25%`, `50%`, `75%`, `95%`, `max`."""
    edges: tuple[float, ...]
    """Of the histogram's bars, one more than there are bars."""
    counts: tuple[int, ...]


class Distance(Frozen):
    """How far the rows are spread otherwise than a benchmark's items."""

    benchmark: str
    by: Literal["areas", "text"]
    """`areas`: by the rows' tags, over dimensions. `text`: by the topic whose questions a row's question resembles most."""
    value: float
    """Jensen-Shannon distance (base 2), 0 (alike) to 1 (nothing in common)."""
    halves: float | None = None
    """The same between the benchmark's own two halves: what noise alone makes of it. Of `text` only."""
    outside: float
    """Share of the rows that belong to none: untagged, or like no topic."""
    sharpness: float | None = None
    """Share of the benchmark's own items that the comparison puts into their own topic. Of `text` only."""
    parts: tuple[tuple[str, float, float], ...]
    """(dimension or topic, share of the benchmark's items, share of the rows inside)."""


class BiasReport(Frozen):
    """`harness data report`."""

    schema_version: Literal["harness.bias/1"] = BIAS_SCHEMA
    name: str
    digest: str
    """Of the data set, or SHA-256 of the file."""
    culture: str | None
    rows: int
    parts: dict[str, tuple[Part, ...]]
    """`source`, `category`, `area`, `licence`, `language`, `origin`, `turns`, `opening` -> parts, largest first."""
    spreads: tuple[Spread, ...]
    refusals: Rate
    """Rows whose last reply refuses, by the rules judge: indicative."""
    persona: Rate
    """Rows that speak of themselves as a language model."""
    phrases: tuple[Part, ...]
    """Which phrases those are."""
    flagged: Rate
    by_source: tuple[SourceRates, ...]
    near_duplicates: Rate
    """Rows of the sample that have a near-duplicate in it."""
    sampled: int
    """Rows looked at for near-duplicates and topics."""
    distances: tuple[Distance, ...]
    notes: tuple[str, ...]
