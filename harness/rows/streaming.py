"""File -> its JSON records with their lines, one at a time: training files are too large to be read whole.

Three layouts are told apart by their first character and by what is asked for: a list `[{…}, …]`, JSON Lines `{…}` one a line,
and an object of lists `{"name": [{…}, …], …}`. Nothing here is trusted: what is not UTF-8, not JSON, cut off or absurdly long is
one line that names file and line.

`records` and `grouped` end there; `salvage` goes on (`harness.rows.scanner`).
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, BinaryIO

from harness.data.files import decode, parse_json
from harness.errors import DataError
from harness.rows import scanner
from harness.rows.scanner import NOT_JSON, NOT_UTF8, TOO_LONG, TRUNCATED, Broken, Text, beyond, decoder, too_long
from harness.rows.sniffing import SAMPLE, has_record_lines, refuse_other_kinds


def records(path: Path) -> Iterator[tuple[int, Any]]:
    """(line, value) of every element of a JSON list, or of every line of JSON Lines; empty lines are passed over.

    Raises:
        DataError: the file cannot be read or is neither.
    """
    with _opened(path) as file:
        first = _first(file)
        if first == "[":
            text = Text(file, path)
            text.take("[")
            yield from text.elements("]")
            text.finish()
        elif first == "{":
            yield from _lines(file, path)
        else:
            raise DataError("neither a JSON list nor JSON Lines" if first else "is empty", file=path, line=1)


def grouped(path: Path) -> Iterator[tuple[int, str, Any]]:
    """(line, name of its list, value) of every element of an object of lists.

    Raises:
        DataError: the file cannot be read or is no such object.
    """
    with _opened(path) as file:
        if (first := _first(file)) != "{":
            raise DataError('is no object of lists {"name": […], …}' if first else "is empty", file=path, line=1)
        text = Text(file, path)
        text.take("{")
        more = text.peek() != "}"
        while more:
            name = text.header()
            for line, value in text.elements("]"):
                yield line, name, value
            more = text.more_after("}")
        text.take("}")
        text.finish()


def salvage(path: Path, keys: Set[str], *, groups: bool = False) -> Iterator[tuple[int, str, Any]]:
    """(line, name of its list or '', value or `Broken`) of every record that can be read and every stretch that cannot.

    No more than a few times `MAX_RECORD` is ever held.

    Args:
        path: the file.
        keys: a record has at least one of them; where reading is taken up again after a break, they tell it from inner objects.
        groups: whether the file is an object of lists.

    Raises:
        DataError: the file cannot be read, or is as a whole something else (another encoding, an archive, a web page).
    """
    with _opened(path) as file:
        sample = file.read(SAMPLE)
        file.seek(0)
        refuse_other_kinds(sample, path)
        if not groups and _is_lines(sample):
            for line, value in _salvaged_lines(file, path):
                yield line, "", value
        else:
            yield from Text(file, path, lenient=True).salvage(keys, groups)


def _opened(path: Path) -> BinaryIO:
    try:
        if not path.is_file():
            raise DataError("not a plain file" if path.exists() else "no such file", file=path)
        return path.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error


def _first(file: BinaryIO) -> str:
    """The first character that is no white space; the file is back at its beginning."""
    while block := file.read(4096):
        text = block.removeprefix(codecs.BOM_UTF8).lstrip()
        if text:
            file.seek(0)
            return chr(text[0])
    return ""


def _lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, Any]]:
    number = 0
    while raw := file.readline(scanner.MAX_RECORD):
        number += 1
        if len(raw) >= scanner.MAX_RECORD:
            raise too_long(path, number)
        try:
            text = decode(raw, path)
        except DataError as error:
            raise DataError("not UTF-8; save the file as UTF-8", file=path, line=number) from error
        if text.strip():
            yield number, parse_json(text, path, number)


def _is_lines(sample: bytes) -> bool:
    """Whether a damaged file is rather JSON Lines than a list: some whole line is an object, or there is no end of one yet."""
    text = sample.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"["):
        return False
    endless = b"\n" not in text and len(sample) == SAMPLE
    return endless or has_record_lines(sample)


def _salvaged_lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, Any]]:
    read = decoder().raw_decode
    number = 0
    while raw := file.readline(scanner.MAX_RECORD):
        number += 1
        if len(raw) >= scanner.MAX_RECORD and not raw.endswith(b"\n"):
            del raw
            while (piece := file.readline(scanner.BLOCK)) and not piece.endswith(b"\n"):
                pass
            yield number, Broken(TOO_LONG, too_long(path, number).detail)
            continue
        last = not raw.endswith(b"\n")
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            if not text:
                continue
            value, end = read(text)
            if text[end:].strip(" \t\r,"):
                raise json.JSONDecodeError("Extra data", text, end)
        except UnicodeDecodeError as error:
            yield number, Broken(NOT_UTF8, f"{error.reason} at byte {error.start + 1} of the line")
        except (ValueError, RecursionError) as error:
            yield number, _broken(error, text, last)
        else:
            yield number, value


def _broken(error: Exception, text: str, last: bool) -> Broken:
    """What the parser says of one line; `last`: no line break follows, so that the file may be cut there."""
    if isinstance(error, json.JSONDecodeError):
        if error.msg.startswith("Unterminated string") or not text[error.pos :].strip():
            return Broken(TRUNCATED if last else NOT_JSON, "JSON ends too early")
        return Broken(NOT_JSON, f"{error.msg} (column {error.colno})")
    return Broken(*beyond(error))
