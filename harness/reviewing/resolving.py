"""Decisions on one item -> what they come to: agreed, split, or settled by an adjudicator."""

from __future__ import annotations

from collections.abc import Sequence

from harness.schema import Decision, Outcome, Round


def outcome_of(item: str, decisions: Sequence[Decision], wanted: int) -> Outcome:
    """By the latest decision of each person and round; an adjudication that stands holds over all annotations.

    Two agree if they would do the same: same action, and same label, turns or text. Who has withdrawn has not decided.
    """
    latest = standing(decisions)
    said = [one for (which, _), one in latest.items() if which == "annotation"]
    settled = [one for (which, _), one in latest.items() if which == "adjudication"]
    both = (*said, *settled)
    if settled:
        return Outcome(item=item, state="adjudicated", decision=settled[-1], decisions=both)
    if not said or len(said) < wanted:
        return Outcome(item=item, state="open", decisions=both)
    if len({_meaning(one) for one in said}) == 1:
        return Outcome(item=item, state="agreed", decision=said[-1], decisions=both)
    return Outcome(item=item, state="split", decisions=both)


def standing(decisions: Sequence[Decision]) -> dict[tuple[Round, str], Decision]:
    """(round, annotator) -> the decision of theirs that counts; by the time of the latest."""
    latest: dict[tuple[Round, str], Decision] = {}
    for decision in decisions:
        latest.pop((decision.round, decision.annotator), None)
        if decision.action != "withdraw":
            latest[decision.round, decision.annotator] = decision
    return latest


def _meaning(decision: Decision) -> tuple[object, ...]:
    return (decision.action, decision.label, decision.messages, decision.text)
