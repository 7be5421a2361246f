"""The nouns of review: what people are shown, what they said, and what follows from it.

    rows | answers of a run | answer keys ─queue─> ReviewItem* ─people─> Decision* ─resolve─> Outcome*

One queue serves three things: `row` (a row of training data: accept, edit, reject, flag), `label` (one word of a list: audits
of a judge, letters of an answer key), `text` (a reference answer with its other forms and points: accept, edit, reject, flag).
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from harness.schema.evaluation import Frozen, Interval, Message

REVIEW_SCHEMA: Final = "harness.review/1"

ReviewKind = Literal["row", "label", "text"]
Action = Literal["accept", "edit", "reject", "flag", "label", "withdraw"]
"""`withdraw`: as if the person had not decided; it is in no outcome."""
Round = Literal["annotation", "adjudication"]
OutcomeState = Literal["open", "agreed", "split", "adjudicated"]


class KeyText(Frozen):
    """A reference answer as people see and edit it."""

    reference: str
    accept: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


class ReviewItem(Frozen):
    """One thing to decide, as people are shown it."""

    id: str
    """Unique in its queue: `source/source_id` of a row, `task/id` or content hash of a question."""
    digest: str
    """16 hex digits of what is shown: a decision about another text is not one about this."""
    kind: ReviewKind
    messages: tuple[Message, ...]
    """The conversation; of a question, the turns before the answer."""
    options: dict[str, str] = Field(default_factory=dict)
    """Letter -> text, of a multiple-choice question."""
    response: str = ""
    """The answer that is to be judged, where that is the task."""
    reference: str = ""
    """What a right answer holds; shown beside it, never edited."""
    proposal: KeyText | None = None
    """Of kind `text`: what is accepted or edited."""
    labels: tuple[str, ...] = ()
    """Of kind `label`: the words to choose from."""
    about: str = ""
    """What kind of thing it is, in a few words: source and category, or dimension and topic."""
    reasons: tuple[str, ...] = ()
    """Why it is doubtful. Empty where it must not be known (blind audits)."""
    doubt: float = 0.0
    """0-1: the most doubtful comes first."""
    stratum: str = ""
    """Of a random sample, the group it stands for; sealed ones as the sheet has them."""


class ReviewFolder(Frozen):
    """`review.json` beside `items.jsonl` and `decisions.jsonl`."""

    schema_version: Literal["harness.review/1"] = REVIEW_SCHEMA
    title: str
    of: str
    """What the items were taken from: `dataset:DIGEST`, `run:ID`, `key:VERSION`."""
    kind: ReviewKind
    items: int
    items_sha256: str
    people: int = Field(default=1, ge=1, le=5)
    """How many decide each item without seeing one another."""
    overlap: float = Field(default=1.0, ge=0, le=1)
    """Share of the items that all of them decide (drawn by hash); the rest is decided by one."""
    guidance: str = ""
    """What people are asked, in plain text."""


class Decision(Frozen):
    """One line of `decisions.jsonl`: what one person said of one item. A later line of the same person replaces it."""

    item: str
    digest: str
    """Of the item as it was shown."""
    annotator: str
    at: str
    """UTC, ISO 8601, to the second."""
    round: Round = "annotation"
    action: Action
    label: str | None = None
    """Of action `label`."""
    messages: tuple[Message, ...] | None = None
    """Of action `edit` on a row: all turns, as they should be."""
    text: KeyText | None = None
    """Of action `edit` on a reference."""
    note: str = ""
    seconds: float | None = None
    """From being shown to being decided; None where it came from a file."""


class Outcome(Frozen):
    """What people's decisions on one item come to."""

    item: str
    state: OutcomeState
    """`open`: fewer than wanted have decided. `split`: they do not agree, and nobody has adjudicated yet."""
    decision: Decision | None = None
    """The one that holds; None while open or split."""
    decisions: tuple[Decision, ...] = ()
    """The latest of each person, in order of time."""


class ReviewPerson(Frozen):
    """What one person has done in a review."""

    name: str
    decided: int
    """Items on which a decision of theirs stands."""
    actions: dict[str, int]
    """Action, or label -> items."""
    seconds: float | None
    """Median from being shown to being decided; None where no decision was timed."""


class ReviewPair(Frozen):
    """How far two people agree who decided the same items without seeing one another."""

    one: str
    other: str
    items: int
    """Decided by both."""
    raw: float
    """Share on which both said the same word: the action, or the label."""
    interval: Interval
    """Of `raw`, 95%."""
    kappa: float | None
    """Cohen's, of the same words; None where both used one word only."""


class ReviewStatus(Frozen):
    """How far a review is."""

    title: str
    of: str
    kind: ReviewKind
    items: int
    states: dict[OutcomeState, int]
    actions: dict[str, int]
    """Action, or label -> items on which it holds."""
    decisions: int
    """Lines, those that were replaced included."""
    stale: int
    """Decisions on a text that the item no longer has; they count for nothing."""
    own: int = 0
    """Items whose adjudicator had decided them before, as one of those who differed."""
    people: tuple[ReviewPerson, ...]
    pairs: tuple[ReviewPair, ...]
    alpha: float | None
    """Krippendorff's alpha over all people and items (nominal); None where no item has two decisions, or all say one word."""
