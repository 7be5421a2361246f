"""vLLM's tests run in the environment that `make test-vllm` makes, and are skipped by name in any other."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from harness.lm.server import Server, serve

ON_CPU: Final = {"dtype": "float32", "max_model_len": 1024, "enforce_eager": True}
"""float32 runs on CPU and lets likelihoods be compared closely; compiling takes time and gains nothing on so small a model."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` collects these too, so that they are at least imported there."""
    if importlib.util.find_spec("vllm") is None:
        for item in items:
            if item.get_closest_marker("vllm"):
                item.add_marker(pytest.mark.skip(reason="vLLM is not installed in this environment: make test-vllm"))


@pytest.fixture(scope="session")
def server(tiny_taught: Path) -> Iterator[Server]:
    """`vllm serve` with the model that knows its lessons."""
    with serve(tiny_taught, name="tiny", kv_cache_memory_bytes="64M", **ON_CPU) as running:
        yield running
