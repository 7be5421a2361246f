"""Language -> the script it is written in; text -> how much of it is in that script, and which script most of it is in.

By the first word of each letter's Unicode name, so a script needs no table of ranges here. A script is not a language: Latin
letters are those of a hundred, and only frequent words tell them from English.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from typing import Final

ENGLISH_WORDS: Final = re.compile(
    r"\b(?:the|and|of|that|you|with|this|are|have|your|what|which|how|would|should|please)\b", re.IGNORECASE
)
"""Frequent ones that German, Dutch and Romance languages do not have (`was`, `in`, `an`, `on` they do)."""
_READ: Final = 100_000
"""Characters read of a text."""
_LATIN: Final = (
    "af az bs ca cs cy da de en eo es et eu fi fil fr ga gl ha hr hu id ig is it jv la lb lt lv mg mi ms mt nb nl nn no om pl pt "
    "qu rm ro rw sk sl sm sn so sq st su sv sw tk tl tn to tr ts uz vi wo xh yo zu"
)
_OTHERS: Final = {
    "HAN": "zh yue",
    "HAN KANA": "ja",
    "HANGUL HAN": "ko",
    "ARABIC": "ar fa ur ps sd ug ckb",
    "CYRILLIC": "ru uk be bg mk kk ky mn tg tt",
    "CYRILLIC LATIN": "sr",
    "DEVANAGARI": "hi mr ne sa",
    "BENGALI": "bn as",
    "GREEK": "el",
    "HEBREW": "he yi",
    "THAI": "th",
    "LAO": "lo",
    "MYANMAR": "my",
    "KHMER": "km",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "ORIYA": "or",
    "SINHALA": "si",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "ETHIOPIC": "am ti",
    "TIBETAN": "bo dz",
}
"""Scripts -> languages written in them, but for Latin."""
SCRIPTS: Final = {
    code: frozenset(scripts.split()) for scripts, codes in {"LATIN": _LATIN, **_OTHERS}.items() for code in codes.split()
}
"""Language (ISO 639) -> scripts that its text is written in."""
_SAME: Final = {
    "CJK": "HAN",
    "IDEOGRAPHIC": "HAN",
    "HIRAGANA": "KANA",
    "KATAKANA": "KANA",
    "KATAKANA-HIRAGANA": "KANA",
    "HALFWIDTH": "KANA",
    "FULLWIDTH": "LATIN",
    "FEMININE": "LATIN",
    "MASCULINE": "LATIN",
}
"""First word of a Unicode name -> script, where they differ."""


@cache
def _script(character: str) -> str:
    first = unicodedata.name(character, "NO").partition(" ")[0]
    return _SAME.get(first, first)


def scripts(text: str) -> Counter[str]:
    """Script -> letters of it. Digits, marks and blanks are no letters; of long texts the beginning is read."""
    found: Counter[str] = Counter()
    for character, count in Counter(text[:_READ]).items():
        if character.isalpha():
            found[_script(character)] += count
    return found


def share(text: str, language: str) -> float | None:
    """Letters in a script of the language / letters, 0-1; None without letters, or where the language's script is not known."""
    wanted, found = SCRIPTS.get(language), scripts(text)
    if not wanted or not found:
        return None
    return sum(found[script] for script in wanted) / found.total()


def looks_english(text: str) -> bool:
    """Whether a Latin text has English's small words: one of eight words or more, of at least six."""
    words = len(re.findall(r"[^\W\d_]+", text[:_READ]))
    return words >= 6 and 8 * len(ENGLISH_WORDS.findall(text[:_READ])) >= words
