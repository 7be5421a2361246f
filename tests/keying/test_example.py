"""The made-up voters and people of the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.keying.conftest import Found
from tests.keying.made import MCQ

EXAMPLES = Path(__file__).parents[2] / "examples/keys"


def test_the_documented_commands_give_a_key(cli: Cli, found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    import simulated

    from harness.reviewing.store import Review

    work = tmp_path / "work"
    simulated.write_votes(tmp_path / "made-up")
    found("propose", MCQ, "--folder", work, "--from", tmp_path / "made-up/proposals.jsonl")
    assert found("review", MCQ, "--folder", work)["items"] == 25
    found("audit", MCQ, "--folder", work, "--n", "100")
    for name in ("review", "audit"):
        simulated.decide(Review(work / name), simulated.truth(work), 0.01)
    done = cli("keys", "freeze", MCQ, "--version", "v1", "--folder", str(work))
    assert done.code == 4
    assert "go on" not in done.err
    assert found("freeze", MCQ, "--version", "v1", "--folder", work, "--max-error", "0.06")["answers"] == 180
