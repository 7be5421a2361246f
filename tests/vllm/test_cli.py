"""`harness eval` with vLLM as a new user types it: an endpoint, and a folder in process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.lm.server import Server
from tests.processes import group, within

pytestmark = pytest.mark.vllm

HARNESS = Path(sys.executable).with_name("harness")
TASK = "demo_tu"
LIMIT = 3
ON_CPU = "dtype=float32,max_model_len=1024,enforce_eager=True,kv_cache_memory_bytes=67108864"


def command(model: str, runs: Path, *options: str) -> list[str]:
    return [str(HARNESS), "eval", "--model", model, "--tasks", TASK, "--runs", str(runs), "--json", *options]


def evaluate(model: str, runs: Path, *options: str) -> dict[str, Any]:
    """The run record that `harness eval --json` prints. vLLM's own lines must go to standard error."""
    words = command(model, runs, "--limit", str(LIMIT), "--gen", "max_gen_toks=16", *options)
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    return dict(json.loads(told.stdout))


def samples(runs: Path, record: dict[str, Any]) -> list[dict[str, Any]]:
    lines = (runs / record["id"] / "samples" / f"{TASK}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_an_endpoint_is_measured(server: Server, tmp_path: Path) -> None:
    record = evaluate(f"{server.url}#{server.name}", tmp_path)
    replies = [sample["response"] for sample in samples(tmp_path, record)]
    assert record["model"]["backend"] == "openai"
    assert len(replies) == LIMIT
    assert all(reply["text"] is not None and reply["completion_tokens"] for reply in replies)


def test_a_folder_is_measured_in_process_and_gives_the_servers_scores(server: Server, tiny_taught: Path, tmp_path: Path) -> None:
    behind = evaluate(f"{server.url}#{server.name}", tmp_path)
    record = evaluate(f"vllm:{tiny_taught}", tmp_path, "--model-arg", ON_CPU)
    assert record["model"]["backend"] == "vllm"
    assert [sample["response"]["text"] for sample in samples(tmp_path, record)] == [
        sample["response"]["text"] for sample in samples(tmp_path, behind)
    ]
    assert [(score["name"], score["value"]) for score in record["scores"]] == [
        (score["name"], score["value"]) for score in behind["scores"]
    ]


def test_nothing_of_vllm_outlives_a_killed_evaluation(tiny_model: Path, tmp_path: Path) -> None:
    words = command(f"vllm:{tiny_model}", tmp_path, "--model-arg", ON_CPU, "--gen", "max_gen_toks=400")
    said = tmp_path / "said"
    with said.open("wb") as err, subprocess.Popen(words, stdout=err, stderr=err, start_new_session=True) as run:
        loaded = within(240, lambda: b"Completed | 1/1" in said.read_bytes() or run.poll() is not None)
        run.kill()
    assert loaded, said.read_text()
    assert run.wait() == -signal.SIGKILL, said.read_text()
    assert within(15, lambda: not group(run.pid))
