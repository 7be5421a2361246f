"""Standings -> what people are asked: all that voters do not agree on, and a random sample of the rest.

People see the question, never the voters' letters: who knows what the machines said agrees with them too often. A drafted
reference must be seen to be judged. The review folders hold the questions themselves, so each tells git to leave it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from harness.errors import UsageError
from harness.keying import asking
from harness.keying.ranges import as_text, shown
from harness.keying.strata import Standing
from harness.keying.work import Work
from harness.reviewing import store
from harness.runs.write import make_folder, write_whole
from harness.schema import KeyAuditPlan, KeyAuditStratum, KeyText, Message, ReviewItem, Sample
from harness.stats.betting import order

CONTESTED: Final = "contested"
PEOPLE: Final = 2
"""Who decide each item without seeing one another; a third settles what they differ on."""
GUIDANCE: Final = {
    "choice": (
        "Choose the letter that the authors of the test would hold right. Choose 'contested' if people who know the matter would "
        "differ: no option is right, several are, the law has changed, or the question is broken. Answer for yourself; what "
        "models or others said is not shown on purpose."
    ),
    "text": (
        "Decide whether the reference can be used to mark answers: it is right, the other forms are as right, and the points are "
        "what full marks need. Accept it as it is, or edit it until it is so. Reject it if the question has no right answer that "
        "can be written down; flag it if you cannot tell."
    ),
}


def make_review(work: Work, found: Mapping[str, Standing]) -> int:
    """Make the review of all items that are not unanimous, most doubtful first; how many there are.

    One that was made of these votes is left as it is, with all decisions.

    Raises:
        DataError: it was made of other votes, or nothing can be written.
    """
    if (there := work.review()) is not None:
        return len(there.items)
    doubtful = [one for one in found.values() if one.agreement != "unanimous"]
    if doubtful:
        items = (_item(work, one, one.doubt, one.reasons) for one in doubtful)
        _create(work, "review", items, "Answers that voters do not agree on")
    return len(doubtful)


def make_audit(work: Work, found: Mapping[str, Standing], n: int, *, seed: int = 0, sequential: bool = False) -> KeyAuditPlan:
    """Draw the audit: `n` random unanimous items of each stratum, or all where there are fewer.

    Items come in random order, so that the first of them are a random sample too. The plan is written before anybody is asked;
    one that is there already is gone on with.

    Raises:
        UsageError: another audit was drawn before, or there is nothing to audit.
    """
    population: dict[str, list[str]] = {}
    for one in found.values():
        if one.agreement == "unanimous":
            population.setdefault(one.stratum, []).append(one.hash)
    if not population:
        raise UsageError("no item is unanimous: people decide all of them in the review, and there is nothing to audit")
    plan = KeyAuditPlan(
        proposals=work.digest(),
        seed=seed,
        sequential=sequential,
        strata=tuple(
            KeyAuditStratum(name=name, items=len(items), drawn=min(n, len(items))) for name, items in sorted(population.items())
        ),
    )
    there = work.plan()
    if there is not None and there != plan:
        raise UsageError(
            f"an audit was drawn before ({_drawn(there)}); drawing again until it looks well would prove nothing. "
            "Go on with it, or begin in another --folder"
        )
    work.write_plan(plan)
    if work.audit() is None:
        drawn = set(sample_of(plan, found))
        ranks = order(sorted(drawn), f"{seed}/page")
        items = (_item(work, found[name], 1 - rank / len(ranks), ()) for rank, name in enumerate(ranks))
        _create(work, "audit", items, "Random sample of answers that all voters agree on")
    return plan


def sample_of(plan: KeyAuditPlan, found: Mapping[str, Standing]) -> list[str]:
    """The items that a plan draws, stratum by stratum, in the order of drawing."""
    drawn: list[str] = []
    for stratum in plan.strata:
        members = [one.hash for one in found.values() if one.agreement == "unanimous" and one.stratum == stratum.name]
        drawn += order(members, f"{plan.seed}/{stratum.name}")[: stratum.drawn]
    return drawn


def page_order(plan: KeyAuditPlan, found: Mapping[str, Standing]) -> list[str]:
    """The same items in the order in which people are shown them, random over all strata."""
    return order(sorted(sample_of(plan, found)), f"{plan.seed}/page")


def _drawn(plan: KeyAuditPlan) -> str:
    sizes = ", ".join(f"{one.drawn} of {one.items} of {one.name}" for one in plan.strata)
    return f"{sizes}; seed {plan.seed}{', sequential' if plan.sequential else ''}"


def _create(work: Work, name: str, items: Iterator[ReviewItem], title: str) -> None:
    folder = work.review_folder if name == "review" else work.audit_folder
    make_folder(folder)
    write_whole(folder / ".gitignore", [b"*\n"])
    store.create(
        folder,
        items,
        title=f"{work.items.benchmark}: {title[0].lower()}{title[1:]}",
        of=f"key:{work.digest()}",
        kind="label" if work.items.kind == "choice" else "text",
        people=PEOPLE,
        guidance=GUIDANCE[work.items.kind],
    )


def _item(work: Work, one: Standing, doubt: float, reasons: Sequence[str]) -> ReviewItem:
    sample = work.items.by_hash[one.hash]
    about = " · ".join(filter(None, (sample.dimension, sample.topic)))
    if work.items.kind == "choice":
        turns = (*sample.history, Message(role="user", content=asking.stem(sample)))
        labels = (*sample.options, CONTESTED)
        return ReviewItem(
            id=one.hash,
            digest="",
            kind="label",
            messages=turns,
            options=sample.options,
            labels=labels,
            about=about,
            reasons=tuple(reasons),
            doubt=doubt,
            stratum=one.stratum,
        )
    proposal = shown(one.text, sample.question) if one.text is not None else KeyText(reference="")
    return ReviewItem(
        id=one.hash,
        digest="",
        kind="text",
        messages=(*sample.history, Message(role="user", content=sample.question)),
        proposal=proposal,
        about=about,
        reasons=(*reasons, *(_others(one, sample) if reasons else ())),
        doubt=doubt,
        stratum=one.stratum,
    )


def _others(one: Standing, sample: Sample) -> Iterator[str]:
    """What voters who do not agree with the draft would have it be."""
    for vote in one.votes:
        if vote.agrees is False:
            own = f": {as_text(vote.text.reference, sample.question)}" if vote.text is not None else ""
            yield f"{vote.voter} disagrees{own}"
