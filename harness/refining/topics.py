"""File or data set -> Topic*: what dialogues begin with, or rest on, each once, and what of it cannot be used.

A file of topics has one opening question a line. A file of references is text with blank lines between the references, or JSON
Lines with `reference` (or `text`) and, where wanted, `id` and `licence`.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.data.files import decode, read_bytes, sha256
from harness.errors import DataError, UsageError
from harness.rows import dataset as files
from harness.rows.contamination import bare
from harness.rows.streaming import records
from harness.schema import DataSetSource

MOST: Final = 256 * 2**20
"""Bytes of a file of topics or references."""
LONGEST_TOPIC: Final = 2_000
LEAST_REFERENCE: Final = 40
LONGEST_REFERENCE: Final = 8_000
"""Characters: with fewer there is nothing to talk about; with more, models read only the beginning and the end."""
DUPLICATE: Final = "said before"


@dataclass(frozen=True)
class Topic:
    """What one dialogue begins with (its first question) or rests on (a reference)."""

    id: str
    text: str
    licence: str = ""
    """Of the text itself, where it has one."""
    category: str = ""
    areas: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topics:
    """All topics of a file or data set."""

    source: DataSetSource
    topics: tuple[Topic, ...]
    dropped: dict[str, int]
    """Why topics were left out -> how many."""
    parent: str | None = None
    """Digest of the data set that they come from; likewise its culture and pipeline."""
    culture: str = ""
    pipeline: str = ""


@dataclass
class _Sieve:
    seen: set[str] = field(default_factory=set)
    kept: list[Topic] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def take(self, topic: Topic, trouble: str = "") -> None:
        mark = bare(topic.text)
        why = trouble or (DUPLICATE if mark in self.seen else "")
        if why:
            self.dropped[why] += 1
            return
        self.seen.add(mark)
        self.kept.append(topic)

    def all(self, source: DataSetSource, empty: str, path: Path, **more: str | None) -> Topics:
        if not self.kept:
            why = f" ({', '.join(f'{name}: {number}' for name, number in sorted(self.dropped.items()))})" if self.dropped else ""
            raise DataError(f"{empty}{why}", file=path)
        return Topics(source, tuple(self.kept), dict(sorted(self.dropped.items())), **more)  # type: ignore[arg-type]


def read_topics(path: Path, name: str, licence: str) -> Topics:
    """The lines of a text file, or the first questions of a data set's rows.

    Args:
        path: the file, or the folder of the data set.
        name: of the source, for the manifest.
        licence: of the lines of a file.

    Raises:
        UsageError: there is neither.
        DataError: the file is not UTF-8, or there is no topic in it.
    """
    if path.is_dir():
        return _of_dataset(path, name)
    if not path.exists():
        raise UsageError(f"there is no file and no data set at '{path}'")
    raw, sieve = read_bytes(path, MOST), _Sieve()
    for number, line in enumerate(decode(raw, path).splitlines(), 1):
        if text := line.strip():
            sieve.take(Topic(str(number), text), "topic too long" if len(text) > LONGEST_TOPIC else "")
    read = sum(sieve.dropped.values()) + len(sieve.kept)
    source = DataSetSource(name=name, sha256=sha256(raw), licence=licence, records=read)
    return sieve.all(source, "holds no topic; write one opening question a line", path)


def _of_dataset(path: Path, name: str) -> Topics:
    about, sieve = files.read_dataset(path), _Sieve()
    for row in files.read_rows(path):
        opening = next((turn.content for turn in row.messages if turn.role == "user"), "").strip()
        asked = any(turn.role == "system" for turn in row.messages)
        trouble = "has a system turn" if asked else "" if opening else "no question"
        trouble = trouble or ("topic too long" if len(opening) > LONGEST_TOPIC else "")
        sieve.take(Topic(row.id, opening, row.licence, row.category, row.areas), trouble)
    licences = sorted(about.by_licence)
    source = DataSetSource(name=name, sha256=about.rows_sha256, licence=" AND ".join(licences) or "unknown", records=about.rows)
    more = {"parent": about.digest, "culture": about.culture, "pipeline": about.pipeline}
    return sieve.all(source, "has no row that begins with a question", path, **more)


def read_references(path: Path, name: str, licence: str) -> Topics:
    """The references of a text file or of JSON Lines.

    Raises:
        UsageError: there is no such file.
        DataError: a line is broken, the file is not UTF-8, or there is no reference in it.
    """
    if not path.is_file():
        raise UsageError(f"there is no file of references at '{path}'")
    sieve = _Sieve()
    for topic in _records(path) if path.suffix in {".jsonl", ".json"} else _blocks(path):
        size = len(topic.text)
        short = "reference too short" if size < LEAST_REFERENCE else ""
        sieve.take(topic, short or ("reference too long" if size > LONGEST_REFERENCE else ""))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    read = sum(sieve.dropped.values()) + len(sieve.kept)
    source = DataSetSource(name=name, sha256=digest, licence=licence, records=read)
    return sieve.all(source, "holds no reference that can be used; put blank lines between texts, or give JSON Lines", path)


def _blocks(path: Path) -> Iterable[Topic]:
    text = decode(read_bytes(path, MOST), path).replace("\r\n", "\n")
    for number, block in enumerate(re.split(r"\n[ \t]*\n+", text), 1):
        if block.strip():
            yield Topic(str(number), block.strip())


def _records(path: Path) -> Iterable[Topic]:
    for line, value in records(path):
        found = value if isinstance(value, dict) else {}
        text = found.get("reference", found.get("text"))
        if not isinstance(text, str):
            raise DataError("has no text under 'reference' or 'text'", file=path, line=line)
        yield Topic(_word(found, "id", path, line) or str(line), text.strip(), _word(found, "licence", path, line))


def _word(found: dict[str, Any], key: str, path: Path, line: int) -> str:
    value = found.get(key, "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"'{key}' is not a text", file=path, line=line)
    return str(value)


def drawn(topics: Sequence[Topic], rows: int | None, *, shuffled: bool, seed: int) -> list[tuple[Topic, int]]:
    """(topic, which dialogue on it, from 0) of so many dialogues; None: one a topic.

    `shuffled`: fewer than there are topics are drawn by hash, not from the beginning: a data set is sorted by source.
    """
    if rows is None:
        return [(topic, 0) for topic in topics]
    if rows < len(topics) and shuffled:
        chosen = heapq.nsmallest(
            rows, range(len(topics)), key=lambda i: hashlib.sha256(f"{seed}/{topics[i].id}".encode()).digest()
        )
        return [(topics[i], 0) for i in sorted(chosen)]
    return [(topics[i % len(topics)], i // len(topics)) for i in range(rows)]
