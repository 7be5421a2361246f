"""What is wrong with a culture: the first of it raised, or all of it collected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.errors import DataError


class Objections:
    """Told one after the other what is wrong with a culture's files."""

    def __init__(self, file: Path, *, collects: bool) -> None:
        self.file: Final = file
        """The `culture.toml`."""
        self.collects: Final = collects
        """Whether all that is wrong is wanted; otherwise the first is raised."""
        self.spoilt: Final[set[str]] = set()
        """Names of tables that could not be built and were objected to: that they are missed is no second fault."""
        self._said: dict[str, DataError] = {}

    def add(self, what: str, file: Path | None = None) -> None:
        """Say that something is wrong.

        Args:
            what: place in the file, and what is wrong there.
            file: if it is not the `culture.toml`.

        Raises:
            DataError: it, unless all that is wrong is wanted.
        """
        self.put(DataError(what, file=file or self.file))

    def put(self, error: DataError) -> None:
        """As `add`, of what was raised somewhere."""
        if not self.collects:
            raise error
        self._said.setdefault(str(error), error)

    @property
    def all(self) -> tuple[DataError, ...]:
        """What was collected, each once, in its order."""
        return tuple(self._said.values())


def complaint(error: ValidationError, within: Sequence[str | int] = ()) -> str:
    """What a record says of a setting, in one line.

    Args:
        error: of the record.
        within: only what lies in this table or setting.
    """
    # A misspelt name makes two errors, one of them misleading: that the right one is missing.
    details = error.errors(include_url=False, include_input=False)
    details = [one for one in details if one["loc"][: len(within)] == tuple(within)] or details
    detail = min(details, key=lambda one: one["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in detail["loc"] if part != "[key]")
    return f"{place}: {'no such setting' if detail['type'] == 'extra_forbidden' else detail['msg']}"
