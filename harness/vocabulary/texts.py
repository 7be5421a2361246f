"""What `--text` says -> lines of text, one at a time: plain text, JSON Lines, training rows, or the demo world's corpus.

    demo:zh, demo:en, demo:FAMILY   drawn by the demo world
    FOLDER                          a data set (`rows.jsonl`)
    FILE.json, FILE.jsonl           {"text": …}, or rows in any format that is known here; a row is one line: its turns
    any other FILE                  plain text, a line a line

Nothing is held but the line that is read. What is no row is passed over, as curation would set it aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harness.culture import BUILT_IN
from harness.demo import corpus, lessons, sampling
from harness.errors import DataError, UsageError
from harness.rows.dataset import ROWS
from harness.rows.formats import salvaged
from harness.rows.guessing import guess
from harness.rows.scanner import Broken
from harness.rows.sniffing import SAMPLE, refuse_other_kinds
from harness.rows.sources import digest
from harness.rows.streaming import salvage
from harness.schema.vocabulary import VocabularyText

DRAWN: Final = 4000
"""Lines of a text of the demo world."""
LONGEST: Final = 1 << 20
"""Characters read at once: a longer line counts as several."""
JSON_ENDINGS: Final = (".json", ".jsonl")


@dataclass
class Text:
    """A text that can be read more than once; how much it holds is counted while it is read."""

    name: str
    sha256: str
    read: Callable[[], Iterator[str]]
    lines: int = 0
    characters: int = 0

    def __iter__(self) -> Iterator[str]:
        """Lines that are not blank, without their line ends.

        Raises:
            DataError: the file cannot be read, is no UTF-8, or holds no text.
        """
        self.lines = self.characters = 0
        for line in self.read():
            # Half a surrogate pair, which JSON can hold, is no text.
            clean = line.strip("\r\n").encode("utf-8", "replace").decode() if line and not line.isspace() else ""
            if clean:
                self.lines += 1
                self.characters += len(clean)
                yield clean
        if not self.lines:
            raise DataError("holds no text", file=self.name)

    def facts(self) -> VocabularyText:
        """What it was, as counted by the last reading."""
        return VocabularyText(name=self.name, sha256=self.sha256, lines=self.lines, characters=self.characters)


def find(specs: Sequence[Path | str]) -> list[Text]:
    """The texts that were asked for; files are looked at, not yet read.

    Raises:
        UsageError: none was asked for, or the demo world has none of that name.
        DataError: there is no such file, or it is something else than text.
    """
    if not specs:
        raise UsageError("no text: name at least one file with --text, or demo:zh")
    return [_find(str(spec)) for spec in specs]


def read(texts: Sequence[Text]) -> Iterator[str]:
    """All lines, text after text."""
    for text in texts:
        yield from text


def _find(spec: str) -> Text:
    if spec.startswith(BUILT_IN):
        name = spec.removeprefix(BUILT_IN)
        families = _families(name)
        return Text(spec, f"demo@{lessons.VERSION}", lambda: _drawn(name, families))
    path = Path(spec).expanduser()
    if path.is_dir():
        if not (path / ROWS).exists():
            raise DataError(f"is a folder without {ROWS}, so no data set; name its files, each with --text", file=path)
        path = path / ROWS
    if not path.is_file():
        raise DataError("not a plain file" if path.exists() else "no such file", file=path)
    return Text(str(path), digest(path), _reader(path))


def _families(name: str) -> tuple[str, ...]:
    if name not in ("zh", "en"):
        return tuple(lessons.parts(name))
    return tuple(one.name for one in sampling.families() if (one.part == "en") == (name == "en"))


def _drawn(name: str, families: tuple[str, ...]) -> Iterator[str]:
    """Half plain sentences, where there are any, half questions with their answers; families take turns."""
    plain = DRAWN // 2 if name == "zh" else 0
    yield from (one.answer for one in corpus.plain_text(plain, 0))
    each = -(-(DRAWN - plain) // len(families))
    drawn = [sampling.sample(family, each, "train", 0, unique=False) for family in families]
    for turn in zip(*drawn, strict=True):
        yield from (f"{item.question} {item.answer}" for item in turn)


def _reader(path: Path) -> Callable[[], Iterator[str]]:
    if path.suffix.lower() not in JSON_ENDINGS:
        return lambda: _plain(path)
    first = next((value for _, _, value in islice(salvage(path, {"text"}), 100) if not isinstance(value, Broken)), None)
    if isinstance(first, dict) and isinstance(first.get("text"), str):
        return lambda: _fields(path)
    try:
        form = guess(path)
    except DataError as error:
        if isinstance(first, dict):
            raise DataError(f'{error}; or {{"text": …}}') from None
        raise
    return lambda: ("\n".join(turn.content for turn in one.messages) for one in salvaged(form, path) if one.messages)


def _fields(path: Path) -> Iterator[str]:
    values: Iterator[Any] = (value for _, _, value in salvage(path, {"text"}))
    return (value["text"] for value in values if isinstance(value, dict) and isinstance(value.get("text"), str))


def _plain(path: Path) -> Iterator[str]:
    number = 0
    try:
        with path.open("rb") as raw:
            sample = raw.read(SAMPLE)
            if not sample.strip():
                raise DataError("holds no text", file=path)
            refuse_other_kinds(sample, path)
        with path.open(encoding="utf-8-sig") as file:
            while line := file.readline(LONGEST):
                number += 1
                yield line
    except UnicodeDecodeError:
        raise DataError("not UTF-8; save the file as UTF-8", file=path, line=number + 1) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error
