"""Review -> how far it is, and how far people agree who decided the same items without seeing one another."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from harness.reviewing.resolving import standing
from harness.reviewing.store import Review
from harness.schema import Decision, OutcomeState, ReviewPair, ReviewPerson, ReviewStatus, Round
from harness.stats.agreement import cohen_kappa, confusion, krippendorff_alpha, raw_agreement
from harness.stats.intervals import clopper_pearson

STATES: tuple[OutcomeState, ...] = ("open", "split", "agreed", "adjudicated")


def status(review: Review) -> ReviewStatus:
    """Counts, people and agreement.

    Raises:
        DataError: a line of the decisions is broken.
    """
    lines, outcomes = review.decisions(), review.outcomes()
    by_item: dict[str, list[Decision]] = {}
    stale = 0
    for one in lines:
        item = review.items.get(one.item)
        if item is None or item.digest != one.digest:
            stale += 1
        else:
            by_item.setdefault(one.item, []).append(one)
    stands = {name: standing(decisions) for name, decisions in by_item.items()}
    words = {
        name: {who: word_of(one) for (which, who), one in found.items() if which == "annotation"}
        for name, found in stands.items()
    }
    counted = Counter(one.state for one in outcomes.values())
    held = Counter(word_of(one.decision) for one in outcomes.values() if one.decision is not None)
    return ReviewStatus(
        title=review.about.title,
        of=review.about.of,
        kind=review.about.kind,
        items=len(review.items),
        states={state: counted[state] for state in STATES},
        actions=dict(sorted(held.items())),
        decisions=len(lines),
        stale=stale,
        own=sum(_own(found) for found in stands.values()),
        people=tuple(_people([one for found in stands.values() for one in found.values()])),
        pairs=tuple(_pairs(words)),
        alpha=_alpha(list(words.values())),
    )


def word_of(decision: Decision) -> str:
    """What agreement is counted by: the label, or the action."""
    return decision.label if decision.label is not None else decision.action


def _own(found: Mapping[tuple[Round, str], Decision]) -> bool:
    return any(which == "adjudication" and ("annotation", who) in found for which, who in found)


def _people(standing_ones: Sequence[Decision]) -> Iterator[ReviewPerson]:
    for name in sorted({one.annotator for one in standing_ones}):
        mine = [one for one in standing_ones if one.annotator == name]
        timed = [one.seconds for one in mine if one.seconds is not None]
        yield ReviewPerson(
            name=name,
            decided=len({one.item for one in mine}),
            actions=dict(sorted(Counter(word_of(one) for one in mine).items())),
            seconds=statistics.median(timed) if timed else None,
        )


def _pairs(words: Mapping[str, Mapping[str, str]]) -> Iterator[ReviewPair]:
    names = sorted({name for said in words.values() for name in said})
    for one, other in combinations(names, 2):
        both = [(said[one], said[other]) for said in words.values() if one in said and other in said]
        if not both:
            continue
        table = confusion([a for a, _ in both], [b for _, b in both], sorted({word for pair in both for word in pair}))
        same = sum(a == b for a, b in both)
        yield ReviewPair(
            one=one,
            other=other,
            items=len(both),
            raw=raw_agreement(table) or 0.0,
            interval=clopper_pearson(same, len(both)),
            kappa=cohen_kappa(table),
        )


def _alpha(said: Sequence[Mapping[str, str]]) -> float | None:
    names = sorted({name for one in said for name in one})
    if len(names) < 2:
        return None
    return krippendorff_alpha([[one.get(name) for name in names] for one in said])
