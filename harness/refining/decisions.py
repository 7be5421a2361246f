"""Row × what people said of it -> what is to be done with it: it stays, goes, is as they edited it, or is answered again.

People go before rules. A row that they accepted has no doubt left; one that they are still deciding, or do not agree on, stays
as it is until they have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from harness.errors import UsageError
from harness.reviewing.store import Review
from harness.schema import DataRow, DataSet, Outcome, PeopleCounts, ReviewItem

FOLDER: Final = "review"
"""Where a data set's review lies, unless another is named."""
REJECTED: Final = "rejected by people"
UNUSABLE: Final = "edited into no dialogue"
EDITED: Final = "edited"
OF_TAGS: Final = "tag "
"""How flags begin that doubt what a row teaches, and say nothing against its answer."""

What = Literal["flagged", "rules", "all"]
"""Which rows are answered again: those that people flagged, those that rules flagged, or both."""


@dataclass(frozen=True)
class Ruling:
    """What is to be done with one row."""

    row: DataRow
    """As it is, or as people edited it."""
    drop: str = ""
    """Why it goes; empty: it stays."""
    by: Literal["people", "rules", ""] = ""
    """Who wants it answered again."""
    reasons: tuple[str, ...] = ()
    doubt: float = 0.0
    said: str = ""
    """What people did, as `PeopleCounts` names it."""


@dataclass
class People:
    """A review, as far as it is about the rows of one data set."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    items: Mapping[str, ReviewItem] = field(default_factory=dict)

    def said(self, row: DataRow) -> tuple[str, Outcome | None]:
        """What they did with a row, as `PeopleCounts` names it (empty: nothing), and their outcome."""
        outcome = self.outcomes.get(row.id)
        if outcome is None or not outcome.decisions:
            return ("open" if outcome else "", None)
        if self.items[row.id].messages != row.messages:
            return "stale", None
        if outcome.decision is None:
            return outcome.state, outcome
        return {"accept": "accepted", "edit": "edited", "reject": "rejected", "flag": "flagged"}[outcome.decision.action], outcome


def read_people(dataset: Path, about: DataSet, review: Path | None) -> People:
    """The review of a data set; without one, nobody has said anything.

    Args:
        dataset: its folder.
        about: its manifest.
        review: the review's folder; None: `review` in that of the data set, if there is one.

    Raises:
        UsageError: the folder named holds no review, or one of something else.
        DataError: a file of it is broken.
    """
    folder = review or dataset / FOLDER
    if review is None and not folder.is_dir():
        return People()
    opened = Review(folder)
    if opened.about.kind != "row" or not _is_of(opened.about.of, about.digest):
        raise UsageError(f"'{folder}' is a review of {opened.about.of}, not of the data set {about.digest[:12]} in '{dataset}'")
    return People(opened.outcomes(), opened.items)


def _is_of(of: str, digest: str) -> bool:
    kind, _, said = of.partition(":")
    return kind == "dataset" and len(said) >= 8 and digest.startswith(said)


def rule(row: DataRow, people: People, what: What, doubt: float) -> Ruling:
    """What is to be done with one row.

    Args:
        row: of the data set.
        people: what they said.
        what: which rows are answered again.
        doubt: a rule's flag counts from this on, 0-1.
    """
    said, outcome = people.said(row)
    if outcome is None:
        return _by_rules(row, said, what, doubt)
    if outcome.decision is None:
        return Ruling(row, said=said)
    return _by_people(row, outcome, said, what)


def _by_people(row: DataRow, outcome: Outcome, said: str, what: What) -> Ruling:
    if said == "rejected":
        return Ruling(row, REJECTED, said=said)
    if said == "accepted":
        return Ruling(row.model_copy(update={"flags": {}}) if row.flags else row, said=said)
    if said == "edited":
        messages = (outcome.decision.messages if outcome.decision else None) or ()
        edited = row.model_copy(update={"messages": messages, "flags": {}, "origin": EDITED})
        return Ruling(edited, "" if _is_dialogue(edited) else UNUSABLE, said=said)
    if what == "rules":
        return Ruling(row, said=said)
    notes = tuple(dict.fromkeys(one.note.strip() for one in outcome.decisions if one.note.strip()))
    return Ruling(row, by="people", reasons=notes or tuple(row.flags), doubt=1.0, said=said)


def _by_rules(row: DataRow, said: str, what: What, doubt: float) -> Ruling:
    flags = {name: much for name, much in row.flags.items() if much >= doubt and not name.startswith(OF_TAGS)}
    if what == "flagged" or not flags:
        return Ruling(row, said=said)
    return Ruling(row, by="rules", reasons=tuple(flags), doubt=max(flags.values()), said=said)


def _is_dialogue(row: DataRow) -> bool:
    roles = [turn.role for turn in row.messages if turn.role != "system"]
    spoken = all(turn.content.strip() for turn in row.messages)
    return spoken and bool(roles) and roles == ["user", "assistant"] * (len(roles) // 2)


def counts(rulings: Iterable[Ruling]) -> PeopleCounts:
    """What people did, counted."""
    return PeopleCounts(**Counter(one.said for one in rulings if one.said))
