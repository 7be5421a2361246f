"""Bytes -> files that are whole or absent.

A new file is written beside its place, synced, and renamed over it, so no reader, `kill -9` or full disk ever leaves half of one.
Lines are appended and synced one at a time; one that could not be written whole is cut off again. Whatever the operating system
refuses becomes a DataError that names the file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import DataError


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values, equal text.

    Raises:
        ValueError: the value holds NaN or infinity.
        TypeError: the value holds something that is not JSON.
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an OSError into a DataError that names `path` and the reason."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot be written ({reason}); mend that and run the same command again to resume", file=path) from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents; an existing one is left as it is.

    Raises:
        DataError: it cannot be made.
    """
    with naming(path):
        path.mkdir(parents=True, exist_ok=True)


def write_whole(path: Path, parts: Iterable[bytes]) -> str:
    """Write a file by rename and sync it and its folder; returns the SHA-256 of its content.

    Raises:
        DataError: it could not be written; what stood there before still stands.
    """
    digest = hashlib.sha256()
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with naming(path):
        check_replaceable(path)
        try:
            with temp.open("wb") as file:
                for part in parts:
                    digest.update(part)
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            temp.replace(path)
        except BaseException:
            temp.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    return digest.hexdigest()


def check_replaceable(path: Path) -> None:
    """See that a rename may put a file in the place of what stands there: done by root, it would be the end of `/dev/null`.

    Raises:
        OSError: it is a folder, a device, a pipe or a socket.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file")


def append_line(path: Path, line: str) -> None:
    """Append one line and sync it.

    Raises:
        DataError: it could not be written whole; the file is as before.
    """
    data = line.encode("utf-8", "replace") + b"\n"
    with naming(path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            before = os.fstat(fd).st_size
            try:
                _write_all(fd, data)
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, before)
                raise
        finally:
            os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def remove(path: Path) -> None:
    """Remove a file, if it is there, for good.

    Raises:
        DataError: it cannot be removed.
    """
    with naming(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def cut_torn_line(path: Path) -> None:
    """Drop what a killed process left after the last line end of a file of lines.

    Raises:
        DataError: the file cannot be changed.
    """
    with naming(path), contextlib.suppress(FileNotFoundError):
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.truncate(path, data.rfind(b"\n") + 1)


def drop_leftovers(folder: Path) -> None:
    """Remove the unfinished temporary files and folders of killed writers."""
    for temp in sorted(folder.rglob(".*.tmp")):
        if temp.is_dir():
            shutil.rmtree(temp, ignore_errors=True)
        else:
            temp.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that a rename in it survives a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
