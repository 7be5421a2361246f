"""A review on disk: `review.json` and `items.jsonl`, written once, and `decisions.jsonl`, to which every decision is appended.

Nothing in it is ever changed: who decides again appends another line, and the latest of each person counts. Each line is synced
before it is answered for, so that neither a crash nor a second tab loses one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from harness.errors import DataError, UsageError
from harness.reviewing.checking import sound
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
        raise DataError(f"two items are called '{Counter(names).most_common(1)[0][0]}'", file=folder)
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
        self.about = parsed(ReviewFolder, _bytes(folder / MANIFEST), folder / MANIFEST, None)
        self.items: Mapping[str, ReviewItem] = {item.id: item for item in self._items()}

    def decisions(self) -> list[Decision]:
        """All lines, oldest first; a torn last line (a crash) is passed over."""
        path = self.folder / DECISIONS
        lines = _bytes(path).split(b"\n")[:-1] if path.is_file() else []
        return [parsed(Decision, line, path, number) for number, line in enumerate(lines, 1)]

    def append(self, decision: Decision) -> Decision:
        """Keep a decision, synced; gives it back as it is kept.

        Raises:
            UsageError: there is no such item, it has changed since (`StaleItem`), or the action does not fit it.
            DataError: it could not be written; the file is as before.
        """
        return self.extend([decision])[0]

    def extend(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Keep several, in one write: all of them, or none.

        Raises:
            UsageError: one of them is not sound; none is kept.
            DataError: they could not be written; the file is as before.
        """
        kept = [sound(decision, self.item(decision.item)) for decision in decisions]
        if kept:
            with self.locked():
                _check_own(self.folder / DECISIONS)
                cut_torn_line(self.folder / DECISIONS)
                append_line(self.folder / DECISIONS, "\n".join(one.model_dump_json(exclude_defaults=True) for one in kept))
        return kept

    def item(self, name: str) -> ReviewItem:
        """One item.

        Raises:
            UsageError: there is none of that name.
        """
        found = self.items.get(name)
        if found is None:
            raise UsageError(f"this review has no item '{name[:200]}'")
        return found

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
    def locked(self) -> Iterator[None]:
        """Nobody else writes, on this machine, as long as this is held."""
        with naming(self.folder / LOCK):
            lock = lock_file(self.folder / LOCK)
        with os.fdopen(lock, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _items(self) -> Iterator[ReviewItem]:
        path = self.folder / ITEMS
        raw = _bytes(path)
        if hashlib.sha256(raw).hexdigest() != self.about.items_sha256:
            raise DataError(f"is not the file that {MANIFEST} describes; restore it, or begin another review", file=path)
        for number, line in enumerate(raw.split(b"\n")[:-1], 1):
            yield parsed(ReviewItem, line, path, number)


def lock_file(path: Path) -> int:
    """Open a file that is only there to be locked; gives its descriptor.

    A folder may come from somebody else, and a link in it lead to a file of ours: it is not followed, and nothing is cut.

    Raises:
        OSError: it is a link, or cannot be opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def _check_own(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise DataError("cannot be written: it is a link, or no regular file; put the file itself there", file=path)


def _bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise DataError("cannot be read: no regular file", file=path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error


def parsed(noun: type[Noun], raw: bytes, path: Path, line: int | None) -> Noun:
    """A line as a noun.

    Raises:
        DataError: it is none.
    """
    try:
        return noun.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"not a line of a review: '{where}': {first['msg']}", file=path, line=line) from error


def read(folder: Path) -> Sequence[Outcome]:
    """The outcomes of a review."""
    return tuple(Review(folder).outcomes().values())
