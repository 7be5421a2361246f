"""A data set on disk: `dataset.json`, written last, beside `rows.jsonl` and `dropped.jsonl`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.errors import DataError, UsageError
from harness.schema import DataRow, DataSet

MANIFEST: Final = "dataset.json"
ROWS: Final = "rows.jsonl"
DROPPED: Final = "dropped.jsonl"


def read_dataset(folder: Path) -> DataSet:
    """The manifest.

    Raises:
        UsageError: there is no data set.
        DataError: it is broken.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(f"'{folder}' is no data set: it has no {MANIFEST} (harness curate makes one)")
    try:
        return DataSet.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"not the manifest of a data set: '{where}': {first['msg']}", file=path) from error


def read_rows(folder: Path) -> Iterator[DataRow]:
    """Its rows, one at a time, checked against the manifest's hash at the end.

    Raises:
        DataError: a line is no row, or the file is not the one that the manifest describes.
    """
    wanted = read_dataset(folder).rows_sha256
    path, found = folder / ROWS, hashlib.sha256()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            found.update(line)
            try:
                yield DataRow.model_validate_json(line)
            except ValidationError as error:
                raise DataError(f"not a row: {error.errors()[0]['msg']}", file=path, line=number) from error
    if found.hexdigest() != wanted:
        raise DataError(f"is not the file that {MANIFEST} describes (SHA-256 {wanted[:12]}…); make the data set again", file=path)


def joined(files: Iterable[Path]) -> Iterator[bytes]:
    """The bytes of many files as one."""
    for path in files:
        with path.open("rb") as file:
            while block := file.read(2**20):
                yield block
