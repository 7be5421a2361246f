"""name, n, seed -> training rows of the demo world: always its training side, different ones until all are used.

A name is a family (`risk_di`) or a part with all its families (`tu`), which then come by weight: what a tiny model needs much
practice for, sums and comparisons, comes more often. Families differ in size from 200 rows to millions; a small one repeats only
when all of it has been used.

Held-out fillings are what the benchmark asks (`families.Draft.side`), so no row repeats one. Long stretches of text are shared
all the same: that is what templates are. `asked_keys` is what a check of this source needs instead of comparing texts.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import cycle, islice
from typing import Final

from harness.demo import sampling
from harness.demo.benchmark import PER_FAMILY
from harness.demo.families import Item
from harness.errors import unknown

VERSION: Final = 1
"""Of what is drawn. Changes when a family, a weight or the drawing does, so that mixes of different rows have different names."""

WEIGHTS: Final = {
    "en_arithmetic": 4.0,
    "en_comparison": 4.0,
    "en_opposites": 2.0,
    "en_extraction": 2.0,
    "en_ordering": 2.0,
    "en_logic": 2.0,
    "tu_sentiment": 0.5,
    "tu_topic": 0.5,
    "tu_entailment": 0.6,
    "ie_person": 2.0,
    "ie_place": 0.6,
    "ie_event": 0.6,
    "tg_fact": 0.6,
    "tg_wish": 0.6,
    "lr_arithmetic": 2.5,
    "lr_entailment": 0.7,
    "lr_comparison": 2.0,
    "tp_order": 2.0,
    "tp_plan": 0.4,
    "tp_tool": 0.8,
}
"""Weight of a family within its part, where it is not 1."""

COUNTED: Final = 1000
"""Different rows of a family that are counted unless more are asked for; the large families have millions."""
PATIENCE: Final = 8
"""Draws for each different row found, after which a family counts as used up."""


def parts(name: str) -> dict[str, float]:
    """The families behind a name, each with its share of the rows (they sum to 1).

    Raises:
        UsageError: there is no such family or part.
    """
    known = {family.name: family.part for family in sampling.families()}
    chosen = [family for family, part in known.items() if name in {family, part}]
    if not chosen:
        raise unknown("demo family or part", name, {*known, *known.values()})
    weights = {family: WEIGHTS.get(family, 1.0) for family in chosen}
    total = sum(weights.values())
    return {family: weight / total for family, weight in weights.items()}


@lru_cache(maxsize=128)
def different(family: str, most: int, seed: int) -> tuple[Item, ...]:
    """Up to `most` training rows of one family that ask different questions; a longer list begins with the shorter one.

    A family is used up when `PATIENCE` draws a row found brought no more than those: it may then hold a few rows more (fewer
    than one in a thousand).

    Raises:
        UsageError: there is no such family.
    """
    draws = max(most, 256)
    while True:
        found: dict[str, Item] = {}
        for item in sampling.sample(family, draws, "train", seed, unique=False):
            found.setdefault(item.question, item)
        if len(found) >= most or draws >= PATIENCE * len(found):
            return tuple(found.values())[:most]
        draws *= 2


def available(name: str, seed: int, most: int = COUNTED) -> int:
    """Different training rows behind a name, counted up to `most` a family.

    Raises:
        UsageError: there is no such family or part.
    """
    return sum(len(different(family, most, seed)) for family in parts(name))


def rows(name: str, n: int, seed: int) -> list[Item]:
    """`n` training rows of a family or part, family after family; the same for the same arguments.

    A part's families come by weight. A family repeats rows only when all of its rows are in.

    Raises:
        UsageError: there is no such family or part.
    """
    drawn: list[Item] = []
    passed = 0.0
    for family, share in parts(name).items():
        passed += share * n
        wanted = round(passed) - len(drawn)
        drawn += islice(cycle(different(family, wanted, seed)), wanted)
    return drawn


def keys(item: Item) -> tuple[str, ...]:
    """The fillings and phrasings in an item."""
    return tuple(item.key.split(" + "))


@lru_cache(maxsize=1)
def asked_keys() -> frozenset[str]:
    """Fillings and phrasings of all items of the demo benchmark, drawn here as the benchmark draws them."""
    return frozenset(
        key
        for family in sampling.families()
        for item in sampling.sample(family, PER_FAMILY[family.part], "test", 0)  # type: ignore[index]  # a part is a str there
        for key in keys(item)
    )
