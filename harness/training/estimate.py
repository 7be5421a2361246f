"""base × rows × recipe -> Estimate: tokens, steps, FLOPs, time and memory, before anything is trained.

FLOPs of a token in a document of s tokens (forward and backward, nothing recomputed, causal attention inside documents only, the
head on supervised tokens only; "strict"):

    6 N_layers + 6 N_head f + 12 L H D s/2        f: supervised share; L layers of H heads of D

With `trainable` "embeddings" 4 N_layers: the gradient passes through the layers, but their weights get none; memory for gradients
and optimizer is that of the token tables alone.

Recomputing a share a of the layers executes a (2 N_layers + 4 L H D s/2) more. Memory per parameter is that of ZeRO (arXiv
1910.02054, section 3), activations those of arXiv 2205.05198, section 4, without the attention matrix: 34 bytes x hidden size a
token and layer at two bytes a number, and 2 bytes x hidden size where a layer is recomputed.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import DataError
from harness.schema import Frozen, Hyper
from harness.training.devices import Device, cuda_device, named, this_cpu
from harness.training.lengths import SAMPLED, Lengths, lengths
from harness.training.tensors import read_tensors

MFU: Final = (0.40, 0.55)
"""Range of strict utilisation that good trainers reach with an 8B model on a GPU."""
MFU_CPU: Final = (0.08, 0.75)
"""The same on a CPU, of the rate of a matrix product alone: the demo's model of half a million weights reached 9%, a Llama of
8 million 74%."""
HEAD_TOKENS: Final = 4096
"""Tokens whose logits are held at a time."""
BYTES: Final = {"fp32": (4, 4, 8), "bf16-mixed": (6, 4, 8), "bf16-master": (2, 2, 12), "bf16": (2, 2, 4)}
"""Precision -> bytes a parameter of weights, gradients and optimizer (master and two moments)."""
SHARDED: Final = {"none": 0, "ddp": 0, "zero1": 1, "zero2": 2, "zero3": 3, "fsdp2": 3}
"""How many of optimizer, gradients and weights are divided among the processes."""


@dataclass(frozen=True)
class Shape:
    """What of a model decides FLOPs and memory."""

    parameters: int
    layer_parameters: int
    """Without token tables."""
    head_parameters: int
    layers: int
    hidden: int
    attention: int
    """Heads x width of a head."""
    vocabulary: int


class Time(Frozen):
    """How long it takes on some devices."""

    where: str
    flops_per_second: float
    """Peak of all devices together."""
    mfu: tuple[float, float]
    """Range that is assumed."""
    seconds: tuple[float, float]
    """Shortest and longest."""


class Memory(Frozen):
    """Bytes of one device."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    """Of one micro-step; with `recompute_layers = auto`, where nothing is recomputed."""
    activations_least: int
    """Where every layer is recomputed."""
    head: int

    @property
    def total(self) -> int:
        """With the larger activations."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.head

    @property
    def least(self) -> int:
        """With every layer recomputed."""
        return self.total - self.activations + self.activations_least


class Estimate(Frozen):
    """What a training will cost."""

    rows: int
    counted: int
    """Rows whose tokens were counted; the others are taken to be like them."""
    tokens: int
    """Of one epoch, rows cut at `max_length`."""
    supervised_tokens: int
    """Of them those with loss: the assistant's, and all of plain texts."""
    mean_tokens: float
    """Of a row."""
    longest: int
    """Row, in tokens, before it is cut."""
    cut: int
    """Rows longer than `max_length`."""
    steps: int
    """Optimizer steps, all epochs."""
    trained_tokens: int
    """All epochs."""
    parameters: int
    flops: float
    """Strict, all epochs."""
    flops_executed: float
    """With what is recomputed; `auto` counts as nothing."""
    times: tuple[Time, ...]
    memory: Memory
    notes: tuple[str, ...] = ()


def estimate(base: Path, rows: Path, count: int, hyper: Hyper, *, sampled: int = SAMPLED) -> Estimate:
    """What training on a rows file costs.

    Args:
        base: folder of the model.
        rows: JSONL of rows.
        count: rows in it.
        hyper: the recipe.
        sampled: rows whose tokens are counted, at most.

    Raises:
        ModelError: the tokenizer cannot be loaded.
        DataError: the base's config.json says nothing of its size, or a line is no row.
    """
    shape, long = read_shape(base), lengths(base, rows, sampled, hyper.max_length)
    return estimated(shape, long, count, hyper, places(hyper))


def estimated(shape: Shape, long: Lengths, count: int, hyper: Hyper, where: tuple[tuple[Device, int], ...]) -> Estimate:
    """The arithmetic of `estimate`; `where` are devices and how many of them."""
    tokens = [min(n, hyper.max_length) for n in long.tokens]
    spoken = [min(n, length) for n, length in zip(long.supervised, tokens, strict=True)]
    scale = count / long.rows
    squares = sum(n * n for n in tokens)
    each = 6 if hyper.trainable == "all" else 4
    strict = each * shape.layer_parameters * sum(tokens) + 6 * shape.head_parameters * sum(spoken)
    strict += 6 * shape.layers * shape.attention * squares
    again = _recomputed(hyper, shape) * (2 * shape.layer_parameters * sum(tokens) + 2 * shape.layers * shape.attention * squares)
    passes = scale * hyper.epochs
    return Estimate(
        rows=count,
        counted=long.rows,
        tokens=round(scale * sum(tokens)),
        supervised_tokens=round(scale * sum(spoken)),
        mean_tokens=round(sum(tokens) / len(tokens), 1),
        longest=max(long.tokens),
        cut=round(scale * sum(n > hyper.max_length for n in long.tokens)),
        steps=_steps(round(scale * len(tokens)), round(scale * sum(tokens)), hyper),
        trained_tokens=round(passes * sum(tokens)),
        parameters=shape.parameters,
        flops=passes * strict,
        flops_executed=passes * (strict + again),
        times=tuple(_time(device, number, passes * strict, hyper) for device, number in where),
        memory=memory(shape, hyper, max(long.tokens)),
        notes=_notes(long, count),
    )


def steps(rows: int, hyper: Hyper) -> int:
    """Optimizer steps of all epochs; the last of an epoch may be smaller."""
    return max(1, math.ceil(math.ceil(rows / hyper.instances_per_step) * hyper.epochs))


def _steps(rows: int, tokens: int, hyper: Hyper) -> int:
    """As `steps`; of rows that are packed over the whole data set, a step is whole packs that hold about as many rows."""
    if hyper.packing != "dataset":
        return steps(rows, hyper)
    packs = max(1, math.ceil(tokens / hyper.tokens_per_micro_step))
    each = max(1, round(hyper.instances_per_step * packs / rows / hyper.processes)) * hyper.processes
    return max(1, math.ceil(math.ceil(packs / each) * hyper.epochs))


def memory(shape: Shape, hyper: Hyper, longest: int) -> Memory:
    """Bytes on one device while training.

    Args:
        shape: the model.
        hyper: the recipe.
        longest: tokens of the longest row, which is a pack of its own if it is longer than `tokens_per_micro_step`.
    """
    weights, gradients, optimizer = BYTES[hyper.precision]
    divided, processes = SHARDED[hyper.distributed], hyper.processes
    learning = shape.parameters if hyper.trainable == "all" else shape.parameters - shape.layer_parameters
    tokens = max(min(longest, hyper.max_length), hyper.tokens_per_micro_step)
    number = 4 if hyper.precision == "fp32" else 2
    kept, again = 17 * number * shape.hidden, number * shape.hidden
    least = tokens * (shape.layers * again + kept)
    some = min(shape.layers, _layers(hyper, shape))
    most = tokens * ((shape.layers - some) * kept + some * again + (kept if some else 0))
    return Memory(
        weights=shape.parameters * weights // (processes if divided >= 3 else 1),
        gradients=learning * gradients // (processes if divided >= 2 else 1),
        optimizer=learning * optimizer // (processes if divided >= 1 else 1),
        activations=most,
        activations_least=min(least, most),
        head=2 * 4 * min(tokens, HEAD_TOKENS) * shape.vocabulary,
    )


def places(hyper: Hyper) -> tuple[tuple[Device, int], ...]:
    """This machine's devices; where it has none that is known, its CPU and, for a recipe in bf16, two data-sheet GPUs."""
    here = cuda_device()
    if here is not None:
        return ((here, hyper.processes),)
    sheets = tuple((device, hyper.processes) for device in map(named, ("A100", "H100")) if device)
    return ((this_cpu(), 1), *(sheets if hyper.precision != "fp32" else ()))


def read_shape(base: Path) -> Shape:
    """Sizes of a model, from its config.json and the headers of its weights.

    Raises:
        DataError: config.json does not say them.
        TrainerError: the weights are no safetensors.
    """
    file = base / "config.json"
    try:
        config = json.loads(file.read_bytes())
        config = config.get("text_config", config)
        hidden, layers = _size(config, "hidden_size", "n_embd", "d_model"), _size(config, "num_hidden_layers", "n_layer")
        heads, vocabulary = _size(config, "num_attention_heads", "n_head"), _size(config, "vocab_size")
        width = config.get("head_dim") or hidden // heads
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise DataError(f"does not say how large the model is ({error}), so nothing can be estimated", file=file) from None
    counts = {name: tensor.count for name, tensor in read_tensors(base).items()}
    tables = sum(count for name, count in counts.items() if any(word in name for word in ("embed_tokens", "wte", "lm_head")))
    total = sum(counts.values())
    return Shape(total, total - tables, hidden * vocabulary, layers, hidden, heads * width, vocabulary)


def _size(config: dict[str, Any], *names: str) -> int:
    found = next((config[name] for name in names if name in config), None)
    if not isinstance(found, int) or found < 1:
        raise KeyError(names[0])
    return found


def _layers(hyper: Hyper, shape: Shape) -> int:
    if hyper.recompute_layers == "all":
        return shape.layers
    return 0 if hyper.recompute_layers == "auto" else hyper.recompute_layers


def _recomputed(hyper: Hyper, shape: Shape) -> float:
    return min(1.0, _layers(hyper, shape) / shape.layers)


def _time(device: Device, number: int, flops: float, hyper: Hyper) -> Time:
    peak = device.peak(hyper) * number
    low, high = MFU_CPU if device.name == "this CPU" else MFU
    return Time(
        where=f"{number} x {device.name}" if device.name != "this CPU" else device.name,
        flops_per_second=peak,
        mfu=(low, high),
        seconds=(flops / peak / high, flops / peak / low),
    )


def _notes(long: Lengths, count: int) -> tuple[str, ...]:
    found = []
    if not long.templated:
        found.append("the base has no chat template for these rows: its marks were taken as 4 tokens a turn")
    if long.pieces > long.texts:
        found.append(f"{long.texts:,} texts are cut into {long.pieces:,} rows; no token is lost")
    if long.rows < count:
        found.append(f"tokens of the first {long.rows:,} rows; the others are taken to be like them")
    return tuple(found)
