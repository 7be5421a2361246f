"""Where problems are collected: each with its file as a reader would name it."""

from __future__ import annotations

from pathlib import Path

from harness.errors import HarnessError
from harness.schema.checking import Level, Problem


class Findings:
    """Of one culture's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def error(self, topic: str, file: Path | str, what: str, line: int | None = None) -> None:
        """Something must be mended."""
        self._say("error", topic, file, what, line)

    def warning(self, topic: str, file: Path | str, what: str, line: int | None = None) -> None:
        """Something should be known."""
        self._say("warning", topic, file, what, line)

    def objection(self, topic: str, file: Path | str, error: HarnessError, level: Level = "error") -> None:
        """What an error says; of one that names its file, under that file."""
        what, own, line = str(error), getattr(error, "file", None), getattr(error, "line", None)
        if own is not None:
            what = what.removeprefix(f"{own}: " if line is None else f"{own}:{line}: ")
        self._say(level, topic, own or file, what, line)

    def named(self, file: Path | str) -> str:
        """A path below the folder as it lies there, any other whole."""
        path = Path(file)
        for folder in (self.folder, self.folder.resolve()):
            if path.is_absolute() and path.is_relative_to(folder):
                return str(path.relative_to(folder))
        return str(file)

    def _say(self, level: Level, topic: str, file: Path | str, what: str, line: int | None) -> None:
        said = Problem(level=level, topic=topic, file=self.named(file), line=line, what=" ".join(what.split()))
        if said not in self.problems:
            self.problems.append(said)
