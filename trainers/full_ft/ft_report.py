"""what was trained and how long it took -> the numbers of the report.

FLOPs are counted strictly: what the loss needs and no more, whatever the machine did to get there.

    per token             6 N_layers            forward 2, backward 4, for each weight of the layers' matrices
    per supervised token  6 N_head              logits are needed only where a token is supervised
    per row of n tokens   12 L H D n(n + 1)/2   causal attention inside the row: q·k and p·v, forward and backward
    not counted           embedding lookups, norms, recomputed layers, the optimizer

Of frozen layers 4 N_layers: the gradient passes through them, but no weight of theirs gets one.

L layers, H query heads of size D. Papers often count 6 N per token and attention over the whole pack without the causal half;
that reads 10-20% higher for the same speed. MFU is FLOPs / (seconds x processes x peak of one device).
"""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

PEAK: Final[dict[str, float]] = {
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "GH200": 989e12,
    "H100": 989e12,
    "H800": 989e12,
    "H20": 148e12,
    "B200": 2250e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "A40": 150e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}
"""Part of a device's name -> dense bf16 FLOP/s by its data sheet (without sparsity); the first part that fits counts."""


@dataclass(frozen=True)
class Needed:
    """What a model's FLOPs depend on."""

    layer_weights: int
    """Weights of the matrices inside the layers."""
    head_weights: int
    """Weights of the output matrix, tied or not."""
    attention: int
    """Layers x query heads x head size."""
    frozen: bool = False
    """The layers do not learn."""


def work_of(model: Any) -> Needed | None:
    """What a token costs in a dense causal language model; None for a mixture of experts, whose weights do not all work on it."""
    config = model.config
    if any(getattr(config, name, None) for name in ("num_experts", "num_local_experts", "n_routed_experts")):
        return None
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    if head is None:
        return None
    apart = {id(parameter) for module in (head, embedding) for parameter in module.parameters()}
    layers = sum(_size(p) for p in model.parameters() if id(p) not in apart and _dimensions(p) >= 2)
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = config.num_hidden_layers * config.num_attention_heads * size
    frozen = not any(p.requires_grad for p in model.parameters() if id(p) not in apart)
    return Needed(layers, config.vocab_size * config.hidden_size, heads, frozen)


def flops(needed: Needed, lengths: Iterable[int], supervised: int) -> float:
    """FLOPs of training on rows of these lengths, with `supervised` tokens in all; see the module."""
    tokens = attended = 0
    for length in lengths:
        tokens += length
        attended += length * (length + 1) // 2
    passes = 4.0 if needed.frozen else 6.0
    return passes * needed.layer_weights * tokens + 6.0 * needed.head_weights * supervised + 12.0 * needed.attention * attended


def peak_flops(device_name: str) -> float | None:
    """Peak dense bf16 FLOP/s of a device by its name; None if it is not in the table."""
    name = device_name.upper().replace("-", " ")
    return next((peak for part, peak in PEAK.items() if part.upper() in name), None)


def utilisation(done: float, seconds: float, devices: int, peak: float | None) -> float | None:
    """Strict MFU, 0-1; None where the peak is not known or no time passed."""
    return None if peak is None or seconds <= 0 else done / (seconds * devices * peak)


def peak_memory() -> int:
    """Bytes at the highest so far: allocated on this process's device, or resident on a CPU."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(frozen=True)
class Measured:
    """What only the run itself knows."""

    seconds: float
    """Of the training loop, all sessions; work that was lost to a kill is not in it."""
    first_loss: float | None
    final_loss: float | None
    peak_memory_bytes: int
    engine: str
    resumed: int


@dataclass(frozen=True)
class Trained:
    """What the plan says was trained on."""

    steps: int
    rows: int
    """Different rows."""
    lengths: Sequence[int]
    """Tokens of each row, once for every time it was trained on."""
    supervised: int
    """Supervised tokens, all epochs."""
    padding_share: float
    processes: int


def report(trained: Trained, measured: Measured, needed: Needed | None, peak: float | None) -> dict[str, Any]:
    """The fields of a TrainingReport."""
    tokens = sum(trained.lengths)
    done = None if needed is None else flops(needed, trained.lengths, trained.supervised)
    rate = 1 / measured.seconds if measured.seconds > 0 else None
    return {
        "steps": trained.steps,
        "rows": trained.rows,
        "tokens": tokens,
        "supervised_tokens": trained.supervised,
        "seconds": measured.seconds,
        "tokens_per_second": None if rate is None else tokens * rate,
        "supervised_tokens_per_second": None if rate is None else trained.supervised * rate,
        "mfu": None if done is None else utilisation(done, measured.seconds, trained.processes, peak),
        "flops_per_token": None if done is None or not tokens else done / tokens,
        "peak_memory_bytes": measured.peak_memory_bytes,
        "padding_share": trained.padding_share,
        "first_loss": _finite(measured.first_loss),
        "final_loss": _finite(measured.final_loss),
        "processes": trained.processes,
        "engine": measured.engine,
        "resumed": measured.resumed,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _size(parameter: Any) -> int:
    """Elements of a whole parameter, though ZeRO-3 may hold a part of it here."""
    return int(getattr(parameter, "ds_numel", 0) or parameter.numel())


def _dimensions(parameter: Any) -> int:
    return len(getattr(parameter, "ds_shape", None) or parameter.shape)
