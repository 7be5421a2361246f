"""What of a review one person may see, as the page gets it: never another's decision, nor what must not be known of an item.

Of a `label` item there is neither a proposal nor a doubt here, and of no item its stratum: a person who saw them would no longer
say what he reads. An adjudicator sees the decisions as A, B, … in an order that changes from item to item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

from harness.reviewing.following import Following
from harness.schema import Action, Decision, Frozen, KeyText, Message, OutcomeState, ReviewItem, ReviewKind, Round

SNIPPET: Final = 80
Standing = Literal["open", "mine", "others", "waiting"]
"""Of an item, for one person: still to do, done, needed no more, or (adjudication) not split."""


class Said(Frozen):
    """A decision without who made it."""

    action: Action
    label: str | None
    messages: tuple[Message, ...] | None
    text: KeyText | None
    note: str
    at: str


class Voice(Said):
    """One of several decisions on a split item."""

    name: str
    """`A`, `B`, …"""


class Shown(Frozen):
    """An item, for one person."""

    id: str
    digest: str
    kind: ReviewKind
    place: int
    """In the queue, from 1."""
    messages: tuple[Message, ...]
    options: dict[str, str]
    response: str
    reference: str
    proposal: KeyText | None
    labels: tuple[str, ...]
    about: str
    reasons: tuple[str, ...]
    doubt: float | None
    mine: Said | None
    written: int
    """How many lines of this person's the item has: by which a tab is told of another tab's."""
    standing: Standing
    voices: tuple[Voice, ...]
    own: bool
    """Whether one of the voices is this person's."""


class Listed(Frozen):
    """One line of the queue's list."""

    id: str
    place: int
    about: str
    snippet: str
    doubt: float | None
    standing: Standing
    said: str
    """The person's own word; empty where there is none."""


class Band(Frozen):
    """Items of one range of doubt."""

    name: str
    done: int
    items: int


class Progress(Frozen):
    """How far it is."""

    mine: int
    """Items this person has decided."""
    open: int
    """Items that still wait for this person."""
    settled: int
    """Items on which nothing is wanted any more."""
    items: int
    bands: tuple[Band, ...]
    """By doubt, most doubtful first; empty where doubt must not be known."""
    seconds: float | None
    """Median of this person's decisions."""


class ListPage(Frozen):
    """A part of the list."""

    total: int
    start: int
    items: tuple[Listed, ...]
    sources: tuple[tuple[str, int], ...]
    """What the items are about -> how many, for the filter."""


def said(decision: Decision) -> Said:
    """A decision, nameless."""
    return Said(**_bare(decision))


def shown(item: ReviewItem, place: int, who: str, which: Round, known: Following, standing: Standing) -> Shown:
    """An item as one person may see it."""
    blind = item.kind == "label"
    mine = known.mine(item.id, who, which)
    return Shown(
        id=item.id,
        digest=item.digest,
        kind=item.kind,
        place=place,
        messages=item.messages,
        options=item.options,
        response=item.response,
        reference=item.reference,
        proposal=None if blind else item.proposal,
        labels=item.labels,
        about=item.about,
        reasons=item.reasons,
        doubt=None if blind else item.doubt,
        mine=said(mine) if mine else None,
        written=written(known.of(item.id), who, which),
        standing=standing,
        voices=voices(item, known) if which == "adjudication" else (),
        own=which == "adjudication" and known.mine(item.id, who, "annotation") is not None,
    )


def written(decisions: Sequence[Decision], who: str, which: Round) -> int:
    """Lines of one person's."""
    return sum(one.annotator == who and one.round == which for one in decisions)


def listed(item: ReviewItem, place: int, mine: Decision | None, standing: Standing) -> Listed:
    """An item as a line of the list."""
    first = next((turn.content for turn in item.messages if turn.role == "user"), item.response)
    return Listed(
        id=item.id,
        place=place,
        about=item.about,
        snippet=" ".join(first[: 4 * SNIPPET].split())[:SNIPPET],
        doubt=None if item.kind == "label" else item.doubt,
        standing=standing,
        said="" if mine is None else mine.label or mine.action,
    )


def voices(item: ReviewItem, known: Following) -> tuple[Voice, ...]:
    """The annotations on an item, nameless, in an order of the item's own."""
    made = [one for one in known.outcome(item.id).decisions if one.round == "annotation"]
    made.sort(key=lambda one: hashlib.sha256(f"{item.digest}/{one.annotator}".encode()).digest())
    return tuple(Voice(name=chr(ord("A") + number), **_bare(one)) for number, one in enumerate(made))


def needed(state: OutcomeState) -> bool:
    """Whether somebody still has to do something."""
    return state in ("open", "split")


def _bare(decision: Decision) -> dict[str, object]:
    return {name: getattr(decision, name) for name in ("action", "label", "messages", "text", "note", "at")}
