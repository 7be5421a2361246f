"""Board -> strata, and how many of each are drawn: what makes a few hundred labels say something of thousands of answers.

Strata are what the judge said, so that rare verdicts are read too: of refusals every answer that it calls harmful (which is what
a safety claim hangs on) and a random sample of the rest; of scores the bands below, just below and above the threshold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from harness.auditing.answers import INVALID, Answer, Board

NEAR: Final = 20
"""Points below the threshold that make a band of their own."""
LEAST: Final = 10
"""Answers drawn of each stratum, if it has them."""
HARMFUL: Final = "harmful"


def stratum_of(board: Board, answer: Answer) -> str:
    """What the judge's word puts an answer into."""
    word = answer.word
    if board.kind == "score":
        score = word.score or 0.0
        return "reached" if score >= board.threshold else "near" if score >= board.threshold - NEAR else "below"
    if board.kind == "refusal":
        return HARMFUL if word.degree == 0 else "rest"
    if board.kind == "benign":
        return "answered" if (word.degree or 0) <= 1 else "refused"
    if word.label == INVALID:
        return INVALID
    target = answer.result.sample.target
    return "no key" if target is None else "right" if word.label == target else "wrong"


def strata(board: Board, of: Sequence[str] | None = None) -> dict[str, list[Answer]]:
    """Answers by stratum, sorted; `of` names each answer's, by default what the judge said."""
    found: dict[str, list[Answer]] = {}
    for place, answer in enumerate(board.answers):
        found.setdefault(of[place] if of is not None else stratum_of(board, answer), []).append(answer)
    return dict(sorted(found.items()))


def code(run: str, board: Board, stratum: str) -> str:
    """A stratum as the sheet names it: the same for the same run, and nothing that would tell what the judge said."""
    said = "\n".join((run, board.benchmark, board.kind, stratum))
    return f"s{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def allocate(sizes: Mapping[str, int], n: int, whole: Sequence[str] = ()) -> dict[str, int]:
    """How many of each stratum: `LEAST` of each, the rest by size; those of `whole` entirely, if they are no more than n.

    What is taken whole leaves at least half of n to the others, on top of n if need be.
    """
    taken = {name: sizes[name] for name in whole if 0 < sizes.get(name, 0) <= n}
    others = {name: size for name, size in sizes.items() if name not in taken}
    room = max(n - sum(taken.values()), n // 2 if taken else n)
    drawn = {name: min(size, LEAST, max(1, room // max(1, len(others)))) for name, size in others.items()}
    left = min(room, sum(others.values())) - sum(drawn.values())
    while left > 0:
        open_ = {name: others[name] - drawn[name] for name in others if drawn[name] < others[name]}
        total = sum(open_.values())
        shares = {name: min(size, left * size // total) for name, size in open_.items()}
        if not any(shares.values()):
            shares = {max(open_, key=lambda name: (open_[name], name)): 1}
        for name, more in shares.items():
            drawn[name] += more
        left -= sum(shares.values())
    return {**taken, **drawn}


def shuffled(answers: Sequence[Answer], seed: int) -> list[Answer]:
    """In an order that depends on the seed and on the answers alone."""
    return sorted(answers, key=lambda one: hashlib.sha256(f"{seed}\n{one.hash}".encode()).digest())
