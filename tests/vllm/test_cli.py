"""`harness eval` with vLLM as a new user types it: an endpoint, and a folder in process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.lm.server import Server

pytestmark = pytest.mark.vllm

HARNESS = Path(sys.executable).with_name("harness")
TASK = "demo_tu"
LIMIT = 3


def evaluate(model: str, runs: Path, *options: str) -> dict[str, Any]:
    """The run record that `harness eval --json` prints. vLLM writes its own lines to standard error."""
    command = [str(HARNESS), "eval", "--model", model, "--tasks", TASK, "--limit", str(LIMIT)]
    command += ["--gen", "max_gen_toks=16", "--runs", str(runs), "--json", *options]
    told = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OPENAI_API_KEY": "none"})
    assert told.returncode == 0, told.stderr[-3000:]
    return dict(json.loads(told.stdout))


def samples(runs: Path, record: dict[str, Any]) -> list[dict[str, Any]]:
    lines = (runs / record["id"] / "samples" / f"{TASK}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def in_process(tiny: Path, runs: Path) -> dict[str, Any]:
    arguments = "dtype=float32,max_model_len=1024,enforce_eager=True,kv_cache_memory_bytes=67108864"
    return evaluate(f"vllm:{tiny}", runs, "--model-arg", arguments)


def test_an_endpoint_is_measured(server: Server, tmp_path: Path) -> None:
    record = evaluate(f"{server.url}#{server.name}", tmp_path)
    replies = [sample["response"] for sample in samples(tmp_path, record)]
    assert record["model"]["backend"] == "openai"
    assert len(replies) == LIMIT
    assert all(reply["text"] is not None and reply["completion_tokens"] for reply in replies)


def test_a_folder_is_measured_in_process_and_gives_the_servers_scores(server: Server, tiny_taught: Path, tmp_path: Path) -> None:
    behind = evaluate(f"{server.url}#{server.name}", tmp_path)
    record = in_process(tiny_taught, tmp_path)
    assert record["model"]["backend"] == "vllm"
    assert [sample["response"]["text"] for sample in samples(tmp_path, record)] == [
        sample["response"]["text"] for sample in samples(tmp_path, behind)
    ]
    assert [(score["name"], score["value"]) for score in record["scores"]] == [
        (score["name"], score["value"]) for score in behind["scores"]
    ]
