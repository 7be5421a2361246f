"""Characters -> the script they belong to: what a new piece must hold, and how a text is broken down.

Scripts are ranges of whole Unicode blocks with the punctuation that belongs to them. Whole blocks, because three bytes become one
token in two steps: the first two bytes of a character are those of its 64 neighbours too, so a step is exact only where the
neighbours belong to the script as well.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from harness.errors import unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Ranges = tuple[tuple[int, int], ...]

LETTERS: Final = "letters"
ANY: Final = "any"
RANGES: Final[dict[str, Ranges]] = {
    "han": ((0x2E80, 0x303F), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0xFE10, 0xFE4F), (0xFF00, 0xFF7F), (0x20000, 0x323AF)),
    "kana": ((0x3040, 0x30FF), (0x31F0, 0x31FF)),
    "hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7FF)),
    "cyrillic": ((0x0400, 0x052F),),
    "greek": ((0x0370, 0x03FF),),
    "hebrew": ((0x0590, 0x05FF),),
    "arabic": ((0x0600, 0x06FF), (0x0750, 0x077F), (0x08A0, 0x08FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF)),
    "devanagari": ((0x0900, 0x097F),),
    "bengali": ((0x0980, 0x09FF),),
    "tamil": ((0x0B80, 0x0BFF),),
    "thai": ((0x0E00, 0x0E7F),),
}
NAMES: Final = (LETTERS, ANY, *RANGES)
KINDS: Final = ("latin", *RANGES, "digits", "spaces", "other")
"""What a text is broken down into."""
_ALL: Final = 0x110000


def check(script: str) -> str:
    """The name, if it is one.

    Raises:
        UsageError: there is no such script.
    """
    if script not in NAMES:
        raise unknown("script", script, NAMES)
    return script


def is_letter(character: str) -> bool:
    """A letter, or a mark that stands on one."""
    return unicodedata.category(character)[0] in "LM"


@cache
def belongs(script: str) -> Callable[[str], bool]:
    """Whether one character is of a script: `letters` are all beyond ASCII with their punctuation, `any` is every character."""
    if script == ANY:
        return lambda _: True
    if script == LETTERS:
        return lambda character: character > "\x7f" and (is_letter(character) or _is_foreign_mark(character))
    ranges = RANGES[script]
    return lambda character: any(low <= ord(character) <= high for low, high in ranges)


def _is_foreign_mark(character: str) -> bool:
    """Punctuation that no Latin text has (U+2000 to U+2E7F are dashes, quotes and symbols of any text), or a full-width sign."""
    if character < "\u0370" or "\u2000" <= character < "\u2e80":
        return False
    return unicodedata.category(character)[0] == "P" or unicodedata.east_asian_width(character) == "F"


@cache
def kinds() -> NDArray[np.uint8]:
    """Code point -> place in `KINDS`."""
    import numpy as np

    table = np.full(_ALL, KINDS.index("other"), dtype=np.uint8)
    for place in range(0x250):
        character = chr(place)
        if is_letter(character):
            table[place] = KINDS.index("latin")
    table[0x1E00:0x1F00] = KINDS.index("latin")
    for name, ranges in RANGES.items():
        for low, high in ranges:
            table[low : high + 1] = KINDS.index(name)
    table[ord("0") : ord("9") + 1] = KINDS.index("digits")
    for character in " \t\r\n\u00a0\u3000":
        table[ord(character)] = KINDS.index("spaces")
    return table
