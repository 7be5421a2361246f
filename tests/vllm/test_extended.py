"""A model whose vocabulary was extended is a model like any other to vLLM: it loads, pads, and gives the same likelihoods."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.vocabulary.embeddings import extend_weights
from tests.vllm.test_agreement import TOLERANCE, Likelihoods, ask, worst
from tests.vocabulary.extended import longer_tokenizer

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory, tiny_taught: Path) -> Path:
    folder = tmp_path_factory.mktemp("extended")
    words = ("天气", "公园", "首都")
    extend_weights(tiny_taught, tiny_taught, longer_tokenizer(tiny_taught, folder / "tokenizer", words), folder / "longer")
    return folder / "longer"


def test_an_extended_model_gives_the_same_likelihoods_in_vllm_as_in_transformers(extended: Path) -> None:
    one: Likelihoods = ask("hf", pretrained=extended, dtype="float32", device="cpu")
    eager = {"enforce_eager": True, "kv_cache_memory_bytes": 64 << 20}
    other: Likelihoods = ask("vllm", pretrained=extended, dtype="float32", max_model_len=1024, **eager)
    assert worst(one, other) < TOLERANCE
