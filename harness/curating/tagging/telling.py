"""Row -> Tag: what every way of tagging answers, and the plainest of them, the source's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from harness.culture import ANY
from harness.curating.tagging.subjects import areas_of
from harness.errors import DataError, unknown
from harness.schema import Culture, DataRow, Source

SHOWN: Final = 1_000
"""Characters of what is asked that are looked at."""


@dataclass(frozen=True)
class Tag:
    """What is said of a row."""

    areas: tuple[str, ...]
    """Empty: it teaches none of them, or nobody could say."""
    by: str = ""
    """Who says so; empty: nobody could."""
    why: str = ""
    """What makes it doubtful, where it is."""
    doubt: float = 0.0
    """0-1."""


class Teller(Protocol):
    """A way of tagging."""

    def tell(self, rows: Sequence[DataRow]) -> list[Tag | None]:
        """One answer a row, in order; None: ask the next way."""
        ...


def asked(row: DataRow) -> str:
    """What people ask in it: the first question, and the others as far as there is room. Replies say less of what is taught."""
    return "\n".join(turn.content for turn in row.messages if turn.role == "user")[:SHOWN]


class SourceRules:
    """Category of the source -> areas, as the culture or the pipeline declares it."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._rules = {name: source.areas for name, source in sources.items() if source.areas}

    def tell(self, rows: Sequence[DataRow]) -> list[Tag | None]:
        """By the row's category, else by the rule for any."""
        return [self._one(row) for row in rows]

    def _one(self, row: DataRow) -> Tag | None:
        rules = self._rules.get(row.source, {})
        areas = rules.get(row.category, rules.get(ANY))
        return None if areas is None else Tag(tuple(sorted(areas)), "source")


def check_rules(sources: Mapping[str, Source], culture: Culture) -> None:
    """Refuse rules that name areas which do not exist.

    Raises:
        DataError: names source, category and area.
    """
    known, kind = areas_of(culture), f"area of culture '{culture.name}'"
    for name, source in sources.items():
        for category, areas in source.areas.items():
            for area in areas:
                if area not in known:
                    raise DataError(f"sources.{name}.areas.{category}: {unknown(kind, area, known)}")
