"""Answer × reference -> does it rest on it? Two cheap signs, for people to look at first; no proof either way.

`support`: share of the answer's different character pairs that stand in the reference. An answer that retells it shares most, one
about something else next to none: in a public sample of Chinese instructions, the answers of the 15 rows with a text of their own
shared 0.57 with it (median; 0.09 at least) and at most 0.04 with another row's.

Numbers: one that the answer states and that neither reference nor question holds was made up, or reckoned.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from harness.judging.text import numbers
from harness.rows.contamination import bare, grams

LEAST_SUPPORT: Final = 0.15
"""Below it an answer is flagged."""
_MARKER: Final = re.compile(r"^[ \t]*(?:[(（]?\d{1,2}[)）.、:：．]|第?[一二三四五六七八九十]{1,3}[、.:：．])", re.MULTILINE)
"""Numbers of a list are nobody's facts."""
_ARABIC: Final = re.compile(r"\d+")
_COUNTED: Final = 10
"""Chinese numerals below this are mostly words (一些, 两点)."""


def support(answer: str, reference: str) -> float:
    """Share of an answer's character pairs that the reference holds, 0-1; 1 for an answer of fewer than two characters."""
    said = grams(bare(answer), 2)
    return len(said & grams(bare(reference), 2)) / len(said) if said else 1.0


def made_up(answer: str, question: str, reference: str) -> tuple[str, ...]:
    """Numbers of an answer that neither question nor reference holds, in their order."""
    known = _all_numbers(reference) | _all_numbers(question)
    said = _MARKER.sub("", answer)
    found = numbers(said)
    if not _ARABIC.search(said):
        found = tuple(number for number in found if abs(number) >= _COUNTED)
    return tuple(dict.fromkeys(_text(number) for number in found if number not in known))


def _all_numbers(text: str) -> set[Fraction]:
    """Also those in Chinese numerals where there are Arabic ones beside them."""
    return {*numbers(text), *numbers(_ARABIC.sub(" ", text))}


def _text(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):g}"
