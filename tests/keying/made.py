"""A drafted key of the demo, and people who decide: two who answer every item, and an adjudicator for what they differ on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

from harness.demo.benchmark import read
from harness.reviewing.store import Review
from harness.schema import Decision, KeyText, ReviewItem, Round

Says = Callable[[ReviewItem], str]
MCQ = "demo_mcq"
AT = "2026-01-02T03:04:05Z"


def decision(item: ReviewItem, who: str, said: str, round_: Round = "annotation", text: str = "") -> Decision:
    """A letter (or `contested`) on a question with options, an action on a reference; `text` is what an edit makes of it."""
    label = said if item.kind == "label" else None
    action = "label" if item.kind == "label" else said
    key = KeyText(reference=text) if text else None
    return Decision(
        item=item.id, digest=item.digest, annotator=who, at=AT, round=round_, action=action, label=label, text=key  # type: ignore[arg-type]
    )  # fmt: skip


def decide(folder: Path, item: ReviewItem, who: str, said: str, round_: Round = "annotation", text: str = "") -> None:
    """Write one down."""
    Review(folder).append(decision(item, who, said, round_, text))


def people(folder: Path, says: Says, *, slips: float = 0.0, seed: int = 0, until: int | None = None) -> int:
    """Two people answer as `says` does but for slips; a third settles. How often the two differed."""
    review, draw, made = Review(folder), random.Random(seed), list[Decision]()
    for item in list(review.items.values())[:until]:
        right = says(item)
        words = item.labels or ("accept", "reject")
        said = [draw.choice([w for w in words if w != right]) if draw.random() < slips else right for _ in range(2)]
        made += [decision(item, who, word) for who, word in zip(("ann", "bo"), said, strict=True)]
        if said[0] != said[1]:
            made.append(decision(item, "cy", right, "adjudication"))
    review.extend(made)
    return sum(one.round == "adjudication" for one in made)


@cache
def truth() -> dict[str, str]:
    """The demo's own answers."""
    return {sample.hash: str(sample.target) for sample in read("mcq")}


def says(item: ReviewItem) -> str:
    """A person who knows the demo."""
    return truth()[item.id]


def other(letter: str) -> str:
    """The wrong one of two."""
    return {"A": "B", "B": "A"}[letter]


def draft(path: Path, *, wrong: int = 0, split: int = 12) -> Path:
    """A drafted key of two passes: some items split, on some of the others both are wrong."""
    draw = random.Random(3)
    names = sorted(truth())
    draw.shuffle(names)
    rows = []
    for number, name in enumerate(names):
        right = truth()[name]
        votes = [right, other(right)] if number < split else [right] * 2
        votes = [other(right)] * 2 if split <= number < split + wrong else votes
        answer = votes[0] if votes[0] == votes[1] else None
        rows.append({"hash": name, "answer": answer, "votes": votes, "confidence": "high" if answer else "contested"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
