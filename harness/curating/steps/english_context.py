"""Questions that only make sense in an English setting: translated instructions about English grammar, letters, idioms, forms.

The example of arXiv 2406.18192, 2.1, for what people sorted out. The rules are a table, `words/english_context.toml`, each with
sentences that it finds and ones that it passes over; translation and programming are not what is meant, and pass. A rule may be
wrong: `action = "flag"` shows people what it finds, the surest first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from harness.curating import words
from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.curating.prose import without_code
from harness.errors import unknown
from harness.schema import DataRow

TABLE: Final = "english_context"
_ANY_LATIN: Final = re.compile("[A-Za-z]")
_LONGEST: Final = 4_000
"""Characters of a question that are read; an instruction stands at its beginning."""
_TURNS: Final = 1
"""The first question sets what a dialogue is about."""


class EnglishContext(StepSettings):
    """Looks at the first question, without code blocks."""

    use: Literal["english_context"]
    least_doubt: float = Field(default=0.6, ge=0, le=1)
    """Rules that are right less often are not asked."""
    without: tuple[str, ...] = ()
    """Names of rules that are not asked."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = [one.rule.name for one in words.table(TABLE)]
        for name in self.without:
            if name not in names:
                raise ValueError(str(unknown("rule", name, names)))
        return self

    def identity(self, context: Context) -> str:
        """The table's: its rules change."""
        return words.sha256(TABLE)

    def build(self, context: Context) -> EnglishContextStep:
        """Compiles the table, once a process."""
        return EnglishContextStep(self)


class EnglishContextStep:
    """Asks the rules in their order; the first that finds something says why."""

    def __init__(self, settings: EnglishContext) -> None:
        self._rules = [
            one for one in words.table(TABLE) if one.rule.doubt >= settings.least_doubt and one.rule.name not in settings.without
        ]

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By `_one`."""
        return [self._one(row) for row in rows]

    def _one(self, row: DataRow) -> Ruled:
        asked = [turn.content for turn in row.messages if turn.role == "user"][:_TURNS]
        text = without_code("\n".join(asked)[:_LONGEST])
        for one in self._rules:
            if (match := one.search(text)) is not None:
                return Drop(row, one.rule.name, " ".join(match[0].split())[:60], one.rule.doubt)
        return row
