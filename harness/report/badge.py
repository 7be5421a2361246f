"""GateReport -> a badge, as shields.io reads it from an address (https://shields.io/badges/endpoint-badge)."""

from __future__ import annotations

from typing import Final

from harness.report.gate_facts import state
from harness.schema import GateRefusal, GateReport, Ruling

LABEL: Final = "gate"
_COLORS: Final[dict[Ruling, str]] = {"PASS": "brightgreen", "FAIL": "red", "UNDECIDED": "yellow"}

Badge = dict[str, str | int]


def badge(report: GateReport) -> Badge:
    """`gate: pass`, green; `fail`, red; `undecided`, yellow."""
    return _badge(report.ruling.lower(), _COLORS[report.ruling])


def refusal_badge(refusal: GateRefusal) -> Badge:
    """`gate: not comparable` or `gate: error`, grey."""
    return _badge(state(refusal), "lightgrey")


def _badge(message: str, color: str) -> Badge:
    return {"schemaVersion": 1, "label": LABEL, "message": message, "color": color}
