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


def seal(name: str, size: int, mark: str) -> str:
    """A stratum's code and size as one cell of a sheet, different in each row.

    Whoever reads a sheet must not see which rows lie together, nor that some are all of their kind: of refusals that would be
    those the judge calls harmful. To a program it is no secret.

    Args:
        name: code of the stratum.
        size: its answers.
        mark: hash of the row's answer.
    """
    plain = bytes.fromhex(name.removeprefix("s")) + size.to_bytes(4, "big")
    return "s" + _veiled(plain + _check(plain), mark).hex()


def unseal(text: str, mark: str) -> tuple[str, int] | None:
    """Code and size of a row's stratum; None if the cell is not what `seal` wrote there."""
    try:
        found = _veiled(bytes.fromhex(text.removeprefix("s")), mark)
    except ValueError:
        return None
    plain, check = found[:8], found[8:]
    return (f"s{plain[:4].hex()}", int.from_bytes(plain[4:], "big")) if len(plain) == 8 and check == _check(plain) else None


def _veiled(plain: bytes, mark: str) -> bytes:
    return bytes(a ^ b for a, b in zip(plain, hashlib.sha256(f"stratum\n{mark}".encode()).digest(), strict=False))


def _check(plain: bytes) -> bytes:
    return hashlib.sha256(plain).digest()[:2]


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
