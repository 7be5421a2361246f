"""Family × side of the hold-out -> items, seeded."""

from __future__ import annotations

from random import Random
from typing import Final

from harness.demo import chinese_reading, chinese_reasoning, chinese_writing, english, risk, safety
from harness.demo.families import Draft, Family, Item, Side
from harness.errors import unknown

TRIES: Final = 200
"""Draws for each item wanted. Families with few held-out fillings give up then and deliver fewer."""

_FAMILIES: Final = (
    *english.FAMILIES,
    *chinese_reading.FAMILIES,
    *chinese_writing.FAMILIES,
    *chinese_reasoning.FAMILIES,
    *safety.FAMILIES,
    *risk.FAMILIES,
)


def families(part: str | None = None) -> tuple[Family, ...]:
    """All families, or those of one part, in a fixed order."""
    return tuple(family for family in _FAMILIES if part in {None, family.part})


def family_named(name: str) -> Family:
    """The family of this name.

    Raises:
        UsageError: there is none.
    """
    for family in _FAMILIES:
        if family.name == name:
            return family
    raise unknown("demo family", name, (family.name for family in _FAMILIES))


def sample(family: Family | str, n: int, split: Side, seed: int, *, unique: bool = True) -> list[Item]:
    """Up to `n` items of a family from one side of the hold-out; the same for the same arguments.

    Args:
        family: A family or its name.
        n: How many. A longer list begins with the shorter one.
        split: `train`, or `test` for held-out items.
        seed: Any number.
        unique: No question twice. Training data is drawn with repetition instead, and then always delivers `n`.
    """
    chosen = family_named(family) if isinstance(family, str) else family
    rng = Random(f"{chosen.name}/{split}/{seed}")
    items: list[Item] = []
    seen: set[str] = set()
    for _ in range(n * TRIES):
        if len(items) == n:
            break
        draft = chosen.draw(rng)
        if draft.side != split or (unique and draft.question in seen):
            continue
        seen.add(draft.question)
        items.append(_item(chosen, draft))
    return items


def _item(family: Family, draft: Draft) -> Item:
    return Item(
        family=family.name,
        dimension=family.dimension,
        topic=family.topic,
        question=draft.question,
        answer=draft.answer,
        kind=family.kind,
        chance=family.chance,
        key=" + ".join(str(key) for key in draft.keys),
        options=draft.options,
    )
