"""What a benchmark says, in stretches of 14 characters -> an answer cut so that none of its strings holds one.

By accident an answer may share a common phrase, or a line of code, with a question that is not its own. A range cannot say that:
whoever reads one task has no other task's questions. So the string is cut in two, and reads the same when it is put together.
What repeats a longer piece of another question is no accident, and is not to be published at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.keying.ranges import LEAST
from harness.schema import KeyAnswer, KeyRange, ProposedText

LONGEST: Final = 2 * LEAST
"""So many characters in a row are no accident any more."""


class Stretches:
    """All stretches of `LEAST` characters of some texts: as they stand, and with white space left out."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take them in."""
        self._known: set[str] = set()
        for text in texts:
            for form in {text, "".join(text.split())}:
                self._known.update(form[start : start + LEAST] for start in range(len(form) - LEAST + 1))

    def cut(self, answer: KeyAnswer) -> KeyAnswer:
        """The same answer; none of its strings holds a stretch."""
        parts: list[str | KeyRange] = []
        for part in (answer,) if isinstance(answer, str) else answer:
            parts += self._pieces(part) if isinstance(part, str) else [part]
        return answer if isinstance(answer, str) and len(parts) == 1 else tuple(parts)

    def cut_all(self, text: ProposedText) -> ProposedText:
        """A reference with its forms and points."""
        accept, points = (tuple(map(self.cut, each)) for each in (text.accept, text.points))
        return text.model_copy(update={"reference": self.cut(text.reference), "accept": accept, "points": points})

    def longest(self, text: ProposedText) -> int:
        """How many characters in a row its strings repeat at most; 0 if fewer than `LEAST`."""
        answers = (text.reference, *text.accept, *text.points)
        strings = (part for one in answers for part in ((one,) if isinstance(one, str) else one) if isinstance(part, str))
        return max(map(self._run, strings), default=0)

    def _pieces(self, text: str) -> list[str]:
        pieces, start, tail = [], 0, _Tail()
        for place, character in enumerate(text):
            if tail.add(character) & self._known:
                pieces.append(text[start:place])
                start, tail = place, _Tail()
                tail.add(character)
        return [*pieces, text[start:]]

    def _run(self, text: str) -> int:
        """Characters that stretches cover without a gap, at most."""
        longest, start, end, tail = 0, 0, -1, _Tail()
        for place, character in enumerate(text, 1):
            for stretch in tail.add(character) & self._known:
                start = start if place - len(stretch) <= end else place - len(stretch)
                end = place
                longest = max(longest, end - start)
        return longest


class _Tail:
    """The last characters of a text that is read one by one, with white space and without."""

    def __init__(self) -> None:
        self._plain = self._dense = ""

    def add(self, character: str) -> set[str]:
        """Both tails, where they are long enough."""
        self._plain = (self._plain + character)[-LEAST:]
        if not character.isspace():
            self._dense = (self._dense + character)[-LEAST:]
        return {tail for tail in (self._plain, self._dense) if len(tail) == LEAST}
