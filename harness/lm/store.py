"""Responses on disk, so that nothing is generated twice: SQLite, keyed by model fingerprint + request.

lm-eval's own cache is keyed by the request alone, and was seen to answer for one model with the words of another; it is
never used. Only real answers are stored: a failed request is asked again next time. WAL with `synchronous=NORMAL` costs
0.055 ms a commit (6.2 ms with the default) and survives `kill -9`; a power cut may lose the last few commits, never corrupt
the file.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError
from harness.schema import Response

_CHUNK = 500


def request_key(fingerprint: str, request_type: str, args: Sequence[Any]) -> str:
    """SHA-256 over everything that can change the answer."""
    text = json.dumps([fingerprint, request_type, list(args)], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class ResponseStore:
    """A map from request key to Response; safe for several processes at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        except (sqlite3.Error, OSError) as error:
            raise self._broken(error) from None

    def get(self, keys: Iterable[str]) -> dict[str, Response]:
        """The stored responses among `keys`."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Response] = {}
        try:
            for start in range(0, len(wanted), _CHUNK):
                part = wanted[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(f"SELECT key, value FROM responses WHERE key IN ({marks})", part)  # noqa: S608 - only marks
                found.update((key, Response.model_validate_json(value)) for key, value in rows)
        except (sqlite3.Error, ValueError) as error:
            raise self._broken(error) from None
        return found

    def put(self, responses: Mapping[str, Response]) -> None:
        """Store answers in one commit; failures are left out."""
        rows = [(key, r.model_dump_json(exclude_none=True)) for key, r in responses.items() if r.text is not None]
        if not rows:
            return
        try:
            with self._db:
                self._db.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _broken(self, error: Exception) -> DataError:
        return DataError(f"the response store cannot be used ({error}); free space, or move the file away", file=self._path)
