"""The nouns of refining and generating: what a strong model was asked, what it said, and what became of it.

DataSet × people's decisions × model ─refine─> DataSet, RefinedRow*, Refinement
topics or references × model ─generate─> DataSet, Generation
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.schema.dataset import DataSet
from harness.schema.evaluation import Frozen

AnswerState = Literal["accepted", "unaccepted", "waiting"]
"""`unaccepted`: there is a reply, and it may not be used. `waiting`: there is none yet, and the same command asks again."""


class RefinedRow(Frozen):
    """One line of `refined.jsonl`: a row that was to be answered again."""

    id: str
    """`source/source_id` of the row."""
    by: Literal["people", "rules"]
    """Who says that it falls short."""
    reasons: tuple[str, ...] = ()
    """Why, as far as they said: a note, names of flags."""
    model: str
    turns: tuple[int, ...]
    """Which messages were to be written anew, from 0."""
    before: tuple[str, ...]
    """What stood there. This and `after` are empty where either repeats a benchmark: no text of one is ever written."""
    after: tuple[str, ...] = ()
    """What was said instead, the last time; empty where nothing was."""
    state: AnswerState
    why: str = ""
    """Why it was not accepted, or what went wrong; empty for an accepted one."""
    attempts: int = 1
    """Replies that were read."""


class PeopleCounts(Frozen):
    """What people's decisions did to the rows."""

    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    flagged: int = 0
    open: int = 0
    """Rows that fewer people than wanted have decided."""
    split: int = 0
    stale: int = 0
    """Decisions about another text than the row has."""


class RequestCounts(Frozen):
    """What was asked of a model, and what it cost."""

    requests: int = 0
    """Different requests in all; those that failed are not counted among the answered ones."""
    stored: int = 0
    """Answered by an earlier run."""
    asked: int = 0
    """Sent in this run."""
    prompt_tokens: int = 0
    """Of all replies, stored ones included, as far as the server counts them."""
    completion_tokens: int = 0
    spent_prompt_tokens: int = 0
    """Of this run alone."""
    spent_completion_tokens: int = 0


class Forecast(Frozen):
    """What a dry run expects."""

    requests: int
    """At most, if every reply is usable."""
    stored: int | None = None
    """Of the first of them, how many have been answered before; None where no endpoint was given."""
    prompt_tokens: int
    """Estimated: one a Han character, one for four others."""
    completion_tokens: int
    """Estimated by the length of what there is."""
    completion_tokens_most: int
    """What the limit on each reply allows."""


class Refinement(Frozen):
    """What refining did."""

    folder: str
    model: str
    """Empty where none was asked."""
    rows: int
    """Of the data set that was refined."""
    people: PeopleCounts
    asked_rows: int
    """Rows that were to be answered again."""
    left: int = 0
    """Rows beyond `--max-rows`: they stay as they are, with their flags."""
    accepted: int = 0
    changed: int = 0
    """Accepted ones whose text differs from before by more than marks and blanks."""
    kept_old: int = 0
    """Rows in doubt by rules alone that got no better answer and stay as they were."""
    set_aside: int = 0
    """Rows that got no better answer and are in `dropped.jsonl`."""
    reasons: dict[str, int] = Field(default_factory=dict)
    """Why rows were to be answered again -> rows."""
    unaccepted: dict[str, int] = Field(default_factory=dict)
    """Why replies were not accepted -> rows."""
    waiting: dict[str, int] = Field(default_factory=dict)
    """What went wrong -> rows without a reply."""
    refusals: int = 0
    """Rows whose last reply was a refusal, of the model or of its server."""
    characters_before: float | None = None
    """Mean length of the replaced replies; None where none was."""
    characters_after: float | None = None
    requests: RequestCounts = Field(default_factory=RequestCounts)
    forecast: Forecast | None = None
    """Of a dry run."""
    dataset: DataSet | None = None
    """None of a dry run, and where too many rows wait for an answer."""

    @property
    def coverage(self) -> float:
        """Share of the rows to be answered that have a reply."""
        return 1.0 if not self.asked_rows else 1 - sum(self.waiting.values()) / self.asked_rows


class Generation(Frozen):
    """What generating did."""

    kind: Literal["multiturn", "grounded"]
    folder: str
    models: tuple[str, ...]
    """Who wrote: the user's side and the assistant's, or the one model that wrote both."""
    topics: int
    """Topics or references read."""
    dialogues: int
    """That were to be written."""
    written: int = 0
    """That stand in the data set."""
    replies: int = 0
    """Of the assistant, in those."""
    flagged: int = 0
    """Dialogues that stay, marked as doubtful."""
    ends: dict[str, int] = Field(default_factory=dict)
    """How dialogues ended -> how many: `turns` (as many as asked), `user is done`, or what cut them short."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Why topics or dialogues were left out -> how many."""
    waiting: dict[str, int] = Field(default_factory=dict)
    requests: RequestCounts = Field(default_factory=RequestCounts)
    forecast: Forecast | None = None
    dataset: DataSet | None = None

    @property
    def coverage(self) -> float:
        """Share of the dialogues that have come to an end."""
        return 1.0 if not self.dialogues else 1 - sum(self.waiting.values()) / self.dialogues
