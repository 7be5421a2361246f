"""GateReport -> a comment on a pull or merge request: the ruling, a short table, all else behind a fold.

Its first line is a mark that nobody sees, by which a workflow finds the comment and renews it instead of adding another. GitHub
refuses comments above 65,536 characters, so that what does not fit is left out, line by line, and said to be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from harness.report.blocks import Block, Heading, Lines, Table, blocks_markdown
from harness.report.gate import detail_blocks, refusal_blocks
from harness.report.gate_facts import COLUMNS, NAME, headline, legend, policy_name, refusal_headline, row
from harness.report.text import count, one_line
from harness.schema import GateLine, GateRefusal, GateReport

LIMIT: Final = 60_000
"""Characters."""
SHOWN: Final = 40
"""Lines of the short table; those that failed come first."""
MARKS: Final = {"PASS": "✅", "FAIL": "❌", "UNDECIDED": "❔"}
SHORT: Final = ("ruling", "line", "baseline", "candidate", "change", "95%", "n")

_ELSEWHERE: Final = "\nAll numbers, policy, judge and keys: in the report of this job; they are too many for a comment.\n"
_ORDER: Final = ("FAIL", "UNDECIDED", "PASS", None)


def marker(policy: str) -> str:
    """`<!-- harness-gate:contract -->`: one comment a policy."""
    safe = re.sub(r"-{2,}", "-", re.sub(r"[^\w./ -]", "-", one_line(policy, NAME))).strip("- ")
    return f"<!-- harness-gate:{safe} -->"


def comment_markdown(report: GateReport) -> str:
    """At most `LIMIT` characters."""
    text = next(text for shown in range(SHOWN, -1, -1) if len(text := _head(report, shown)) <= LIMIT - len(_ELSEWHERE))
    page = blocks_markdown(detail_blocks(report))
    folded = f"\n<details>\n<summary>All numbers, policy, judge and keys</summary>\n\n{page}\n</details>\n"
    return text + (folded if len(text) + len(folded) <= LIMIT else _ELSEWHERE)


def refusal_comment(refusal: GateRefusal) -> str:
    """What stands in its place where nothing was ruled: an older PASS must not stay."""
    short = refusal.model_copy(
        update={name: one_line(getattr(refusal, name), 10 * NAME) for name in ("error", "baseline", "candidate", "policy")}
    )
    blocks = (Heading(f"⚠️ {refusal_headline(short)}", 2), *refusal_blocks(short))
    return f"{marker(refusal.policy)}\n{blocks_markdown(blocks)}"


def _head(report: GateReport, shown: int) -> str:
    """The ruling and the worst lines."""
    more = len(report.lines) - shown
    blocks: list[Block] = [
        Heading(f"{MARKS[report.ruling]} {one_line(headline(report), 3 * NAME)}", 2),
        Lines((f"{one_line(report.why, 10 * NAME)}.",), strong=True),
        _short(report.lines, shown),
        *([Lines((f"{count(more, 'line')} more, none of which rules worse than these",))] if more > 0 else []),
        Lines(legend(report)[:1]),
    ]
    return f"{marker(policy_name(report.policy))}\n{blocks_markdown(blocks)}"


def _short(lines: Sequence[GateLine], most: int) -> Table:
    rows = []
    for line in sorted(lines, key=lambda line: _ORDER.index(line.ruling))[:most]:
        said = dict(zip(COLUMNS, row(line), strict=True))
        rows.append((*(one_line(said[name], NAME) for name in SHORT), one_line(line.why, 3 * NAME)))
    return Table((*SHORT, "why"), tuple(rows), left=2, words=frozenset({len(SHORT)}))
