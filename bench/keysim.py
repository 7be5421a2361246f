"""Made-up worlds of voters, people and questions: what a key's stated bound is worth where the truth is known.

Voters err together through a latent variable of each item (one-factor probit): an item that one misreads is easily misread by
all. On two options all wrong voters agree; on four they mostly do. The bounds are the harness's own (`harness.stats.keys`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from harness.stats.keys import People, Stratum, error_bound, most_errors_anytime

LURE = 0.75
"""Chance that a wrong voter takes an item's main lure, of several."""


@dataclass(frozen=True)
class World:
    """What is made up, and how people go about it."""

    name: str
    sizes: tuple[tuple[int, int], ...] = ((2, 1190), (4, 377))
    """(options, items) of each stratum."""
    voters: int = 5
    accuracy: float = 0.92
    shared: float = 0.65
    """Correlation of the voters' latent errors."""
    people: float = 0.02
    """Share of items that one person gets wrong."""
    hard: float = 0.0
    """If above 0: all errors of people lie in this share of the items, the same for all of them."""
    misread: float = 0.0
    """Share of the items that all voters get wrong which people misread in the same way."""
    audit: int = 150
    """Items a stratum."""
    area: float = 0.0
    """If above 0: all difficulty lies in one area that holds this share of the items."""
    peek: float | None = None
    """Stop as soon as the bound, one that allows for it, is as low as this; looking after every ten items of a stratum."""
    assumed: float = 0.0
    """Share that people misread alike, which is added to the bound."""


@dataclass(frozen=True)
class Made:
    """One key."""

    error: float
    """Share of its answers that is wrong."""
    bound: float
    majority: float
    """Error of the voters' majority, had nobody looked."""
    unanimous: float
    """Error among the unanimous answers before the audit."""
    reviewed: int
    audited: int


def worlds(world: World, times: int, seed: int = 0) -> Iterator[Made]:
    """Independent keys of one kind of world."""
    random = np.random.default_rng(seed)
    for _ in range(times):
        yield make(world, random)


def make(world: World, random: np.random.Generator) -> Made:
    """One key: votes, review of what is not unanimous, audit of the rest. The right answer is 0 everywhere."""
    wrong = reviewed = audited = majority_wrong = unanimous_wrong = unanimous_all = 0
    strata: list[Stratum] = []
    audits, reviews = [0, 0], [0, 0]
    total = sum(items for _, items in world.sizes)
    for options, items in world.sizes:
        votes = _votes(world, random, options, items)
        agreed = (votes == votes[:, :1]).all(axis=1)
        majority_wrong += int((_majority(votes) != 0).sum())
        unanimous_wrong += int((votes[agreed, 0] != 0).sum())
        unanimous_all += int(agreed.sum())
        trapped = agreed & (votes[:, 0] != 0) & (random.random(items) < world.misread)
        said, differ = _people(world, random, options, votes[:, 0], trapped)
        drawn = random.permutation(np.flatnonzero(agreed))
        looked = _looked(world, (said != votes[:, 0])[drawn], len(drawn))
        sample = drawn[:looked]
        seen = ~agreed
        seen[sample] = True
        errors = int((said[sample] != votes[sample, 0]).sum())
        strata.append(Stratum(len(drawn), looked, errors, anytime=world.peek is not None))
        wrong += int((np.where(seen, said, votes[:, 0]) != 0).sum())
        reviews = [reviews[0] + int((~agreed).sum()), reviews[1] + int(differ[~agreed].sum())]
        audits = [audits[0] + looked, audits[1] + int(differ[sample].sum())]
        reviewed, audited = reviewed + int((~agreed).sum()), audited + looked
    bound = error_bound(strata, People(*audits), People(*reviews), total, world.assumed)
    return Made(wrong / total, bound, majority_wrong / total, unanimous_wrong / max(1, unanimous_all), reviewed, audited)


def _votes(world: World, random: np.random.Generator, options: int, items: int) -> NDArray[np.int64]:
    """Shape (items, voters); 0 is right, 1 the main lure."""
    latent = random.standard_normal((items, 1))
    own = random.standard_normal((items, world.voters))
    level = np.sqrt(world.shared) * latent + np.sqrt(1 - world.shared) * own
    rate = np.full((items, 1), 1 - world.accuracy)
    if world.area:
        rate = np.where(random.random((items, 1)) < world.area, min(0.95, (1 - world.accuracy) / world.area), 1e-9)
    failed = level < norm.ppf(rate)
    lures = np.ones((items, world.voters), np.int64)
    if options > 2:
        other = random.random((items, world.voters)) > LURE
        lures = np.where(other, random.integers(2, options, (items, world.voters)), lures)
    return np.where(failed, lures, 0)


def _people(
    world: World, random: np.random.Generator, options: int, voted: NDArray[np.int64], trapped: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """What two people and an adjudicator make of each item, and where the two differ."""
    rate = np.full(len(voted), world.people)
    if world.hard:
        rate = np.where(random.random(len(voted)) < world.hard, world.people / world.hard, 0.0)
    said = [np.where(random.random(len(voted)) < rate, random.integers(1, options, len(voted)), 0) for _ in range(3)]
    said = [np.where(trapped, voted, one) for one in said]
    differ = said[0] != said[1]
    return np.where(differ, said[2], said[0]), differ


def _looked(world: World, wrong: NDArray[np.bool_], items: int) -> int:
    """How many of the drawn items people get to."""
    most = min(world.audit, items)
    if world.peek is None:
        return most
    for n in range(10, most, 10):
        found = int(wrong[:n].sum())
        if most_errors_anytime(found, n, items) - found <= world.peek * items:
            return n
    return most


def _majority(votes: NDArray[Any]) -> NDArray[Any]:
    counts = np.stack([(votes == option).sum(axis=1) for option in range(votes.max() + 1)], axis=1)
    return counts.argmax(axis=1)
