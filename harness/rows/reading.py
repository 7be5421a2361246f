"""Source -> DataRow*, and what in it is no row: nothing is passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.rows.formats import READERS
from harness.schema import DataRow, DroppedRow, Source

STEP = "read"
"""Name of the step under which records that are no rows are reported."""


def read_rows(name: str, source: Source, path: Path) -> Iterator[DataRow | DroppedRow]:
    """Every record of a file: as a row, or with what is wrong with it.

    Raises:
        DataError: the file cannot be read.
    """
    for read in READERS[source.format](path):
        if read.trouble is not None:
            yield DroppedRow(step=STEP, why=read.trouble, source=name, source_id=read.id)
        else:
            yield DataRow(
                source=name, source_id=read.id, messages=read.messages, licence=source.licence, language=source.language or ""
            )
