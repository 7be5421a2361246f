"""What a gate says that could not rule: the two are not measured the same way, a run is incomplete, a name is wrong."""

from __future__ import annotations

from typing import Final, Literal

from harness.schema.evaluation import Frozen

REFUSAL_SCHEMA: Final = "harness.gate-refusal/1"


class GateRefusal(Frozen):
    """In place of a GateReport: nothing was ruled, and what must be mended first."""

    schema_version: Literal["harness.gate-refusal/1"] = REFUSAL_SCHEMA
    policy: str
    """Name of the policy, or what was given for it."""
    baseline: str
    """As asked for: a run or a model."""
    candidate: str
    error: str
    """In one line."""
    exit_code: int
    """3: incomplete or not comparable; 2: the command or a file is wrong; 1: the model or judge cannot be used."""
