"""What was proven of a line -> PASS, FAIL or UNDECIDED; and of all lines, the gate's ruling in a sentence.

Two errors are kept apart. A FAIL is a claim ("something dropped"), so the more lines there are the stricter each must be: Holm
keeps the chance of any false FAIL at alpha (Scand. J. Statist. 6, 1979). A PASS of the whole gate needs every line's PASS, an
intersection-union test (Berger, Technometrics 24, 1982): each line at its own level, nothing is corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.schema import GateLine, Question, Ruling

BLOCKING = frozenset({"release", "gain"})
"""Questions whose lines must be proven before a gate can PASS."""


@dataclass(frozen=True)
class Proof:
    """What is beyond doubt about one line."""

    dropped: bool
    """A drop beyond the tolerance."""
    held: bool
    """No loss of more than the margin."""
    gained: bool


def rule_line(question: Question, proof: Proof) -> Ruling | None:
    """The ruling on one line; None for `report`.

    With many items a drop can be proven that the margin allows: a release line accepts it, a regression line does not.
    """
    if question == "report":
        return None
    passed = {"regression": proof.held and not proof.dropped, "release": proof.held, "gain": proof.gained}[question]
    if passed:
        return "PASS"
    return "FAIL" if proof.dropped else "UNDECIDED"


def rule_all(lines: Sequence[GateLine]) -> tuple[Ruling, str]:
    """The gate's ruling and why."""
    failed = [line for line in lines if line.ruling == "FAIL"]
    if failed:
        return "FAIL", f"a drop is proven: {_named(failed)}"
    waiting = [line for line in lines if line.ruling == "UNDECIDED" and line.rule.question in BLOCKING]
    if waiting:
        return "UNDECIDED", f"no drop is proven, but neither is what was asked for: {_named(waiting)}"
    judged = [line for line in lines if line.ruling is not None]
    open_ = [line for line in judged if line.ruling == "UNDECIDED"]
    if not judged:
        return "UNDECIDED", "the policy judges nothing"
    if not open_:
        return "PASS", f"proven for {len(judged)} of {len(judged)} lines"
    return "PASS", f"no drop is proven; {len(judged) - len(open_)} of {len(judged)} lines are proven, not {_named(open_)}"


def _named(lines: Sequence[GateLine]) -> str:
    shown = [line.name for line in lines[:4]]
    return ", ".join(shown) + (f" and {len(lines) - 4} more" if len(lines) > 4 else "")
