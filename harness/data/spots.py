"""JSON value + where it stands -> checked parts of it, so that every complaint about a data file names its place.

A place reads `infos[12].question of group 3`: list indices from 0, as in JSON; groups and items counted from 1, as in ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from harness.errors import DataError

_KINDS: Final = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number", bool: "a truth value"}


@dataclass(frozen=True)
class Spot:
    """A value somewhere in a JSON file. All methods raise DataError, naming file and place, if it is not what they deliver."""

    file: Path
    value: Any
    part: str = ""
    """Position within `whole`, e.g. `infos[12].question`; empty for all of it."""
    whole: str = ""
    """The group or item, e.g. `group 3`; empty for the file."""

    @property
    def name(self) -> str:
        """As used in messages."""
        return " of ".join(filter(None, [self.part, self.whole])) or "the file"

    def wrong(self, why: str) -> DataError:
        """A complaint about this value."""
        return DataError(f"{self.name} {why}", file=self.file)

    def field(self, key: str) -> Spot:
        """The value under `key` of an object."""
        fields = self._is(dict)
        if key not in fields:
            raise self.wrong(f"has no '{key}'; it has {', '.join(str(name)[:40] for name in list(fields)[:8]) or 'nothing'}")
        return replace(self, value=fields[key], part=f"{self.part}.{key}" if self.part else key)

    def items(self) -> list[Spot]:
        """The elements of a list."""
        return [replace(self, value=value, part=f"{self.part}[{index}]") for index, value in enumerate(self._is(list))]

    def counted(self, noun: str) -> Iterator[Spot]:
        """The elements of a list, each a whole of its own, named by `noun` and its number from 1."""
        for number, value in enumerate(self._is(list), 1):
            yield Spot(self.file, value, whole=f"{noun} {number}")

    def text(self) -> str:
        """A string with something other than white space in it, as it stands."""
        text: str = self._is(str)
        if not text.strip():
            raise self.wrong("is empty")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self.wrong("holds half a surrogate pair, which no text can")
        return text

    def one_of(self, known: tuple[str, ...]) -> str:
        """A string out of a closed set."""
        text = self.text()
        if text not in known:
            raise self.wrong(f"is '{text[:40]}', not one of {', '.join(known)}")
        return text

    def number(self) -> int:
        """A whole number."""
        if isinstance(self.value, bool):
            raise self.wrong("is not a whole number but a truth value")
        number: int = self._is(int)
        return number

    def _is(self, kind: type) -> Any:
        if not isinstance(self.value, kind):
            expected = "a whole number" if kind is int else _KINDS[kind]
            raise self.wrong(f"is not {expected} but {_KINDS.get(type(self.value), 'null')}")
        return self.value
