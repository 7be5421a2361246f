"""Numbers -> SVG: vector pictures that need nothing beside them, made of a few dozen lines of text.

Own writer, because a page must be the same bytes everywhere (no font files, no clock, no ids of the day) and be read by all:
every picture has a title and a description, every value stands there as text too, colour never carries a meaning alone, and the
colours are custom properties with a fallback, so that a page can turn them for a dark background. All text is untrusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


@dataclass(frozen=True)
class Step:
    """A model at its stage, 0-100."""

    name: str
    stage: int
    """Column, from 0."""
    value: float
    low: float | None = None
    high: float | None = None
    parent: str | None = None


@dataclass
class _Svg:
    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def rect(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        self.parts.append(
            f'<rect x="{fixed(x)}" y="{fixed(y)}" width="{fixed(width)}" height="{fixed(height)}" style="fill:{fill}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1, dash: str = "") -> None:
        dashed = f";stroke-dasharray:{dash}" if dash else ""
        ends = f'x1="{fixed(x1)}" y1="{fixed(y1)}" x2="{fixed(x2)}" y2="{fixed(y2)}"'
        self.parts.append(f'<line {ends} style="stroke:{stroke};stroke-width:{fixed(width)}{dashed}"/>')

    def circle(self, x: float, y: float, radius: float, fill: str) -> None:
        self.parts.append(f'<circle cx="{fixed(x)}" cy="{fixed(y)}" r="{fixed(radius)}" style="fill:{fill}"/>')

    def text(self, x: float, y: float, text: str, anchor: str = "start", fill: str = INK, halo: bool = False) -> None:
        ring = f";paint-order:stroke;stroke:{PAPER};stroke-width:3px" if halo else ""
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


def heat_map(
    id: str,  # noqa: A002
    title: str,
    rows: Sequence[tuple[str, Sequence[float | None]]],
    columns: Sequence[str],
    *,
    ceiling: bool = False,
) -> str:
    """Names × columns, each value as a shade and as a number.

    Args:
        id: unique on the page.
        title: what is shown.
        rows: name -> values 0-100, one a column; None: there is none.
        columns: their heads.
        ceiling: less is better.
    """
    names = [short(name) for name, _ in rows]
    heads = [one_line(column, 12) for column in columns]
    left = max((width_of(name) for name in names), default=0) + 12
    wide = max(54.0, *(width_of(head) + 10 for head in heads)) if heads else 54.0
    tall, top = 24.0, 24.0
    svg = _Svg(left + wide * len(heads) + 4, top + tall * len(names) + 4)
    for place, head in enumerate(heads):
        svg.text(left + wide * (place + 0.5), top - 8, head, "middle", FAINT)
    for number, (name, (_, values)) in enumerate(zip(names, rows, strict=True)):
        y = top + tall * number
        svg.text(left - 8, y + 16, name, "end")
        for place, value in enumerate(values):
            x = left + wide * place
            fill, ink = (BAND, FAINT) if value is None else shade(value, ceiling)
            svg.rect(x + 1, y + 1, wide - 2, tall - 2, fill)
            svg.text(x + wide / 2, y + 16, "–" if value is None else f"{value:.1f}", "middle", ink)
    order = "darker is more, and less is better" if ceiling else "darker is more, and more is better"
    return svg.whole(id, title, f"{title}. {len(names)} rows by {', '.join(columns)}; percent; {order}.")


def intervals(id: str, title: str, dots: Sequence[Dot], marks: Mapping[str, float] | None = None) -> str:  # noqa: A002
    """One line a name: value and 95% interval on a common axis, tiers as bands, baselines as dashed lines.

    Args:
        id: unique on the page.
        title: what is shown.
        dots: models, the first on top.
        marks: baselines, 0-100.
    """
    names = [short(dot.name) for dot in dots]
    said = [_said(dot) for dot in dots]
    lines = sorted((marks or {}).items(), key=lambda one: (one[1], one[0]))
    low, high = _axis(dots, [value for _, value in lines])
    left = max((width_of(name) for name in names), default=0) + 14
    beside = max([width_of(text) for text in said] + [width_of(f"{name} 00.0") - _PLOT / 2 for name, _ in lines] + [0.0])
    top = 8.0 + 16 * len(lines)
    axis = _Axis(_Svg(left + _PLOT + beside + 20, top + _ROW * len(dots) + 26), left, top, top + _ROW * len(dots), low, high)
    _bands(axis, dots)
    _ticks(axis)
    _marks(axis, lines)
    for number, (name, dot, text) in enumerate(zip(names, dots, said, strict=True)):
        _whisker(axis, top + _ROW * (number + 0.5), name, dot, text)
    told = "; ".join(f"{name} {text}" for name, text in zip(names, said, strict=True))
    return axis.svg.whole(id, title, f"{title}. Percent with 95% interval: {told}.")


_PLOT: Final = 380.0
"""Width of the axis."""
_ROW: Final = 24.0


@dataclass(frozen=True)
class _Axis:
    """Where values lie in a picture of intervals."""

    svg: _Svg
    left: float
    top: float
    bottom: float
    low: int
    high: int

    def x(self, value: float) -> float:
        return self.left + _PLOT * (value - self.low) / (self.high - self.low)


def _bands(axis: _Axis, dots: Sequence[Dot]) -> None:
    for number, dot in enumerate(dots):
        if dot.band is not None and dot.band % 2:
            axis.svg.rect(0, axis.top + _ROW * number, axis.svg.width, _ROW, BAND)


def _ticks(axis: _Axis) -> None:
    for tick in range(axis.low, axis.high + 1, _step(axis.low, axis.high)):
        axis.svg.line(axis.x(tick), axis.top, axis.x(tick), axis.bottom, RULE)
        axis.svg.text(axis.x(tick), axis.bottom + 16, str(tick), "middle", FAINT)


def _marks(axis: _Axis, lines: Sequence[tuple[str, float]]) -> None:
    """Each name on a line of its own, turned towards the side with more room; the names last, so that no line crosses them."""
    for place, (_, value) in enumerate(lines):
        axis.svg.line(axis.x(value), 14 + 16 * place, axis.x(value), axis.bottom, FAINT, 1.5, "4 3")
    for place, (name, value) in enumerate(lines):
        anchor, shift = ("end", -4) if value > (axis.low + axis.high) / 2 else ("start", 4)
        axis.svg.text(axis.x(value) + shift, 12 + 16 * place, f"{name} {value:.1f}", anchor, FAINT, halo=True)


def _whisker(axis: _Axis, y: float, name: str, dot: Dot, text: str) -> None:
    svg = axis.svg
    svg.text(axis.left - 10, y + 4, name, "end")
    if dot.low is not None and dot.high is not None:
        svg.line(axis.x(dot.low), y, axis.x(dot.high), y, _line(0), 2)
        for end in (dot.low, dot.high):
            svg.line(axis.x(end), y - 4, axis.x(end), y + 4, _line(0), 2)
    svg.circle(axis.x(dot.value), y, 4, _line(0))
    svg.text(axis.left + _PLOT + 12, y + 4, text)


def slopes(id: str, title: str, steps: Sequence[Step], stages: Sequence[str]) -> str:  # noqa: A002
    """What each stage of training did: models in the column of their stage, joined with what they were trained from.

    Args:
        id: unique on the page.
        title: what is shown.
        steps: models.
        stages: names of the columns; those behind the last model are left out.
    """
    shown = stages[: max((step.stage for step in steps), default=0) + 1]
    names = {step.name: f"{short(step.name)} {step.value:.1f}" for step in steps}
    low, high = _axis([Dot(step.name, step.value, step.low, step.high) for step in steps], [])
    widest = max([width_of(name) for name in names.values()] + [80.0])
    left, gap = 36 + widest + 12, widest + 90
    top, tall = 44.0, max(200.0, 20.0 * _crowd(steps) + 60)
    frame = _Frame(_Svg(left + gap * (len(shown) - 1) + widest + 18, top + tall + 16), left, gap, top, tall, low, high)
    _grid(frame, shown)
    _joints(frame, steps)
    for stage in range(len(shown)):
        here = [step for step in steps if step.stage == stage]
        for anchor, shift, placed in _beside(here, steps, last=stage == len(shown) - 1):
            _labels(frame, placed, names, anchor, shift)
    return frame.svg.whole(id, title, f"{title}. {_told(steps)}")


@dataclass(frozen=True)
class _Frame:
    """Where stages and values lie in a picture of slopes."""

    svg: _Svg
    left: float
    gap: float
    top: float
    tall: float
    low: int
    high: int

    def x(self, stage: int) -> float:
        return self.left + self.gap * stage

    def y(self, value: float) -> float:
        return self.top + self.tall * (1 - (value - self.low) / (self.high - self.low))


def _grid(frame: _Frame, stages: Sequence[str]) -> None:
    for tick in range(frame.low, frame.high + 1, _step(frame.low, frame.high)):
        frame.svg.line(30, frame.y(tick), frame.svg.width, frame.y(tick), RULE)
        frame.svg.text(26, frame.y(tick) + 4, str(tick), "end", FAINT)
    for place, stage in enumerate(stages):
        frame.svg.text(frame.x(place), 14, stage, "middle" if place else "end", FAINT)


def _joints(frame: _Frame, steps: Sequence[Step]) -> None:
    """Lines first, so that they lie below the dots."""
    svg, places = frame.svg, {step.name: step for step in steps}
    for number, step in enumerate(steps):
        parent = places.get(step.parent or "")
        if parent is not None:
            ends = (frame.x(parent.stage), frame.y(parent.value), frame.x(step.stage), frame.y(step.value))
            svg.line(*ends, _line(number), 2, DASHES[number % len(DASHES)])
    for number, step in enumerate(steps):
        if step.low is not None and step.high is not None:
            svg.line(frame.x(step.stage), frame.y(step.low), frame.x(step.stage), frame.y(step.high), _line(number), 2)
        svg.circle(frame.x(step.stage), frame.y(step.value), 4, _line(number))


Placed = tuple[Step, float]
"""A model, and how far below its dot its name is written."""


def _beside(here: Sequence[Step], steps: Sequence[Step], *, last: bool) -> Iterator[tuple[str, float, list[Placed]]]:
    """Where the names of one stage stand, so that no line of their own runs through them: anchor, shift from the dot, models.

    Left of the first column and right of the last. Between them: right of a model that nothing was trained from; else left, on
    the side of the line from its parent where that line is not.
    """
    values = {step.name: step.value for step in steps}
    parents = {step.parent for step in steps}
    ends = [step for step in here if step.name not in parents]
    if last and any(step.stage for step in here):
        yield "start", 9, [(step, 4) for step in here]
    elif not any(step.stage for step in here):
        yield "end", -9, [(step, 4) for step in here]
    else:
        yield "start", 9, [(step, 4) for step in ends]
        on = [step for step in here if step.name in parents]
        if len(on) <= CROWD:
            yield "end", -7, [(step, -7 if values.get(step.parent or "", 0) <= step.value else 17) for step in on]


def _labels(frame: _Frame, placed: Sequence[Placed], names: Mapping[str, str], anchor: str, shift: float) -> None:
    wanted = [frame.y(step.value) + below for step, below in placed]
    for (step, _), place in zip(placed, _apart(wanted, frame.top - 14, frame.top + frame.tall + 4), strict=True):
        frame.svg.text(frame.x(step.stage) + shift, place, names[step.name], anchor, halo=True)


def _line(number: int) -> str:
    place = number % len(LINES)
    return f"var(--line{place},{LINES[place]})"


def _said(dot: Dot) -> str:
    ends = f" [{dot.low:.1f}–{dot.high:.1f}]" if dot.low is not None and dot.high is not None else ""
    return f"{dot.value:.1f}{ends}{f'  {dot.note}' if dot.note else ''}"


def _told(steps: Sequence[Step]) -> str:
    places = {step.name: step for step in steps}
    found = []
    for step in steps:
        parent = places.get(step.parent or "")
        after = f" after {parent.name} {parent.value:.1f}" if parent else ""
        found.append(f"{step.name} {step.value:.1f}{after}")
    return f"Percent: {'; '.join(found)}."


def _axis(dots: Iterable[Dot], more: Sequence[float]) -> tuple[int, int]:
    """Whole tens (fives in a narrow range) around everything that is shown, at least ten apart, within 0-100."""
    values = [end for dot in dots for end in (dot.value, dot.low, dot.high) if end is not None] + list(more)
    low = max(0, 10 * math.floor((min(values, default=0) - 1) / 10))
    high = min(100, 10 * math.ceil((max(values, default=100) + 1) / 10))
    return (low, high) if high - low >= 10 else (max(0, high - 10), max(10, high))


def _step(low: int, high: int) -> int:
    return 10 if high - low > 30 else 5


def _crowd(steps: Sequence[Step]) -> int:
    """The most models at one stage."""
    return max((sum(other.stage == step.stage for other in steps) for step in steps), default=0)


def _apart(wanted: Sequence[float], low: float, high: float, least: float = 15.0) -> list[float]:
    """Heights moved as little as is needed to stand `least` apart, in the same order, between `low` and `high`."""
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    placed, edge = [0.0] * len(wanted), low
    for i in order:
        placed[i] = max(wanted[i], edge)
        edge = placed[i] + least
    edge = high
    for i in reversed(order):
        placed[i] = min(placed[i], edge)
        edge = placed[i] - least
    return placed


def _luminance(rgb: Sequence[int]) -> float:
    """Relative luminance of WCAG 2; above 0.179 black is read better than white."""
    parts = [channel / 255 for channel in rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
