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

from harness.runs import list_runs


def stored(runs: Path) -> int:
    path = runs / ".store" / "responses.sqlite"
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM responses").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_ctrl_c_loses_nothing_and_the_same_command_goes_on(tiny_model: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    words = [
        sys.executable,
        "-m",
        "harness",
        "eval",
        "-m",
        str(tiny_model),
        "-t",
        "demo_lr,demo_tp",
        "--runs",
        str(runs),
        "--json",
    ]
    words += ["--gen", "max_gen_toks=16", "--batch-size", "4"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        deadline = time.monotonic() + 120
        while stored(runs) < 40:
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
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["usage"]["generated"] <= 144 - kept
    assert found["complete"] is True


def test_a_second_process_in_the_same_run_gets_one_line(tiny_model: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    words = [sys.executable, "-m", "harness", "eval", "-m", str(tiny_model), "-t", "demo_skills", "--runs", str(runs), "--json"]
    words += ["--gen", "max_gen_toks=32", "--batch-size", "2"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first:
        while stored(runs) < 4:
            assert first.poll() is None
            time.sleep(0.02)
        second = subprocess.run(words, capture_output=True, text=True, check=False)
        first.kill()
    assert second.returncode == 2
    assert f"{first.pid}" in second.stderr
    assert "Traceback" not in second.stderr
