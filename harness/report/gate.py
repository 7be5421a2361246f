"""GateReport -> a page for a terminal and as GitHub markdown."""

from __future__ import annotations

from rich.console import RenderableType

from harness.report.blocks import Block, Heading, Lines, Table, blocks_console, blocks_markdown
from harness.report.text import one_line
from harness.schema import GateLine, GateReport

COLUMNS = ("line", "ruling", "baseline", "candidate", "change", "95%", "margin", "power", "n", "why")


def show_gate(report: GateReport) -> RenderableType:
    """For a terminal."""
    return blocks_console(_blocks(report))


def gate_markdown(report: GateReport) -> str:
    """As GitHub markdown."""
    return blocks_markdown(_blocks(report))


def _blocks(report: GateReport) -> list[Block]:
    return [
        Heading(f"{report.ruling}: {report.candidate.model} against {report.baseline.model}", 1),
        Lines((report.why,)),
        Table(COLUMNS, tuple(_row(line) for line in report.lines), left=2, words=frozenset({9})),
    ]


def _row(line: GateLine) -> tuple[str, ...]:
    score = line.paired
    if score is None:
        return (line.name, line.ruling or "–", "–", "–", "–", "–", f"{100 * line.margin:.1f}", "–", "0", line.why)
    return (
        one_line(line.name),
        line.ruling or "–",
        f"{100 * score.baseline:.1f}",
        f"{100 * score.candidate:.1f}",
        f"{100 * score.delta:+.1f}",
        f"{100 * score.interval.low:+.1f} to {100 * score.interval.high:+.1f}",
        f"{100 * line.margin:.1f}",
        f"{100 * line.power:.0f}%" if line.power is not None else "–",
        f"{score.n:,}",
        line.why,
    )
