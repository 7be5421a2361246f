"""GateReport -> the words and numbers that its pages, comment and XML share.

Differences are written so that more is better. Values stand on the metric's own scale, so that an HR of 2% reads 2.0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from harness.report.sections import TITLES
from harness.report.text import count, one_line
from harness.schema import GateLine, GateRefusal, GateReport, GateSide, Policy, Question

QUESTIONS: Final[dict[Question, str]] = {
    "gain": "PASS only on proof of a gain",
    "release": "PASS only on proof that no more than the margin was lost",
    "regression": "FAIL only on proof of a drop; what is undecided blocks nothing",
    "report": "shown, not judged",
}
"""In the order in which they are shown."""
BLOCKING: Final[frozenset[Question]] = frozenset({"gain", "release"})
"""Questions whose lines must be proven."""
MARGIN: Final[frozenset[Question]] = frozenset({"release", "regression"})
"""Questions that a margin answers."""
COLUMNS: Final = ("ruling", "line", "baseline", "candidate", "change", "95%", "margin", "power", "p (Holm)", "n", "missing")
WORDS: Final = 2
"""Columns of words, before those of numbers."""
ABSENT: Final = "–"
NOT_COMPARABLE: Final = 3
"""Exit code of a refusal for which neither side is at fault, but the pair."""
UNSHOWN: Final = "shown"
"""In place of a ruling, on a line of question `report`."""

NAME: Final = 120
"""Columns of a name; who needs more of it has the report."""
STATEMENT: Final = 600
"""Columns of a title, a note or a reason."""
FINGERPRINT: Final = 16
"""Columns of a model's fingerprint that are shown."""

_SOMETHING: Final = 1e-4


def headline(report: GateReport) -> str:
    """`FAIL: kg against base`."""
    return f"{report.ruling}: {one_line(report.candidate.model, NAME)} against {one_line(report.baseline.model, NAME)}"


def refusal_headline(refusal: GateRefusal) -> str:
    """`No ruling (not comparable): kg against base`."""
    return f"No ruling ({state(refusal)}): {one_line(refusal.candidate, NAME)} against {one_line(refusal.baseline, NAME)}"


def state(refusal: GateRefusal) -> str:
    """`not comparable`; of other errors, `error`."""
    return "not comparable" if refusal.exit_code == NOT_COMPARABLE else "error"


def facts(report: GateReport) -> Iterator[tuple[str, str]]:
    """Who, against whom, by which policy, judge and keys: a label and a line each."""
    yield "baseline", _side(report.baseline)
    yield "candidate", _side(report.candidate)
    yield "policy", policy_line(report.policy)
    yield "judge", _judge(report)
    for audit in report.audits:
        agreement = f"kappa {audit.kappa:.2f}, at least {audit.kappa_low:.2f}"
        yield (
            "audit",
            f"{one_line(audit.judge, NAME)} on {one_line(audit.benchmark, NAME)}: {agreement} "
            f"({count(audit.labels, 'label')} of people, run {one_line(audit.run, NAME)})",
        )
    for name, key in report.keys.items():
        reviewed = "reviewed" if key.reviewed else "not reviewed"
        sure = f", at least {key.min_confidence} confidence" if key.min_confidence else ""
        made = f"{one_line(key.version, NAME)}, {one_line(key.provenance, NAME)}"
        yield "keys", f"{one_line(name, NAME)}: {made}, {reviewed}{sure}"
    yield "missing", _missing(report)
    merged = [f"{line.clusters:,} of {line_name(line)}" for line in report.lines if line.clusters]
    if merged:
        yield "merged", f"near-duplicates of other items, which count as one with them: {'; '.join(merged)}"
    if report.sequence is not None:
        seen = report.sequence
        yield (
            "asked",
            f"{seen.asked:,} of {count(seen.of, 'item')} ({100 * seen.share:.1f}%) in {count(seen.batches, 'batch', 'batches')}, "
            f"in random order (seed {one_line(seen.order, STATEMENT)})",
        )


def policy_name(policy: Policy) -> str:
    """`zh_cn/contract`, so that two cultures' contracts are told apart; of a file given by its path, the name in it."""
    by_path = policy.source.endswith(".toml") or not policy.source
    return one_line(policy.name if by_path else policy.source, NAME)


def policy_line(policy: Policy) -> str:
    """`zh_cn/contract: target gained, English kept (sha256 0123456789ab…)`."""
    title = f": {one_line(policy.title, STATEMENT)}" if policy.title else ""
    return f"{policy_name(policy)}{title} ({f'sha256 {policy.digest[:12]}…' if policy.digest else 'built in'})"


def groups(report: GateReport) -> Iterator[tuple[Question, list[GateLine]]]:
    """The lines by question, in the order of `QUESTIONS`."""
    for question in QUESTIONS:
        lines = [line for line in report.lines if line.rule.question == question]
        if lines:
            yield question, lines


def row(line: GateLine) -> tuple[str, ...]:
    """The cells of a line, as `COLUMNS`."""
    score, bounded = line.paired, line.rule.question in MARGIN
    ceiling = line.target.ceiling
    numbers = (
        (
            _value(score.baseline, ceiling),
            _value(score.candidate, ceiling),
            signed(score.delta),
            f"{signed(score.interval.low)} to {signed(score.interval.high)}",
        )
        if score
        else (ABSENT,) * 4
    )
    return (
        line.ruling or UNSHOWN,
        line_name(line),
        *numbers,
        f"{100 * line.margin:.1f}" if bounded else ABSENT,
        f"{100 * line.power:.0f}%" if bounded and line.power is not None else ABSENT,
        ABSENT if line.p_drop_adjusted is None else p_text(line.p_drop_adjusted),
        f"{score.n:,}" if score else "0",
        f"{line.missing:,}",
    )


def line_name(line: GateLine) -> str:
    """`a_eval acc`, with what else sets it apart."""
    half = ", test" if line.rule.subset == "test" else ""
    return one_line(line.name, NAME) + half


def numbers(line: GateLine, columns: Sequence[str] = COLUMNS[WORDS:]) -> str:
    """`baseline 41.5 · candidate 3.1 · …`: what a table has no room for, in a line; what is not there is not said."""
    cells = dict(zip(COLUMNS, row(line), strict=True))
    return " · ".join(f"{name} {cells[name]}" for name in columns if cells[name] not in (ABSENT, ""))


def bets(line: GateLine) -> str:
    """What a sequential gate saw of a line; empty for a fixed one."""
    seen = line.bets
    if seen is None:
        return ""
    early = ", decided early" if seen.stopped else ""
    units = f" ({count(seen.units, 'bet')})" if seen.units != seen.items else ""
    return (
        f"asked {seen.items:,} of {count(seen.of, 'item')}{units}{early}; evidence of a drop {evidence(seen.log_e_drop)}, "
        f"of what PASS means {evidence(seen.log_e_pass)}"
    )


def evidence(log_e: float) -> str:
    """An e-value from its natural logarithm: `0.31`, `1,204`, `10^9.3`."""
    tens = log_e / math.log(10)
    if abs(tens) >= 6:
        return f"10^{tens:.1f}"
    value = math.exp(log_e)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def margins(report: GateReport) -> Iterator[str]:
    """Where the margins come from, each reason once: `2.0 points, the least there is: a_eval acc, demo_mcq acc`."""
    found: dict[str, list[str]] = {}
    for line in report.lines:
        if line.rule.question in MARGIN:
            found.setdefault(f"{100 * line.margin:.1f} points ({one_line(line.margin_why)})", []).append(line_name(line))
    for reason, names in found.items():
        yield f"margin {reason}: {'; '.join(names)}"


def legend(report: GateReport) -> tuple[str, ...]:
    """What the three words mean, and how to read the numbers."""
    policy = report.policy
    ceilings = sorted({TITLES.get(line.target.metric, line.target.metric) for line in report.lines if line.target.ceiling})
    turned = f" (of {', '.join(map(one_line, ceilings))} too, where less is better)" if ceilings else ""
    read = [
        f"FAIL: a drop is proven; a candidate without any would be failed in at most {100 * policy.alpha:g}% of gates, over all "
        f"lines together (Holm). PASS: nothing failed, and every gain and release line is proven, each wrongly in at most "
        f"{100 * policy.beta:g}%; UNDECIDED: neither, so more items are needed, not another try.",
        f"Percent; change: percentage points, + is better{turned}; power: chance that an unchanged candidate passes the line; "
        "p (Holm): of no drop, corrected for the number of lines.",
    ]
    if any(line.rule.subset == "test" for line in report.lines):
        read.append("test: only the half of the items that no diagnosis has read.")
    if any(line.bets for line in report.lines):
        read.append(
            "evidence: the e-values of the sequential gate; they hold whenever one stops. Values and intervals are over the items"
            " that were asked, to be looked at; the ruling comes from the evidence."
        )
    return tuple(read)


def signed(share: float) -> str:
    """Points: `+1.2`, `-0.3`, `0.0`."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def p_text(p: float) -> str:
    """`0.012`, `<0.0001`."""
    return f"<{_SOMETHING:.4f}" if p < _SOMETHING else f"{p:.4f}" if p < 0.1 else f"{p:.2f}"


def _value(share: float, ceiling: bool) -> str:
    return f"{100 * (1 - share if ceiling else share):.1f}".replace("-0.0", "0.0")


def _side(side: GateSide) -> str:
    run = f"run {one_line(side.run, NAME)}" if side.run else "asked until the verdict, no run"
    return f"{one_line(side.model, NAME)}, {run}, fingerprint {one_line(side.fingerprint, FINGERPRINT)}"


def _judge(report: GateReport) -> str:
    if report.judge is None:
        return "none"
    told = "" if report.audits else "; no audit says how well it agrees with people"
    return f"under judge {one_line(report.judge, NAME)}, threshold {report.threshold:g}{told}"


def _missing(report: GateReport) -> str:
    lacking = [f"{line.missing:,} of {line_name(line)}" for line in report.lines if line.missing]
    if not lacking:
        return "no item lacks a response or verdict"
    return f"{'; '.join(lacking)}: wrong where the candidate lacks it, a tie where the baseline does"
