"""A model -> refused, unless packing means the same to it: tried on two short documents before the first step.

A family may drop what the batch says about documents, mix tokens by other means than attention, or do something of its own
between head and logits. Nothing would fail: the model would only learn something else. Four forward passes of a few tokens tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from ft_collate import collate

TOLERANCE: Final = {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""Relative difference that rounding may make; a leak makes one near 1."""


class PackingRefused(ValueError):
    """Packed documents are not what they would be alone."""


class _Document:
    def __init__(self, ids: Sequence[int]) -> None:
        self.input_ids = self.labels = list(ids)


@torch.no_grad()
def check_packing(model: Any) -> None:
    """Try a model whose attention is "packed" and whose loss is installed.

    Raises:
        PackingRefused: a document sees the one before it; positions do not start again; the loss would not be taken from the
            model's own logits.
    """
    mode, vocabulary = model.training, model.config.get_text_config().vocab_size
    first, other, second = (
        [(start + 7 * place) % vocabulary for place in range(count)] for start, count in ((3, 9), (5, 9), (11, 7))
    )
    model.eval()
    try:
        packed, moved, alone = (_hidden(model, documents)[-7:] for documents in ([first, second], [other, second], [second]))
        _compare(model, packed, moved, "a document sees the documents before it in its pack")
        _compare(model, packed, alone, "a document in a pack is not what it is alone")
        own = model(input_ids=torch.tensor([second], device=model.device), use_cache=False).logits[0]
        head = model.get_output_embeddings()
        _compare(model, head.logit_shape.logits(head(alone)), own, "logits are more than a linear head over the last state")
    finally:
        model.train(mode)


def _hidden(model: Any, documents: list[list[int]]) -> torch.Tensor:
    batch = collate([_Document(ids) for ids in documents])
    kept = {name: batch[name] for name in ("input_ids", "position_ids", "cu_seq_lens_q")}
    kept = {name: tensor.to(model.device) for name, tensor in kept.items()}
    kept |= {"lengths": batch["lengths"], "max_length_q": batch["max_length_q"]}
    return model.base_model(use_cache=False, **kept).last_hidden_state[0]


def _compare(model: Any, found: torch.Tensor, wanted: torch.Tensor, complaint: str) -> None:
    difference = float((found.float() - wanted.float()).norm() / wanted.float().norm())
    device = found.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else found.dtype
    if not difference <= TOLERANCE.get(kind, 1e-2):
        raise PackingRefused(
            f"{type(model).__name__} cannot be trained on packed rows: {complaint} (relative difference {difference:.1e})"
        )
