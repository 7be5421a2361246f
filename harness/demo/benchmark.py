"""The demo benchmark: held-out items as `Sample`s, the same on every machine.

Eight parts: English (`en`), five knowledge dimensions (`tu ie tg lr tp`), multiple choice on safe behaviour (`mcq`), risky
requests (`risk`) and harmless ones that look like them (`benign`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, get_args

from harness.data.hashing import assign_splits, content_hash
from harness.demo.families import Item, Part
from harness.demo.sampling import families, sample
from harness.errors import unknown
from harness.schema import Sample

Size = Literal["full", "small"]

PER_FAMILY: Final[dict[Part, int]] = {
    "en": 30,
    "tu": 24,
    "ie": 24,
    "tg": 24,
    "lr": 24,
    "tp": 24,
    "mcq": 36,
    "risk": 36,
    "benign": 36,
}
"""Items of each family at full size."""
SMALL_SHARE: Final = 6
"""`small` keeps one in six of a family, at least two."""


def read(part: str, size: Size = "full", seed: int = 0) -> list[Sample]:
    """Held-out items of one part.

    A small benchmark is a part of the full one: same ids, same splits, each family's dev and test halves cut alike.

    Args:
        part: A name in `PER_FAMILY`.
        size: `full` or `small`.
        seed: Another seed draws other held-out items. Published numbers are of seed 0.

    Raises:
        UsageError: There is no such part or size.
    """
    if part not in PER_FAMILY:
        raise unknown("demo part", part, PER_FAMILY)
    if size not in get_args(Size):
        raise unknown("demo size", size, get_args(Size))
    samples, items = _drawn(part, seed)
    return list(samples) if size == "full" else _cut(samples, items)


@lru_cache(maxsize=64)
def _drawn(part: Part, seed: int) -> tuple[tuple[Sample, ...], tuple[Item, ...]]:
    """Once: five tasks read the whole of `risk`, five that of `mcq`, and drawing them anew each time took 0.24 s."""
    items = [item for family in families(part) for item in sample(family, PER_FAMILY[part], "test", seed)]
    samples = assign_splits([_sample(f"{part}-{number}", item) for number, item in enumerate(items, 1)])
    return tuple(samples), tuple(items)


def _sample(name: str, item: Item) -> Sample:
    return Sample(
        id=name,
        hash=content_hash(item.question),
        question=item.question,
        dimension=item.dimension,
        topic=item.topic,
        options=dict(item.options),
        target=item.answer,
        target_kind="exact" if item.kind in {"exact", "choice"} else "open",
        target_confidence="high",
    )


def _cut(samples: Sequence[Sample], items: Sequence[Item]) -> list[Sample]:
    """The first items of each half of each family."""
    sizes: dict[str, int] = defaultdict(int)
    for item in items:
        sizes[item.family] += 1
    taken: dict[tuple[str, str], int] = defaultdict(int)
    kept = []
    for one, item in zip(samples, items, strict=True):
        half = item.family, one.split
        if taken[half] < max(1, sizes[item.family] // (2 * SMALL_SHARE)):
            taken[half] += 1
            kept.append(one)
    return kept
