"""A number of layers -> activations of that many layers are recomputed in the backward pass, of the others kept.

Recomputing a layer costs a quarter of its training time and saves nearly all of its memory, so it is worth it for exactly as many
layers as do not fit. transformers' layers each have a flag for it. Loss and gradients are bit for bit the same.
"""

from __future__ import annotations

from typing import Any, Literal

from transformers.modeling_layers import GradientCheckpointingLayer


class RecomputeRefused(ValueError):
    """A model whose layers cannot be recomputed one by one."""


def layers_of(model: Any) -> list[Any]:
    """The layers that can be recomputed, from the first."""
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def recompute_first(model: Any, layers: int | Literal["all"]) -> int:
    """Recompute the first `layers` layers of `model` and keep the others; returns how many.

    Raises:
        RecomputeRefused: the model does not take it.
    """
    found = layers_of(model)
    count = len(found) if layers == "all" else min(layers, len(found))
    if not count:
        if layers not in (0, "all"):
            raise RecomputeRefused(f"{type(model).__name__}: layers cannot be recomputed one by one; set recompute_layers to 0")
        if model.is_gradient_checkpointing:
            model.gradient_checkpointing_disable()
        return 0
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    for place, layer in enumerate(found):
        layer.gradient_checkpointing = place < count
    return count
