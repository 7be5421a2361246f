"""Tables of words and patterns, and the one way they are read."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from pydantic import Field

from harness.schema import Frozen

_PART: Final = re.compile("<([A-Z_]+)>")


class Rule(Frozen):
    """One row of a table: what it looks for, and sentences that show it."""

    name: str
    why: str
    """Why such rows are not wanted."""
    doubt: float = Field(ge=0, le=1)
    """How often it is right, about."""
    find: tuple[str, ...] = Field(min_length=1)
    """Regular expressions; all of them must be found. `<NAME>` stands for a part of the table."""
    unless: tuple[str, ...] = ()
    """None of these may be found."""
    hints: tuple[str, ...] = ()
    """Strings one of which is in every text that the patterns find; without them all texts are searched, which is slower."""
    examples: tuple[str, ...] = Field(min_length=1)
    """Texts it finds."""
    others: tuple[str, ...] = ()
    """Texts that look similar, and that it passes over."""


class Compiled:
    """A rule that can be asked."""

    def __init__(self, rule: Rule, parts: Mapping[str, str]) -> None:
        self.rule = rule
        self._find = [_compile(one, parts) for one in rule.find]
        self._unless = [_compile(one, parts) for one in rule.unless]

    def search(self, text: str) -> re.Match[str] | None:
        """Where the first pattern is found, if all are and no exception is."""
        if self.rule.hints and not any(hint in text for hint in self.rule.hints):
            return None
        first: re.Match[str] | None = None
        for pattern in self._find:
            if (match := pattern.search(text)) is None:
                return None
            first = first or match
        return None if any(pattern.search(text) for pattern in self._unless) else first


@cache
def table(name: str) -> tuple[Compiled, ...]:
    """The rules of `<name>.toml`, in order."""
    read: dict[str, Any] = tomllib.loads(_raw(name).decode())
    parts: dict[str, str] = {}
    for key, pattern in read.get("parts", {}).items():
        parts[key] = _filled(pattern, parts)
    return tuple(Compiled(Rule.model_validate(one), parts) for one in read["rule"])


def sha256(name: str) -> str:
    """What identifies a table."""
    return hashlib.sha256(_raw(name)).hexdigest()


def _raw(name: str) -> bytes:
    return files(__name__).joinpath(f"{name}.toml").read_bytes()


def _compile(pattern: str, parts: Mapping[str, str]) -> re.Pattern[str]:
    return re.compile(_filled(pattern, parts), re.MULTILINE)


def _filled(pattern: str, parts: Mapping[str, str]) -> str:
    return _PART.sub(lambda part: f"(?:{parts[part[1]]})", pattern)
