"""File -> bytes, text or JSON, for files that may be anything: capped in size, decoded strictly, errors by file and line.

Data and key files come from the internet or a colleague's mailbox. Nothing in them is trusted, nothing in them is executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from harness.errors import DataError

MAX_BYTES: Final = 32 * 2**20
"""Largest file that is read; the published ones are all below 1 MB."""


def sha256(raw: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(raw).hexdigest()


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The whole file.

    Raises:
        DataError: it is missing, not a plain file, not readable or larger than `limit` bytes.
    """
    try:
        if not path.is_file():
            raise DataError("not a plain file" if path.exists() else "no such file", file=path)
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error
    if len(raw) > limit:
        raise DataError(f"larger than {limit // 2**20} MiB, which no data or key file is", file=path)
    return raw


def decode(raw: bytes, path: Path) -> str:
    """UTF-8 text, a byte order mark removed (spreadsheets write one).

    Raises:
        DataError: not UTF-8; names the line.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"not UTF-8 ({error.reason} at byte {error.start}); save the file as UTF-8"
        raise DataError(what, file=path, line=line) from error


def parse_json(text: str, path: Path, first_line: int = 1) -> Any:
    """One JSON value; `first_line` is the number of the file's line on which `text` starts.

    Raises:
        DataError: broken or truncated JSON, with the line; or nested deeper than the parser goes.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = first_line + error.lineno - 1
        ended = error.msg.startswith("Unterminated string") or not text[error.pos :].strip()
        what = "JSON ends too early; the file is truncated" if ended else f"not JSON: {error.msg} (column {error.colno})"
        raise DataError(what, file=path, line=where) from error
    except (RecursionError, ValueError) as error:
        # ValueError: an integer of more digits than Python converts.
        raise DataError(f"not JSON that can be read: {error}", file=path, line=first_line) from error


def read_json(path: Path) -> Any:
    """The JSON value of a file.

    Raises:
        DataError: see `read_bytes`, `decode`, `parse_json`.
    """
    return parse_json(decode(read_bytes(path), path), path)


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Number (from 1) and JSON value of every line that is not blank.

    Raises:
        DataError: see `read_bytes`, `decode`, `parse_json`; names the line.
    """
    for number, line in enumerate(decode(read_bytes(path), path).split("\n"), 1):
        if line.strip():
            yield number, parse_json(line, path, number)


def class_name(text: str) -> str:
    """A class as files of one benchmark spell it differently -> one spelling: lower case, NBSP and runs of blanks as a blank."""
    return " ".join(text.replace("\u00a0", " ").split()).lower()
