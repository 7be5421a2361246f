"""Votes × people's decisions -> the answers that stand, what the audit proves of them, and what is still to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.errors import DataError
from harness.keying.queues import CONTESTED, PEOPLE, page_order, sample_of
from harness.keying.ranges import stored
from harness.keying.strata import Standing, standings
from harness.keying.work import PLAN, Work, outcomes
from harness.schema import Decision, KeyAuditPlan, KeyStratum, Outcome, ProposedText
from harness.stats.agreement import cohen_kappa, confusion
from harness.stats.intervals import jeffreys
from harness.stats.keys import People, Stratum, error_bound, most_errors, most_errors_anytime


def voices(outcome: Outcome) -> frozenset[str]:
    """Who has decided an item without seeing the others."""
    return frozenset(one.annotator for one in outcome.decisions if one.round == "annotation")


def settled(outcome: Outcome) -> bool:
    """Whether two people, and another one where they differ, have decided: who adjudicates his own decision settles nothing."""
    if outcome.decision is None or len(voices(outcome)) < PEOPLE:
        return False
    return outcome.state == "agreed" or outcome.decision.annotator not in voices(outcome)


def contended(outcome: Outcome) -> bool:
    """Whether two people have decided, and a third has yet to settle it."""
    return len(voices(outcome)) >= PEOPLE and not settled(outcome)


@dataclass(frozen=True)
class Ruling:
    """The answer that a key gives to one item. Neither letter nor text: contested."""

    hash: str
    answer: str | None = None
    text: ProposedText | None = None
    people: int = 0
    """How many decided on it; 0: voters alone."""
    adjudicated: bool = False
    audited: bool = False
    """Drawn for the audit and decided."""
    confirmed: bool = True
    """People said what the voters had said."""

    @property
    def contested(self) -> bool:
        """No answer can be given."""
        return self.answer is None and self.text is None


class State:
    """All that is known of a key in the making, read once."""

    def __init__(self, work: Work) -> None:
        """Read votes and decisions.

        Raises:
            DataError: a file is broken, or review and audit were made of other votes.
        """
        self.work, self.items = work, work.items
        self.standings: dict[str, Standing] = standings(work.items, work.votes())
        self.plan: KeyAuditPlan | None = work.plan()
        if self.plan is not None and self.plan.proposals != work.digest():
            raise DataError("the audit was drawn from other votes; put them back, or begin in another --folder", file=work.folder)
        self.reviewed = outcomes(work.review())
        self.audited = outcomes(work.audit())
        if self.plan is not None and self.audited and set(sample_of(self.plan, self.standings)) != set(self.audited):
            raise DataError("is not the plan that people were asked by; put the file back", file=work.folder / PLAN)

    @cached_property
    def doubtful(self) -> list[str]:
        """Items that people must decide."""
        return [name for name, one in self.standings.items() if one.agreement != "unanimous"]

    @cached_property
    def rulings(self) -> dict[str, Ruling]:
        """Item -> the answer that stands; items that await people are not there."""
        found = {}
        for name, one in self.standings.items():
            said = self.audited.get(name) or self.reviewed.get(name)
            if said is not None and said.decision is not None and settled(said):
                found[name] = self._by_people(one, said, said.decision)
            elif one.agreement == "unanimous":
                found[name] = Ruling(name, one.answer, one.text)
        return found

    def _by_people(self, one: Standing, outcome: Outcome, said: Decision) -> Ruling:
        answer, text = None, None
        if self.items.kind == "choice":
            answer = said.label if said.action == "label" and said.label != CONTESTED else None
        elif said.action == "accept":
            text = one.text
        elif said.action == "edit" and said.text is not None and said.text.reference.strip():
            text = stored(said.text, self.items.by_hash[one.hash].question, one.text.kind if one.text else "open")
        same = answer == one.answer and text == one.text and (answer is not None or text is not None)
        return Ruling(
            one.hash,
            answer,
            text,
            people=len({each.annotator for each in outcome.decisions}),
            adjudicated=outcome.state == "adjudicated",
            audited=one.hash in self.audited,
            confirmed=same,
        )

    @cached_property
    def counted(self) -> frozenset[str]:
        """Audited items that stand for their strata: all decided ones, or of a sequential audit those before the first gap."""
        if self.plan is None:
            return frozenset()
        drawn = page_order(self.plan, self.standings)
        decided = [name in self.rulings and self.rulings[name].audited for name in drawn]
        until = decided.index(False) if self.plan.sequential and False in decided else len(drawn)
        return frozenset(name for name, done in list(zip(drawn, decided, strict=True))[:until] if done)

    @cached_property
    def strata(self) -> tuple[KeyStratum, ...]:
        """What the audit says of each group of unanimous answers; without an audit, that nothing is known."""
        sizes = Counter(one.stratum for one in self.standings.values() if one.agreement == "unanimous")
        drawn = {one.name: one.drawn for one in self.plan.strata} if self.plan else {}
        return tuple(self._stratum(name, sizes[name], drawn.get(name, 0)) for name in sorted(sizes))

    def _stratum(self, name: str, items: int, drawn: int) -> KeyStratum:
        own = [self.rulings[one] for one in self.counted if self.standings[one].stratum == name]
        errors = sum(not one.confirmed for one in own)
        anytime = self.plan is not None and self.plan.sequential
        most = most_errors_anytime if anytime else most_errors
        return KeyStratum(
            name=name,
            items=items,
            drawn=drawn,
            audited=len(own),
            errors=errors,
            anytime=anytime,
            rate=jeffreys(errors, len(own)) if own else None,
            remaining=most(errors, len(own), items) - errors,
        )

    @cached_property
    def splits(self) -> int:
        """Items on which people differ and no third has settled it."""
        return sum(map(contended, (*self.reviewed.values(), *self.audited.values())))

    def people(self, outcomes_: Mapping[str, Outcome]) -> People:
        """How often the first two people differed."""
        pairs = list(_pairs(outcomes_.values()))
        return People(len(pairs), sum(one != other for one, other in pairs))

    @cached_property
    def kappa(self) -> float | None:
        """Cohen's kappa of the first two people on each item of review and audit."""
        pairs = list(_pairs([*self.reviewed.values(), *self.audited.values()]))
        classes = sorted({word for pair in pairs for word in pair})
        return cohen_kappa(confusion([a for a, _ in pairs], [b for _, b in pairs], classes)) if pairs else None

    @cached_property
    def remains(self) -> tuple[str, ...]:
        """What is still to do before it can be frozen."""
        return tuple(_remains(self))

    @cached_property
    def answers(self) -> int:
        """Items that are answered now."""
        return sum(not one.contested for one in self.rulings.values())

    def bound(self, assumed: float = 0.0) -> float | None:
        """Share of the answers that can be wrong, at 95%; None while anything remains to be done.

        Args:
            assumed: share of the answers that people would all misread alike, whoever looked; added to the bound.
        """
        if self.remains or not self.answers:
            return None
        strata = [Stratum(one.items, one.audited, one.errors, one.anytime) for one in self.strata]
        return error_bound(strata, self.people(self.audited), self.people(self.reviewed), self.answers, assumed)


def _remains(state: State) -> Iterable[str]:
    unvoted = sum(not one.votes for one in state.standings.values())
    if unvoted == len(state.standings):
        yield f"propose: nobody has voted on any of {unvoted:,} items"
        return
    waiting = [name for name in state.doubtful if name not in state.rulings]
    if waiting and not state.reviewed:
        yield f"review: {len(waiting):,} items are not unanimous, and no review is made"
    elif waiting:
        yield f"review: {_waiting(waiting, state.reviewed)}"
    if state.strata and state.plan is None:
        yield f"audit: none is drawn of {sum(one.items for one in state.strata):,} unanimous items"
    elif state.plan is not None:
        drawn = sample_of(state.plan, state.standings)
        left = [name for name in drawn if name not in state.counted]
        if state.plan.sequential and all(one.audited for one in state.strata):
            return
        if left:
            yield f"audit: {_waiting(left, state.audited)}"


def _waiting(names: Sequence[str], found: Mapping[str, Outcome]) -> str:
    third = sum(name in found and contended(found[name]) for name in names)
    rest = f", {third:,} of them for an adjudicator who is neither of the two" if third else ""
    return f"{len(names):,} items are undecided{rest}"


def _pairs(found: Iterable[Outcome]) -> Iterable[tuple[str, str]]:
    """What the first two people, by name, said of each item that two have decided."""
    for outcome in found:
        said = sorted((one for one in outcome.decisions if one.round == "annotation"), key=lambda one: one.annotator)
        if len(said) > 1:
            yield _class(said[0]), _class(said[1])


def _class(decision: Decision) -> str:
    if decision.action == "label" and decision.label is not None:
        return decision.label
    return CONTESTED if decision.action == "flag" else decision.action
