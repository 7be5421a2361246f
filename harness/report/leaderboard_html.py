"""Leaderboard -> HTML, with its figures drawn."""

from __future__ import annotations

from harness.report import html
from harness.report.blocks import Block
from harness.report.leaderboard_page import STAGES, Figure, page
from harness.report.plots import heat_map, intervals, slopes
from harness.schema import Leaderboard


def leaderboard_html(board: Leaderboard) -> str:
    """The page as a fragment: same board, same bytes."""
    parts: list[Block | html.Picture] = []
    for place, part in enumerate(page(board)):
        parts.append(html.Picture(_drawn(part, f"figure-{place}"), part.title) if isinstance(part, Figure) else part)
    return html.fragment(parts)


def around(board: Leaderboard) -> tuple[str, str]:
    """What stands before and after the fragment in a file of its own."""
    return html.around(f"Leaderboard: {board.title or board.culture}")


def _drawn(figure: Figure, name: str) -> str:
    if figure.kind == "intervals":
        return intervals(name, figure.title, figure.dots, figure.marks)
    if figure.kind == "slopes":
        return slopes(name, figure.title, figure.steps, STAGES)
    return heat_map(name, figure.title, figure.rows, figure.columns, ceiling=figure.ceiling)
