"""Shares -> horizontal bars; counts between edges -> a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.report.plots.drawing import FAINT, RULE, Svg, colour_of, short, width_of
from harness.report.text import one_line

_PLOT: Final = 300.0
"""Width of the longest bar."""
_BAR: Final = 14.0
_GAP: Final = 8.0
_HIGH: Final = 150.0
"""Height of a histogram's highest bar."""
_WIDE: Final = 420.0


def bars(
    id: str,  # noqa: A002 - an id is what it is
    title: str,
    rows: Sequence[tuple[str, Sequence[float]]],
    series: Sequence[str] = ("rows",),
) -> str:
    """One group a name, one bar a series.

    Args:
        id: unique on the page.
        title: what is shown.
        rows: name -> shares 0-1, one a series.
        series: what the bars of a group are.
    """
    names = [short(name) for name, _ in rows]
    left = max((width_of(name) for name in names), default=0) + 12
    most = max((share for _, shares in rows for share in shares), default=1.0) or 1.0
    group = _BAR * len(series) + _GAP
    top = 22.0 if len(series) > 1 else 6.0
    svg = Svg(left + _PLOT + 60, top + group * len(rows) + 4)
    if len(series) > 1:
        _legend(svg, left, series)
    for number, (name, (_, shares)) in enumerate(zip(names, rows, strict=True)):
        y = top + group * number
        svg.text(left - 8, y + (group - _GAP) / 2 + 4, name, "end")
        for place, share in enumerate(shares):
            length = max(1.0 if share else 0.0, _PLOT * share / most)
            svg.rect(left, y + _BAR * place + 1, length, _BAR - 2, colour_of(place))
            svg.text(left + length + 5, y + _BAR * place + _BAR - 3, f"{100 * share:.1f}", fill=FAINT)
    told = "; ".join(
        f"{name} {' and '.join(f'{100 * share:.1f}' for share in shares)}" for name, (_, shares) in zip(names, rows, strict=True)
    )
    return svg.whole(id, title, f"{title}. Percent, {' and '.join(series)}: {told}.")


def _legend(svg: Svg, left: float, series: Sequence[str]) -> None:
    x = left
    for place, name in enumerate(series):
        svg.rect(x, 5, 10, 10, colour_of(place))
        svg.text(x + 15, 14, name, fill=FAINT)
        x += width_of(name) + 34


def histogram(id: str, title: str, edges: Sequence[float], counts: Sequence[int], unit: str) -> str:  # noqa: A002
    """Bars of equal width, whatever their edges: the axis names each second edge.

    Args:
        id: unique on the page.
        title: what is shown.
        edges: one more than there are counts, ascending.
        counts: rows between two edges.
        unit: of the edges.
    """
    wide = _WIDE / max(1, len(counts))
    most = max(counts, default=1) or 1
    left, top = width_of(f"{most:,}") + 10, 10.0
    svg = Svg(left + _WIDE + 24, top + _HIGH + 40)
    svg.text(left - 6, top + 8, f"{most:,}", "end", FAINT)
    svg.line(left, top + _HIGH, left + _WIDE, top + _HIGH, RULE)
    for place, count in enumerate(counts):
        high = _HIGH * count / most
        svg.rect(left + wide * place + 0.5, top + _HIGH - high, max(1.0, wide - 1), high, colour_of(0))
    every = max(1, round(len(edges) * width_of("100,000") / _WIDE))
    for place in range(0, len(edges), every):
        svg.text(left + wide * place, top + _HIGH + 16, f"{edges[place]:,.0f}", "middle", FAINT)
    svg.text(left + _WIDE, top + _HIGH + 34, one_line(unit), "end", FAINT)
    shown = "; ".join(f"{edges[place]:,.0f} to {edges[place + 1]:,.0f}: {count:,}" for place, count in enumerate(counts) if count)
    return svg.whole(id, title, f"{title}, in {unit}. {shown}.")
