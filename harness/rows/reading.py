"""Source -> DataRow*, and what in it is no row: nothing is passed over in silence, and no broken record ends the reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.errors import DataError
from harness.rows.formats import SHAPE, Read, salvaged
from harness.rows.scanner import NOT_JSON, NOT_UTF8, TOO_DEEP, TOO_LONG, TRUNCATED, TWICE
from harness.schema import DataRow, DroppedRow, Source

STEP = "read"
"""Name of the step under which records that are no rows are reported."""
NO_RECORD: Final = frozenset({SHAPE, NOT_JSON, NOT_UTF8, TOO_DEEP, TOO_LONG, TRUNCATED, TWICE})
"""Troubles of what is not even a record of the format."""
PATIENCE: Final = 1000
"""Records at the beginning of which not one is of the format, after which the file is taken for another."""


def read_rows(name: str, source: Source, path: Path) -> Iterator[DataRow | DroppedRow]:
    """Every record of a file: as a row, or with what is wrong with it; the number of its line stands for its id then.

    A row of a data set of ours (`rows`) keeps its own source, id and licence.

    Raises:
        DataError: the file cannot be read, is as a whole something else than UTF-8 JSON, holds no records, or none of the format.
    """
    seen, sound, first = 0, 0, None
    for read in salvaged(source.format, path):
        seen += 1
        if read.trouble not in NO_RECORD:
            sound += 1
        elif not sound:
            first = first or read
            if seen == PATIENCE:
                raise _none(source, path, f"first {seen:,}", first)
        yield _row(name, source, read) if read.trouble is None else _dropped(name, source, read)
    if not sound:
        raise _none(source, path, f"{seen:,}", first)


def _none(source: Source, path: Path, seen: str, first: Read | None) -> DataError:
    if first is None:
        return DataError("holds no rows", file=path)
    many = "its only record is not" if seen == "1" else f"not one of its {seen} records is"
    return DataError(f"{many} of the format {source.format}; line {first.id}: {first.trouble}: {first.detail}", file=path)


def _row(name: str, source: Source, read: Read) -> DataRow:
    if read.row is not None:
        return read.row
    return DataRow(
        source=name,
        source_id=read.id,
        messages=read.messages,
        category=read.category,
        licence=source.licence,
        language=read.language or source.language or "",
        reference=read.reference,
    )


def _dropped(name: str, source: Source, read: Read) -> DroppedRow:
    """Whole, where it is a record at all."""
    row = _row(name, source, read) if read.messages else None
    where, own = (name, read.id) if row is None else (row.source, row.source_id)
    return DroppedRow(step=STEP, why=read.trouble or "", detail=read.detail, source=where, source_id=own, row=row)
