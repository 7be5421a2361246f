"""The nouns of checking a culture: what is wrong with its files, what a reader should know, and what was looked at.

    culture.toml, task YAML, items, rubrics, sources, policies ─check─> CultureCheck

An error keeps a command from working, or makes its numbers wrong; a warning is what an author should know.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.schema.evaluation import Frozen

Level = Literal["error", "warning"]


class Problem(Frozen):
    """One line."""

    level: Level
    topic: str
    """What was checked: `culture`, `tasks`, `items`, `language`, `rubric`, `standards`, `sources`, `overlap`, `policies`, …"""
    file: str
    """Below the culture's folder where it lies there."""
    line: int | None = None
    what: str
    """What is wrong, and what would be right."""


class TaskLook(Frozen):
    """What was seen of one task."""

    task: str
    benchmark: str
    dimension: str
    dev: int
    test: int
    """Items of either half."""
    language: str
    """As the task says; empty where it does not."""
    share: float | None
    """Mean share of the culture's script among the letters of its questions, 0-1."""
    deciding: float | None = None
    """How far below the standard a dimension of so many dev items must lie to be found weak with 80% power, 0-1."""


class CultureCheck(Frozen):
    """Everything that was found."""

    culture: str
    folder: str
    language: str
    problems: tuple[Problem, ...]
    tasks: tuple[TaskLook, ...] = ()
    sources: dict[str, int | None] = Field(default_factory=dict)
    """Source -> rows in its file; None: not here."""
    overlap: dict[str, int] = Field(default_factory=dict)
    """Source -> rows that repeat an item of the culture; such rows are left out of every mix."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What must be mended."""
        return tuple(one for one in self.problems if one.level == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What should be known."""
        return tuple(one for one in self.problems if one.level == "warning")
