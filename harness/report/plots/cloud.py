"""Words with their numbers -> a cloud: the more, the larger; none upon another, none turned.

Words go out from the middle along a flat spiral, the largest first, each to the first place where its box is free. Boxes are
estimated, since a page is written where no font is: Chinese, Japanese and Korean characters are one em wide, others by their
kind, a little more than common fonts take.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from harness.report.plots.drawing import FAINT, LINES, Svg, colour_of, width_of
from harness.report.text import one_line

SMALLEST: Final = 13.0
LARGEST: Final = 52.0
"""Sizes of letters, in pixels."""
AREA: Final = 150_000.0
"""Square pixels of all letters: many words of like numbers are all smaller, so that the cloud fits a page."""
FLAT: Final = 1.7
"""Width of the spiral, of its height."""
AIR: Final = 3.0
"""Pixels between two words."""
_POINTS: Final[list[tuple[float, float, float]]] = [(0.0, 0.0, 0.0)]
"""Of the spiral, as far as it was walked: x, y, angle."""
_TALL: Final = 1.06
"""Height of a box, in ems: from the top of a Chinese character to the tail of a `g`."""
_WIDE: Final = {**dict.fromkeys("mwMW%@", 0.95), **dict.fromkeys("iljtfrI.,'’", 0.42)}


@dataclass(frozen=True)
class CloudWord:
    """A word, how much of it there is, and what it belongs to."""

    text: str
    n: int
    kind: str = ""


@dataclass(frozen=True)
class Box:
    """Where a word lies, from its upper left corner, in pixels."""

    x: float
    y: float
    width: float
    height: float
    size: float


def cloud(id: str, title: str, words: Sequence[CloudWord], kinds: Sequence[str] = ()) -> str:  # noqa: A002
    """Words in sizes after the root of their numbers.

    Args:
        id: unique on the page.
        title: what is shown.
        words: any order; of two with one number the first is nearer to the middle.
        kinds: in the order of a legend; colours tell them apart while there are colours enough, else all words have one.
    """
    ordered = sorted(words, key=lambda word: -word.n)
    boxes = layout([(one_line(word.text), word.n) for word in ordered])
    shown = list(kinds) if 1 < len(kinds) <= len(LINES) else []
    left = min((box.x for box in boxes), default=0.0)
    top = min((box.y for box in boxes), default=0.0)
    right = max((box.x + box.width for box in boxes), default=0.0)
    bottom = max((box.y + box.height for box in boxes), default=0.0)
    head = 26.0 if shown else 4.0
    legend = sum(width_of(kind) + 34 for kind in shown)
    svg = Svg(max(right - left, legend) + 8, bottom - top + head + 4)
    shift = (svg.width - (right - left)) / 2
    x = 4.0
    for number, kind in enumerate(shown):
        svg.rect(x, 5, 10, 10, colour_of(number))
        svg.text(x + 15, 14, kind, fill=FAINT)
        x += width_of(kind) + 34
    for word, box in zip(ordered, boxes, strict=True):
        colour = colour_of(shown.index(word.kind) if word.kind in shown else 0)
        place = (box.x - left + shift + box.width / 2, box.y - top + head + 0.86 * box.size)
        svg.text(*place, word.text, "middle", colour, size=box.size)
    told = ", ".join(f"{one_line(word.text)} {word.n:,}" for word in ordered)
    return svg.whole(id, title, f"{title}. {len(ordered)} words, with the texts that hold them: {told}.")


def layout(words: Sequence[tuple[str, int]]) -> list[Box]:
    """A place for each word around (0, 0), the first in the middle; same words, same places."""
    roots = [math.sqrt(n) for _, n in words]
    most = max(roots, default=1.0) or 1.0
    area = sum(_TALL * ems(text) * (root / most) ** 2 for (text, _), root in zip(words, roots, strict=True))
    largest = min(LARGEST, math.sqrt(AREA / area)) if area else LARGEST
    placed: list[Box] = []
    for (text, _), root in zip(words, roots, strict=True):
        size = round(max(SMALLEST, largest * root / most), 1)
        width, height = ems(text) * size + AIR, _TALL * size + AIR
        placed.append(_free(width, height, size, placed))
    return placed


def _free(width: float, height: float, size: float, placed: Sequence[Box]) -> Box:
    """The first box on the spiral that meets none: its middle lies in no other that is grown by its own half.

    What met the last is asked first, since neighbours on the spiral meet the same.
    """
    edges = [
        (box.x - width / 2, box.x + box.width + width / 2, box.y - height / 2, box.y + box.height + height / 2) for box in placed
    ]
    left, right, top, bottom = 0.0, 0.0, 0.0, 0.0
    for x, y in _spiral():
        if left < x < right and top < y < bottom:
            continue
        for left, right, top, bottom in edges:
            if left < x < right and top < y < bottom:
                break
        else:
            return Box(x - width / 2, y - height / 2, width, height, size)
    raise AssertionError("a spiral has no end")


def ems(text: str) -> float:
    """Estimated width in ems."""
    return sum(_em(char) for char in text)


def _em(char: str) -> float:
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0.0
    return _WIDE.get(char, 0.72 if char.isupper() else 0.6)


def _spiral() -> Iterator[tuple[float, float]]:
    """Points 6 pixels apart on an Archimedean spiral whose turns are 6 pixels apart."""
    for place in count():
        if place == len(_POINTS):
            _, _, angle = _POINTS[-1]
            radius = 6 * angle / (2 * math.pi)
            angle += 6 / max(radius, 6.0)
            _POINTS.append((FLAT * radius * math.cos(angle), radius * math.sin(angle), angle))
        yield _POINTS[place][:2]
