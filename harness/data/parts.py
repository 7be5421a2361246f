"""Bytes as they come -> a file that is whole or absent, and that a broken download goes on with.

What comes is hashed and written to `<name>.<hash>.part` beside the target, which one process at a time may hold; another one that
wants the same file meanwhile writes a part of its own. A part is renamed when it is whole. A broken one stays only if enough has
come for going on to be worth it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from harness.errors import DataError

WORTH: Final = 2**20
"""Bytes from which on a broken part is kept."""


class Part:
    """A file on its way. `size` bytes are there, with SHA-256 `digest`."""

    def __init__(self, file: BinaryIO, path: Path, target: Path) -> None:
        self.size, self.whole = 0, False
        self._file, self._path, self._target = file, path, target
        self._hash = hashlib.sha256()
        while block := file.read(2**20):
            self._hash.update(block)
            self.size += len(block)

    @property
    def digest(self) -> str:
        """SHA-256 of what is there."""
        return self._hash.hexdigest()

    def add(self, chunk: bytes) -> None:
        """Write on."""
        with _naming(self._target):
            self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """From nothing."""
        with _naming(self._target):
            self._file.seek(0)
            self._file.truncate()
        self._hash, self.size = hashlib.sha256(), 0

    def finish(self) -> None:
        """It is whole: put it in its place."""
        with _naming(self._target):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._path.replace(self._target)
        self.whole = True


@contextlib.contextmanager
def part_of(target: Path, sha256: str) -> Iterator[Part]:
    """A part of a file, with what came of it before.

    Raises:
        DataError: it cannot be written.
    """
    with _naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        path = target.with_name(f"{target.name}.{sha256[:12]}.part")
        file = _held(path)
        shared = file is not None
        if file is None:
            path = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
            file = path.open("w+b")
    with file:
        part = Part(file, path, target)
        try:
            yield part
        finally:
            if not part.whole and (part.size < WORTH or not shared):
                path.unlink(missing_ok=True)


def _held(path: Path) -> BinaryIO | None:
    """The part, locked; None if another process or thread writes it (or has just finished it)."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
    except OSError:
        pass
    file.close()
    return None


@contextlib.contextmanager
def _naming(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = f"cannot be written: {error.strerror or error}; set HARNESS_CACHE to a writable folder"
        raise DataError(why, file=target) from error
