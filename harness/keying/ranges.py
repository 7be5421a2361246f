"""An answer that repeats its question -> parts: its own words, and ranges of the question. So a key holds no benchmark text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harness.schema import KeyAnswer, KeyRange, KeyText, ProposedText

LEAST: Final = 14
"""Characters of the question that an answer may repeat as they stand; so many or more become a range."""


def as_parts(text: str, question: str, least: int = LEAST) -> KeyAnswer:
    """The text, where it repeats no `least` characters of the question; else its parts, which `as_text` puts together again.

    Greedy: from left to right, the longest stretch that stands in the question. No stretch of `least` characters of the question
    is left inside any one string.
    """
    parts: list[str | KeyRange] = []
    place, own = 0, 0
    while place + least <= len(text):
        start = question.find(text[place : place + least])
        if start < 0:
            place += 1
            continue
        start, end = _longest(text, place, question, least)
        if own < place:
            parts.append(text[own:place])
        parts.append((start, end))
        place = own = place + end - start
    if own < len(text):
        parts.append(text[own:])
    return text if not any(isinstance(part, tuple) for part in parts) else tuple(parts)


def as_text(answer: KeyAnswer, question: str) -> str:
    """The answer as people read it.

    Raises:
        ValueError: a range lies outside the question.
    """
    if isinstance(answer, str):
        return answer
    for part in answer:
        if not isinstance(part, str) and not part[0] < part[1] <= len(question):
            raise ValueError(f"range {part[0]}-{part[1]} lies outside a question of {len(question)} characters")
    return "".join(part if isinstance(part, str) else question[part[0] : part[1]] for part in answer)


def shown(text: ProposedText, question: str) -> KeyText:
    """A proposal as people see and edit it."""
    return _each(text, lambda answer: as_text(answer, question))


def stored(text: KeyText, question: str, kind: str | None = None) -> ProposedText:
    """What people or models wrote, as it is kept."""
    return ProposedText.model_validate(
        {
            "reference": as_parts(text.reference, question),
            "accept": tuple(as_parts(form, question) for form in text.accept),
            "points": tuple(as_parts(point, question) for point in text.points),
            "kind": kind,
        }
    )


def _each(text: ProposedText, turn: Callable[[KeyAnswer], str]) -> KeyText:
    return KeyText(reference=turn(text.reference), accept=tuple(map(turn, text.accept)), points=tuple(map(turn, text.points)))


def _longest(text: str, place: int, question: str, least: int) -> KeyRange:
    """The longest range of the question that stands at `place` of the text."""
    best, start = (0, 0), question.find(text[place : place + least])
    while start >= 0:
        size = least
        while place + size < len(text) and start + size < len(question) and text[place + size] == question[start + size]:
            size += 1
        if size > best[1] - best[0]:
            best = (start, start + size)
        start = question.find(text[place : place + least], start + 1)
    return best
