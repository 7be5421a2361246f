"""Replies that repeat themselves: loops of a model, the same line over and over, boilerplate.

Gopher's ratios (Rae et al., arXiv 2112.11446, appendix A.1.1, table A1), in characters instead of words: four of its words
are about six Chinese characters or thirty Latin letters. Code blocks, table rules and blanks do not count.

    run         characters of the longest piece said at least three times in a row / all characters
    lines       characters in lines that stood before / all characters
    phrase      characters covered by the most frequent phrase of 6 characters / all characters
    duplicated  characters in phrases of 12 characters that occur twice or more / all characters
    compressed  bytes after DEFLATE / bytes

Most replies are passed by their compression alone: what repeats itself compresses well.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal

from pydantic import Field

from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.curating.prose import replies, without_code
from harness.schema import DataRow

_SKIPPED: Final = re.compile(r"[\s|=_*#.─━—\-]+")
_LONGEST: Final = 50_000
"""Characters that are looked at."""
_SUSPECT: Final = (
    (0, 0.9),
    (40, 0.85),
    (60, 0.8),
    (100, 0.72),
    (200, 0.62),
    (400, 0.53),
    (1_000, 0.49),
    (3_000, 0.45),
    (10_000, 0.42),
)
"""(characters, compressed share): what is above the line through these points repeats nothing much. Some 95% of ordinary
replies of each length are, and of replies with a third of them repeated one in ten at most."""
_DISTINCT: Final = 0.9
"""Share of different phrases of five characters above which no bound of the default ones can be broken."""
_LEAST: Final = 10
_HEADER: Final = 8
"""Bytes that zlib spends on any text."""
_SHORT_RUN: Final = 0.6
_GRAM: Final = 4
_PERIODS: Final = 40
"""Characters of the longest piece that is looked for in a row."""


class Repetition(StepSettings):
    """Bounds are shares of a reply's characters, 0-1; see the head of this page."""

    use: Literal["repetition"]
    least_length: int = Field(default=40, ge=1)
    """Shorter replies (verse, slogans, sums) may repeat themselves; they are dropped where a run makes most of them."""
    most_run: float = Field(default=0.3, gt=0, le=1)
    most_lines: float = Field(default=0.3, gt=0, le=1)
    most_phrase: float = Field(default=0.4, gt=0, le=1)
    most_duplicated: float = Field(default=0.5, gt=0, le=1)
    least_compressed: float = Field(default=0.15, ge=0, lt=1)

    def build(self, context: Context) -> RepetitionStep:
        """Nothing to load."""
        return RepetitionStep(self)


class RepetitionStep:
    """Looks at each reply by itself."""

    def __init__(self, settings: Repetition) -> None:
        self.settings = settings
        default = Repetition(use="repetition")
        bounds = [
            (getattr(settings, name), getattr(default, name)) for name in Repetition.model_fields if name.startswith("most_")
        ]
        self._by_compression = all(wanted >= usual for wanted, usual in bounds)

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By `_one`."""
        return [self._one(row) for row in rows]

    def _one(self, row: DataRow) -> Ruled:
        for reply in replies(row):
            if found := self._complaint(without_code(reply[:_LONGEST])):
                return Drop(row, *found)
        return row

    def _complaint(self, reply: str) -> tuple[str, str, float] | None:
        text = _SKIPPED.sub("", reply)
        if len(text) < _LEAST:
            return None
        raw = text.encode(errors="replace")
        compressed = (len(zlib.compress(raw, 1)) - _HEADER) / len(raw)
        if self._by_compression and (compressed > suspect(len(text)) or distinct(text) > _DISTINCT):
            return None
        for why, share, bound in self._shares(reply, text):
            if share > bound:
                return why, f"{share:.0%} of the characters", min(1.0, 0.5 + share / 2)
        if len(raw) >= 300 and compressed < self.settings.least_compressed:
            return "compresses too well", f"{compressed:.0%} of its bytes", 0.7
        return None

    def _shares(self, reply: str, text: str) -> Iterator[tuple[str, float, float]]:
        """Why, share and bound, the cheapest first."""
        bounds = self.settings
        short = len(text) < bounds.least_length
        if not short:
            yield "repeated lines", duplicate_lines(reply), bounds.most_lines
        yield "the same over and over", longest_run(text) / len(text), max(bounds.most_run, _SHORT_RUN if short else 0)
        if not short:
            yield "one phrase repeated", top_phrase(text), bounds.most_phrase
            yield "repeated phrases", duplicated(text), bounds.most_duplicated


def suspect(length: int) -> float:
    """Compressed share at which a text of so many characters is worth a closer look; see `_SUSPECT`."""
    for (start, high), (end, low) in pairwise(_SUSPECT):
        if length < end:
            return high + (low - high) * (length - start) / (end - start)
    return _SUSPECT[-1][1]


def distinct(text: str, length: int = 5) -> float:
    """Different phrases / phrases."""
    places = len(text) - length + 1
    return len({text[i : i + length] for i in range(places)}) / places if places > 0 else 1.0


def longest_run(text: str) -> int:
    """Characters of the longest stretch made of one piece of up to 40 characters, three times or more in a row.

    Linear: in such a stretch every four characters stood one piece earlier, for as long as it lasts.
    """
    seen: dict[str, int] = {}
    best = before = streak = 0
    for place in range(len(text) - _GRAM + 1):
        gram = text[place : place + _GRAM]
        period = place - seen.get(gram, -_PERIODS - 1)
        seen[gram] = place
        streak = streak + 1 if period == before else 1
        before = period
        if period <= _PERIODS and (same := streak + _GRAM - 1) >= 2 * period:
            best = max(best, same + period)
    return best


def duplicate_lines(text: str) -> float:
    """Share of characters in lines of four characters or more that stood before."""
    lines = [stripped for line in text.split("\n") if len(stripped := _SKIPPED.sub("", line)) >= 4]
    total = sum(map(len, lines))
    counts = Counter(lines)
    again = sum(len(line) * (count - 1) for line, count in counts.items())
    return again / total if total else 0.0


def top_phrase(text: str, length: int = 6) -> float:
    """Share of characters covered by the most frequent phrase; one said fewer than four times is none."""
    counts = Counter(text[i : i + length] for i in range(len(text) - length + 1))
    if not counts:
        return 0.0
    phrase, count = max(counts.items(), key=lambda one: one[1])
    return min(1.0, text.count(phrase) * length / len(text)) if count >= 4 else 0.0


def duplicated(text: str, length: int = 12) -> float:
    """Share of characters in phrases that occur twice or more (each character once)."""
    if len(text) < length:
        return 0.0
    phrases = [text[i : i + length] for i in range(len(text) - length + 1)]
    counts = Counter(phrases)
    covered = end = 0
    for start, phrase in enumerate(phrases):
        if counts[phrase] > 1:
            covered += start + length - max(start, end)
            end = start + length
    return covered / len(text)
