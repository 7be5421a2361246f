"""Rows, one at a time -> shares, lengths, refusals, persona phrases: all that one pass can count in little memory."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from harness.data.hashing import content_hash
from harness.judging.rules import REFUSES, refusal_degree
from harness.judging.text import han_share
from harness.profiling.phrases import phrases_in
from harness.schema import DataRow
from harness.schema.bias import Part, Rate, SourceRates, Spread
from harness.stats.intervals import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_PARTS: Final = 40
"""Parts that are listed; the rest stands together as `other`."""
OPENING: Final = 4
"""Characters of a question that count as its opening."""
BARS: Final = 24
LANGUAGES: Final = ((0.8, "Chinese"), (0.2, "mixed"), (0.0, "other"))
"""Share of Han characters among the letters of the replies, at least -> what that is called."""
QUANTILES: Final = {"min": 0.0, "5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95, "max": 1.0}


@dataclass
class _Source:
    rows: int = 0
    refusals: int = 0
    persona: int = 0
    lengths: list[int] = field(default_factory=list)


class Counts:
    """Everything counted of the rows so far. Numbers of lengths are kept: 4 of some 36 bytes a row."""

    def __init__(self, sample: int) -> None:
        self.rows = 0
        self._size = sample
        self._parts: dict[str, Counter[str]] = defaultdict(Counter)
        self._numbers: dict[str, list[int]] = {"question": [], "reply": [], "conversation": [], "turns": []}
        self._phrases: Counter[str] = Counter()
        self._persona = self._refusals = self._flagged = 0
        self._sources: dict[str, _Source] = defaultdict(_Source)
        self._sample: list[tuple[int, str, DataRow]] = []

    def add(self, row: DataRow) -> None:
        """Count one row."""
        self.rows += 1
        asked, replied = _said(row, "user"), _said(row, "assistant")
        self._count_parts(row, asked, replied)
        self._count_numbers(row, asked, replied)
        self._count_manner(row, asked, replied)
        mark = int(content_hash(row.id), 16)
        # The rows with the smallest hashes: a random sample that a second run, or another order, draws again.
        (heapq.heappush if len(self._sample) < self._size else heapq.heappushpop)(self._sample, (-mark, row.id, row))

    def _count_parts(self, row: DataRow, asked: list[str], replied: list[str]) -> None:
        parts = self._parts
        parts["source"][row.source] += 1
        parts["category"][row.category or "none"] += 1
        parts["licence"][row.licence] += 1
        parts["area"].update(row.areas or ("untagged",))
        parts["language"][_language("".join(replied))] += 1
        parts["origin"][row.origin or "as in the source"] += 1
        parts["turns"][str(len(replied))] += 1
        parts["opening"][asked[0].strip()[:OPENING] if asked else ""] += 1

    def _count_numbers(self, row: DataRow, asked: list[str], replied: list[str]) -> None:
        self._numbers["question"].append(sum(map(len, asked)))
        self._numbers["reply"].append(sum(map(len, replied)))
        self._numbers["conversation"].append(sum(len(turn.content) for turn in row.messages))
        self._numbers["turns"].append(len(replied))

    def _count_manner(self, row: DataRow, asked: list[str], replied: list[str]) -> None:
        source = self._sources[row.source]
        source.rows += 1
        source.lengths.append(sum(map(len, replied)))
        refuses = bool(asked and replied) and refusal_degree(asked[-1], replied[-1])[0] >= REFUSES
        found = {phrase for text in replied for phrase in phrases_in(text)}
        self._refusals += refuses
        source.refusals += refuses
        self._persona += bool(found)
        source.persona += bool(found)
        self._phrases.update(found)
        self._flagged += bool(row.flags)

    @property
    def sample(self) -> list[DataRow]:
        """Rows drawn by the hash of their names, in the order of their names."""
        return [row for _, _, row in sorted(self._sample, key=lambda one: one[1])]

    @property
    def areas(self) -> dict[str, int]:
        """Area -> rows tagged with it."""
        return dict(self._parts["area"])

    def parts(self) -> dict[str, tuple[Part, ...]]:
        """Shares by what rows are."""
        return {name: _parts(counted, self.rows) for name, counted in self._parts.items()}

    def phrases(self) -> tuple[Part, ...]:
        """Persona phrases, most frequent first."""
        return _parts(self._phrases, self.rows)

    def spreads(self) -> tuple[Spread, ...]:
        """Lengths in characters, and turns."""
        return tuple(_spread(name, numbers) for name, numbers in self._numbers.items())

    def rates(self) -> dict[str, Rate]:
        """`refusals`, `persona`, `flagged`."""
        counted = {"refusals": self._refusals, "persona": self._persona, "flagged": self._flagged}
        return {name: rate(count, self.rows) for name, count in counted.items()}

    def by_source(self) -> tuple[SourceRates, ...]:
        """One a source, largest first."""
        ordered = sorted(self._sources.items(), key=lambda one: (-one[1].rows, one[0]))
        return tuple(
            SourceRates(
                source=name,
                rows=found.rows,
                refusals=rate(found.refusals, found.rows),
                persona=rate(found.persona, found.rows),
                median_reply=sorted(found.lengths)[len(found.lengths) // 2],
            )
            for name, found in ordered
        )


def rate(count: int, of: int) -> Rate:
    """A share of at least one row, with its Wilson interval."""
    return Rate(rows=count, of=of, value=count / of, interval=wilson(count, of))


def _said(row: DataRow, role: str) -> list[str]:
    return [turn.content for turn in row.messages if turn.role == role]


def _language(replies: str) -> str:
    share = han_share(replies)
    return "no letters" if share is None else next(name for least, name in LANGUAGES if share >= least)


def _parts(counted: Mapping[str, int], rows: int) -> tuple[Part, ...]:
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    shown = [Part(name=name, rows=count, share=count / rows) for name, count in ordered[:MOST_PARTS]]
    if rest := sum(count for _, count in ordered[MOST_PARTS:]):
        shown.append(Part(name=f"other ({len(ordered) - MOST_PARTS})", rows=rest, share=rest / rows))
    return tuple(shown)


def _spread(name: str, values: Iterable[int]) -> Spread:
    import numpy as np

    numbers = np.fromiter(values, np.int64)
    found = np.quantile(numbers, list(QUANTILES.values()), method="lower")
    edges = _edges(numbers, name)
    counts, _ = np.histogram(numbers, edges)
    return Spread(
        name=name,
        unit="replies" if name == "turns" else "characters",
        mean=round(float(numbers.mean()), 2),
        quantiles={label: float(value) for label, value in zip(QUANTILES, found, strict=True)},
        edges=tuple(round(float(edge), 2) for edge in edges),
        counts=tuple(int(count) for count in counts),
    )


def _edges(numbers: NDArray[np.int64], name: str) -> NDArray[np.float64]:  # type: ignore[name-defined]  # noqa: F821
    """Bars of equal width on a logarithmic axis for lengths, one bar a number for turns."""
    import numpy as np

    most = max(1, int(numbers.max()))
    if name == "turns":
        return np.arange(0.5, min(most, BARS) + 1.5) if most <= BARS else np.linspace(0.5, most + 0.5, BARS + 1)
    return np.unique(np.r_[0, np.floor(np.logspace(0, np.log10(most + 1), BARS + 1))]).astype(float)
