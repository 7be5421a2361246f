"""Shapes and words -> SVG elements: sizes, colours and the few elements that the pictures are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from harness.report.text import cells, one_line

LONGEST: Final = 30
"""Columns of a name; a longer one loses its middle, since versions and stages stand at the end."""
CROWD: Final = 6
"""Models between the first stage and the last beyond which only those are named that nothing was trained from."""
SIZE: Final = 12
"""Of the text, in pixels."""
CELL: Final = 0.62
"""Width of a letter, in parts of `SIZE`: more than any common font takes on average."""
RAMPS: Final = {False: ((238, 244, 251), (8, 48, 107)), True: ((255, 243, 228), (127, 39, 4))}
"""Ceiling -> colours of 0 and 100: blues, and oranges where less is better; both differ in lightness above all."""
INK: Final = "var(--ink,#1a1a1a)"
FAINT: Final = "var(--faint,#6b6b6b)"
RULE: Final = "var(--rule,#d0d0d0)"
BAND: Final = "var(--band,#f2f4f7)"
PAPER: Final = "var(--paper,#ffffff)"
LINES: Final = ("#0072b2", "#b34700", "#00785a", "#a6467f", "#7a5c00", "#5b5bd6")
"""After Okabe & Ito, darkened to be seen as thin lines on white."""
DASHES: Final = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")


@dataclass(frozen=True)
class Dot:
    """A value with its interval, 0-100."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    band: int | None = None
    """Tier: neighbours of the same one share a background."""
    note: str = ""
    """Stands behind the number."""


@dataclass
class Svg:
    """A picture in the making; all lengths in pixels, from the upper left corner."""

    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def rect(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A filled box."""
        self.parts.append(
            f'<rect x="{fixed(x)}" y="{fixed(y)}" width="{fixed(width)}" height="{fixed(height)}" style="fill:{fill}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1, dash: str = "") -> None:
        """A straight line."""
        dashed = f";stroke-dasharray:{dash}" if dash else ""
        ends = f'x1="{fixed(x1)}" y1="{fixed(y1)}" x2="{fixed(x2)}" y2="{fixed(y2)}"'
        self.parts.append(f'<line {ends} style="stroke:{stroke};stroke-width:{fixed(width)}{dashed}"/>')

    def circle(self, x: float, y: float, radius: float, fill: str) -> None:
        """A filled circle."""
        self.parts.append(f'<circle cx="{fixed(x)}" cy="{fixed(y)}" r="{fixed(radius)}" style="fill:{fill}"/>')

    def text(
        self, x: float, y: float, text: str, anchor: str = "start", fill: str = INK, halo: bool = False, size: float = SIZE
    ) -> None:
        """One line of text; `halo` keeps it legible on top of lines."""
        ring = f";paint-order:stroke;stroke:{PAPER};stroke-width:3px" if halo else ""
        ring += f";font-size:{fixed(size)}px" if size != SIZE else ""
        place = f'x="{fixed(x)}" y="{fixed(y)}" text-anchor="{anchor}"'
        self.parts.append(f'<text {place} style="fill:{fill}{ring}">{escape(one_line(text))}</text>')

    def whole(self, id: str, title: str, about: str) -> str:  # noqa: A002 - an id is what it is
        """The picture; `id` makes its title's and description's ids, unique on a page."""
        name = escape(id, quote=True)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {fixed(self.width)} {fixed(self.height)}" '
            f'width="{fixed(self.width)}" height="{fixed(self.height)}" role="img" aria-labelledby="{name}-title {name}-desc" '
            f'font-family="system-ui,sans-serif" font-size="{SIZE}">'
        )
        titled = (
            f'<title id="{name}-title">{escape(one_line(title))}</title><desc id="{name}-desc">{escape(one_line(about))}</desc>'
        )
        return "\n".join([head, titled, *self.parts, "</svg>"])


def fixed(x: float) -> str:
    """`12`, `12.5`: at most two decimals, no zeros behind them, never `-0`."""
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def short(name: str) -> str:
    """A name within `LONGEST` columns: `some-model-fa…-03-7b-chat-safe`."""
    text = one_line(name)
    if cells(text) <= LONGEST:
        return text
    head, tail = text, text
    while cells(head) > (LONGEST - 1) // 2:
        head = head[:-1]
    while cells(tail) > LONGEST - 1 - cells(head):
        tail = tail[1:]
    return f"{head}…{tail}"


def width_of(text: str) -> float:
    """Pixels that a text takes, rather too many."""
    return cells(one_line(text)) * SIZE * CELL


def shade(value: float, ceiling: bool = False) -> tuple[str, str]:
    """Fill of a value 0-100, and the colour of text upon it (black or white, whichever can be read better)."""
    light, dark = RAMPS[ceiling]
    part = min(100.0, max(0.0, value)) / 100
    rgb = tuple(round(a + (b - a) * part) for a, b in zip(light, dark, strict=True))
    ink = "#000000" if _luminance(rgb) > 0.179 else "#ffffff"
    return "#" + "".join(f"{channel:02x}" for channel in rgb), ink


def colour_of(number: int) -> str:
    """Colour of the n-th line of a picture."""
    place = number % len(LINES)
    return f"var(--line{place},{LINES[place]})"


def ends_of(dots: Iterable[Dot], more: Sequence[float]) -> tuple[int, int]:
    """Whole tens (fives in a narrow range) around everything that is shown, at least ten apart, within 0-100."""
    values = [end for dot in dots for end in (dot.value, dot.low, dot.high) if end is not None] + list(more)
    low = max(0, 10 * math.floor((min(values, default=0) - 1) / 10))
    high = min(100, 10 * math.ceil((max(values, default=100) + 1) / 10))
    return (low, high) if high - low >= 10 else (max(0, high - 10), max(10, high))


def spacing(low: int, high: int) -> int:
    """Distance of an axis's ticks."""
    return 10 if high - low > 30 else 5


def _luminance(rgb: Sequence[int]) -> float:
    """Relative luminance of WCAG 2; above 0.179 black is read better than white."""
    parts = [channel / 255 for channel in rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
