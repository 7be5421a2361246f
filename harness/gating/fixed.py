"""Planned lines × two finished runs -> GateLines: every item of both, one look.

a drop      verdicts: one-sided McNemar mid-p; beyond a tolerance: Tango's score test; scores: t, or exact sign flips
the margin  Tango's one-sided bound (verdicts) or Student's (scores) at `beta`
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.errors import IncompleteRun
from harness.gating.plan import Planned
from harness.gating.rulings import Proof, rule_line
from harness.pairs import Item, Run, items, paired
from harness.schema import GateLine, PairedScore, Policy
from harness.stats.multiple import holm
from harness.stats.paired import Paired, bound, compare, p_improved, p_worse


def judge(policy: Policy, lines: Sequence[Planned], baseline: Run, candidate: Run) -> tuple[GateLine, ...]:
    """Rule on every line.

    Raises:
        IncompleteRun: a line lacks more responses or verdicts than the policy allows.
    """
    found = [items(line.target, baseline, candidate) for line in lines]
    for line, rows in zip(lines, found, strict=True):
        check_missing(policy, line, missing(rows), len(rows))
    pairs = [paired(rows, {item.hash: item.unit for item in line.items}) for line, rows in zip(lines, found, strict=True)]
    drops = [p_worse(values, line.rule.tolerance) for line, values in zip(lines, pairs, strict=True)]
    judged = [place for place, line in enumerate(lines) if line.rule.question != "report"]
    adjusted = dict(zip(judged, holm([drops[place] for place in judged]), strict=True))
    return tuple(
        _line(policy, line, rows, values, drops[place], adjusted.get(place))
        for place, (line, rows, values) in enumerate(zip(lines, found, pairs, strict=True))
    )


def missing(rows: Collection[Item]) -> int:
    """Items that one of the two has no value for."""
    return sum(row.baseline is None or row.candidate is None for row in rows)


def check_missing(policy: Policy, line: Planned, lacking: int, n: int) -> None:
    """Refuse to judge by what is not there.

    Raises:
        IncompleteRun: more than the policy allows.
    """
    if lacking > policy.missing * n:
        raise IncompleteRun(
            f"{line.name}: {lacking:,} of {n:,} items lack a response or verdict on one side, "
            f"more than {100 * policy.missing:g}%; the same harness eval command asks what is missing"
        )


def _line(policy: Policy, line: Planned, rows: Sequence[Item], values: Paired, p_drop: float, adjusted: float | None) -> GateLine:
    score = compare(values)
    proof = Proof(
        dropped=adjusted is not None and adjusted <= policy.alpha,
        held=bound(values, "lower", policy.beta) >= -line.margin,
        gained=p_improved(values) <= policy.beta and score.delta > 0,
    )
    return GateLine(
        name=line.name,
        rule=line.rule,
        target=line.target,
        paired=score,
        margin=line.margin,
        margin_why=line.margin_why,
        power=line.power,
        p_drop=p_drop,
        p_drop_adjusted=adjusted,
        missing=missing(rows),
        clusters=len({row.hash for row in rows}) - score.n,
        ruling=rule_line(line.rule.question, proof),
        why=said(line, score, proof),
    )


def said(line: Planned, score: PairedScore, proof: Proof) -> str:
    """The ruling in a sentence."""
    change = f"{100 * score.delta:+.1f} points"
    margin = f"{100 * line.margin:.1f}"
    excluded = f"a loss above {margin} points is excluded"
    possible = f"a loss of {max(0.0, -100 * score.lower):.1f} points is not excluded, the margin is {margin}"
    if line.rule.question == "gain":
        return f"{change}, a gain" if proof.gained else f"{change}, a drop" if proof.dropped else f"{change}, no proof of a gain"
    if proof.dropped:
        return f"{change}, a drop beyond doubt" + ("; " + excluded if proof.held else "")
    return f"{change}; {excluded if proof.held else possible}"
