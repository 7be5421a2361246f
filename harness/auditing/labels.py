"""files of people's labels × Audited* -> Label*, each checked: that it is of this answer, in the rubric's words, and given once.

A row without a label is one that nobody has labelled yet. Everything else that is wrong stops the audit at its file and line,
since a label that was silently dropped would bend every number.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.auditing.answers import INVALID, Answer, Audited, Board
from harness.auditing.strata import unseal
from harness.data.cells import plain_cell
from harness.errors import DataError
from harness.judging.text import compatible
from harness.schema import Label

NEEDED: Final = ("task", "id", "hash", "label")
READ: Final = (*NEEDED, "annotator", "stratum", "stratum_size")
LARGEST: Final = 256 << 20
"""Bytes of a file."""
_SEPARATORS: Final = ",;\t"
_COMMA: Final = re.compile(r"^(\d+),(\d{1,2})$")
_WORKBOOK: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .ods begin, and .xls."""
_SHOWN: Final = 40
_APART: Final = "sheets that were drawn differently are audited one at a time"


@dataclass(frozen=True)
class Labels:
    """What people said of one or two runs' answers."""

    by_answer: Mapping[str, tuple[Label, ...]]
    """Hash of the answer -> one label a person."""
    empty: int
    """Rows without a label."""
    files: Mapping[str, str]
    """File name -> SHA-256."""


@dataclass(frozen=True)
class _Line:
    file: Path
    number: int
    cells: Mapping[str, str]

    def wrong(self, message: str) -> DataError:
        return DataError(message, file=self.file, line=self.number)


def read_labels(files: Sequence[Path], *runs: Audited) -> Labels:
    """All labels, of several people or files.

    Args:
        files: CSV or JSONL with task, id, hash and label; where there is no annotator, the file's name stands for one.
        runs: the answers that labels may be of.

    Raises:
        DataError: with file and line: not readable, a column is missing, an unknown id, an answer of another run, a label that
            the rubric does not have, the same answer twice by one person.
    """
    answers = {answer.hash: (board, answer) for run in runs for board in run.boards for answer in board.answers}
    found: dict[str, dict[str, Label]] = {}
    empty, hashes = 0, {}
    strata = _Strata()
    for file in files:
        raw = _bytes(file)
        hashes[file.name if file.name not in hashes else str(file)] = hashlib.sha256(raw).hexdigest()
        for line in _lines(file, raw):
            if not line.cells["label"].strip():
                empty += 1
                continue
            label, board = _label(line, answers, runs)
            strata.add(line, label, board)
            known = found.setdefault(label.hash, {})
            if label.annotator in known:
                raise line.wrong(f"{label.task} {label.id} is labelled twice by '{label.annotator}'")
            known[label.annotator] = label
    return Labels({key: tuple(labels[name] for name in sorted(labels)) for key, labels in sorted(found.items())}, empty, hashes)


def read_cells(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line, column -> text) of each row of a sheet, whatever is in it.

    Raises:
        DataError: with file and line: not readable, or not a sheet.
    """
    for line in _lines(file, _bytes(file)):
        yield line.number, line.cells


def _label(line: _Line, answers: Mapping[str, tuple[Board, Answer]], runs: Sequence[Audited]) -> tuple[Label, Board]:
    cells = line.cells
    found = answers.get(cells["hash"].strip())
    if found is None:
        raise line.wrong(_stranger(cells, runs))
    board, answer = found
    if (cells["task"].strip(), _id(cells["id"])) != (answer.key[0], _id(answer.key[1])):
        said = f"{_shown(cells['task'])} {_shown(cells['id'])}"
        raise line.wrong(f"hash {_shown(cells['hash'])} is of {' '.join(answer.key)}, not of {said}")
    label = Label(
        task=answer.key[0],
        id=answer.key[1],
        hash=answer.hash,
        annotator=cells.get("annotator", "").strip() or line.file.stem,
        **_said(line, cells["label"].strip(), board, answer),
        **_stratum(line, answer),
    )
    return label, board


def _stranger(cells: Mapping[str, str], runs: Sequence[Audited]) -> str:
    key = cells["task"].strip(), _id(cells["id"])
    names = " and ".join(f"'{run.record.id}'" for run in runs)
    place = f"{_shown(key[0])} {_shown(key[1])}"
    known = {(task, _id(name)): hash_ for run in runs for (task, name), hash_ in run.keys.items()}
    if key not in known:
        return f"no answer '{place}' in {names}; a label needs task, id and hash as the sheet has them"
    if known[key] == cells["hash"].strip():
        return f"{place} has no verdict in {names}, so there is nothing to audit"
    return f"hash {_shown(cells['hash'])} is of another answer to {place} than {names} holds: the sheet is of another run"


def _said(line: _Line, text: str, board: Board, answer: Answer) -> dict[str, Any]:
    plain = compatible(text).strip()
    if board.kind == "score":
        score = _number(plain)
        if score is None or not 0 <= score <= 100:
            raise line.wrong(f"'{_shown(text)}' is no score; write a number from 0 to 100")
        return {"score": score}
    if board.kind == "choice":
        letters = {letter.casefold(): letter for letter in (*answer.result.sample.options, INVALID)}
        if plain.casefold() not in letters:
            raise line.wrong(f"'{_shown(text)}' is no choice of this question; write {', '.join(letters.values())}")
        return {"label": letters[plain.casefold()]}
    names = {compatible(name).casefold(): name for name in board.degrees}
    degrees = {str(degree): name for name, degree in board.degrees.items()}
    name = names.get(plain.casefold()) or degrees.get(plain.removesuffix(".0"))
    if name is None:
        known = "; ".join(f"{board.degrees[one]} = {one}" for one in board.classes)
        raise line.wrong(f"'{_shown(text)}' is no label of rubric {board.rubric}; write a degree or its label: {known}")
    return {"label": name, "degree": board.degrees[name]}


def _stratum(line: _Line, answer: Answer) -> dict[str, Any]:
    """As the sheet sealed it; or a name and a size, as somebody wrote who drew a sample of his own."""
    name, size = line.cells.get("stratum", "").strip(), line.cells.get("stratum_size", "").strip()
    if not name:
        return {}
    if not size:
        known = unseal(name, answer.hash)
        if known is None:
            raise line.wrong(f"stratum '{_shown(name)}' is not this row's; leave the sheet's own columns as they are")
        return {"stratum": known[0], "stratum_size": known[1]}
    number = _number(size)
    if number is None or number < 1 or not number.is_integer():
        raise line.wrong(f"stratum_size '{_shown(size)}' is no number of answers")
    return {"stratum": name, "stratum_size": int(number)}


class _Strata:
    """What the labels say of their strata, held against itself and against the run: sizes are what labels are weighed by."""

    def __init__(self) -> None:
        self.known: dict[int, dict[str | None, tuple[int | None, set[str]]]] = {}

    def add(self, line: _Line, label: Label, board: Board) -> None:
        mine = self.known.setdefault(id(board), {})
        if mine and (label.stratum is None) != (None in mine):
            raise line.wrong(
                f"of the labels of {board.benchmark} some have a stratum and some, here or above, have none; "
                "audit such files one at a time"
            )
        size, seen = mine.setdefault(label.stratum, (label.stratum_size, set()))
        seen.add(label.hash)
        if size != label.stratum_size or (size is not None and len(seen) > size):
            earlier = max(size or 0, len(seen))
            raise line.wrong(
                f"this row gives its stratum of {board.benchmark} a size of {label.stratum_size or 0:,}, and rows above make it "
                f"{earlier:,}; {_APART}"
            )
        total, answers = sum(stated or 0 for stated, _ in mine.values()), len(board.answers)
        if total > answers:
            raise line.wrong(
                f"with this row's the strata of {board.benchmark} have {total:,} answers, and the run has {answers:,}; {_APART}"
            )


def _number(text: str) -> float | None:
    """A number, also with the comma that some spreadsheets write: `85,5`."""
    try:
        value = float(_COMMA.sub(r"\1.\2", text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _id(text: str) -> str:
    return text.strip()


def _shown(text: str) -> str:
    line = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


# --- files ------------------------------------------------------------------------------------------------------------------


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            raise DataError(f"is larger than {LARGEST >> 20} MiB; labels are a few hundred rows", file=file)
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None


def _lines(file: Path, raw: bytes) -> Iterator[_Line]:
    if not raw.strip():
        raise DataError("is empty", file=file)
    if raw.startswith(_WORKBOOK) or file.suffix == ".json":
        what = "a workbook" if raw.startswith(_WORKBOOK) else "JSON as a whole"
        raise DataError(f"is {what}; labels are a .csv (save it as 'CSV UTF-8') or a .jsonl with one row a line", file=file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError("not UTF-8; save it as 'CSV UTF-8'", file=file, line=line) from None
    yield from (_json_lines if file.suffix == ".jsonl" else _csv_lines)(file, text)


def _json_lines(file: Path, text: str) -> Iterator[_Line]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError):
            raise DataError("not a line of JSON", file=file, line=number) from None
        if not isinstance(cells, dict) or (lacking := [name for name in NEEDED if name not in cells]):
            missing = f"; it lacks {', '.join(lacking)}" if isinstance(cells, dict) else ""
            raise DataError(f"a row is an object with {', '.join(NEEDED)}{missing}", file=file, line=number)
        yield _Line(file, number, {str(name): "" if value is None else str(value) for name, value in cells.items()})


def _csv_lines(file: Path, text: str) -> Iterator[_Line]:
    head = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if lacking := [name for name in NEEDED if name not in names]:
            raise DataError(f"has no column {', '.join(lacking)}; a sheet has {', '.join(NEEDED)}", file=file, line=1)
        if twice := next((name for name in names if name in READ and names.count(name) > 1), None):
            raise DataError(f"has two columns '{twice}'", file=file, line=1)
        line = reader.line_num + 1
        for row in reader:
            if any(cell.strip() for cell in row):
                if len(row) < len(names) and any(names.index(name) >= len(row) for name in NEEDED):
                    raise DataError(f"has {len(row)} cells, and the heading {len(names)}", file=file, line=line)
                yield _Line(file, line, {name: plain_cell(cell) for name, cell in zip(names, row, strict=False)})
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"not CSV ({error})", file=file, line=line) from None
