"""A model that would not notice what a pack is, or not as this trainer thinks, is found out by trying."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ft_attention import NAME, use
from ft_check import PackingRefused, check_packing
from ft_loss import install

from tests.trainers.full_ft.small import model


def made(family: str = "Llama", **config: Any) -> Any:
    found = model(family, **config)
    use(found)
    return install(found)


@pytest.mark.parametrize("family", ["Llama", "Qwen2", "Mistral", "Phi3", "GPT2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_family_that_keeps_documents_apart_is_not_refused(family: str, dtype: torch.dtype) -> None:
    assert check_packing(made(family).to(dtype)) is None


def test_the_model_is_left_as_it_was() -> None:
    found = made()
    check_packing(found)
    assert found.training
    assert all(parameter.grad is None for parameter in found.parameters())


def test_a_family_that_also_mixes_tokens_by_a_state_is_refused() -> None:
    hybrid = made("FalconH1", mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, num_hidden_layers=1)
    with pytest.raises(PackingRefused, match="FalconH1ForCausalLM cannot be trained on packed rows: a document sees"):
        check_packing(hybrid)


def test_a_model_that_does_not_hand_documents_to_its_attention_is_refused() -> None:
    found = made()
    inner = found.model.forward
    found.model.forward = lambda lengths=None, cu_seq_lens_q=None, max_length_q=None, **rest: inner(**rest)
    assert found.config._attn_implementation == NAME
    with pytest.raises(PackingRefused, match="a document sees the documents before it"):
        check_packing(found)


def test_a_model_whose_positions_run_through_the_pack_is_refused() -> None:
    """Rotary positions count from each other, so it would not matter to them; learned ones count from the start."""
    found = made("GPT2")
    inner = found.base_model.forward
    found.base_model.forward = lambda position_ids=None, **rest: inner(**rest)
    with pytest.raises(PackingRefused, match="is not what it is alone"):
        check_packing(found)


def test_a_model_that_does_something_of_its_own_to_its_logits_is_refused() -> None:
    found = made("Granite", logits_scaling=4.0)
    found.config.logits_scaling = 1.0
    install(found)
    found.config.logits_scaling = 2.0
    with pytest.raises(PackingRefused, match="logits are more than a linear head"):
        check_packing(found)
