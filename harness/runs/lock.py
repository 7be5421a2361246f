"""One writer per run folder, held by flock: the kernel lets go of it when the process dies, however it dies.

The file stays where it is (removing it would let two writers hold two files of one name) and says who holds it while it is held.
A child made by fork would share the lock and keep it after its parent's death, so it lets go at once: vLLM's workers were seen to
outlive a killed parent.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import DataError, UsageError
from harness.runs.write import naming

_TRIES = 5
_PAUSE_S = 0.05
"""`holder` takes the lock for some microseconds to look; a writer therefore tries a few times."""


class FolderLock:
    """The lock file of one run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock, or say who has it; does nothing if it is held already.

        Raises:
            UsageError: another process writes here.
            DataError: the file system refuses the file or knows no locks.
        """
        if self.held:
            return
        with naming(self.path):
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _try(fd, self.path):
            os.close(fd)
            who, run = _holder_text(self.path), self.path.parent.name
            raise UsageError(f"run '{run}' is being written by {who}; wait until it has ended")
        self._fd = fd
        _drop_in_children(weakref.WeakMethod(self._drop))
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        with contextlib.suppress(OSError):  # a full disk costs the note, not the lock
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps(note).encode() + b"\n", 0)

    def release(self) -> None:
        """Let go; does nothing if the lock is not held."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)
            self._drop()

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def _drop(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _drop_in_children(drop: weakref.WeakMethod[Callable[[], None]]) -> None:
    def let_go() -> None:
        method = drop()
        if method is not None:
            method()

    os.register_at_fork(after_in_child=let_go)


def holder(path: Path) -> str | None:
    """Who holds a lock file, as text (`process 4711`); None if nobody does or there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return _holder_text(path) if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    finally:
        os.close(fd)
    return None


def _try(fd: int, path: Path) -> bool:
    for attempt in range(_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < _TRIES:
                time.sleep(_PAUSE_S)
        except OSError as error:
            os.close(fd)
            raise DataError(
                f"this file system has no locks ({error.strerror}); keep runs on a local disk with --runs", file=path
            ) from None
        else:
            return True
    return False


def _holder_text(path: Path) -> str:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        where = "" if note["host"] == socket.gethostname() else f" on {note['host']}"
        return f"process {note['pid']}{where} since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
