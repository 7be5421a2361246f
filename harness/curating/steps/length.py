"""Rows whose replies or questions are too short or too long to teach anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from harness.curating import tokens
from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.curating.prose import replies
from harness.schema import DataRow


class Length(StepSettings):
    """Bounds in characters, both ends included. A conversation has its bounds in all turns together."""

    use: Literal["length"]
    least_reply: int = Field(default=1, ge=0)
    """Of each reply of the assistant."""
    most_reply: int | None = Field(default=None, ge=1)
    least_question: int = Field(default=0, ge=0)
    """Of each turn of the user."""
    most_question: int | None = Field(default=None, ge=1)
    most: int = Field(default=32_768, ge=1)
    """Of the whole conversation."""
    least_turns: int = Field(default=0, ge=0)
    most_turns: int = Field(default=200, ge=2)
    tokenizer: str | None = None
    """Path of a `tokenizer.json` or of a model's folder, for the bound below."""
    most_tokens: int | None = Field(default=None, ge=1)
    """Of the whole conversation, without what a chat template adds (about five a turn)."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.tokenizer is None) != (self.most_tokens is None):
            raise ValueError("tokenizer and most_tokens go together: one counts, the other bounds")
        return self

    def prepare(self, context: Context) -> None:
        """The tokenizer is there."""
        if self.tokenizer is not None:
            tokens.counter(self.tokenizer)

    def identity(self, context: Context) -> str:
        """The tokenizer's."""
        return "" if self.tokenizer is None else tokens.sha256(self.tokenizer)

    def build(self, context: Context) -> LengthStep:
        """With the tokenizer, where one is wanted."""
        return LengthStep(self, None if self.tokenizer is None else tokens.counter(self.tokenizer))


class LengthStep:
    """Counts characters, and tokens of the rows that pass."""

    def __init__(self, settings: Length, count: tokens.Counter | None = None) -> None:
        self.settings = settings
        self._count = count

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By `_one`, then by tokens."""
        ruled = [self._one(row) for row in rows]
        if self._count is None or self.settings.most_tokens is None:
            return ruled
        found = self._count(["\n".join(turn.content for turn in row.messages) for row in rows])
        return [
            Drop(row, "too many tokens", f"{number} tokens") if row is one and number > self.settings.most_tokens else one
            for row, one, number in zip(rows, ruled, found, strict=True)
        ]

    def _one(self, row: DataRow) -> Ruled:
        complaint = self._complaint(row)
        return Drop(row, *complaint) if complaint else row

    def _complaint(self, row: DataRow) -> tuple[str, str] | None:
        bounds = self.settings
        said = [len(reply) for reply in replies(row)] or [0]
        asked = [len(turn.content) for turn in row.messages if turn.role == "user"] or [0]
        total = sum(len(turn.content) for turn in row.messages)
        turns = len(row.messages)
        complaints = (
            ("reply too short", min(said), min(said) < bounds.least_reply),
            ("reply too long", max(said), bounds.most_reply is not None and max(said) > bounds.most_reply),
            ("question too short", min(asked), min(asked) < bounds.least_question),
            ("question too long", max(asked), bounds.most_question is not None and max(asked) > bounds.most_question),
            ("too long", total, total > bounds.most),
            ("too few turns", turns, turns < bounds.least_turns),
            ("too many turns", turns, turns > bounds.most_turns),
        )
        for why, number, broken in complaints:
            if broken:
                return why, str(number) if why.endswith("turns") else f"{number} characters"
        return None
