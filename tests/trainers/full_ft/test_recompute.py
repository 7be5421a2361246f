"""Recomputing some layers saves their memory and changes no bit of the result."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ft_attention import use
from ft_collate import collate
from ft_loss import install
from ft_recompute import RecomputeRefused, layers_of, recompute_first

from tests.trainers.full_ft.small import gradients, model, rows


def trained(layers: Any) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Loss, gradients, and bytes that the forward pass keeps."""
    made = model()
    use(made)
    install(made)
    recompute_first(made, layers)
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = made(**collate(rows(6)))["loss"]
    loss.backward()
    return loss.detach(), gradients(made), sum(kept.values())


def test_loss_and_gradients_are_the_same_bit_for_bit_and_memory_falls_with_every_layer() -> None:
    found = [trained(layers) for layers in (0, 1, 2, "all")]
    for loss, slope, _ in found[1:]:
        assert torch.equal(loss, found[0][0])
        assert torch.equal(slope, found[0][1])
    bytes_kept = [kept for _, _, kept in found]
    assert bytes_kept == sorted(bytes_kept, reverse=True)
    assert bytes_kept[3] < 0.5 * bytes_kept[0]


def test_the_first_layers_are_recomputed_and_no_others() -> None:
    made = model()
    assert recompute_first(made, 2) == 2
    assert [layer.gradient_checkpointing for layer in layers_of(made)] == [True, True, False]
    assert recompute_first(made, 99) == 3
    assert recompute_first(made, 0) == 0
    assert not any(layer.gradient_checkpointing for layer in layers_of(made))


def test_a_model_whose_layers_cannot_be_recomputed_says_so() -> None:
    flat = model("Llama", num_hidden_layers=1)
    flat.model.layers = torch.nn.ModuleList()
    assert recompute_first(flat, 0) == 0
    with pytest.raises(RecomputeRefused, match="cannot be recomputed one by one"):
        recompute_first(flat, 1)
