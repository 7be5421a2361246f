"""File -> its JSON records with their lines, one at a time: training files are too large to be read whole.

Three layouts are told apart by their first character and by what is asked for: a list `[{…}, …]`, JSON Lines `{…}` one a line,
and an object of lists `{"name": [{…}, …], …}`. Nothing here is trusted: what is not UTF-8, not JSON, cut off or absurdly long is
one line that names file and line.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from harness.data.files import decode, parse_json
from harness.errors import DataError

MAX_RECORD: Final = 16 * 2**20
"""Characters of one record; a longer one is a broken file."""
_BLOCK: Final = 2**20
_SPACE: Final = " \t\r\n"


def records(path: Path) -> Iterator[tuple[int, Any]]:
    """(line, value) of every element of a JSON list, or of every line of JSON Lines; empty lines are passed over.

    Raises:
        DataError: the file cannot be read or is neither.
    """
    with _opened(path) as file:
        first = _first(file)
        if first == "[":
            text = _Text(file, path)
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
        text = _Text(file, path)
        text.take("{")
        more = text.peek() != "}"
        while more:
            name_line = text.line
            name = text.value()
            if not isinstance(name, str):
                raise DataError("a list without a name", file=path, line=name_line)
            text.take(":")
            text.take("[")
            for line, value in text.elements("]"):
                yield line, name, value
            more = text.more_after("}")
        text.take("}")
        text.finish()


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
    while raw := file.readline(MAX_RECORD):
        number += 1
        if len(raw) >= MAX_RECORD:
            raise _too_long(path, number)
        try:
            text = decode(raw, path)
        except DataError as error:
            raise DataError("not UTF-8; save the file as UTF-8", file=path, line=number) from error
        if text.strip():
            yield number, parse_json(text, path, number)


def _too_long(path: Path, line: int) -> DataError:
    return DataError(f"a record of more than {MAX_RECORD // 2**20} MiB; the file is broken", file=path, line=line)


class _Text:
    """A file being read: the text not yet used, and the line on which it begins."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.line = 1
        self._file, self._path = file, path
        self._text, self._at, self._ended = "", 0, False
        self._read = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            start = self._at
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            self.line += self._text.count("\n", start, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more()

    def take(self, character: str) -> None:
        """Go past this character, which must come next."""
        if not (found := self.peek()):
            raise self._wrong("JSON ends too early; the file is truncated")
        if found != character:
            raise self._wrong(f"not JSON: expected '{character}', found '{found}'")
        self._at += 1

    def more_after(self, end: str) -> bool:
        """Whether a comma comes next (it is passed) rather than the end (it is not)."""
        if self.peek() == end:
            return False
        self.take(",")
        return True

    def elements(self, end: str) -> Iterator[tuple[int, Any]]:
        """(line, value) up to the end mark, which is passed."""
        more = self.peek() != end
        while more:
            self.peek()
            line = self.line
            yield line, self.value()
            more = self.more_after(end)
        self.take(end)

    def value(self) -> Any:
        """The next JSON value."""
        self.peek()
        while True:
            try:
                value, after = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                self._wait()
            except (RecursionError, ValueError) as error:
                raise self._wrong(f"not JSON that can be read: {error}") from error
            else:
                self.line += self._text.count("\n", self._at, after)
                self._at = after
                return value

    def finish(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise self._wrong("more text after the end of the JSON value")

    def _wait(self) -> None:
        """Read on, for a value that may only be cut by the end of a block; at the end of the file, say what is wrong."""
        if self._ended:
            parse_json(self._text[self._at :], self._path, self.line)
            raise self._wrong("not JSON")
        if len(self._text) - self._at > MAX_RECORD:
            raise _too_long(self._path, self.line)
        self._more()

    def _more(self) -> None:
        # As much again as is waiting, so that a long value is not parsed once for every block of it.
        block = self._file.read(max(_BLOCK, len(self._text) - self._at))
        try:
            text = self._read.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line = self.line + self._text.count("\n", self._at) + error.object[: error.start].count(b"\n")
            raise DataError("not UTF-8; save the file as UTF-8", file=self._path, line=line) from error
        self._text, self._at, self._ended = self._text[self._at :] + text, 0, not block

    def _wrong(self, what: str) -> DataError:
        return DataError(what, file=self._path, line=self.line)
