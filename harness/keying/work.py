"""A key in the making on disk.

    key.json          which benchmark, which questions; written first
    proposals.jsonl   one vote a line, appended; what repeats its question stands there as ranges of it
    review/           what people are shown of the items that voters do not agree on, and what they said
    audit.json        what was drawn of the others, and how
    audit/            what people are shown of it, and what they said
    NAME-VERSION.jsonl, .toml   frozen keys

`review/` and `audit/` hold the questions themselves, because people must read them: they stay on this machine, and git passes
them over. A frozen key holds none of their text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from harness.errors import DataError, UsageError
from harness.keying.items import Items
from harness.reviewing.store import MANIFEST as REVIEW_MANIFEST
from harness.reviewing.store import Review
from harness.runs.write import append_line, cut_torn_line, make_folder, write_whole
from harness.schema import Frozen, KeyAuditPlan, KeyVote, KeyWork, Outcome

MANIFEST: Final = "key.json"
PROPOSALS: Final = "proposals.jsonl"
REVIEW: Final = "review"
AUDIT: Final = "audit"
PLAN: Final = "audit.json"
BATCH: Final = 32
"""Votes that are synced together."""

Noun = TypeVar("Noun", bound=Frozen)


def default_folder(benchmark: str) -> Path:
    """`./keys/BENCHMARK`."""
    return Path("keys") / benchmark


class Work:
    """The work folder of one key."""

    def __init__(self, folder: Path, items: Items, about: KeyWork) -> None:
        self.folder, self.items, self.about = folder, items, about
        self._mended = False

    @property
    def review_folder(self) -> Path:
        """Where people decide what voters do not agree on."""
        return self.folder / REVIEW

    @property
    def audit_folder(self) -> Path:
        """Where people decide the random sample of the rest."""
        return self.folder / AUDIT

    def votes(self) -> list[KeyVote]:
        """The latest vote of each voter on each item in each order, oldest first; families left out are not there.

        Raises:
            DataError: a line is broken, or is about a question that the benchmark does not have.
        """
        found: dict[tuple[str, str, str], KeyVote] = {}
        for number, vote in enumerate(self._lines(), 1):
            if vote.hash not in self.items.by_hash:
                raise DataError(f"a vote on {vote.hash}, which is no question of it", file=self._proposals, line=number)
            if why := self.items.misfit(vote):
                raise DataError(why, file=self._proposals, line=number)
            if vote.family not in self.about.excluded:
                key = (vote.hash, vote.voter, vote.order)
                found.pop(key, None)
                found[key] = vote
        return list(found.values())

    def append(self, votes: Sequence[KeyVote]) -> None:
        """Keep votes, synced.

        Raises:
            DataError: they could not be written.
        """
        if votes:
            if not self._mended:
                cut_torn_line(self._proposals)
                self._mended = True
            append_line(self._proposals, "\n".join(vote.model_dump_json(exclude_defaults=True) for vote in votes))

    def digest(self) -> str:
        """16 hex digits of the votes that count: what review and audit rest on."""
        return hashlib.sha256("\n".join(sorted(vote.model_dump_json() for vote in self.votes())).encode()).hexdigest()[:16]

    def begun(self) -> bool:
        """Whether people have been asked: from then on the votes are fixed."""
        return (self.review_folder / REVIEW_MANIFEST).is_file() or (self.folder / PLAN).is_file()

    def plan(self) -> KeyAuditPlan | None:
        """What was drawn for the audit, if anything was."""
        path = self.folder / PLAN
        return _read(KeyAuditPlan, path) if path.is_file() else None

    def write_plan(self, plan: KeyAuditPlan) -> None:
        """Fix what is drawn."""
        _write(plan, self.folder / PLAN)

    def review(self) -> Review | None:
        """The review of what voters do not agree on, if it was made."""
        return self._opened(self.review_folder)

    def audit(self) -> Review | None:
        """The audit, if it was drawn."""
        return self._opened(self.audit_folder)

    @property
    def _proposals(self) -> Path:
        return self.folder / PROPOSALS

    def _lines(self) -> Iterable[KeyVote]:
        if not self._proposals.is_file():
            return
        for number, line in enumerate(self._proposals.read_bytes().split(b"\n")[:-1], 1):
            try:
                yield KeyVote.model_validate_json(line)
            except ValidationError as error:
                raise DataError(f"is not a vote: {_first(error)}", file=self._proposals, line=number) from None

    def _opened(self, folder: Path) -> Review | None:
        """A review made of these votes, and of no others."""
        if not (folder / REVIEW_MANIFEST).is_file():
            return None
        review = Review(folder)
        if review.about.of != f"key:{self.digest()}":
            raise DataError(
                f"was made of other votes than those in {PROPOSALS}; put the file back, or begin in another --folder", file=folder
            )
        return review


def outcomes(review: Review | None) -> dict[str, Outcome]:
    """Content hash -> what people's decisions come to; nothing where there is no review."""
    return review.outcomes() if review is not None else {}


def start(folder: Path, items: Items, excluded: Sequence[str] = ()) -> Work:
    """Open a work folder, or make it.

    Raises:
        UsageError: it is about another benchmark, or leaves out other families.
        DataError: the benchmark's questions have changed, or nothing can be written.
    """
    wanted = tuple(sorted(set(excluded)))
    if (folder / MANIFEST).is_file():
        found = open_work(folder, items)
        if wanted and wanted != found.about.excluded:
            left = ", ".join(found.about.excluded) or "no family"
            raise UsageError(f"'{folder}' leaves out {left}; a key that leaves out {', '.join(wanted)} needs another --folder")
        return found
    make_folder(folder)
    about = KeyWork(
        benchmark=items.benchmark, kind=items.kind, items=len(items.by_hash), items_sha256=items.sha256, excluded=wanted
    )
    _write(about, folder / MANIFEST)
    return Work(folder, items, about)


def open_work(folder: Path, items: Items) -> Work:
    """A work folder that is there.

    Raises:
        UsageError: there is none, or it is about another benchmark.
        DataError: it is broken, or the benchmark's questions have changed since.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(f"'{folder}' holds no key in the making; begin with harness keys propose {items.benchmark}")
    about = _read(KeyWork, path)
    if about.benchmark != items.benchmark:
        raise UsageError(f"'{folder}' is about '{about.benchmark}', not '{items.benchmark}'; give another --folder")
    if about.items_sha256 != items.sha256:
        raise DataError(f"'{items.benchmark}' has other questions than when this was begun; begin in another folder", file=path)
    return Work(folder, items, about)


def _read(noun: type[Noun], path: Path) -> Noun:
    try:
        return noun.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"is not what it should be: {_first(error)}", file=path) from None


def _write(noun: Frozen, path: Path) -> None:
    write_whole(path, [noun.model_dump_json(indent=1).encode() + b"\n"])


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"'{where}': {first['msg']}" if where else str(first["msg"])
