"""Two changes of a model with their covariance -> an ellipse: what was gained here against what was lost there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.report.plots.drawing import DASHES, FAINT, RULE, Svg, colour_of, fixed, short, width_of

_PLOT: Final = 340.0
"""Width and height of the field."""
_STEPS: Final = 72
"""Corners of an ellipse."""
_TALL: Final = 15.0
"""Height of a label."""
_RINGS: Final = 12
"""Distances from its point at which a label is tried."""


@dataclass(frozen=True)
class Ellipse:
    """Points of 100."""

    name: str
    x: float
    y: float
    xx: float
    """Variances and covariance of x and y."""
    xy: float
    yy: float
    radius: float
    """Mahalanobis distance of the border."""

    def border(self) -> Iterator[tuple[float, float]]:
        """Corners: centre + radius L (cos, sin), L the Cholesky factor of the covariance."""
        a = math.sqrt(max(0.0, self.xx))
        b = self.xy / a if a else 0.0
        c = math.sqrt(max(0.0, self.yy - b * b))
        for step in range(_STEPS):
            turn = 2 * math.pi * step / _STEPS
            u, v = self.radius * math.cos(turn), self.radius * math.sin(turn)
            yield self.x + a * u, self.y + b * u + c * v


def trade_off(id: str, title: str, ellipses: Sequence[Ellipse], x: str, y: str) -> str:  # noqa: A002
    """Each model as a point with its ellipse, zero as a cross of lines, names beside the points.

    Args:
        id: unique on the page.
        title: what is shown.
        ellipses: models.
        x: what lies along; more is better.
        y: what lies upwards; more is better.
    """
    borders = [tuple(one.border()) for one in ellipses]
    low_x, high_x = _ends([point[0] for border in borders for point in border])
    low_y, high_y = _ends([point[1] for border in borders for point in border])
    field = _Field(Svg(_PLOT + 80, _PLOT + 70), 56.0, 26.0, (low_x, high_x), (low_y, high_y))
    _axes(field, x, y)
    for number, border in enumerate(borders):
        _outline(field, number, border)
    for number, one in enumerate(ellipses):
        field.svg.circle(field.across(one.x), field.down(one.y), 4, colour_of(number))
    for (left, top, far), number in zip(_places(field, ellipses), range(len(ellipses)), strict=True):
        one = ellipses[number]
        if far:
            field.svg.line(field.across(one.x), field.down(one.y), left + 4, top - 4, FAINT)
        field.svg.text(left, top, short(one.name), "start", colour_of(number), halo=True)
    told = "; ".join(f"{one.name} {one.x:+.1f} and {one.y:+.1f}" for one in ellipses)
    return field.svg.whole(id, title, f"{title}. Points of {x} and of {y}, with ellipses of 95%: {told}.")


@dataclass(frozen=True)
class _Field:
    """Where changes lie."""

    svg: Svg
    left: float
    top: float
    xs: tuple[int, int]
    ys: tuple[int, int]

    def across(self, x: float) -> float:
        return self.left + _PLOT * (x - self.xs[0]) / (self.xs[1] - self.xs[0])

    def down(self, y: float) -> float:
        return self.top + _PLOT * (1 - (y - self.ys[0]) / (self.ys[1] - self.ys[0]))


def _ends(values: Sequence[float]) -> tuple[int, int]:
    """Whole steps around all that is shown and zero."""
    low, high = min([*values, -1.0]), max([*values, 1.0])
    step = _step(high - low)
    return step * math.floor(low / step), step * math.ceil(high / step)


def _step(reach: float) -> int:
    """Distance of the ticks: 1, 2, 5, 10 or 20, so that there are four to eleven of them."""
    return next((step for step in (1, 2, 5, 10) if reach <= 9 * step), 20)


def _axes(field: _Field, x: str, y: str) -> None:
    svg = field.svg
    for tick in range(field.xs[0], field.xs[1] + 1, _step(field.xs[1] - field.xs[0])):
        svg.line(field.across(tick), field.top, field.across(tick), field.top + _PLOT, RULE)
        svg.text(field.across(tick), field.top + _PLOT + 16, f"{tick:+d}" if tick else "0", "middle", FAINT)
    for tick in range(field.ys[0], field.ys[1] + 1, _step(field.ys[1] - field.ys[0])):
        svg.line(field.left, field.down(tick), field.left + _PLOT, field.down(tick), RULE)
        svg.text(field.left - 6, field.down(tick) + 4, f"{tick:+d}" if tick else "0", "end", FAINT)
    svg.line(field.across(0), field.top, field.across(0), field.top + _PLOT, FAINT, 1.5)
    svg.line(field.left, field.down(0), field.left + _PLOT, field.down(0), FAINT, 1.5)
    svg.text(field.left + _PLOT, field.top + _PLOT + 36, f"{short(x)}, points: + is better →", "end")
    svg.text(4, 14, f"↑ {short(y)}, points: + is better")


def _outline(field: _Field, number: int, border: Sequence[tuple[float, float]]) -> None:
    points = " ".join(f"{fixed(field.across(x))},{fixed(field.down(y))}" for x, y in border)
    dash = DASHES[number % len(DASHES)]
    dashed = f";stroke-dasharray:{dash}" if dash else ""
    colour = colour_of(number)
    field.svg.parts.append(
        f'<polygon points="{points}" style="fill:{colour};fill-opacity:.08;stroke:{colour};stroke-width:1.5{dashed}"/>'
    )


def _places(field: _Field, ellipses: Sequence[Ellipse]) -> list[tuple[float, float, bool]]:
    """(left, baseline, whether it needs a line to its point) of each name: the nearest place where nothing stands yet."""
    points = [(field.across(one.x), field.down(one.y)) for one in ellipses]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    found = []
    for (x, y), one in zip(points, ellipses, strict=True):
        wide = width_of(short(one.name))
        left, top, ring = next(
            (place for place in _around(x, y, wide) if _free(field, place, wide, taken)), (field.left, field.top + _TALL, 0)
        )
        taken.append((left, top - _TALL + 3, left + wide, top + 3))
        found.append((left, top, ring > 1))
    return found


def _around(x: float, y: float, wide: float) -> Iterator[tuple[float, float, int]]:
    """Right, left, above and below of a point, then further and further away."""
    for ring in range(_RINGS):
        far = _TALL * ring
        for down in (0.0, -far, far) if ring else (0.0,):
            yield x + 8 + far / 2, y + 4 + down, ring
            yield x - 8 - far / 2 - wide, y + 4 + down, ring
        yield x - wide / 2, y - 9 - far, ring
        yield x - wide / 2, y + 17 + far, ring


def _free(
    field: _Field, place: tuple[float, float, int], wide: float, taken: Sequence[tuple[float, float, float, float]]
) -> bool:
    left, top, right, bottom = place[0], place[1] - _TALL + 3, place[0] + wide, place[1] + 3
    inside = left >= field.left and right <= field.svg.width and top >= field.top and bottom <= field.top + _PLOT
    return inside and all(right <= a or left >= c or bottom <= b or top >= d for a, b, c, d in taken)
