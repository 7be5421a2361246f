"""RunRecord × RunRecord -> Comparison: where two models differ, how surely, and on which samples.

Nothing is ruled: a gate does that, by a policy that was fixed before. Here one looks, and every number says how far it can be
trusted. What is missing never helps the candidate (`harness.pairs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness import folders
from harness.comparing.boards import boards
from harness.comparing.flips import flips as flipped
from harness.comparing.sides import Sides
from harness.errors import unknown
from harness.gating.sides import opened, side_of
from harness.schema import Comparison, FlipKind, Scope
from harness.stats.differences import differences

BY: Final[tuple[Scope, ...]] = ("dimension", "topic", "level")


def compare(
    baseline: str,
    candidate: str,
    *,
    metrics: Sequence[str] | None = None,
    by: Sequence[str] = ("dimension",),
    tasks: Sequence[str] = (),
    flips: int | None = None,
    kind: FlipKind | None = None,
    allow_different: bool = False,
    runs: Path | None = None,
) -> Comparison:
    """Lay two finished runs side by side, item by item.

    Args:
        baseline: run id, unique prefix, path, or `latest`.
        candidate: likewise.
        metrics: names; by default all that make a benchmark's result.
        by: dimension, topic, level: which rows there are below the averages.
        tasks: benchmarks or tasks; by default all that both runs hold.
        flips: losses, and gains, to keep at most; None: all. The counts are whole in any case.
        kind: only losses, or only gains.
        allow_different: compare what was measured differently too, matched by content; `Comparison.different` says what differs.
        runs: where runs are kept.

    Raises:
        NotComparable: the two were not measured the same way, one is limited, or they share nothing.
        HarnessError: with one line that says what to mend.
    """
    for word in by:
        if word not in BY:
            raise unknown("breakdown", word, BY)
    root = folders.runs_dir(runs)
    sides = Sides(opened(baseline, root), opened(candidate, root), tuple(tasks), allow_different)
    found = boards(sides, metrics)
    scopes = tuple(scope for scope in BY if scope in by)
    changed = flipped(found)
    return Comparison(
        baseline=side_of(sides.baseline),
        candidate=side_of(sides.candidate),
        judge=sides.baseline.record.provenance.judge,
        threshold=sides.baseline.record.provenance.threshold,
        different=sides.different,
        by=scopes,
        differences=differences([group for board in found for group in board.groups(scopes)]),
        counts=tuple(board.count() for board in found),
        flipped={one: len(changed[one]) for one in ("lost", "gained")},
        flips=tuple(flip for one in ("lost", "gained") if kind in (None, one) for flip in changed[one][:flips]),
        notes=tuple(sides.notes()),
    )
