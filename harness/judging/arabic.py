"""Text -> Arabic text in the form that cues are matched in, and whether there is any.

Arabic is written in many ways that mean the same: with or without vowel marks, stretched by tatweel, with or without hamza on
alef, with its own digits and marks, with invisible direction marks around Latin letters. All of them are folded. Cues are written
in ordinary spelling and folded alike (`cue`), so that both sides agree.
"""

from __future__ import annotations

import re
from typing import Final

from harness.judging.text import compatible

_LETTER: Final = re.compile("[\u0621-\u063a\u0641-\u064a\u0671-\u06d3\ufb50-\ufdf9\ufe70-\ufefc]")
_DROPPED: Final = re.compile(
    "[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
"""Vowel marks, tatweel, direction marks."""
_FOLDED: Final = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        "ى": "ي",
        "ی": "ي",
        "ک": "ك",
        "ة": "ه",
        "،": ",",
        "؛": ";",
        "؟": "?",
        "٪": "%",
        "۔": ".",
        "٫": ".",
        "٬": ",",
        **{digit: str(value) for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹") for value, digit in enumerate(digits)},
    }
)


def is_arabic(text: str) -> bool:
    """Whether a text has an Arabic letter."""
    return bool(_LETTER.search(text))


def fold(text: str) -> str:
    """The comparable form; length may change. Linear."""
    return compatible(_DROPPED.sub("", text)).translate(_FOLDED)


def cue(*patterns: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern in ordinary spelling, to be matched on folded text; several are alternatives."""
    return re.compile("|".join(_DROPPED.sub("", pattern).translate(_FOLDED) for pattern in patterns), flags)
