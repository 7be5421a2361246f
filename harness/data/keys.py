"""Key file + samples -> samples with targets. A benchmark that publishes no answers gets its target only from here.

A key is a JSONL file, one item a line, found by content hash, so that it holds no question of the benchmark; a TOML file of the
same stem beside it says where it comes from (`drafted-v1.jsonl`, `drafted-v1.toml`). Two kinds of row:

    {"hash": "3d39f1812a91c645", "answer": "A", "votes": ["A", "A"], "confidence": "high"}
    {"hash": "b08f8780ca5941aa", "kind": "exact", "reference": "…", "accept": ["…"], "points": ["…"], "confidence": "high"}

Where an answer repeats its question (a corrected sentence does), the text may be given as parts, strings and
`[start, end]` ranges of the question, so that a key can be published where the benchmark's text cannot:

    {"hash": "…", "kind": "exact", "reference": [[17, 42], "their", [47, 80]]}

Only `hash` and one of `answer` (a letter, or null: contested) and `reference` must be there; other fields are passed over. A CSV
file with the columns `hash` and `answer` or `reference` (and `kind`, `confidence`, if wanted) does as well.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, ValidationError, model_validator

from harness.data.files import decode, parse_json, read_bytes, sha256
from harness.errors import DataError, unknown
from harness.schema import Confidence, Frozen, KeyRef, Sample

UNDOCUMENTED: Final = "user file, not documented"
"""Provenance of a key without a TOML file."""

_RANK: Final[dict[Confidence, int]] = {"contested": 0, "low": 1, "medium": 2, "high": 3}


def _letter(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


Letter = Annotated[str, BeforeValidator(_letter), Field(pattern=r"^[A-Z]$")]
Text = Annotated[str, Field(pattern=r"\S")]
Place = Annotated[int, Field(ge=0, strict=True)]
Range = tuple[Place, Place]
Answer = Text | Annotated[tuple[str | Range, ...], Field(min_length=1)]
"""A text, or the parts it is put together from: strings, and [start, end] ranges (in characters) of the question."""


class Entry(Frozen):
    """What a key says of one item."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """`content_hash` of the item."""
    answer: Letter | None = None
    """Multiple choice: the right letter."""
    reference: Answer | None = None
    """Open questions: the right answer, or a model answer."""
    kind: Literal["exact", "set", "open"] | None = None
    """How `reference` is to be compared."""
    accept: tuple[Answer, ...] = ()
    """Equally right forms."""
    points: tuple[Answer, ...] = ()
    """What full marks need."""
    confidence: Confidence | None = None
    """None: the key's author states no doubt."""
    votes: tuple[Letter | None, ...] = ()
    """Letters of the independent passes behind `answer`."""
    humans: Annotated[int, Field(ge=0)] = 0
    """How many people decided it; 0: voters alone."""
    audited: bool = False
    """Whether it was in the random sample that people answered."""
    right: tuple[float, float, float] | None = None
    """Of an answer that nobody looked at: how probably it is right, with 95% interval, by the audit of others like it."""
    line: int
    """Where it stands in the key file."""

    @property
    def target(self) -> Answer | None:
        """The right answer; None if it is contested."""
        return None if self.contested else self.answer or self.reference

    @property
    def contested(self) -> bool:
        """The passes behind it disagree."""
        return self.confidence == "contested" or (self.answer is None and self.reference is None)

    @model_validator(mode="after")
    def _one_kind(self) -> Entry:
        if self.answer is not None and self.reference is not None:
            raise ValueError("has both an 'answer' and a 'reference'; one item needs one of them")
        return self


class Key(Frozen):
    """A whole key file."""

    path: Path
    """Where it was read from; for messages."""
    entries: dict[str, Entry]
    """By content hash."""
    ref: KeyRef
    """Version and provenance, for the run record."""
    error_bound: float | None = None
    """Share of the answers that can be wrong, at 95%; None where nobody has bounded it."""


class _Sheet(Frozen):
    """The TOML file beside a key. It may say more (agreement, notes): that is for readers, not for the harness."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    provenance: Text
    reviewed: StrictBool
    error_bound: Annotated[float, Field(ge=0, le=1)] | None = None
    sha256: str | None = None
    """Of the key, where the sheet speaks of these very bytes: a bound holds for no edited key."""


def load_key(path: Path) -> Key:
    """Read `*.jsonl` or `*.csv` and the TOML file beside it, if there is one.

    The version is `<stem>@<first 8 hex digits of the SHA-256 of the file>`: an edited key is another key.

    Raises:
        DataError: a file is missing or broken, a line is not a key row, or a hash stands twice (file and line are named).
    """
    raw = read_bytes(path)
    text = decode(raw, path)
    rows = _csv_rows(text, path) if path.suffix.lower() == ".csv" else _jsonl_rows(text, path)
    entries: dict[str, Entry] = {}
    for line, row in rows:
        entry = _entry(row, path, line)
        if entry.hash in entries:
            raise DataError(f"hash {entry.hash} stands twice, first in line {entries[entry.hash].line}", file=path, line=line)
        entries[entry.hash] = entry
    if not entries:
        raise DataError("holds no answers", file=path)
    sheet = _sheet(path.with_suffix(".toml"))
    if sheet.sha256 is not None and sheet.sha256 != sha256(raw):
        raise DataError(f"is not the key that {path.stem}.toml describes; restore it, or freeze another version", file=path)
    ref = KeyRef(version=f"{path.stem}@{sha256(raw)[:8]}", provenance=sheet.provenance, reviewed=sheet.reviewed)
    return Key(path=path, entries=entries, ref=ref, error_bound=sheet.error_bound)


def apply_key(samples: Sequence[Sample], key: Key, min_confidence: Confidence | None = None) -> list[Sample]:
    """The same samples, in the same order, with `target`, `target_kind`, `accept`, `points` and `target_confidence` from `key`.

    An item the key does not know keeps no target. A contested one gets no target and the confidence `contested`. One below
    `min_confidence` gets no target but keeps its confidence; an entry without confidence states no doubt and is used.

    Raises:
        DataError: the key gives a letter that is not among an item's options, a letter for an item without options, or a text
            for an item with options: it is the key of something else.
        UsageError: `min_confidence` is not one of the known words.
    """
    if min_confidence is not None and min_confidence not in _RANK:
        raise unknown("confidence", min_confidence, get_args(Confidence))
    return [_with_target(sample, key, min_confidence) for sample in samples]


def _with_target(sample: Sample, key: Key, min_confidence: Confidence | None) -> Sample:
    entry = key.entries.get(sample.hash)
    update: dict[str, Any] = {"target": None, "target_kind": None, "accept": (), "points": (), "target_confidence": None}
    if entry is not None:
        _check(sample, entry, key)
        update["target_confidence"] = "contested" if entry.contested else entry.confidence
        if not entry.contested and not _below(entry, min_confidence):
            update |= {
                "target": None if entry.target is None else _text(entry.target, sample, entry, key),
                "target_kind": entry.kind,
                "accept": tuple(_text(form, sample, entry, key) for form in entry.accept),
                "points": tuple(_text(point, sample, entry, key) for point in entry.points),
            }
    return sample.model_copy(update=update)


def _text(answer: Answer, sample: Sample, entry: Entry, key: Key) -> str:
    if isinstance(answer, str):
        return answer
    ranges = [part for part in answer if not isinstance(part, str)]
    if any(not start < end <= len(sample.question) for start, end in ranges):
        what = f"a range outside the question of {sample.id}, which has {len(sample.question)} characters"
        raise DataError(what, file=key.path, line=entry.line)
    return "".join(part if isinstance(part, str) else sample.question[part[0] : part[1]] for part in answer)


def _below(entry: Entry, least: Confidence | None) -> bool:
    return least is not None and entry.confidence is not None and _RANK[entry.confidence] < _RANK[least]


def _check(sample: Sample, entry: Entry, key: Key) -> None:
    if entry.answer is not None and entry.answer not in sample.options:
        options = f"options {', '.join(sample.options)}" if sample.options else "no options"
        raise DataError(f"answer '{entry.answer}' for {sample.id}, which has {options}", file=key.path, line=entry.line)
    if entry.reference is not None and sample.options:
        what = f"a reference text for {sample.id}, which has options {', '.join(sample.options)}; give the letter as 'answer'"
        raise DataError(what, file=key.path, line=entry.line)


def _entry(row: Mapping[str, Any], path: Path, line: int) -> Entry:
    if not row.get("hash"):
        raise DataError("has no 'hash'", file=path, line=line)
    if "answer" not in row and "reference" not in row:
        raise DataError(f"has neither 'answer' nor 'reference', only {', '.join(list(row)[:8])}", file=path, line=line)
    if row.get("reference", "") is None:
        raise DataError("'reference' is null; leave the row out if there is none", file=path, line=line)
    try:
        return Entry.model_validate({**row, "line": line})
    except ValidationError as error:
        raise DataError(_complaint(error), file=path, line=line) from error


def _complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    if not first["loc"]:
        return str(first["msg"]).removeprefix("Value error, ")
    name = str(first["loc"][0])
    right = {
        "hash": "is not 16 lower-case hex digits",
        "answer": "is not a letter A-Z (nor null, for contested); a text goes under 'reference'",
        "reference": "is not a text",
        "kind": "is not one of exact, set, open",
        "confidence": f"is not one of {', '.join(get_args(Confidence))}",
    }.get(name, "is not a list of texts")
    return f"'{name}' {right}: {str(first['input'])[:60]!r}"


def _jsonl_rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Not splitlines(): U+2028 and U+0085 may stand inside a JSON string.
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        row = parse_json(content, path, line)
        if not isinstance(row, dict):
            raise DataError("is not a JSON object", file=path, line=line)
        yield line, row


_COLUMNS: Final = ("hash", "answer", "reference", "kind", "confidence")
_LISTS: Final = frozenset({"accept", "points", "votes"})


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows of a spreadsheet. An empty cell is an absent field, but where only an answer could stand, a contested one."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        reader.fieldnames = _header(reader.fieldnames or [], path)
        for row in reader:
            if None in row:
                raise DataError("has more cells than columns; put texts with commas in quotes", file=path, line=reader.line_num)
            if any(cell and cell.strip() for cell in row.values()):
                yield reader.line_num, _cells(row)
    except csv.Error as error:
        raise DataError(f"not CSV: {error}", file=path, line=reader.reader.line_num) from error


def _header(names: Sequence[str], path: Path) -> list[str]:
    header = [name.strip().lower() for name in names]
    if "hash" not in header or not {"answer", "reference"} & set(header):
        what = f"columns are {', '.join(header) or 'none'}; 'hash' and 'answer' or 'reference' are needed"
        raise DataError(what, file=path, line=1)
    if _LISTS & set(header):
        raise DataError(f"column '{min(_LISTS & set(header))}' holds lists, which need a JSONL file", file=path, line=1)
    return header


def _cells(row: Mapping[str, str | None]) -> dict[str, str | None]:
    cells: dict[str, str | None] = {name: str(row[name]).strip() for name in _COLUMNS if (row.get(name) or "").strip()}
    if "answer" in row and "reference" not in cells:
        cells.setdefault("answer", None)
    return cells


def _sheet(path: Path) -> _Sheet:
    if not path.exists():
        return _Sheet(provenance=UNDOCUMENTED, reviewed=False)
    try:
        return _Sheet.model_validate(tomllib.loads(decode(read_bytes(path), path)))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML: {error}", file=path) from error
    except ValidationError as error:
        first = error.errors()[0]
        what = f"'{first['loc'][0]}': {first['msg']}; a key sheet says provenance = \"…\" and reviewed = true or false"
        raise DataError(what, file=path) from error
