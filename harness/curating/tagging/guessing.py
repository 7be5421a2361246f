"""Rows × classifier -> tags: only where it is sure enough, and marked for people where it is not quite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.curating.tagging.classifier import Classifier, HeldOut
from harness.curating.tagging.subjects import NONE, Subject
from harness.curating.tagging.telling import Tag, asked
from harness.schema import DataRow

UNSURE = "tag unsure"
"""What a row is marked with whose tag is a guess."""


class Guesses:
    """What a classifier says of rows that nobody has tagged."""

    def __init__(self, classifier: Classifier, subjects: Mapping[str, Subject], least: float, sure: float) -> None:
        self.classifier, self.subjects, self.least, self.sure = classifier, subjects, least, sure
        self.id = f"classifier:{classifier.digest[:8]}"

    def tell(self, rows: Sequence[DataRow]) -> list[Tag | None]:
        """The likeliest subject of each, from `least` on; below `sure` with the doubt that is left."""
        if not rows:
            return []
        found = self.classifier.probabilities([asked(row) for row in rows])
        best = found.argmax(axis=1)
        return [self._one(self.classifier.labels[int(place)], float(row[place])) for place, row in zip(best, found, strict=True)]

    def _one(self, label: str, likely: float) -> Tag | None:
        if likely < self.least:
            return None
        areas = () if label == NONE else self.subjects[label].areas
        # A guess that a row teaches nothing costs no more than the row: people have other things to look at.
        unsure = likely < self.sure and bool(areas)
        return Tag(areas, self.id, why=UNSURE if unsure else "", doubt=round(1 - likely, 3) if unsure else 0.0)


def notes(tested: HeldOut | None, examples: int, labels: int) -> list[str]:
    """What people should know of a classifier."""
    head = f"classifier: {examples:,} examples of {labels} labels"
    if tested is None:
        return [f"{head}; too few kinds to hold some out, so how often it is right is not known"]
    said = [f"of kinds it had not seen, {tested.accuracy:.0%} were put right"]
    for least, (n, right) in tested.sure.items():
        if n:
            said.append(f"{right / n:.0%} of the {n / tested.n:.0%} where it was {least:.0%} sure")
    wrong = ", ".join(f"{a} as {b} ({n})" for a, b, n in tested.mistakes(3))
    return [f"{head}; {'; '.join(said)}", *([f"classifier: most often taken for another: {wrong}"] if wrong else [])]
