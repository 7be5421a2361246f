"""Rows that repeat an item of any benchmark: they are left out, and their text is written nowhere.

Compared are all turns of a row and the text that it rests on, without case, width, punctuation and script (simplified and
traditional count as the same, where OpenCC is installed), with every benchmark of all homes: see `harness.rows.contamination` for
when two texts are too alike. A source of which more than a few rows in a hundred do so is the benchmark itself, or was made from
it, and nothing of it can be trusted: then curation ends.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from harness.curating.contract import Context, Dropping, StepSettings
from harness.errors import Refused
from harness.rows import benchmarks
from harness.rows.contamination import Index
from harness.rows.folding import simplified
from harness.runs.write import make_folder, write_whole
from harness.schema import DataRow, StepReport

WHY: Final = "in a benchmark: "
CHECKED: Final = "checked.json"
"""In the step's scratch: what was compared with, and what could not be."""
_INDEX: Final = "index"


class Contamination(StepSettings):
    """Against every registered benchmark; what is found is always left out."""

    whole: ClassVar[bool] = True
    writes_text: ClassVar[bool] = False

    use: Literal["contamination"]
    action: Literal["drop"] = "drop"
    stop_above: float = Field(default=0.05, ge=0, le=1)
    """Share of the rows of one source that may repeat benchmarks: above it, the source looks like a benchmark itself."""
    least_rows: int = Field(default=20, ge=1)
    """Rows of a source that must do so besides: of a source of ten rows, one is a tenth."""

    def prepare(self, context: Context) -> None:
        """Read all benchmarks, once: workers need no lm-eval, and find no text of an item on the disk.

        Raises:
            DataError: a benchmark of the culture itself cannot be read.
        """
        found, fold = benchmarks.registered(context.culture), simplified()
        folder = context.scratch / _INDEX
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        Index(found.items, fold).save(folder)
        checked = {"compared": found.compared, "unread": found.unread}
        write_whole(context.scratch / CHECKED, [json.dumps(checked, ensure_ascii=False).encode()])
        if fold is None:
            context.notes.append("traditional characters are not taken for simplified ones: OpenCC is not installed")

    def identity(self, context: Context) -> str:
        """The benchmarks, and whether scripts are folded."""
        return f"{benchmarks.registered_identity(context.culture)} folded={simplified() is not None}"

    def build(self, context: Context) -> ContaminationStep:
        """The index is read when the first rows come."""
        return ContaminationStep(self, context.scratch / _INDEX)


class ContaminationStep:
    """A sketch says how many rows of each source there are, and which of them repeat what."""

    def __init__(self, settings: Contamination, folder: Path) -> None:
        self.settings, self._folder = settings, folder
        self._index: Index | None = None

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Counts by source, and hits by place."""
        self._index = self._index or Index.load(self._folder)
        hits = {}
        for place, hit in enumerate(self._index.find_rows(map(_texts, rows))):
            if hit is not None:
                hits[place] = (rows[place].source, hit.benchmark, f"{hit.item}, {hit.rule} {hit.share:.2f}")
        counts = Counter(row.source for row in rows)
        to.write_text(json.dumps({"rows": counts, "hits": hits}, ensure_ascii=False), encoding="utf-8")

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """All hits.

        Raises:
            Refused: a source looks like a benchmark.
        """
        rows: Counter[str] = Counter()
        hits: Counter[tuple[str, str]] = Counter()
        for sketch in map(_read, sketches):
            rows.update(sketch["rows"])
            hits.update((source, benchmark) for source, benchmark, _ in sketch["hits"].values())
        self._stop(rows, hits)
        for sketch in map(_read, sketches):
            yield {int(place): (WHY + benchmark, detail) for place, (_, benchmark, detail) in sketch["hits"].items()}

    def _stop(self, rows: Mapping[str, int], hits: Mapping[tuple[str, str], int]) -> None:
        limit = self.settings.stop_above
        for source in sorted(rows):
            found = {benchmark: count for (its, benchmark), count in sorted(hits.items()) if its == source}
            total = sum(found.values())
            if total >= self.settings.least_rows and total > limit * rows[source]:
                most = max(found, key=lambda one: found[one])
                raise Refused(
                    f"curation ends here: {total} of the {rows[source]} rows of source '{source}' ({total / rows[source]:.1%}, "
                    f"more than 'stop_above' = {limit:g}) repeat benchmarks, most of them '{most}': it looks like the benchmark "
                    "itself; leave the source out"
                )


def findings(scratch: Path, report: StepReport) -> tuple[dict[str, int], dict[str, str]]:
    """What a data set's manifest says of the comparison.

    Args:
        scratch: of the step, after it has run.
        report: of the step.

    Returns:
        Benchmark -> rows left out (0 where nothing was found), and benchmark that could not be compared with -> why.
    """
    checked = _read(scratch / CHECKED)
    hits = {why.removeprefix(WHY): count for why, count in report.reasons.items()}
    return {name: hits.get(name, 0) for name in checked["compared"]}, checked["unread"]


def repeating(scratch: Path) -> Callable[[Sequence[DataRow]], list[bool]]:
    """Which of some rows repeat a benchmark, by the index that the step has made in its scratch."""
    index = Index.load(scratch / _INDEX)
    return lambda rows: [hit is not None for hit in index.find_rows(map(_texts, rows))]


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _texts(row: DataRow) -> tuple[str, ...]:
    turns = tuple(turn.content for turn in row.messages)
    return turns if row.reference is None else (*turns, row.reference)
