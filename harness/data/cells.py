"""Text <-> the cells of a table that people open in a spreadsheet.

A cell that a spreadsheet would run as a formula gets an apostrophe in front (CSV injection); files are UTF-8 with a byte order
mark, without which some programs garble Chinese. What comes back may have another separator, another order of columns, and
others beside them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.data.files import read_bytes
from harness.errors import DataError

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
LONGEST_CELL: Final = 32_000
"""Characters; spreadsheets cut at 32,767."""
_SEPARATORS: Final = ",;\t"
_WORKBOOK: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .ods begin, and .xls."""
LARGEST: Final = 256 << 20
"""Bytes of a file."""
_MARK: Final = b"\xef\xbb\xbf"


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, and that none cuts."""
    plain = "".join(char if char in "\n\t" or char.isprintable() or char == "\u3000" else "\ufffd" for char in text)
    if len(plain) > LONGEST_CELL:
        plain = f"{plain[: LONGEST_CELL - 20]}\n[… cut]"
    return f"'{plain}" if plain.lstrip(" \u3000\n").startswith(FORMULA) or plain.startswith(FORMULA) else plain


def plain_cell(text: str) -> str:
    """As it was before an apostrophe was put in front of what looks like a formula."""
    return text[1:] if text.startswith("'") and text[1:].lstrip().startswith(FORMULA) else text


def table_bytes(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table as a file that spreadsheets open."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([safe_cell(text) for text in row])
    return _MARK + out.getvalue().encode("utf-8", "replace")


def read_table(file: Path, needed: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line, column -> text) of each row that is not empty; column names without case.

    Raises:
        DataError: with file and line: not readable, no UTF-8, no CSV, a needed column is missing or there twice.
    """
    raw = read_bytes(file, LARGEST)
    if raw.startswith(_WORKBOOK):
        raise DataError("is a workbook; save it as 'CSV UTF-8'", file=file)
    if not raw.strip():
        raise DataError("is empty", file=file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8; save it as 'CSV UTF-8'", file=file, line=raw.count(b"\n", 0, error.start) + 1) from None
    yield from _rows(file, text, needed)


def _rows(file: Path, text: str, needed: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    head, limit = text.split("\n", 1)[0], csv.field_size_limit(2**24)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_SEPARATORS, key=head.count), strict=True)
    line = 1
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if lacking := [name for name in needed if name not in names]:
            raise DataError(f"has no column {', '.join(lacking)}", file=file, line=1)
        if twice := next((name for name in names if name and names.count(name) > 1), None):
            raise DataError(f"has two columns '{twice}'", file=file, line=1)
        line = reader.line_num + 1
        for row in reader:
            if any(cell.strip() for cell in row):
                if len(row) < len(names) and any(names.index(name) >= len(row) for name in needed):
                    raise DataError(f"has {len(row)} cells, and the heading {len(names)}", file=file, line=line)
                yield line, {name: plain_cell(cell) for name, cell in zip(names, row, strict=False)}
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"not CSV ({error})", file=file, line=line) from None
    finally:
        csv.field_size_limit(limit)
