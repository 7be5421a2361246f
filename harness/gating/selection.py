"""Gates on record × baseline -> whether the baseline was chosen by the very run it is compared by.

The best of five equal checkpoints is the luckiest of them. Gated against with the run that made it the best, the next equal one
seems to have dropped in 15 of 100 gates on full runs and in 11 of 100 sequential ones (bench/gatebench.py, T8); with a fresh run
of the baseline in 5 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.gating.folder import REPORT
from harness.pairs import Run
from harness.schema import GateReport

FIELD: Final = 3
"""Candidates of one baseline and policy from which one cannot have been chosen without a prize for luck."""


def chosen_among(baseline: Run, gates: Path) -> str | None:
    """What is wrong with a baseline run that was one of several candidates; None if nothing is known of that.

    Args:
        baseline: the run to compare with.
        gates: where the reports of earlier gates lie.
    """
    found = list(_reports(gates))
    for report in found:
        if report.candidate.run == baseline.record.id:
            field = {one.candidate.fingerprint for one in found if _same_race(one, report)}
            if len(field) >= FIELD:
                return (
                    f"baseline '{baseline.record.id}' is one of {len(field)} candidates that were gated against "
                    f"'{report.baseline.run}': if it was chosen by this run, this run flatters it"
                )
    return None


def _same_race(one: GateReport, other: GateReport) -> bool:
    return (one.baseline.run, one.policy.digest, one.policy.rules) == (
        other.baseline.run,
        other.policy.digest,
        other.policy.rules,
    )


def _reports(gates: Path) -> Iterator[GateReport]:
    """Those that can be read; what cannot be is no evidence of anything."""
    for file in sorted(gates.glob(f"*/{REPORT}")):
        try:
            yield GateReport.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            continue
