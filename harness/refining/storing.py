"""Rows and drops -> a data set's folder: rows, dropped rows, and the manifest last."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.rows import dataset as files
from harness.runs.lock import FolderLock
from harness.runs.write import canonical, make_folder, write_whole
from harness.schema import DataRow, DataSet, DroppedRow

LOCK: Final = ".lock"


@contextmanager
def holding(out: Path, made_by: str, parent: str | None) -> Iterator[None]:
    """The folder, made and held by this process alone.

    Raises:
        UsageError: another process writes there, or it holds a data set that this call would not make.
        DataError: it cannot be made.
    """
    make_folder(out)
    lock = FolderLock(out / LOCK)
    lock.acquire()
    try:
        check_free(out, made_by, parent)
        yield
    finally:
        lock.release()


def check_free(out: Path, made_by: str, parent: str | None) -> None:
    """See that no data set of another kind stands in a folder.

    Raises:
        UsageError: one does.
    """
    if not (out / files.MANIFEST).is_file():
        return
    there = files.read_dataset(out)
    if (there.made_by, there.parent) != (made_by, parent):
        raise UsageError(f"'{out}' holds another data set ({there.made_by}); give another --out, or move it away")


def check_same(out: Path, sha256: str, settings: Sequence[Any]) -> None:
    """See that a finished set of dialogues is of the same topics and settings: then it may be gone on with.

    Raises:
        UsageError: it is of others.
        DataError: it was changed by hand.
    """
    if not (out / files.MANIFEST).is_file():
        return
    there = files.read_dataset(out)
    rows = [row.model_dump(mode="json") for row in files.read_rows(out)]
    if there.digest != digest_of(sha256, list(settings), rows):
        raise UsageError(f"'{out}' holds dialogues of other topics or settings; give another --out, or move it away")


def digest_of(*parts: Any) -> str:
    """SHA-256 of values as JSON, in order."""
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()


def store(
    out: Path, rows: Iterable[DataRow], dropped: Sequence[DroppedRow], manifest: Callable[[], Mapping[str, Any]]
) -> DataSet:
    """Write a data set; the same rows and drops give the same bytes.

    Args:
        out: its folder, which exists.
        rows: in their order; streamed.
        dropped: complete once `rows` has ended.
        manifest: the fields of `DataSet` that rows and drops do not decide; asked for once `rows` has ended.

    Raises:
        DataError: the disk is full, or the folder cannot be written: no manifest, no data set.
    """
    tally = files.Tally()
    digest = write_whole(out / files.ROWS, files.lines(tally.counted(rows)))
    write_whole(out / files.DROPPED, files.lines(dropped))
    made = DataSet(rows_sha256=digest, dropped=len(dropped), **tally.fields(), **manifest())
    write_whole(out / files.MANIFEST, [made.model_dump_json(indent=1).encode() + b"\n"])
    return made
