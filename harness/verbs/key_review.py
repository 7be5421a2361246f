"""Votes -> what people are asked: a review of what voters differ on, an audit of a sample of the rest; and the page for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.keying import items as benchmarks
from harness.keying.counting import State
from harness.keying.queues import make_audit, make_review
from harness.keying.strata import standings
from harness.keying.work import Work, default_folder, open_work
from harness.schema import KeyAuditPlan

AUDIT: int = 150
"""Items a stratum: without an error among them, at most 2% of the rest are wrong."""


def review(benchmark: str, folder: Path | None = None) -> tuple[Path, int]:
    """Make the review folder, or find it; how many items it asks about (0: none, and no folder).

    Raises:
        HarnessError: with one line that says what to mend.
    """
    work = _voted(benchmark, folder)
    return work.review_folder, make_review(work, standings(work.items, work.votes()))


def audit(
    benchmark: str, folder: Path | None = None, *, n: int = AUDIT, seed: int = 0, sequential: bool = False
) -> tuple[Path, KeyAuditPlan]:
    """Draw the audit, or find it.

    Args:
        benchmark: group or task.
        folder: work folder.
        n: items a stratum.
        seed: of the draw.
        sequential: people may stop as soon as the bound is reached; it then costs a little more to be as sure.

    Raises:
        HarnessError: with one line that says what to mend.
    """
    work = _voted(benchmark, folder)
    return work.audit_folder, make_audit(work, standings(work.items, work.votes()), n, seed=seed, sequential=sequential)


def serve(
    folder: Path,
    *,
    annotators: Sequence[str],
    adjudicate: bool = False,
    port: int = 0,
    open_browser: bool = True,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Show a review folder to people, an address for each, until Ctrl-C.

    Raises:
        HarnessError: with one line that says what to mend.
    """
    from harness.reviewing.page import serve as show

    show(folder, annotator=annotators, adjudicate=adjudicate, port=port, open_browser=open_browser, on_ready=on_ready)


def _voted(benchmark: str, folder: Path | None) -> Work:
    work = open_work(folder or default_folder(benchmark), benchmarks.load(benchmark))
    if not work.votes():
        raise UsageError(f"nobody has voted yet; harness keys propose {benchmark}")
    State(work)
    return work
