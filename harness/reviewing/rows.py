"""DataRow* -> ReviewItem*: the rows that something made doubtful, and a random sample of those that nothing did.

The sample is what tells whether the flags find what they should: people who see flagged rows only never learn what was missed.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.schema import DataRow, ReviewItem

GUIDANCE = (
    "Is the reply right, useful, safe, and written for readers of this culture?\n"
    "Accept it as it is, edit what is quickly mended, flag what should be answered again (harness refine has it done), reject "
    "what nobody should learn from."
)


@dataclass(frozen=True)
class Queue:
    """What of a data set people are shown."""

    items: tuple[ReviewItem, ...]
    rows: int
    """Of the data set."""
    flagged: int
    sampled: int
    """Of those without a flag."""


@dataclass(frozen=True, order=True)
class _Drawn:
    """A row without a flag, by its hash: the least are the sample."""

    less: int
    id: str
    item: ReviewItem


def queue(rows: Iterable[DataRow], *, everything: bool = False, sample: int = 100, seed: int = 0) -> Queue:
    """Items of the rows, read once; memory is that of what is chosen.

    Args:
        rows: of the data set.
        everything: all rows.
        sample: how many of the rows without a flag, drawn by hash; the same for the same seed, whatever their order.
        seed: of the draw.
    """
    flagged: list[ReviewItem] = []
    drawn: list[_Drawn] = []
    plain = total = 0
    for row in rows:
        total += 1
        if row.flags or everything:
            flagged.append(_item(row))
            continue
        plain += 1
        # The heap's least is the draw's greatest hash, which goes first.
        less = -int(hashlib.sha256(f"{seed}/{row.id}".encode("utf-8", "surrogatepass")).hexdigest()[:16], 16)
        if len(drawn) < sample:
            heapq.heappush(drawn, _Drawn(less, row.id, _item(row)))
        elif sample and less > drawn[0].less:
            heapq.heapreplace(drawn, _Drawn(less, row.id, _item(row)))
    marked = [one.model_copy(update={"stratum": "all" if everything else "flagged"}) for one in flagged]
    rest = [one.item.model_copy(update={"stratum": f"{len(drawn)} of {plain} without a flag"}) for one in sorted(drawn)]
    found = Queue((*marked, *rest), total, len(flagged), len(drawn))
    return replace(found, flagged=sum(bool(one.reasons) for one in flagged)) if everything else found


def _item(row: DataRow) -> ReviewItem:
    flags = sorted(row.flags.items(), key=lambda flag: (-flag[1], flag[0]))
    about = (row.source, row.category, ", ".join(row.areas))
    return ReviewItem(
        id=row.id,
        digest="",
        kind="row",
        messages=row.messages,
        reference=row.reference or "",
        about=" · ".join(filter(None, about)),
        reasons=tuple(f"{name} {value:.2f}" for name, value in flags),
        doubt=min(1.0, max(0.0, flags[0][1])) if flags else 0.0,
    )
