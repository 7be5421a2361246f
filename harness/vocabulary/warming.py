"""Texts × all benchmarks -> rows of plain text to warm up on: a folder that is named by what is in it.

    rows.jsonl      {"text": …} a line, in the order of the texts
    dropped.jsonl   lines left out because they repeat an item of a benchmark: which, by what rule; never their text
    warmup.json     what was read, compared and counted; written last

A line is compared as the rows of a mix are (`harness.rows.contamination`), with every benchmark of all homes. The items of the
demo world share their templates with all that is drawn there, rows and plain sentences alike, and are held apart by what fills
them: against those a line counts only if a question stands in it word for word.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from harness.errors import DataError
from harness.rows.contamination import BenchmarkItem, Hit, Index, bare
from harness.runs.write import canonical, make_folder, write_whole
from harness.schema import Culture
from harness.vocabulary.texts import Text

ROWS: Final = "rows.jsonl"
DROPPED: Final = "dropped.jsonl"
MANIFEST: Final = "warmup.json"
WHY: Final = "in a benchmark"
_BATCH: Final = 1000
_NOBODY: Final = Culture(name="none", title="", language="", benchmarks={}, stages={}, folder="", digest="")
"""Text belongs to no culture: it is compared with whatever benchmarks there are."""


@dataclass(frozen=True)
class Warming:
    """Rows to warm up on."""

    path: Path
    """`rows.jsonl`."""
    rows: int
    dropped: dict[str, int]
    """Benchmark -> lines left out."""
    compared: dict[str, int]
    """Benchmark -> its items."""
    unread: dict[str, str]
    """Benchmark that could not be compared with -> why."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the model's scores must know."""
        found = []
        if self.dropped:
            said = ", ".join(f"{count} of {name}" for name, count in sorted(self.dropped.items()))
            found.append(f"left out of the text, for repeating a benchmark: {said}")
        if self.unread:
            found.append(f"the text was not compared with {', '.join(sorted(self.unread))}: not on this machine")
        return tuple(found)


def warming(texts: Sequence[Text], root: Path) -> Warming:
    """The rows of these texts, made or found, in a folder of `root`.

    Raises:
        DataError: a text cannot be read, no line is left, or the folder cannot be written.
    """
    from harness.rows import benchmarks

    known = benchmarks.registered(_NOBODY)
    asked = {"texts": [[one.name, one.sha256] for one in texts], "benchmarks": benchmarks.registered_identity(_NOBODY)}
    folder = root / f"warmup-{hashlib.sha256(canonical(asked).encode()).hexdigest()[:12]}"
    if (folder / MANIFEST).is_file():
        return _read(folder)
    make_folder(folder)
    sieve, dropped = _Sieve(known.items), []

    def lines() -> Iterator[bytes]:
        for text in texts:
            for line, place, hit in sieve.judged(text):
                if hit is None:
                    yield json.dumps({"text": line}, ensure_ascii=False).encode() + b"\n"
                else:
                    dropped.append((text.name, place, hit))

    digest = write_whole(folder / ROWS, lines())
    write_whole(folder / DROPPED, map(_dropped_line, dropped))
    rows = sum(text.lines for text in texts) - len(dropped)
    if not rows:
        said_by = ", ".join(sorted({hit.benchmark for *_, hit in dropped}))
        raise DataError(
            f"no line is left: all {len(dropped):,} repeat a benchmark ({said_by})", file=", ".join(one.name for one in texts)
        )
    said = {
        "text": [text.facts().model_dump(mode="json") for text in texts],
        "rows": rows,
        "rows_sha256": digest,
        "dropped": dict(Counter(hit.benchmark for *_, hit in dropped)),
        "compared": known.compared,
        "unread": known.unread,
    }
    write_whole(folder / MANIFEST, [json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"])
    return _read(folder)


class _Sieve:
    """What no line may repeat."""

    def __init__(self, items: Iterable[BenchmarkItem]) -> None:
        from harness.rows.folding import simplified

        every, drawn, fold = list(items), _drawn_ids(), simplified()
        self._questions = {bare(text): item for item in every if item.id in drawn for text in item.texts}
        self._drawn = Index((item for item in every if item.id in drawn), fold)
        self._others = Index((item for item in every if item.id not in drawn), fold)

    def judged(self, text: Text) -> Iterator[tuple[str, int, Hit | None]]:
        """Line, its number, and what it repeats."""
        rest = iter(enumerate(text, start=1))
        while batch := list(islice(rest, _BATCH)):
            lines = [[line] for _, line in batch]
            found = zip(batch, self._others.find_rows(lines), self._drawn.find_rows(lines), strict=True)
            for (place, line), other, like in found:
                yield line, place, other or (self._asked(line) if like else None)

    def _asked(self, line: str) -> Hit | None:
        """A question of the demo's benchmarks that stands in a line."""
        said = bare(line)
        item = next((item for text, item in self._questions.items() if _stands_in(said, text)), None)
        return None if item is None else Hit(item.benchmark, item.id, "same text", 1.0)


def _stands_in(said: str, question: str) -> bool:
    """Whether a question stands in a text; `6+1` does not stand in `16+1`."""
    at = said.find(question)
    return at == 0 or (at > 0 and not (said[at - 1].isdigit() and question[0].isdigit()))


def _drawn_ids() -> frozenset[str]:
    """Ids of the items that the demo world draws."""
    from harness.demo.benchmark import PER_FAMILY, read

    return frozenset(sample.id for part in PER_FAMILY for sample in read(part))


def _dropped_line(dropped: tuple[str, int, Hit]) -> bytes:
    name, place, hit = dropped
    said = {"text": name, "line": place, "why": f"{WHY}: {hit.benchmark}", "detail": f"{hit.item}, {hit.rule} {hit.share:.2f}"}
    return canonical(said).encode() + b"\n"


def _read(folder: Path) -> Warming:
    file = folder / MANIFEST
    try:
        said = json.loads(file.read_bytes())
        return Warming(folder / ROWS, said["rows"], said["dropped"], said["compared"], said["unread"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"is not what was written here ({error}); remove its folder", file=file) from None
