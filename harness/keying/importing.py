"""A key file, or the votes of another work folder -> votes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from harness.data.files import parse_json, read_bytes
from harness.data.keys import Entry, load_key
from harness.errors import DataError, UsageError
from harness.keying.items import Items
from harness.keying.ranges import shown, stored
from harness.keying.work import PROPOSALS
from harness.schema import KeyVote, ProposedText


def imported(source: Path, items: Items) -> list[KeyVote]:
    """The votes in a file, on questions that the benchmark has.

    Each vote behind an entry counts as one voter, `STEM#1`, `STEM#2`, all of the family `STEM`: passes of one model share their
    errors, and their agreement must be known for what it is.

    Args:
        source: a key (JSONL, CSV), or `proposals.jsonl` of another work folder.
        items: the benchmark.

    Raises:
        UsageError: the file says nothing of this benchmark.
        DataError: it is broken, or gives letters that an item does not have.
    """
    votes = _votes(source) if source.name == PROPOSALS else _entries(source, items)
    found = [vote for vote in votes if vote.hash in items.by_hash]
    if not found:
        raise UsageError(f"'{source}' has no answer to a question of '{items.benchmark}'")
    if why := next(filter(None, map(items.misfit, found)), ""):
        raise DataError(why, file=source)
    return [_ranged(vote, items) for vote in found]


def _ranged(vote: KeyVote, items: Items) -> KeyVote:
    """With no more of its question in it than a vote may hold; a key may be older than that rule."""
    if vote.text is None:
        return vote
    question = items.by_hash[vote.hash].question
    return vote.model_copy(update={"text": stored(shown(vote.text, question), question, vote.text.kind)})


def _votes(source: Path) -> Iterator[KeyVote]:
    for number, line in enumerate(read_bytes(source).split(b"\n"), 1):
        if line.strip():
            try:
                yield KeyVote.model_validate_json(line)
            except ValidationError as error:
                raise DataError(f"not a vote: {error.errors()[0]['msg']}", file=source, line=number) from None


def _entries(source: Path, items: Items) -> Iterator[KeyVote]:
    key, family = load_key(source), source.stem
    second = _second_passes(source) if items.kind == "text" else {}
    for entry in key.entries.values():
        if entry.reference is None:
            yield from _of_letters(entry, family)
            continue
        text = ProposedText(reference=entry.reference, accept=entry.accept, points=entry.points, kind=entry.kind)
        yield KeyVote(hash=entry.hash, voter=f"{family}#1", family=family, text=text, confidence=entry.confidence)
        if said := second.get(entry.hash):
            yield KeyVote(hash=entry.hash, voter=f"{family}#2", family=family, agrees=said == "agree")


def _of_letters(entry: Entry, family: str) -> Iterator[KeyVote]:
    letters = entry.votes or (entry.answer,)
    for number, letter in enumerate(letters, 1):
        yield KeyVote(
            hash=entry.hash,
            voter=f"{family}#{number}",
            family=family,
            answer=letter,
            unjudged="" if letter else "the key gives no answer",
            confidence=entry.confidence,
        )


def _second_passes(source: Path) -> dict[str, str]:
    """What a second pass said of each reference, where a JSONL key tells."""
    if source.suffix.lower() == ".csv":
        return {}
    lines = read_bytes(source).decode("utf-8").split("\n")
    rows = [parse_json(line, source, number) for number, line in enumerate(lines, 1) if line.strip()]
    return {row["hash"]: row["second_pass"] for row in rows if row.get("second_pass") in {"agree", "disagree"}}
