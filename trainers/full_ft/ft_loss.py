"""Hidden states -> cross-entropy of the supervised tokens, without ever holding [tokens, vocabulary] logits.

`install` gives a model a forward that, given `loss_index`, computes logits at supervised positions only, in chunks, and their
gradient along with them. It is the model's own forward that is replaced, and the head itself that is called, so whatever wraps
them (DDP, DeepSpeed, FSDP) gathers, reduces and hooks as always. Without `loss_index` the model does what it did.

torch's `linear_cross_entropy` is not used: for bf16 it returns the loss in bf16 (steps of 0.4%), it knows no soft-capped or
scaled logits, and on a CPU it takes 1.4 to 7 times as long (torch 2.13).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MethodType
from typing import Any, Final

import torch
from ft_attention import varlen_kind

CHUNK_BYTES: Final = {"cpu": 1 << 24, "cuda": 1 << 30}
"""fp32 logits of one chunk. On a GPU few large products; on a CPU what stays near the cache."""


class LossRefused(ValueError):
    """A model whose logits are not a linear head over its last hidden state."""


@dataclass(frozen=True)
class Shape:
    """What a family does to the head's output to make logits of it."""

    scale: float = 1.0
    """Multiplied first: Cohere's `logit_scale`, Granite's 1 / `logits_scaling`."""
    softcap: float | None = None
    """Then `softcap * tanh(logits / softcap)`: Gemma's `final_logit_softcapping`."""

    @classmethod
    def of(cls, config: Any) -> Shape:
        """As the model's configuration says."""
        scale = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
        return cls(scale=scale, softcap=getattr(config, "final_logit_softcapping", None))

    def logits(self, raw: torch.Tensor) -> torch.Tensor:
        """Logits, from the head's output."""
        scaled = raw * self.scale
        return scaled if self.softcap is None else self.softcap * torch.tanh(scaled / self.softcap)


def install(model: Any, chunk: int | None = None) -> Any:
    """Replace `model.forward` so that a batch of `ft_collate` gives `{"loss": ...}`; returns the model.

    The loss is the sum over the batch's supervised tokens divided by `num_items_in_batch`, which the Trainer counts over all
    micro-steps and processes (where it is not given: by the batch's own number).

    Args:
        model: a transformers causal language model: a backbone, and a linear head over its last hidden state.
        chunk: supervised positions at a time; by default as many as `CHUNK_BYTES` hold.

    Raises:
        LossRefused: the model has no linear head over a backbone, or adds another loss.
    """
    head, config = model.get_output_embeddings(), model.config.get_text_config()
    if not isinstance(head, torch.nn.Linear) or model.base_model is model:
        raise LossRefused(f"{type(model).__name__} has no linear head over a backbone")
    if getattr(config, "output_router_logits", False):
        raise LossRefused(
            f"{type(model).__name__} adds a loss of its router, which is not computed here; set output_router_logits to false"
        )
    shape = Shape.of(config)
    whole, plain = model.forward, head.forward

    def head_forward(
        self: torch.nn.Linear,
        hidden: torch.Tensor,
        loss_target: torch.Tensor | None = None,
        divisor: torch.Tensor | float = 1.0,
    ) -> torch.Tensor:
        if loss_target is None:
            return plain(hidden)
        return cross_entropy(hidden, self.weight, self.bias, loss_target, divisor, shape, chunk)

    def forward(
        self: Any,
        *args: Any,
        loss_index: torch.Tensor | None = None,
        loss_target: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **rest: Any,
    ) -> Any:
        if loss_index is None or loss_target is None:
            counted = {} if num_items_in_batch is None else {"num_items_in_batch": num_items_in_batch}
            return whole(*args, **rest, **counted)
        for unused in ("labels", "shift_labels"):
            rest.pop(unused, None)
        if varlen_kind(head.weight) is not None:
            # Not asked for then, and a list that differs every time would have compiled layers compile again.
            rest.pop("lengths", None)
        hidden = self.base_model(*args, use_cache=False, **rest).last_hidden_state
        supervised = hidden.flatten(0, 1).index_select(0, loss_index)
        divisor = max(1, len(loss_target)) if num_items_in_batch is None else num_items_in_batch
        return {"loss": self.get_output_embeddings()(supervised, loss_target=loss_target, divisor=divisor)}

    head.logit_shape = shape
    head.forward = MethodType(head_forward, head)
    model.forward = MethodType(forward, model)
    model.accepts_loss_kwargs = True
    return model


def cross_entropy(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    target: torch.Tensor,
    divisor: torch.Tensor | float = 1.0,
    shape: Shape | None = None,
    chunk: int | None = None,
) -> torch.Tensor:
    """Sum over rows of the cross-entropy of `shape.logits(hidden @ weight.T + bias)` against `target`, over `divisor`; fp32.

    No rows give exactly 0, and a gradient of 0 to everything. Its gradient can be taken once.

    Args:
        hidden: [N, H].
        weight: [V, H].
        bias: [V] or None.
        target: int64 [N].
        divisor: a number, or a tensor of one on the same device.
        shape: what happens between the head and the logits.
        chunk: rows at a time.
    """
    rows = chunk or max(1, CHUNK_BYTES.get(hidden.device.type, 1 << 28) // (4 * len(weight)))
    return _ChunkedCrossEntropy.apply(hidden, weight, bias, target, divisor, shape or Shape(), rows)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Gradients are made in the forward, chunk by chunk, while the logits are there; the backward only scales them."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        target: torch.Tensor,
        divisor: torch.Tensor | float,
        shape: Shape,
        chunk: int,
    ) -> torch.Tensor:
        device = hidden.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
        with torch.autocast(device, enabled=False):
            states, matrix = hidden.to(kind), weight.to(kind)
            gradients = _Gradients(ctx.needs_input_grad[:3], weight, bias)
            loss = hidden.new_zeros((), dtype=torch.float32)
            for rows, wanted in zip(states.split(chunk), target.split(chunk), strict=True):
                total, slope = _loss_and_slope(rows, matrix, bias, wanted, shape)
                loss += total
                if gradients.wanted:
                    gradients.add(rows, matrix, slope.div_(divisor).to(kind))
        ctx.gradients = gradients.done(hidden.dtype)
        return loss / divisor

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> Any:
        if ctx.gradients is None:
            raise RuntimeError("the gradient of this loss was taken before, and is kept only once")
        gradients, ctx.gradients = ctx.gradients, None
        return *(None if one is None else one.mul_(upstream) for one in gradients), None, None, None, None


class _Gradients:
    """Of hidden states, weight and bias, as far as they are wanted."""

    def __init__(self, needs: tuple[bool, ...], weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self.wanted = any(needs)
        self.hidden: list[torch.Tensor] | None = [] if needs[0] else None
        self.weight = torch.zeros_like(weight) if needs[1] else None
        self.bias = torch.zeros_like(bias) if needs[2] and bias is not None else None

    def add(self, rows: torch.Tensor, matrix: torch.Tensor, slope: torch.Tensor) -> None:
        """One chunk: `slope` is the gradient of the head's output."""
        if self.hidden is not None:
            self.hidden.append(slope @ matrix)
        if self.weight is not None:
            if self.weight.dtype == slope.dtype:
                self.weight.addmm_(slope.t(), rows)
            else:
                self.weight += slope.t() @ rows
        if self.bias is not None:
            self.bias += slope.sum(0)

    def done(self, kind: torch.dtype) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
        """All chunks; the hidden states' gradient in their own dtype."""
        hidden = None if self.hidden is None else torch.cat(self.hidden).to(kind)
        return hidden, self.weight, self.bias


def _loss_and_slope(
    rows: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor | None, target: torch.Tensor, shape: Shape
) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed loss of a chunk, and its gradient with respect to the head's output; fp32."""
    raw = torch.nn.functional.linear(rows, matrix, None if bias is None else bias.to(rows.dtype))
    logits = raw if shape == Shape() else shape.logits(raw.float())
    slope = torch.log_softmax(logits, -1, dtype=torch.float32)
    wanted = target[:, None]
    loss = -slope.gather(-1, wanted).sum()
    slope.exp_().scatter_add_(1, wanted, slope.new_full((1, 1), -1.0).expand(len(target), 1))
    if shape.softcap is not None:
        slope *= 1 - (logits / shape.softcap).square()
    return loss, slope if shape.scale == 1.0 else slope.mul_(shape.scale)
