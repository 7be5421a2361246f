"""State × bound -> the TOML sheet beside a frozen key: where it comes from, what was audited, what the bound rests on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from harness.keying.counting import State
from harness.report.text import count

DIGITS: Final = 4
HEADER: Final = (
    "# Made by harness keys freeze. The harness reads provenance, reviewed, error_bound, sha256; the rest is for people."
)
ASSUMED: Final = (
    "People err independently of one another and of the voters, on all items alike, at one rate in the review and one in the "
    "audit; of what all of them misread alike, no more is in the bound than human_error_assumed, a share of the answers."
)


def sheet_of(state: State, version: str, bound: float, assumed: float, digest: str) -> dict[str, Any]:
    """What stands behind a key.

    Args:
        state: of the work folder.
        version: of the key.
        bound: share of its answers that can be wrong, at 95%.
        assumed: the part of it that people would misread alike.
        digest: SHA-256 of the key file.
    """
    votes = [vote for one in state.standings.values() for vote in one.votes]
    families = {vote.family for vote in votes}
    audits, reviews = state.people(state.audited), state.people(state.reviewed)
    said = [one for each in (state.reviewed, state.audited) for outcome in each.values() for one in outcome.decisions]
    voters = {vote.voter for vote in votes}
    provenance = (
        f"{count(len(voters), 'voter')} of {count(len(families), 'family', 'families')}; people decided all "
        f"{len(state.doubtful):,} items that were not unanimous and a random sample of {len(state.counted):,} of the others; "
        f"at most {bound:.2%} of {state.answers:,} answers wrong at 95%"
    )
    return {
        "version": version,
        "provenance": provenance,
        "reviewed": True,
        "benchmark": state.items.benchmark,
        "sha256": digest,
        "error_bound": math.ceil(bound * 1e6) / 1e6,
        "level": 0.95,
        "items": len(state.standings),
        "answers": state.answers,
        "contested": len(state.rulings) - state.answers,
        "proposals": state.work.digest(),
        "excluded_families": list(state.work.about.excluded),
        "assumption": ASSUMED,
        "people": {
            "annotators": len({one.annotator for one in said}),
            "decisions": len(said),
            "last": max((one.at for one in said), default=""),
            "decided_twice": audits.items + reviews.items,
            "agreed": audits.items + reviews.items - audits.disagreed - reviews.disagreed,
            "human_error_assumed": assumed,
            "human_error_review": round(reviews.error(), 6),
            "human_error_audit": round(audits.error(), 6),
            **({"kappa": round(state.kappa, DIGITS)} if state.kappa is not None else {}),
        },
        "voters": {voter: next(vote.family for vote in votes if vote.voter == voter) for voter in sorted(voters)},
        **{
            f"audit.{json.dumps(one.name)}": {
                "items": one.items,
                "audited": one.audited,
                "not_confirmed": one.errors,
                "possibly_wrong": one.remaining,
                "anytime": one.anytime,
            }
            for one in state.strata
        },
    }


def toml(sheet: Mapping[str, Any]) -> str:
    """Flat values first, then one table each; JSON's strings, numbers and lists are TOML's."""
    lines = [HEADER]
    lines += [f"{name} = {_value(value)}" for name, value in sheet.items() if not isinstance(value, Mapping)]
    for name, table in sheet.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)
