"""What another program says of a review's items -> decisions, all of them checked before one is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import DataError, UsageError
from harness.reviewing.checking import sound
from harness.reviewing.resolving import standing
from harness.reviewing.store import Review
from harness.schema import Decision, Round


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    kept: int
    """Decisions that are new, or another than the person's earlier one."""
    known: int
    """Decisions that stood already, word for word."""
    empty: int
    """Rows on which nobody has decided."""


@dataclass(frozen=True)
class Entry:
    """A decision and where it stands in the file."""

    line: int
    decision: Decision


def keep(review: Review, entries: Iterable[Entry], empty: int, file: Path) -> Imported:
    """Keep the decisions of a file: all, or none.

    Raises:
        DataError: with file and line: an unknown item, one that has changed, an action that does not fit, two decisions of one
            person on one item. Or they could not be written.
    """
    checked: dict[tuple[str, str, Round], Decision] = {}
    for entry in entries:
        said = entry.decision
        key = said.item, said.annotator, said.round
        try:
            if key in checked:
                raise UsageError(f"'{said.annotator}' decides '{said.item[:80]}' a second time in this file")
            checked[key] = sound(said, review.item(said.item))
        except UsageError as error:
            raise DataError(str(error), file=file, line=entry.line) from error
    known = _known(review)
    new = [one for one in checked.values() if not _stands(one, known)]
    review.extend(new)
    return Imported(kept=len(new), known=len(checked) - len(new), empty=empty)


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def chosen(review: Review, annotator: str | None) -> list[tuple[str, Sequence[Decision]]]:
    """Item -> decisions that an export holds: all that stand, or one person's only, who must see nobody else's."""
    known = _known(review)
    found: list[tuple[str, Sequence[Decision]]] = []
    for name in review.items:
        mine = [one for one in known.get(name, {}).values() if annotator is None or one.annotator == annotator]
        found.append((name, mine))
    return found


def _known(review: Review) -> dict[str, dict[tuple[Round, str], Decision]]:
    by_item: dict[str, list[Decision]] = {}
    for one in review.decisions():
        if (item := review.items.get(one.item)) is not None and item.digest == one.digest:
            by_item.setdefault(one.item, []).append(one)
    return {name: standing(decisions) for name, decisions in by_item.items()}


def _stands(decision: Decision, known: dict[str, dict[tuple[Round, str], Decision]]) -> bool:
    earlier = known.get(decision.item, {}).get((decision.round, decision.annotator))
    return earlier is not None and _said(earlier) == _said(decision)


def _said(decision: Decision) -> tuple[object, ...]:
    return decision.action, decision.label, decision.messages, decision.text, decision.note
