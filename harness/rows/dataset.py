"""A data set on disk: `dataset.json`, written last, beside `rows.jsonl` and `dropped.jsonl`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness.errors import DataError, UsageError
from harness.schema import DataRow, DataSet, Frozen

MANIFEST: Final = "dataset.json"
ROWS: Final = "rows.jsonl"
DROPPED: Final = "dropped.jsonl"
_AGAIN: Final = f"remove {MANIFEST} and make the data set again"
_BY: Final = ("source", "category", "licence", "area")


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
    if not path.is_file():
        raise _gone(path)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            found.update(line)
            try:
                yield DataRow.model_validate_json(line)
            except ValidationError as error:
                raise DataError(f"not a row: {error.errors()[0]['msg']}", file=path, line=number) from error
    if found.hexdigest() != wanted:
        raise _other(path, wanted)


def check_rows(folder: Path, made: DataSet) -> None:
    """See that the rows are those that the manifest describes, without reading them as rows.

    Raises:
        DataError: they are not, or not there.
    """
    path = folder / ROWS
    if not path.is_file():
        raise _gone(path)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != made.rows_sha256:
            raise _other(path, made.rows_sha256)


def _gone(path: Path) -> DataError:
    return DataError(f"the rows that {MANIFEST} describes are not there; {_AGAIN}", file=path)


def _other(path: Path, wanted: str) -> DataError:
    return DataError(f"is not the file that {MANIFEST} describes (SHA-256 {wanted[:12]}…); {_AGAIN}", file=path)


def joined(files: Iterable[Path]) -> Iterator[bytes]:
    """The bytes of many files as one."""
    for path in files:
        with path.open("rb") as file:
            while block := file.read(2**20):
                yield block


def lines(nouns: Iterable[Frozen]) -> Iterator[bytes]:
    """One JSON line each, without what stands at its default."""
    for noun in nouns:
        yield noun.model_dump_json(exclude_defaults=True).encode() + b"\n"


@dataclass
class Tally:
    """Rows by what they are."""

    rows: int = 0
    by: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _BY})

    def counted(self, rows: Iterable[DataRow]) -> Iterator[DataRow]:
        """The rows, each counted as it passes."""
        for row in rows:
            self.rows += 1
            self.by["source"][row.source] += 1
            self.by["category"][row.category or "none"] += 1
            self.by["licence"][row.licence] += 1
            self.by["area"].update(row.areas or ("untagged",))
            yield row

    def fields(self) -> dict[str, Any]:
        """`rows`, `by_source`, … of the manifest."""
        return {"rows": self.rows, **{f"by_{name}": dict(sorted(found.items())) for name, found in self.by.items()}}
