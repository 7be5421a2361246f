"""model × recipe -> bytes on one device; free memory -> how many layers to recompute.

Bytes for each weight, n processes (m, v: Adam's moments):

    none, ddp  bf16-master  12           bf16 weight 2, int16 remainder 2, bf16 gradient 2, bf16 m 2, fp32 v 4
               fp32         16           weight, gradient, m, v: 4 each
               bf16-mixed   18           the same, and autocast's bf16 copy
               bf16          8           2 each
    ddp        also          2 or 4      its buckets, as large as the gradients
    zero1      bf16-master  6 + 12/n     bf16 weight 2, fp32 gradient 4; master, m, v shared out
    zero2      bf16-master  2 + 16/n     gradients shared out too
    zero3      bf16-master  18/n         weights too
    zero1-3    fp32         8 + 12/n, 4 + 16/n, 20/n
    fsdp2      any          16/n         fp32 weight, gradient, m, v; each layer gathered as it is needed

A frozen weight (`trainable` "embeddings") takes its own bytes alone: 4 in fp32 and bf16-mixed, else 2; zero3 and fsdp2 share it
out.

Activations for each token of a pack, in elements of the compute type: a layer keeps 4 hidden + 2 query + 2 key-value + 3
intermediate sizes for its backward pass (its input, both norms, q, k, v, attention's output, the residual, gate, up and their
product), or its input alone if it is recomputed. The head holds the logits of one chunk (`ft_loss`) in fp32, bf16 and as their
gradient, and a second gradient of its matrix.

All of it is arithmetic: with 8.03e9 weights and the default precision it gives 89.7 GiB and 4.25 MiB a token. It was never
compared with a GPU's own count.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ft_freeze import tables
from ft_recipe import Hyper

HEAD_CHUNK: Final = 1 << 30
"""Bytes of fp32 logits that exist at once on a GPU, at most."""
SAFE: Final = 0.92
"""Share of the free memory that may be planned with; the rest is for the allocator's gaps and the communication's buffers."""

_REPLICATED: Final = {"bf16-master": 12, "fp32": 16, "bf16-mixed": 18, "bf16": 8}


@dataclass(frozen=True)
class Sizes:
    """What a model's memory depends on."""

    weights: int
    layers: int
    hidden: int
    query: int
    """Query heads x head size."""
    key_value: int
    """Key-value heads x head size."""
    intermediate: int
    vocabulary: int
    tables: int = 0
    """Weights of input and output embeddings, a tied table once."""


def sizes(config: Any) -> Sizes:
    """Sizes of a causal language model by its transformers configuration; the weights are counted on a model without memory."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    learning = tables(model)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    groups = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return Sizes(
        weights=sum(parameter.numel() for parameter in model.parameters()),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        query=config.num_attention_heads * head,
        key_value=groups * head,
        intermediate=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        vocabulary=config.vocab_size,
        tables=sum(parameter.numel() for name, parameter in model.named_parameters() if name in learning),
    )


def estimate(config: Any, hyper: Hyper) -> int:
    """Bytes on one device; `recompute_layers` "auto" counts as none."""
    size = sizes(config)
    layers = {"auto": 0, "all": size.layers}.get(str(hyper.recompute_layers), hyper.recompute_layers)
    return int(total(size, hyper, int(layers), hyper.tokens_per_micro_step))


def total(size: Sizes, hyper: Hyper, layers: int, tokens: int, world: int | None = None) -> float:
    """Bytes on one device with `layers` layers recomputed and packs of `tokens` tokens."""
    n = world or hyper.processes
    learning = size.tables if hyper.trainable == "embeddings" else size.weights
    state = learning * state_bytes(hyper, n) + (size.weights - learning) * frozen_bytes(hyper, n)
    return state + activations(size, hyper, layers, tokens) + head(size, hyper, tokens)


def state_bytes(hyper: Hyper, n: int) -> float:
    """Bytes of weights, gradients and optimizer for each weight that learns; see the module."""
    whole = 4 if hyper.precision == "fp32" else 2
    if hyper.distributed in {"none", "ddp"}:
        gradient = 4 if hyper.precision in {"fp32", "bf16-mixed"} else 2
        return _REPLICATED[hyper.precision] + (gradient if hyper.distributed == "ddp" else 0)
    return {
        "zero1": whole + 4 + 12 / n,
        "zero2": whole + 16 / n,
        "zero3": (whole + 16) / n,
        "fsdp2": 16 / n,
    }[hyper.distributed]


def frozen_bytes(hyper: Hyper, n: int) -> float:
    """Bytes of each weight that does not learn."""
    whole = 4 if hyper.precision in {"fp32", "bf16-mixed"} or hyper.distributed == "fsdp2" else 2
    return whole / n if hyper.distributed in {"zero3", "fsdp2"} else whole


def activations(size: Sizes, hyper: Hyper, layers: int, tokens: int) -> float:
    """Bytes kept for the backward pass; where every layer is recomputed, one of them exists whole for a while."""
    element = 4 if hyper.precision == "fp32" else 2
    whole = 4 * size.hidden + 2 * size.query + 2 * size.key_value + 3 * size.intermediate
    recomputed = min(layers, size.layers)
    kept = max(1, size.layers - recomputed) * whole + recomputed * size.hidden
    return float(element * tokens * kept)


def head(size: Sizes, hyper: Hyper, tokens: int) -> float:
    """Bytes that the loss needs for a while, if every token is supervised."""
    element = 4 if hyper.precision == "fp32" else 2
    return 2.0 * min(4 * tokens * size.vocabulary, HEAD_CHUNK) + element * size.vocabulary * size.hidden


def layers_to_recompute(size: Sizes, hyper: Hyper, tokens: int, world: int, free: int) -> int:
    """The fewest layers whose recomputing makes the training fit into `free` bytes; all of them if nothing does."""
    fits = (k for k in range(size.layers + 1) if total(size, hyper, k, tokens, world) <= SAFE * free)
    return next(fits, size.layers)


def free_memory() -> int:
    """Free bytes of this process's device; on a CPU its part of what the machine has left."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return _machine() // local


def _machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    kibibytes = {line.split(":")[0]: line.split()[1] for line in lines}
    return 1024 * int(kibibytes["MemAvailable"])
