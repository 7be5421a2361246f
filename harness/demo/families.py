"""The nouns of the demo world: families of templated questions, what they draw, and which fillings are held out.

The hold-out is decided by what fills a template's slots, never by the text, so that a held-out filling occurs in training under
no template and in no language (sums are shared between English and Chinese on purpose, names between all extraction families).
Where the words carry the knowledge itself (an idiom, a fact), the words cannot be held out: there one *phrasing* of each is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

Part = Literal["en", "tu", "ie", "tg", "lr", "tp", "mcq", "risk", "benign"]
"""A unit of the demo benchmark: English, the five knowledge dimensions, and the three safety tasks."""

AnswerKind = Literal["exact", "open", "choice", "refusal", "benign"]
"""How a reply is to be compared with the answer: equal, alike, same letter; or is a refusal (not) wanted."""

Side = Literal["train", "test"]
"""`train`: may be learnt from. `test`: held out, benchmark only."""

HELD_OUT: Final = 0.2
"""Share of fillings that are held out."""


@dataclass(frozen=True)
class Filling:
    """Slot words that are held out together, whatever template they stand in."""

    slots: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        """True for a fixed fifth of all fillings."""
        return _unit("filling", *self.slots) < HELD_OUT

    def __str__(self) -> str:
        return "/".join(self.slots)


@dataclass(frozen=True)
class Phrasing:
    """One of several phrasings of the same knowledge."""

    subject: str
    """What is known, e.g. `idiom/守株待兔`."""
    number: int
    """This phrasing, counted from 0."""
    of: int
    """How many phrasings there are."""

    @property
    def held_out(self) -> bool:
        """True for exactly one of the phrasings of every subject."""
        return int(_unit("phrasing", self.subject) * self.of) == self.number

    def __str__(self) -> str:
        return f"{self.subject}#{self.number}"


Key = Filling | Phrasing


def filling(*slots: str | int) -> Filling:
    """A filling from words and numbers."""
    return Filling(tuple(str(slot) for slot in slots))


def listed(words: str) -> tuple[str, ...]:
    """Words written with blanks between them."""
    return tuple(words.split())


@dataclass(frozen=True)
class Draft:
    """One draw of a family, before it is known on which side of the hold-out it falls."""

    question: str
    answer: str
    keys: tuple[Key, ...]
    """What decides the side; several where a question is made of several fillings."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Multiple choice: letter -> text. They stand in `question` too."""

    @property
    def side(self) -> Side | None:
        """`train` if no key is held out, `test` if all are; None if mixed, then the draft is of no use."""
        held = {key.held_out for key in self.keys}
        if len(held) != 1:
            return None
        return "test" if held.pop() else "train"


@dataclass(frozen=True)
class Family:
    """A kind of question, and how to draw one."""

    name: str
    """E.g. `lr_arithmetic`; the first word is the part."""
    dimension: str
    """EN, TU, IE, TG, LR, TP, or a safety area DI, VV, CV, IR, SR."""
    topic: str
    """The sub-skill, as reports show it."""
    draw: Callable[[Random], Draft]
    kind: AnswerKind = "exact"
    chance: float = 0.0
    """Accuracy of blind guessing among the answers that fit the question (0 where there is no such set)."""

    @property
    def part(self) -> str:
        """The benchmark part this family belongs to."""
        return self.name.partition("_")[0]


@dataclass(frozen=True)
class Item:
    """A question with its right answer, drawn from a family on one side of the hold-out."""

    family: str
    dimension: str
    topic: str
    question: str
    answer: str
    kind: AnswerKind
    chance: float
    key: str
    """The filling or phrasing that decided the side."""
    options: Mapping[str, str] = field(default_factory=dict)


def _unit(*words: str) -> float:
    """A fixed number in [0, 1) for these words."""
    digest = hashlib.sha256("\x1f".join(words).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
