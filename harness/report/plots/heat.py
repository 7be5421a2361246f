"""Rows of numbers -> a heat map."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.plots.drawing import BAND, FAINT, Svg, shade, short, width_of
from harness.report.text import one_line


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
    heads = [one_line(column, 16) for column in columns]
    left = max((width_of(name) for name in names), default=0) + 12
    wide = max(54.0, *(width_of(head) + 10 for head in heads)) if heads else 54.0
    tall, top = 24.0, 24.0
    svg = Svg(left + wide * len(heads) + 4, top + tall * len(names) + 4)
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
