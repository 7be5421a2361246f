"""Verdicts that were paid for once: SQLite, JSON values, keyed by all that can change a verdict.

Only `ok` verdicts are kept: a failure or an unparsable reply is asked again next time. Writes are buffered and committed a
few at a time (WAL, `synchronous=NORMAL`: 0.05 ms a commit against 6 ms with the defaults), so a killed process loses at most
`BATCH - 1` verdicts, and two processes can share a file because no transaction stays open between calls.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

from pydantic import ValidationError

from harness.errors import DataError
from harness.schema import Verdict, VerdictState

BATCH: Final = 16
"""Verdicts a commit."""
_CHUNK: Final = 500
_FORMAT: Final = 1
_CHECKPOINT: Final = 5_000
"""Pages of 4 kB between checkpoints, which wait for the disk: 5,000 verdicts take 0.17 s, with SQLite's 1,000 pages 0.26 s."""
_BUSY: Final = 30.0
"""Seconds to wait for another process's commit."""


def verdict_key(judge: str, rubric: str, content: str) -> str:
    """SHA-256 of judge (with server, model and parameters), rubric version and item content."""
    return hashlib.sha256(f"{judge}\n{rubric}\n{content}".encode()).hexdigest()


class VerdictCache:
    """A file of verdicts. Use it as a context manager, or `close()` it: the last few writes are buffered."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and its folder.

        Raises:
            DataError: the file is not a verdict cache, or cannot be read or written.
        """
        self.path = path
        self._waiting: dict[str, str] = {}
        self._lock = threading.Lock()
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_BUSY, check_same_thread=False)
        try:
            with self._guarded():
                self._prepare()
        except DataError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in {0, _FORMAT}:
            raise DataError(f"verdict cache of format {version}, this program reads {_FORMAT}: use another file", file=self.path)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT}")
        self._db.execute("CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        self._db.execute("SELECT key, value FROM verdicts LIMIT 1").fetchone()
        self._db.execute(f"PRAGMA user_version={_FORMAT}")
        self._db.commit()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """SQLite's and the system's errors as one line that names the file."""
        try:
            yield
        except sqlite3.OperationalError as problem:
            raise DataError(f"verdict cache: {problem}", file=self.path) from None
        except sqlite3.DatabaseError as problem:
            raise DataError(f"no usable verdict cache ({problem}): move it away and run again", file=self.path) from None
        except OSError as problem:
            raise DataError(f"verdict cache: {problem.strerror or problem}", file=self.path) from None

    def get(self, keys: Sequence[str]) -> dict[str, Verdict]:
        """The verdicts that are there, by key. A value that is no verdict counts as absent."""
        found: dict[str, Verdict] = {}
        with self._lock, self._guarded():
            self._write()
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                rows = self._db.execute(f"SELECT key, value FROM verdicts WHERE key IN ({marks})", chunk)  # noqa: S608 - only marks
                found.update(_readable(dict(rows)))
        return found

    def put(self, key: str, verdict: Verdict) -> None:
        """Keep an `ok` verdict; others are not kept.

        Raises:
            DataError: the disk is full or the file went bad.
        """
        if verdict.state is not VerdictState.OK:
            return
        with self._lock, self._guarded():
            self._waiting[key] = verdict.model_dump_json()
            if len(self._waiting) >= BATCH:
                self._write()

    def flush(self) -> None:
        """Write what is buffered."""
        with self._lock, self._guarded():
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        try:
            with self._db:
                self._db.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?)", self._waiting.items())
        finally:
            self._waiting.clear()

    def close(self) -> None:
        """Write what is buffered and let go of the file."""
        try:
            self.flush()
        finally:
            self._db.close()

    def __enter__(self) -> VerdictCache:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _readable(rows: Mapping[str, str]) -> Iterator[tuple[str, Verdict]]:
    for key, value in rows.items():
        try:
            yield key, Verdict.model_validate_json(value)
        except ValidationError:
            continue
