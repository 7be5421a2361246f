"""votes of several voters -> how probable each answer is, if voters erred independently. They do not.

So these numbers only say which item people should see first. They are never a confidence: where five models with shared errors
agreed, this posterior claimed one error in a million, and 2.8% were wrong.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

ROUNDS: Final = 50
LEAST: Final = 1e-3
"""Accuracies stay this far from 0 and 1."""

Vote = tuple[Hashable, str]
"""(voter, answer)."""


def one_coin(
    votes: Sequence[Sequence[Vote]], options: Sequence[Sequence[str]]
) -> tuple[list[dict[str, float]], dict[Hashable, float]]:
    """EM of Dawid & Skene (1979, Applied Statistics 28), with one accuracy a voter, and its errors spread over the other options.

    Args:
        votes: of each item; items without votes get equal shares.
        options: of each item, its possible answers.

    Returns:
        For each item answer -> probability; voter -> accuracy. Only for ordering (see above).

    Raises:
        ValueError: not as many of both, or a vote that is no option.
    """
    for cast, known in zip(votes, options, strict=True):
        if wrong := next((answer for _, answer in cast if answer not in known), None):
            raise ValueError(f"a vote for {wrong!r}, which is none of {', '.join(known)}")
    shares = [_majority(cast, known) for cast, known in zip(votes, options, strict=True)]
    accuracy: dict[Hashable, float] = {}
    for _ in range(ROUNDS):
        before = accuracy
        accuracy = _accuracies(votes, shares)
        shares = [_posterior(cast, known, accuracy) for cast, known in zip(votes, options, strict=True)]
        if before and max((abs(accuracy[name] - before[name]) for name in accuracy), default=0.0) < 1e-6:
            break
    return shares, accuracy


def _majority(cast: Sequence[Vote], known: Sequence[str]) -> dict[str, float]:
    said = [answer for _, answer in cast]
    return {answer: said.count(answer) / len(said) if said else 1 / len(known) for answer in known}


def _accuracies(votes: Sequence[Sequence[Vote]], shares: Sequence[Mapping[str, float]]) -> dict[Hashable, float]:
    right: dict[Hashable, list[float]] = {}
    for cast, share in zip(votes, shares, strict=True):
        for voter, answer in cast:
            right.setdefault(voter, []).append(share[answer])
    return {voter: min(1 - LEAST, max(LEAST, math.fsum(found) / len(found))) for voter, found in right.items()}


def _posterior(cast: Sequence[Vote], known: Sequence[str], accuracy: Mapping[Hashable, float]) -> dict[str, float]:
    others = max(1, len(known) - 1)
    logs = {
        truth: math.fsum(
            math.log(accuracy[voter] if answer == truth else (1 - accuracy[voter]) / others) for voter, answer in cast
        )
        for truth in known
    }
    most = max(logs.values())
    weights = {truth: math.exp(value - most) for truth, value in logs.items()}
    return {truth: weight / math.fsum(weights.values()) for truth, weight in weights.items()}
