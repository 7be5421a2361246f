"""Votes × people's decisions -> a frozen key with a stated error bound."""

from __future__ import annotations

from pathlib import Path

from harness.keying import freezing
from harness.keying import items as benchmarks
from harness.keying.counting import State
from harness.keying.work import default_folder, open_work
from harness.schema import FrozenKey


def freeze(
    benchmark: str, version: str, folder: Path | None = None, *, max_error: float = 0.02, human_error: float = 0.0
) -> FrozenKey:
    """Write the key file and its sheet.

    Args:
        benchmark: group or task.
        version: part of the file's name; frozen once.
        folder: work folder; default `keys/BENCHMARK`.
        max_error: largest share of wrong answers that may be left possible.
        human_error: share of the answers that people would all misread alike, whoever looked; added to the bound.

    Raises:
        IncompleteRun: items await people.
        Refused: the bound is above `max_error`.
        HarnessError: with one line that says what to mend.
    """
    work = open_work(folder or default_folder(benchmark), benchmarks.load(benchmark))
    return freezing.freeze(State(work), version, max_error=max_error, assumed=human_error)
