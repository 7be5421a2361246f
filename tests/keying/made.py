"""People who decide: two who answer every item, and an adjudicator for what they differ on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from harness.reviewing.store import Review
from harness.schema import Decision, ReviewItem, Round

Says = Callable[[ReviewItem], str]


def decide(
    review: Review, item: ReviewItem, who: str, said: str, round_: Round = "annotation", at: str = "2026-01-02T03:04:05Z"
) -> None:
    """One decision: a letter (or `contested`) on a question with options, an action on a reference."""
    label = said if item.kind == "label" else None
    action = "label" if item.kind == "label" else said
    decision = Decision(
        item=item.id, digest=item.digest, annotator=who, at=at, round=round_, action=action, label=label  # type: ignore[arg-type]
    )  # fmt: skip
    review.append(decision)


def people(folder: Path, says: Says, *, slips: float = 0.0, seed: int = 0, until: int | None = None) -> int:
    """Two people answer as `says` does but for slips; a third settles. How often the two differed."""
    review, draw, differed = Review(folder), random.Random(seed), 0
    for item in list(review.items.values())[:until]:
        right = says(item)
        words = item.labels or ("accept", "reject")
        said = [draw.choice([w for w in words if w != right]) if draw.random() < slips else right for _ in range(2)]
        for who, word in zip(("ann", "bo"), said, strict=True):
            decide(review, item, who, word)
        if said[0] != said[1]:
            differed += 1
            decide(review, item, "cy", right, "adjudication")
    return differed
