"""All real items, a real tiny model, a real HTTP judge that fails three in ten at first, and `kill -9` in the middle:
the record equals that of a run in one go with a judge that never fails."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.runs import load_run, read_samples
from harness.schema import RunRecord
from tests.conftest import Cli
from tests.loopback import Loopback, at_rate

pytestmark = pytest.mark.long

TASKS = "a_eval,chisafetybench_v0,chisafetybench_v1"
FAULTS = ("500", "429", "503", "garbage", "half_json", "empty", "other_language", "no_choices", "400")


def words(model: Path, runs: Path) -> list[str]:
    command = ["eval", "-m", str(model), "-t", TASKS, "--judge", "openai:judge", "--runs", str(runs)]
    return [*command, "--gen", "max_gen_toks=4", "--model-arg", "dtype=float32,max_length=48", "--batch-size", "128", "--json"]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, benchmarks: Path, tmp_path: Path) -> Callable[[Loopback], None]:
    """The judge's server and the data, for this process and those it starts."""

    def asks(server: Loopback) -> None:
        for name, value in (("JUDGE_BASE_URL", server.base_url), ("DATA", benchmarks), ("CACHE", tmp_path / "c")):
            monkeypatch.setenv(f"HARNESS_{name}", str(value))

    return asks


def rows(path: Path, table: str) -> int:
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.Error:
        return 0


def kill_when(command: list[str], reached: Callable[[], bool]) -> None:
    """Start the command and `kill -9` it as soon as `reached()`."""
    whole = [sys.executable, "-m", "harness", *command]
    with subprocess.Popen(whole, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        deadline = time.monotonic() + 240
        while not reached():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)


def finish(command: list[str], attempts: int) -> dict[str, Any]:
    for _ in range(attempts):
        done = subprocess.run([sys.executable, "-m", "harness", *command], capture_output=True, text=True, check=False)
        assert done.returncode in {0, 3}, done.stderr[-2000:]
        found: dict[str, Any] = json.loads(done.stdout)
        if not any(c["unjudged"] for c in found["coverage"]):
            return found
    raise AssertionError(f"still unjudged after {attempts} runs: {[c for c in found['coverage'] if c['unjudged']]}")


def essence(record: RunRecord) -> dict[str, Any]:
    """Everything but what differs between two processes by nature."""
    return record.model_dump(mode="json", exclude={"usage"})


@pytest.mark.timeout(600)
def test_a_killed_run_with_a_failing_judge_equals_a_clean_one(
    cli: Cli, tiny_model: Path, environment: Callable[[Loopback], None], loopback: Callable[..., Loopback], tmp_path: Path
) -> None:
    environment(loopback())
    once = cli(*words(tiny_model, tmp_path / "clean"))
    assert once.code == 0, once.err[-2000:]
    clean = json.loads(once.out)

    plan = at_rate(0.3, *FAULTS)
    # A second time each is answered: one item in 188 left without a verdict is within the 1% of a complete run, which goes on no more.
    shaky = loopback(faults=lambda body, seen: None if seen else plan(body, seen), retry_after="0.01")
    environment(shaky)
    command, runs = words(tiny_model, tmp_path / "shaky"), tmp_path / "shaky"
    kill_when(command, lambda: rows(runs / ".store" / "responses.sqlite", "responses") > 400)
    kill_when(command, lambda: rows(runs / ".store" / "responses.sqlite", "responses") > 2500)
    kill_when(command, lambda: len(shaky.requests) > 300)
    assert not list(runs.glob("*/record.json"))
    asked_before = len(shaky.requests)
    broken = finish(command, 6)

    assert broken["id"] == clean["id"]
    one, other = load_run(clean["id"], tmp_path / "clean"), load_run(broken["id"], tmp_path / "shaky")
    assert essence(one) == essence(other)
    assert list(read_samples(tmp_path / "clean" / one.id)) == list(read_samples(tmp_path / "shaky" / other.id))
    assert sum(c.n for c in one.coverage) == 678 + 1861 + 462 + 1567 + 462 + 101
    assert len(shaky.requests) > asked_before
