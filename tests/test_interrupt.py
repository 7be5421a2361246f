"""Ctrl-C in the middle of a run: one line, exit 130, and the same command goes on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.runs import list_runs
from tests.conftest import Cli

pytestmark = pytest.mark.long


def stored(runs: Path) -> int:
    path = runs / ".store" / "responses.sqlite"
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM responses").fetchone()[0])
    except sqlite3.Error:
        return 0


def command(model: Path, runs: Path, *words: str) -> list[str]:
    return ["eval", "-m", str(model), "--runs", str(runs), "--json", "--batch-size", "4", *words]


def start(words: list[str]) -> subprocess.Popen[str]:
    whole = [sys.executable, "-m", "harness", *words]
    return subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def test_ctrl_c_loses_nothing_and_the_same_command_goes_on(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    words = command(tiny_model, runs, "-t", "demo_lr,demo_tp", "--gen", "max_gen_toks=8")
    with start(words) as process:
        deadline = time.monotonic() + 120
        while stored(runs) < 16:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; nothing that was answered is lost, the same command goes on" in said
    assert "Traceback" not in said
    assert [summary.state for summary in list_runs(runs)] == ["unfinished"]
    kept = stored(runs)
    done = cli(*words)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["usage"]["generated"] <= 144 - kept
    assert found["complete"] is True


def test_a_second_process_in_the_same_run_gets_one_line(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    words = command(tiny_model, runs, "-t", "demo_skills", "--gen", "max_gen_toks=32")
    with start(words) as first:
        while not stored(runs):
            assert first.poll() is None
            time.sleep(0.02)
        first.send_signal(signal.SIGSTOP)
        second = cli(*words)
        first.kill()
    assert second.code == 2
    assert f"{first.pid}" in second.err
    assert "Traceback" not in second.err
