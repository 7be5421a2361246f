"""What every command promises whatever it prints to: one line for an error, no escape, no ruling lost to a pipe or an encoding."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.gating.made import changed, made

WAS = [1.0] * 100 + [0.0] * 100
EVIL = "a\x1b[31mb\x9b2J\u202e\nc"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A baseline, and a candidate that fails the gate: exit 4."""
    made(tmp_path / "runs", "base", {"demo_tu": WAS})
    made(tmp_path / "runs", "worse", {"demo_tu": changed(WAS, 60, 0)})
    return tmp_path


def harness(*words: str, stdout: Any = subprocess.PIPE, **env: str) -> subprocess.CompletedProcess[bytes]:
    """A process of its own, so that its streams are real."""
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.run(command, env={**os.environ, **env}, stdout=stdout, stderr=subprocess.PIPE, check=False)


GATE = ("gate", "--baseline", "base", "--candidate", "worse")


@pytest.mark.parametrize(
    ("words", "code"),
    [(GATE, 4), ((*GATE, "--json"), 4), ((*GATE, "--markdown"), 4), (("compare", "base", "worse"), 0), (("policies",), 0)],
    ids=["gate", "json", "markdown", "compare", "policies"],
)
def test_a_reader_that_has_gone_changes_no_exit_code(runs: Path, words: Sequence[str], code: int) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        done = harness(*words, stdout=nobody)
    assert (done.returncode, done.stderr) == (code, b"")


@pytest.mark.parametrize("look", ["", "--json", "--markdown"])
def test_an_encoding_without_the_character_loses_no_ruling(runs: Path, look: str) -> None:
    done = harness(*GATE, *([look] if look else []), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (4, b"")
    text = done.stdout.decode("ascii")
    if look == "--json":
        assert json.loads(text)["ruling"] == "FAIL"
    else:
        assert "FAIL: " in text


def test_a_stream_that_is_closed_loses_none_either(runs: Path) -> None:
    command = f"exec '{sys.executable}' -m harness {' '.join(GATE)} --markdown >&-"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (4, b"")


def test_an_error_is_one_line_without_an_escape_whatever_was_asked_for(runs: Path, cli: Cli) -> None:
    for words in (("gate", "--baseline", EVIL, "--candidate", "base"), ("compare", EVIL, "base"), ("policies", EVIL)):
        done = cli(*words)
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert not STEERING.search(done.err)


def test_json_says_the_same_without_a_character_that_a_terminal_would_obey(runs: Path, cli: Cli) -> None:
    policy = runs / "p.toml"
    title = json.dumps(EVIL).replace("\\n", " ")
    policy.write_text(f'title = {title}\n[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\n')
    done = cli("policies", str(policy), "--json")
    assert not STEERING.search(done.out)
    assert json.loads(done.out)["title"] == EVIL.replace("\n", " ")
    out = runs / "gate.json"
    cli("gate", "--baseline", "base", "--candidate", "worse", "--policy", str(policy), "--out", str(out))
    assert not STEERING.search(out.read_text("utf-8"))


# --- help -------------------------------------------------------------------------------------------------------------------


def panels(text: str) -> list[str]:
    return re.findall(r"^╭─ (.+?) ─+╮$", text, re.MULTILINE)


@pytest.mark.parametrize("command", ["gate", "compare", "policies", "eval", "judge", "adapt", "mix", "train", "diagnose"])
def test_at_80_columns_no_name_of_an_option_is_cut(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = cli(command, "--help").out
    assert not re.search(r"--?\S*…|HARNESS_\w*…", text)


def test_the_options_of_a_gate_stand_by_what_they_are_about(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = cli("gate", "--help").out
    assert panels(text) == ["Options", "Files for CI", "How replies are judged", "How a model is asked"]
    assert text.index("--baseline") < text.index("--junit") < text.index("--threshold") < text.index("--model-arg")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("gate", "the contract of the culture that the baseline measured, else regression"),
        ("gate", "where that is set"),
        ("gate", "hf"),
        ("compare", "3; in JSON all"),
        ("eval", "16"),
        ("judge", "the run's own"),
        ("mix", "the culture's"),
    ],
)
def test_a_default_that_is_no_constant_is_said(cli: Cli, command: str, said: str) -> None:
    text = " ".join(re.sub(r"[│\s]+", " ", cli(command, "--help").out).split())
    assert f"[default: ({said})]" in text


def test_options_are_understood_as_lm_eval_writes_them_too(runs: Path, cli: Cli) -> None:
    done = cli(*GATE, "--batch_size", "2", "--model_args", "dtype=float32", "--judge_concurrency=3")
    assert (done.code, done.err) == (4, "")
