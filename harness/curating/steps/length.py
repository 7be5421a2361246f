"""Rows whose replies or questions are too short or too long to teach anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.schema import DataRow


class Length(StepSettings):
    """Bounds in characters, both ends included. A conversation has its bounds in all turns together."""

    use: Literal["length"]
    least_reply: int = Field(default=1, ge=0)
    """Of each reply of the assistant."""
    most: int = Field(default=32_768, ge=1)
    """Of the whole conversation."""
    most_turns: int = Field(default=200, ge=2)

    def build(self, context: Context) -> LengthStep:
        """Nothing to load."""
        return LengthStep(self)


class LengthStep:
    """Counts characters."""

    def __init__(self, settings: Length) -> None:
        self.settings = settings

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By `_one`."""
        return [self._one(row) for row in rows]

    def _one(self, row: DataRow) -> Ruled:
        bounds = self.settings
        shortest = min((len(turn.content) for turn in row.messages if turn.role == "assistant"), default=0)
        total = sum(len(turn.content) for turn in row.messages)
        if shortest < bounds.least_reply:
            return Drop(row, "reply too short", f"{shortest} characters")
        if total > bounds.most:
            return Drop(row, "too long", f"{total} characters")
        if len(row.messages) > bounds.most_turns:
            return Drop(row, "too many turns", str(len(row.messages)))
        return row
