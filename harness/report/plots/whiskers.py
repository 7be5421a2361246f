"""Values with their intervals -> one line each, on a common scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.report.plots.drawing import BAND, FAINT, RULE, Dot, Svg, colour_of, ends_of, short, spacing, width_of


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
    low, high = ends_of(dots, [value for _, value in lines])
    left = max((width_of(name) for name in names), default=0) + 14
    beside = max([width_of(text) for text in said] + [width_of(f"{name} 00.0") - _PLOT / 2 for name, _ in lines] + [0.0])
    top = 8.0 + 16 * len(lines)
    axis = _Axis(Svg(left + _PLOT + beside + 20, top + _ROW * len(dots) + 26), left, top, top + _ROW * len(dots), low, high)
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

    svg: Svg
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
    for tick in range(axis.low, axis.high + 1, spacing(axis.low, axis.high)):
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
        svg.line(axis.x(dot.low), y, axis.x(dot.high), y, colour_of(0), 2)
        for end in (dot.low, dot.high):
            svg.line(axis.x(end), y - 4, axis.x(end), y + 4, colour_of(0), 2)
    svg.circle(axis.x(dot.value), y, 4, colour_of(0))
    svg.text(axis.left + _PLOT + 12, y + 4, text)


def _said(dot: Dot) -> str:
    ends = f" [{dot.low:.1f}–{dot.high:.1f}]" if dot.low is not None and dot.high is not None else ""
    return f"{dot.value:.1f}{ends}{f'  {dot.note}' if dot.note else ''}"
