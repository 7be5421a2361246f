"""Votes -> for each item what the voters say together, and how doubtful it is.

Unanimous items are audited by a random sample, all others are decided by people. Doubt orders the queue and does nothing else: it
comes from Dawid & Skene's posterior, which takes voters for independent and is far too sure of itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.keying.items import Items
from harness.schema import KeyAgreement, KeyVote, ProposedText
from harness.stats.dawid_skene import one_coin

TEXT = "references"
"""The one stratum of questions without options."""


@dataclass(frozen=True)
class Standing:
    """What voters say of one item."""

    hash: str
    votes: tuple[KeyVote, ...]
    agreement: KeyAgreement
    answer: str | None
    """The letter that most votes give, the first of equals; None if there is none."""
    text: ProposedText | None
    """The drafted reference: the first that was proposed."""
    doubt: float
    """0-1, for the order of the queue alone."""
    stratum: str
    """What the audit groups it by: `2 options`."""
    unasked: int = 0
    """Questions that its voters were not asked about it, though about others: an interrupted `propose`."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not taken as it is, in words that name no answer."""
        missing = sum(vote.unjudged != "" for vote in self.votes)
        low = sum(vote.confidence == "low" for vote in self.votes)
        found = [f"votes: {self.agreement}"] if self.votes else ["nobody has voted"]
        found += [f"{missing} of {len(self.votes)} votes could not be read"] if missing else []
        found += [f"{self.unasked} votes are missing"] if self.unasked else []
        found += ["low confidence of the voter"] if low else []
        return tuple(found)


def standings(items: Items, votes: Sequence[KeyVote]) -> dict[str, Standing]:
    """Content hash -> standing, in the benchmark's order.

    Unanimous: every vote, in every order of the options, says the same, none is missing, and none calls itself of low confidence.
    Majority: more than half of the votes say the same. Split: the rest.
    """
    by_item: dict[str, list[KeyVote]] = {name: [] for name in items.by_hash}
    for vote in votes:
        by_item[vote.hash].append(vote)
    doubts, unasked = _doubts(items, by_item), _unasked(items, by_item)
    return {name: _standing(items, name, tuple(cast), doubts[name], unasked[name]) for name, cast in by_item.items()}


def _standing(items: Items, name: str, votes: tuple[KeyVote, ...], doubt: float, unasked: int) -> Standing:
    words = [_word(vote) for vote in votes]
    said = Counter(word for word in words if word is not None)
    best, most = said.most_common(1)[0] if said else (None, 0)
    sure = not any(vote.confidence in {"low", "contested"} for vote in votes)
    whole = bool(votes) and most == len(votes) and not unasked
    text = draft(votes)
    usable = items.kind == "choice" or (text is not None and best == "agrees")
    agreement: KeyAgreement = "split"
    if whole and sure and usable:
        agreement = "unanimous"
    elif 2 * most > len(votes) + unasked and usable:
        agreement = "majority"
    rank = {"unanimous": 0.0, "majority": 0.25, "split": 0.5}[agreement]
    return Standing(
        hash=name,
        votes=votes,
        agreement=agreement,
        answer=best if items.kind == "choice" else None,
        text=text,
        doubt=round(min(1.0, rank + doubt / 2), 6),
        stratum=f"{len(items.by_hash[name].options)} options" if items.kind == "choice" else TEXT,
        unasked=unasked,
    )


def _unasked(items: Items, by_item: Mapping[str, Sequence[KeyVote]]) -> dict[str, int]:
    """Item -> how many votes it lacks: of each voter who was asked here, in each order that it saw of as many options."""
    shown: dict[str, dict[str, set[str]]] = {}
    for name, votes in by_item.items():
        for vote in votes:
            if vote.asked:
                shown.setdefault(vote.voter, {}).setdefault(items.options(name), set()).add(vote.order)
    return {
        name: sum(
            len(orders.get(items.options(name), {""}) - {vote.order for vote in votes if vote.voter == voter})
            for voter, orders in shown.items()
        )
        for name, votes in by_item.items()
    }


def _word(vote: KeyVote) -> str | None:
    """What a vote says, so that equal votes are equal words."""
    if vote.unjudged:
        return None
    if vote.agrees is not None:
        return "agrees" if vote.agrees else "disagrees"
    return "agrees" if vote.text is not None else vote.answer


def _doubts(items: Items, by_item: Mapping[str, Sequence[KeyVote]]) -> dict[str, float]:
    """1 - the largest posterior of each item."""
    cast = [[(vote.voter, word) for vote in votes if (word := _word(vote)) is not None] for votes in by_item.values()]
    options = [tuple(items.options(name)) or ("agrees", "disagrees") for name in by_item]
    shares, _ = one_coin(cast, options)
    return {name: 1 - max(share.values()) for name, share in zip(by_item, shares, strict=True)}


def draft(votes: Sequence[KeyVote]) -> ProposedText | None:
    """The reference that the others vote on: the first that was proposed without another in sight."""
    return next((vote.text for vote in votes if vote.text is not None and vote.agrees is None), None)
