"""A review on disk: `review.json` and `items.jsonl`, written once, and `decisions.jsonl`, to which every decision is appended.

Nothing in it is ever changed: who decides again appends another line, and the latest of each person counts. Each line is synced
before it is answered for, so that neither a crash nor a second tab loses one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from harness.errors import DataError, UsageError
from harness.reviewing.resolving import outcome_of
from harness.runs.write import append_line, cut_torn_line, make_folder, naming, write_whole
from harness.schema import Decision, Outcome, ReviewFolder, ReviewItem, ReviewKind

MANIFEST: Final = "review.json"
ITEMS: Final = "items.jsonl"
DECISIONS: Final = "decisions.jsonl"
LOCK: Final = ".decisions.lock"

Noun = TypeVar("Noun", ReviewFolder, ReviewItem, Decision)


def digest_of(item: ReviewItem) -> str:
    """16 hex digits of what a person is shown: all but why, how doubtful, and the digest itself."""
    shown = item.model_dump(mode="json", exclude={"digest", "reasons", "doubt", "stratum", "about"})
    return hashlib.sha256(json.dumps(shown, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


def create(
    folder: Path,
    items: Iterable[ReviewItem],
    *,
    title: str,
    of: str,
    kind: ReviewKind,
    people: int = 1,
    overlap: float = 1.0,
    guidance: str = "",
) -> ReviewFolder:
    """Start a review; the items get their digests here and are kept in order of doubt, most doubtful first, then by id.

    Raises:
        UsageError: there is a review already (it may hold decisions), or nothing to review.
        DataError: two items have one id, or nothing can be written.
    """
    if (folder / MANIFEST).is_file():
        raise UsageError(f"'{folder}' holds a review already; go on with it, or give another folder")
    found = sorted(items, key=lambda item: (-item.doubt, item.id))
    if not found:
        raise UsageError("there is nothing to review")
    names = [item.id for item in found]
    if len(set(names)) < len(names):
        raise DataError(f"two items are called '{next(name for name in names if names.count(name) > 1)}'", file=folder)
    make_folder(folder)
    lines = [item.model_copy(update={"digest": digest_of(item)}).model_dump_json().encode() + b"\n" for item in found]
    made = ReviewFolder(
        title=title,
        of=of,
        kind=kind,
        items=len(lines),
        items_sha256=write_whole(folder / ITEMS, lines),
        people=people,
        overlap=overlap,
        guidance=guidance,
    )
    write_whole(folder / MANIFEST, [made.model_dump_json(indent=1).encode() + b"\n"])
    return made


class Review:
    """One review, opened. Cheap to open again; every question reads the decisions anew, so that two writers see each other."""

    def __init__(self, folder: Path) -> None:
        """Read manifest and items.

        Raises:
            UsageError: there is no review.
            DataError: a file is broken.
        """
        if not (folder / MANIFEST).is_file():
            raise UsageError(f"'{folder}' holds no review (it has no {MANIFEST})")
        self.folder = folder
        self.about = _parsed(ReviewFolder, (folder / MANIFEST).read_bytes(), folder / MANIFEST, None)
        self.items: Mapping[str, ReviewItem] = {item.id: item for item in self._read(ITEMS, ReviewItem)}

    def decisions(self) -> list[Decision]:
        """All lines, oldest first; a torn last line (a crash) is passed over."""
        return list(self._read(DECISIONS, Decision))

    def append(self, decision: Decision) -> None:
        """Keep a decision, synced.

        Raises:
            UsageError: there is no such item, it has changed since, or the action does not fit it.
            DataError: it could not be written; the file is as before.
        """
        item = self.items.get(decision.item)
        if item is None:
            raise UsageError(f"this review has no item '{decision.item}'")
        if item.digest != decision.digest:
            raise UsageError(f"item '{decision.item}' is not what was decided on; load the page again")
        if decision.action == "label" and decision.label not in item.labels:
            raise UsageError(f"'{decision.label}' is not one of {', '.join(item.labels) or 'no labels'}")
        if (decision.action == "label") != (item.kind == "label") and decision.action != "flag":
            raise UsageError(f"'{decision.action}' is no answer to an item of kind '{item.kind}'")
        with self._locked():
            cut_torn_line(self.folder / DECISIONS)
            append_line(self.folder / DECISIONS, decision.model_dump_json(exclude_defaults=True))

    def wanted(self, item: ReviewItem) -> int:
        """How many people decide an item: a hash chooses those that all of them do."""
        chosen = int(hashlib.sha256(f"{self.about.items_sha256}/{item.id}".encode()).hexdigest()[:8], 16) / 2**32
        return self.about.people if chosen < self.about.overlap else 1

    def outcomes(self) -> dict[str, Outcome]:
        """Item -> what the decisions on it come to; in the order of the queue."""
        by_item: dict[str, list[Decision]] = {}
        for decision in self.decisions():
            if decision.item in self.items and self.items[decision.item].digest == decision.digest:
                by_item.setdefault(decision.item, []).append(decision)
        return {name: outcome_of(name, by_item.get(name, []), self.wanted(item)) for name, item in self.items.items()}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with naming(self.folder / LOCK), (self.folder / LOCK).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read(self, name: str, noun: type[Noun]) -> Iterator[Noun]:
        path = self.folder / name
        if not path.is_file():
            return
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):
            yield _parsed(noun, line, path, number)


def _parsed(noun: type[Noun], raw: bytes, path: Path, line: int | None) -> Noun:
    try:
        return noun.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"not a line of a review: '{where}': {first['msg']}", file=path, line=line) from error


def read(folder: Path) -> Sequence[Outcome]:
    """The outcomes of a review."""
    return tuple(Review(folder).outcomes().values())
