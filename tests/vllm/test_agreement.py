"""One checkpoint gives the same numbers in every engine: Transformers, vLLM in process, vLLM behind HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from harness.lm.server import Server
from tests.tiny import LESSONS

pytestmark = pytest.mark.vllm

ASK = Path(__file__).with_name("ask_lm_eval.py")
PAIRS = (
    ("今天的天气，", "很好"),
    ("今天的天气很好，我们去公园散步，", "看见了许多花。"),
    ("中国的首都是：", "北京"),
    ("中国的首都是：", "上海"),
    ("The answer is", " A"),
    ("The answer is", " one of A, B, C or D."),
    ("A small model learns", " what it is shown, and nothing else."),
    ("1 + 1 =", " 2"),
    *((f"<s><|user|>{question}<|assistant|>", answer) for question, answer in LESSONS),
    ("山" * 300, "，水"),
)
"""Context and continuation, parted where the tokenizer parts them. The last is longer than a KV cache block of 128 tokens."""
LEARNED = slice(-1 - len(LESSONS), -1)
TOLERANCE = 1e-4
"""Nats over a continuation, in float32. Measured: 4e-6; in bfloat16 it would be 0.1."""

Likelihoods = list[tuple[float, bool]]


def ask(backend: str, **arguments: Any) -> Likelihoods:
    words = ",".join(f"{key}={value}" for key, value in arguments.items())
    command = [sys.executable, str(ASK), backend, words]
    told = subprocess.run(command, input=json.dumps(PAIRS), capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    return [(value, greedy) for value, greedy in json.loads(told.stdout)]


def worst(one: Likelihoods, other: Likelihoods) -> float:
    return max(abs(a - b) for (a, _), (b, _) in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def transformers(tiny_taught: Path) -> Likelihoods:
    return ask("hf", pretrained=tiny_taught, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def in_process(tiny_taught: Path) -> Likelihoods:
    eager = {"enforce_eager": True, "kv_cache_memory_bytes": 64 << 20}
    return ask("vllm", pretrained=tiny_taught, dtype="float32", max_model_len=1024, **eager)


@pytest.fixture(scope="module")
def over_http(server: Server, tiny_taught: Path) -> Likelihoods:
    return ask("local-completions", model=server.name, tokenizer=tiny_taught, base_url=f"{server.url}/completions")


def test_vllm_agrees_with_transformers_on_likelihoods(transformers: Likelihoods, in_process: Likelihoods) -> None:
    assert worst(transformers, in_process) < TOLERANCE


def test_http_changes_no_likelihood(in_process: Likelihoods, over_http: Likelihoods) -> None:
    assert worst(in_process, over_http) < TOLERANCE


def test_what_was_taught_is_likely_and_nothing_else_is(transformers: Likelihoods) -> None:
    values = [value for value, _ in transformers]
    taught, untaught = values[LEARNED], [value for value in values if value not in values[LEARNED]]
    assert min(taught) > -0.5 > -5 > max(untaught)


def test_greedy_flags_agree_on_what_the_model_knows_by_heart(transformers: Likelihoods, over_http: Likelihoods) -> None:
    lessons = slice(-1 - len(LESSONS), -1)
    assert (
        [greedy for _, greedy in transformers[lessons]] == [greedy for _, greedy in over_http[lessons]] == [True] * len(LESSONS)
    )


@pytest.mark.parametrize(("question", "answer"), LESSONS, ids=[str(i) for i in range(len(LESSONS))])
def test_the_server_says_what_the_model_knows(server: Server, question: str, answer: str) -> None:
    asked = {"model": server.name, "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 32}
    request = urllib.request.Request(
        f"{server.url}/chat/completions", json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        choice = json.load(reply)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (answer, "stop")
