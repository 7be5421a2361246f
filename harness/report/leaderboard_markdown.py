"""Leaderboard -> GitHub markdown: all tables and notes. Figures have no room there and stand on the HTML page."""

from __future__ import annotations

from harness.report.blocks import blocks_markdown
from harness.report.leaderboard_page import Figure, page
from harness.schema import Leaderboard


def leaderboard_markdown(board: Leaderboard) -> str:
    """The page as GitHub markdown: same board, same bytes."""
    return blocks_markdown(part for part in page(board) if not isinstance(part, Figure))
