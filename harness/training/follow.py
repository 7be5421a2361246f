"""progress.jsonl, while it grows -> Progress. Whatever else stands in the file is passed over: progress is a courtesy."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PROGRESS: Final = "progress.jsonl"
MAX_READ: Final = 256 << 10
"""Bytes read at a time; of a file that grows faster only the end is read."""


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    step: int
    steps: int
    """Optimizer steps, or whatever the trainer counts."""
    loss: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None


class Follower:
    """Reads what a trainer appends from now on."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._at = file.stat().st_size if file.is_file() else 0
        self.last: Progress | None = None
        """The newest line read."""

    def read(self) -> Progress | None:
        """The newest progress since the last call; None if there is none."""
        found = None
        for line in self._new().split(b"\n"):
            found = parsed(line) or found
        self.last = found or self.last
        return found

    def _new(self) -> bytes:
        """Whole lines that were added."""
        if not self.file.is_file():
            return b""
        try:
            size = self.file.stat().st_size
            if size < self._at:
                self._at = 0
            start = max(self._at, size - MAX_READ)
            with self.file.open("rb") as file:
                file.seek(start)
                data = file.read(MAX_READ)
        except OSError:
            return b""
        end = data.rfind(b"\n") + 1
        self._at = start + end if end or len(data) < MAX_READ else size
        return data[:end]


def parsed(line: bytes) -> Progress | None:
    """The progress a line states; None if it states none."""
    try:
        said = json.loads(line)
        step, steps = int(said["step"]), int(said["steps"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if not 0 <= step <= steps <= 2**53:
        return None
    return Progress(step, steps, _number(said, "loss"), _number(said, "tokens_per_second"), _number(said, "seconds_left"))


def _number(said: dict[str, Any], name: str) -> float | None:
    value = said.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None
