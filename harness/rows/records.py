"""One JSON value of a training file, and where it stands: every complaint about its shape names file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DataError
from harness.schema import Role

Turn = tuple[Role, str]
WORD = 200
"""Characters of a class name, category or language that are kept."""


class WrongShape(DataError):
    """A record is not what its format says."""

    def __init__(self, what: str, path: Path, line: int) -> None:
        super().__init__(what, file=path, line=line)
        self.what = what


def word(text: str) -> str:
    """A class name as it can be compared: no-break spaces are spaces, runs of white space one, half characters gone."""
    return " ".join(text.encode("utf-8", "ignore").decode().split())[:WORD]


@dataclass(slots=True)
class Record:
    """A JSON value and where it stands."""

    file: Path
    line: int
    value: Any
    id: str
    """Its line (`line.number` from the second on that line on), or `name/number` in an object of lists."""
    group: str = ""
    """Name of its list."""

    def wrong(self, what: str) -> WrongShape:
        """A complaint."""
        return WrongShape(what, self.file, self.line)

    def text(self, key: str, default: str | None = None) -> str:
        """A string field; `default` where it is absent or null."""
        found = self.field(key, default)
        if not isinstance(found, str):
            raise self.wrong(f"'{key}' is not a text")
        return found

    def word(self, key: str) -> str:
        """A class name; empty where there is none."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return word(found) if isinstance(found, str) else ""

    def entries(self, key: str, default: list[Any] | None = None) -> list[Any]:
        """A list field; `default` where it is absent or null."""
        found = self.field(key, default)
        if not isinstance(found, list):
            raise self.wrong(f"'{key}' is not a list")
        return found

    def first_of(self, *keys: str) -> str:
        """The first key that is there and not null, or else the first."""
        value = self.value if isinstance(self.value, dict) else {}
        return next((key for key in keys if value.get(key) is not None), keys[0])

    def turns(self, key: str, who: str, what: str, roles: Mapping[str, Role]) -> list[Turn]:
        """(role, text) of each turn."""
        return list(self._turns(self.entries(key), who, what, roles))

    def _turns(self, turns: list[Any], who: str, what: str, roles: Mapping[str, Role]) -> Iterator[Turn]:
        for turn in turns:
            inner = Record(self.file, self.line, turn, self.id)
            speaker = inner.text(who)
            if speaker not in roles:
                raise self.wrong(f"'{who}' is '{word(speaker)[:40]}', not one of {', '.join(roles)}")
            said = turn.get(what)
            yield roles[speaker], inner.parts(what) if isinstance(said, list) else inner.text(what)

    def parts(self, key: str) -> str:
        """A text, or the texts of a list of `{type: "text", text}` parts, one a line."""
        said = []
        for part in self.entries(key):
            if not isinstance(part, dict) or not isinstance(part.get("text"), str):
                kind = str(part.get("type"))[:40] if isinstance(part, dict) else type(part).__name__
                raise self.wrong(f"'{key}' has a part that is no text ({kind})")
            said.append(part["text"])
        return "\n".join(said)

    def field(self, key: str, default: Any) -> Any:
        """Any field; `default` where it is absent or null."""
        if not isinstance(self.value, dict):
            raise self.wrong("not an object")
        found = self.value.get(key)
        if found is None and default is None:
            have = ", ".join(word(str(name))[:40] for name in list(self.value)[:8]) or "nothing"
            raise self.wrong(f"has no '{key}'; it has {have}")
        return default if found is None else found
