"""Gates on record: a baseline that was one of several candidates is refused, since the run that chose it flatters it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.schema import ModelRef
from tests.conftest import Cli
from tests.gating.made import changed, made

HALF = [1.0] * 200 + [0.0] * 200


@pytest.fixture
def field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base, and four checkpoints that differ from it by chance."""
    runs = tmp_path / "runs"
    monkeypatch.setenv("HARNESS_RUNS", str(runs))
    made(runs, "base", {"demo_tu": HALF})
    for number in range(4):
        model = ModelRef(name=f"m{number}", backend="hf", source=f"m{number}")
        values = {"demo_tu": changed(HALF, 6 + number, 9)}
        made(runs, f"step{number}", values, model=model, model_fingerprint=f"hf:{number}")
    return runs


def gate(cli: Cli, baseline: str, candidate: str, *words: str) -> tuple[int, str]:
    done = cli("gate", "--baseline", baseline, "--candidate", candidate, "--json", *words)
    return done.code, done.err if done.code == 3 else done.out


def test_the_best_of_three_candidates_is_no_baseline_by_the_same_run(field: Path, cli: Cli) -> None:
    for number in range(3):
        assert gate(cli, "base", f"step{number}")[0] == 0
    code, said = gate(cli, "step0", "step3")
    assert code == 3
    assert "baseline 'step0' is one of 3 candidates that were gated against 'base'" in said
    assert "harness eval --fresh" in said


def test_a_fresh_run_of_it_is_one(field: Path, cli: Cli) -> None:
    for number in range(3):
        gate(cli, "base", f"step{number}")
    made(field, "step0-2", {"demo_tu": changed(HALF, 8, 8)}, model_fingerprint="hf:0")
    assert gate(cli, "step0-2", "step3")[0] == 0


def test_it_can_be_taken_all_the_same_and_the_report_says_so(field: Path, cli: Cli) -> None:
    for number in range(3):
        gate(cli, "base", f"step{number}")
    code, said = gate(cli, "step0", "step3", "--allow-chosen")
    assert code == 0
    assert "one of 3 candidates" in json.loads(said)["notes"][0]


def test_a_chain_of_promotions_is_not_a_choice(field: Path, cli: Cli) -> None:
    assert [gate(cli, was, now)[0] for was, now in (("base", "step0"), ("step0", "step1"), ("step1", "step2"))] == [0, 0, 0]


def test_the_same_gate_twice_counts_once(field: Path, cli: Cli) -> None:
    for _ in range(3):
        gate(cli, "base", "step0")
    assert gate(cli, "step0", "step1")[0] == 0


def test_a_report_that_cannot_be_read_is_no_evidence(field: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gates" / "broken").mkdir(parents=True)
    (tmp_path / "gates" / "broken" / "report.json").write_text("{")
    assert gate(cli, "base", "step0")[0] == 0


def test_a_gate_whose_report_cannot_be_kept_rules_and_says_so(
    field: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_GATES", str(tmp_path / "file" / "gates"))
    code, said = gate(cli, "base", "step0")
    assert code == 0
    assert "this report is not kept" in json.loads(said)["notes"][-1]
