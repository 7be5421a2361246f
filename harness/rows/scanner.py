"""Characters of a JSON file as they are read -> values, one at a time, and a way on from what is none.

`Text` is read strictly by `value`, `take` and `elements`: the first thing that is wrong is a `Bad`. `salvage` goes on from it:
what is broken is handed on as `Broken`, and reading is taken up again at the next object that looks like a record. Mistakes in
the layout that lose nothing (a comma too many or too few, one list after another) are passed over.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from harness.errors import DataError

MAX_RECORD: Final = 16 * 2**20
"""Characters of one record; a longer one is broken."""
BLOCK: Final = 2**20
_SPACE: Final = " \t\r\n"
_NEAR: Final = 16
"""Characters before the end of what has been read in which a word or an escape may be cut in two."""
_OBJECT: Final = re.compile(r'\{\s*"')
_NAME: Final = re.compile(r'"((?:[^"\\\n]|\\.){1,200})"\s*:\s*\[\s*\{')
_OVERLAP: Final = 512
"""Characters kept when nothing was found in what was read, so that a name and its list are seen together."""
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as `surrogateescape` writes them."""

NOT_JSON: Final = "not JSON"
NOT_UTF8: Final = "not UTF-8"
TRUNCATED: Final = "truncated"
TOO_LONG: Final = "too long"
TOO_DEEP: Final = "nested too deep"
TWICE: Final = "a key twice"


@dataclass(frozen=True)
class Broken:
    """What stands where a record should."""

    why: str
    """One of the words above."""
    detail: str
    """What exactly, and which lines where it is more than one. Never text of the file."""


class Bad(DataError):
    """A record that cannot be read; `passed` if reading already stands behind it."""

    def __init__(self, why: str, detail: str, path: Path, line: int, *, passed: bool = False) -> None:
        super().__init__(detail, file=path, line=line)
        self.why, self.detail, self.passed = why, detail, passed


class Twice(ValueError):
    """An object that says two things of one key."""


def beyond(error: Exception) -> tuple[str, str]:
    """(why, detail) of what is JSON, but none that can be used."""
    if isinstance(error, RecursionError):
        return TOO_DEEP, "more levels than can be read"
    return (TWICE, str(error)) if isinstance(error, Twice) else (NOT_JSON, f"not JSON that can be read: {error}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Twice("an object says two things of one key")
    return found


def decoder() -> json.JSONDecoder:
    """One that refuses a key that stands twice."""
    return json.JSONDecoder(object_pairs_hook=_unique)


def too_long(path: Path, line: int) -> Bad:
    """What is said of a record that never ends."""
    return Bad(TOO_LONG, f"a record of more than {MAX_RECORD // 2**20} MiB; the file is broken", path, line)


class Text:
    """A file being read: the text not yet used, and the line on which it begins."""

    def __init__(self, file: BinaryIO, path: Path, *, lenient: bool = False) -> None:
        self.line = 1
        self._file, self._path, self._lenient = file, path, lenient
        self._text, self._at, self._ended = "", 0, False
        self._raw = b""
        self._begun = self._undecoded = False
        self._json = decoder() if lenient else json.JSONDecoder()
        self._name, self._groups = "", False

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
            raise self._bad(TRUNCATED, "JSON ends too early; the file is truncated")
        if found != character:
            raise self._bad(NOT_JSON, f"not JSON: expected '{character}', found '{found}'")
        self._at += 1

    def more_after(self, end: str) -> bool:
        """Whether a comma comes next (it is passed) rather than the end (it is not)."""
        if self.peek() == end:
            return False
        self.take(",")
        return True

    def header(self) -> str:
        """`"name": [`, passed."""
        self.peek()
        line = self.line
        name = self.value()
        if not isinstance(name, str):
            raise Bad(NOT_JSON, "a list without a name", self._path, line)
        self.take(":")
        self.take("[")
        return name

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
            except json.JSONDecodeError as error:
                if self._ended or not self._may_be_cut(error):
                    raise self._not_json(error) from error
                self._wait()
            except (RecursionError, ValueError) as error:
                why, detail = beyond(error)
                raise self._bad(why, detail if self._lenient else f"not JSON that can be read: {error}") from error
            else:
                if after == len(self._text) and not self._ended and not isinstance(value, dict | list | str):
                    self._wait()
                    continue
                return self._passed(value, after)

    def finish(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise self._bad(NOT_JSON, "more text after the end of the JSON value")

    def salvage(self, keys: Set[str], groups: bool) -> Iterator[tuple[int, str, Any]]:
        """(line, name of the list, value or Broken) to the end of the file, whatever comes."""
        opened = closed = False
        self._groups = groups
        start, end = ("{", "}") if groups else ("[", "]")
        while found := self.peek():
            if found in ",]" or found == end:
                closed = closed or found == end
                self._at += 1
                continue
            if found == start and (closed or not opened):
                opened, closed = True, False
                self._at += 1
                continue
            opened = opened or groups
            line = self.line
            try:
                if groups and found == '"':
                    self._name = self.header()
                    continue
                value = self._element(found)
            except Bad as bad:
                yield from self._taken_up(line, bad, keys)
                opened, closed = True, closed or not self.peek()
            else:
                closed = False
                yield line, self._name, value
        if opened and not closed:
            yield self.line, self._name, Broken(TRUNCATED, f"the file ends before '{end}'")

    def _element(self, found: str) -> Any:
        if found not in "{[":
            raise self._bad(NOT_JSON, f"expected ',', found '{found}'" if found.isprintable() else "expected ','")
        return self.value()

    def _taken_up(self, line: int, bad: Bad, keys: Set[str]) -> Iterator[tuple[int, str, Any]]:
        """What is broken, and the record at which reading is taken up again, where there is one."""
        name = self._name
        if bad.passed:
            yield line, name, Broken(bad.why, bad.detail)
            return
        if self._at < len(self._text):
            self._move(self._at + 1)
        found = self._next(keys)
        last = self.line if found is None else found[0] - 1
        yield line, name, Broken(bad.why, f"lines {line}-{last}: {bad.detail}" if last > line else bad.detail)
        if found is not None:
            yield found[0], self._name, found[1]

    def _next(self, keys: Set[str]) -> tuple[int, Any] | None:
        """The next object that has one of the keys, with its line."""
        while self._seek():
            line = self.line
            try:
                value = self.value()
            except Bad as bad:
                if not bad.passed:
                    self._move(self._at + 1)
                continue
            if isinstance(value, dict) and not keys.isdisjoint(value):
                return line, value
        return None

    def _seek(self) -> bool:
        """Go to what looks like the beginning of an object; False at the end of the file."""
        while True:
            found = _OBJECT.search(self._text, self._at)
            to = found.start() if found else max(self._at, len(self._text) - _OVERLAP)
            self._rename(to)
            if found:
                self._move(to)
                return True
            if self._ended:
                self._move(len(self._text))
                return False
            self._move(to)
            self._more()

    def _rename(self, to: int) -> None:
        """In an object of lists: the name of the list that begins last in what is passed over."""
        for name in _NAME.finditer(self._text, max(0, self._at - _OVERLAP), min(to + 1, len(self._text))) if self._groups else ():
            self._name = name[1]

    def _move(self, to: int) -> None:
        self.line += self._text.count("\n", self._at, to)
        self._at = to

    def _passed(self, value: Any, after: int) -> Any:
        line, start = self.line, self._at
        self._move(after)
        if self._undecoded and _UNDECODED.search(self._text, start, after):
            raise Bad(NOT_UTF8, "bytes that are no UTF-8", self._path, line, passed=True)
        return value

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether the end of what has been read so far may be all that is wrong."""
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _NEAR

    def _not_json(self, error: json.JSONDecodeError) -> Bad:
        line = self.line + self._text.count("\n", self._at, error.pos)
        if self._may_be_cut(error) and (error.msg.startswith("Unterminated") or not self._text[error.pos :].strip()):
            return Bad(TRUNCATED, "JSON ends too early; the file is truncated", self._path, line)
        return Bad(NOT_JSON, f"not JSON: {error.msg}", self._path, line)

    def _wait(self) -> None:
        """Read on, for a value that may only be cut by the end of a block."""
        if len(self._text) - self._at > MAX_RECORD:
            raise too_long(self._path, self.line)
        self._more()

    def _more(self) -> None:
        # As much again as is waiting, so that a long value is not parsed once for every block of it.
        waiting = len(self._text) - self._at
        block = self._file.read(max(BLOCK, min(waiting, MAX_RECORD - waiting)))
        raw = self._raw + block
        if not (self._begun or (block and len(raw) < 3 and codecs.BOM_UTF8.startswith(raw))):
            raw, self._begun = raw.removeprefix(codecs.BOM_UTF8), True
        try:
            text, used = codecs.utf_8_decode(raw, "strict", not block)
        except UnicodeDecodeError as error:
            if not self._lenient:
                line = self.line + self._text.count("\n", self._at) + raw[: error.start].count(b"\n")
                raise DataError("not UTF-8; save the file as UTF-8", file=self._path, line=line) from error
            text, used = codecs.utf_8_decode(raw, "surrogateescape", not block)
            self._undecoded = True
        self._raw = raw[used:]
        self._text, self._at, self._ended = self._text[self._at :] + text, 0, not block

    def _bad(self, why: str, what: str) -> Bad:
        return Bad(why, what, self._path, self.line)
