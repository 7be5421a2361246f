"""GateReport × what the candidate answered -> `gates/<candidate>-vs-<baseline>-<hash>/`, the report last.

A sequential gate leaves no run behind: a model that was asked a tenth of a benchmark has no score on it. What it did answer
stands here, as the samples of a run do. The name is fixed by what was asked, so the same command writes the same folder again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness import __version__
from harness.gating.streams import Answers, Facts
from harness.pairs import PINNED, Run
from harness.runs import run_id
from harness.runs.encode import sample_lines
from harness.runs.layout import LOCK, SAMPLES, sample_name
from harness.runs.lock import FolderLock
from harness.runs.write import drop_leftovers, make_folder, remove, write_whole
from harness.schema import GateReport, Policy

REPORT: Final = "report.json"


def gate_id(candidate: Facts, baseline: Run, policy: Policy, *, sequential: bool) -> str:
    """`<candidate>-vs-<baseline>-<8 hex of what was asked>`."""
    made = candidate.provenance.model_dump(mode="json")
    spec = {
        "harness": __version__,
        "candidate": {"run": candidate.run, "model": candidate.model, "fingerprint": candidate.provenance.model_fingerprint},
        "baseline": {"run": baseline.record.id, "samples": baseline.record.samples},
        "conditions": {name: made[name] for name in PINNED},
        "policy": policy.model_dump(mode="json"),
        "sequential": sequential,
    }
    return run_id(candidate.model, (f"vs-{baseline.record.model.name}",), spec)


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Keep a gate's folder from other processes.

    Raises:
        UsageError: another process is at the same gate.
        DataError: the folder cannot be written.
    """
    make_folder(place)
    lock = FolderLock(place / LOCK)
    lock.acquire()
    try:
        drop_leftovers(place)
        yield
    finally:
        lock.release()


def save(place: Path, report: GateReport, answers: Answers) -> None:
    """Write what was answered, then the report; what stood there before is replaced.

    Raises:
        DataError: a file cannot be written.
    """
    remove(place / REPORT)
    make_folder(place / SAMPLES)
    for task in sorted({task for task, _ in answers}):
        rows = [answer for (of, _), answer in sorted(answers.items()) if of == task]
        write_whole(place / sample_name(task), sample_lines(rows))
    keep(place, report)


def keep(place: Path, report: GateReport) -> None:
    """Write the report alone.

    Raises:
        DataError: it cannot be written.
    """
    make_folder(place)
    text = json.dumps(report.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"
    write_whole(place / REPORT, [text.encode("utf-8", "replace")])
