"""How fast full fine-tuning trains beside its peers, without a GPU: `python bench/training.py [--quick]`.

A small Llama in fp32 on rows like instruction data, one thread, and the process's own processor time, so that other work on the
machine changes little. Each way to train runs in a process of its own, all in every round and in turning order; ratios are
taken within a round, and the table shows their median [least..most]. Memory is what was resident at the highest above the built
model. Bars are printed with what was found; the exit code is 0 whether or not they are reached.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from peers import hf, ours
from peers.meter import Measured, Meter
from peers.model import Shapes, build
from peers.rows import Lengths, Row, make_rows

LONGEST = 2048
BATCH = 8
"""Rows behind one optimizer step."""
WARM = 3
SAID = "MEASURED "
CALM = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}


@dataclass(frozen=True)
class Setting:
    """One run of one variant."""

    rows: int
    vocabulary: int
    seed: int
    quick: bool

    @property
    def shapes(self) -> Shapes:
        return Shapes(64, 172, 2, 4, 2, self.vocabulary) if self.quick else Shapes(vocabulary=self.vocabulary)

    @property
    def lengths(self) -> Lengths:
        return Lengths(mean=60, most=256) if self.quick else Lengths(most=LONGEST)

    @property
    def warm(self) -> int:
        return 1 if self.quick else WARM


def padded(setting: Setting) -> Measured:
    return _peer(setting, hf.padded, _rows(setting), batch=BATCH)


def grouped(setting: Setting) -> Measured:
    return _peer(setting, hf.grouped, _rows(setting, 10), batch=BATCH)


def single(setting: Setting) -> Measured:
    return _peer(setting, hf.padded, _rows(setting), batch=1, accumulate=BATCH)


def flattened(setting: Setting) -> Measured:
    return _peer(setting, hf.flattened, ours.best_fit(_rows(setting), setting.lengths.most, BATCH))


def trl(setting: Setting) -> Measured:
    return _peer(setting, hf.trl, _rows(setting), longest=setting.lengths.most)


def _peer(setting: Setting, train: Callable[..., None], rows: list[Any], **how: Any) -> Measured:
    watch = Meter()
    train(build(setting.shapes), rows, watch, use_cpu=True, **how)
    return watch.measured(setting.shapes, setting.warm)


def full_ft(setting: Setting) -> Measured:
    watch, longest = Meter(), setting.lengths.most
    hyper = {"instances_per_step": BATCH, "tokens_per_micro_step": longest, "max_length": longest, "precision": "fp32"}
    ours.train(lambda: build(setting.shapes), _rows(setting), watch, **hyper, recompute_layers=0)
    return watch.measured(setting.shapes, setting.warm)


def products(setting: Setting) -> Measured:
    """The same matrix products with nothing around them: forward, and both gradients."""
    import torch

    shapes, tokens = setting.shapes, setting.lengths.most
    sizes = [(tokens, *matrix) for matrix in shapes.matrices] * shapes.layers
    sizes.append((int(tokens * setting.lengths.supervised), shapes.hidden, shapes.vocabulary))
    made = {size: (torch.randn(size[0], size[1]), torch.randn(size[2], size[1]), torch.randn(size[0], size[2])) for size in sizes}
    once, repeats, began = sum(6.0 * a * b * c for a, b, c in sizes), 2 if setting.quick else 8, 0.0
    for repeat in range(-1, repeats):
        began = time.process_time() if repeat == 0 else began
        for size in sizes:
            x, weight, gradient = made[size]
            torch.mm(x, weight.t())
            torch.mm(gradient, weight)
            torch.mm(gradient.t(), x)
    return Measured(repeats * tokens, time.process_time() - began, 1, repeats * once)


class Variant(NamedTuple):
    """A way to train."""

    label: str
    run: Callable[[Setting], Measured]


VARIANTS = {
    "padded": Variant("HF Trainer, batch 8, padded to the longest", padded),
    "grouped": Variant("HF Trainer, batch 8, group_by_length", grouped),
    "single": Variant("HF Trainer, batch 1 x 8 accumulated", single),
    "flattened": Variant("HF Trainer, best-fit packs, flattening (sdpa)", flattened),
    "trl": Variant("TRL SFTTrainer, packing=True (sdpa)", trl),
    "ours": Variant("full_ft: packs inside the step, 8 rows a step", full_ft),
    "products": Variant("its matrix products alone", products),
}


class Bar(NamedTuple):
    """A promise: a ratio between two variants, and the side it must fall on."""

    name: str
    peer: str
    value: Callable[[Measured, Measured], float]
    limit: float
    at_least: bool = True


def _speed(one: Measured, other: Measured) -> float:
    return one.rate / other.rate


def _memory(one: Measured, other: Measured) -> float:
    return one.peak / other.peak


def _arithmetic(one: Measured, other: Measured) -> float:
    return (one.flops / one.seconds) / (other.flops / other.seconds)


BARS = (
    Bar("speed vs padded", "padded", _speed, 2.8),
    Bar("speed vs TRL packing", "trl", _speed, 2.5),
    Bar("speed vs best-fit + flattening", "flattened", _speed, 2.0),
    Bar("speed vs batch 1", "single", _speed, 1.15),
    Bar("share of the products' FLOP rate", "products", _arithmetic, 0.65),
    Bar("memory vs padded", "padded", _memory, 0.30, at_least=False),
    Bar("memory vs TRL packing", "trl", _memory, 0.65, at_least=False),
)


def _rows(setting: Setting, times: int = 1) -> list[Row]:
    return make_rows(times * setting.rows, setting.vocabulary, setting.lengths, setting.seed)


def measure(name: str, setting: Setting) -> Measured | None:
    """In a process of its own, if it is not quick; None with a line on stderr if it fails."""
    if setting.quick:
        return VARIANTS[name].run(setting)
    words = [sys.executable, __file__, "--child", name, "--rows", str(setting.rows), "--vocabulary", str(setting.vocabulary)]
    words += ["--seed", str(setting.seed)]
    done = subprocess.run(words, env={**os.environ, **CALM}, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith(SAID)]
    if not said:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        print(f"{name} failed: {last[0]}", file=sys.stderr, flush=True)
        return None
    return Measured(*json.loads(said[0].removeprefix(SAID)))


def middle(values: list[float]) -> str:
    """`median [least..most]`."""
    return f"{statistics.median(values):.2f} [{min(values):.2f}..{max(values):.2f}]"


def show(found: dict[str, list[Measured | None]], quick: bool) -> None:
    """The table of variants, then the bars."""

    def pairs(one: str, other: str) -> list[tuple[Measured, Measured]]:
        both = zip(found.get(one, []), found.get(other, []), strict=False)
        return [(a, b) for a, b in both if a is not None and b is not None]

    print(f"\n{'':50}{'tok/cpu-s':>10}  {'speed vs padded':<22}{'MB above the model':>18}")
    for name, results in found.items():
        whole = [result for result in results if result]
        if whole and name != "products":
            ratios = [_speed(a, b) for a, b in pairs(name, "padded")]
            rate, peak = (statistics.median(column) for column in zip(*((r.rate, r.peak / 2**20) for r in whole), strict=True))
            print(f"{VARIANTS[name].label:50}{rate:10,.0f}  {middle(ratios) if ratios else '-':<22}{peak:18,.0f}")
    print("\nof this small model the ratios say nothing" if quick else "")
    for bar in BARS:
        values = [bar.value(a, b) for a, b in pairs("ours", bar.peer)]
        if values:
            good = (statistics.median(values) >= bar.limit) == bar.at_least
            side = ">=" if bar.at_least else "<="
            print(f"{bar.name:34}{middle(values):<22} bar {side} {bar.limit:<5} {'reached' if good else 'MISSED'}")


def calm() -> None:
    """One thread, no GPU, no chatter of the libraries."""
    os.environ |= CALM
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import torch

    torch.set_num_threads(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="a round (default 160)")
    parser.add_argument("--rounds", type=int, help="default 3")
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--only", default=",".join(VARIANTS), help="variants, with commas (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smaller model and few rows, all in this process: does it run?")
    parser.add_argument("--child", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows, rounds = options.rows or (40 if options.quick else 160), options.rounds or (1 if options.quick else 3)
    if options.child or options.quick:
        calm()
    if options.child:
        print(SAID + json.dumps(VARIANTS[options.child].run(Setting(rows, options.vocabulary, options.seed, False))), flush=True)
        return
    names = options.only.split(",")
    if unknown := [name for name in names if name not in VARIANTS]:
        parser.error(f"no variant named {unknown[0]!r}; there are: {', '.join(VARIANTS)}")
    found: dict[str, list[Measured | None]] = {name: [] for name in VARIANTS if name in names}
    for round_ in range(rounds):
        setting = Setting(rows, options.vocabulary, round_, options.quick)
        for name in list(found)[:: 1 if round_ % 2 == 0 else -1]:
            result = measure(name, setting)
            found[name].append(result)
            if result:
                print(f"round {round_ + 1}: {name:10}{result.rate:8,.0f} tok/cpu-s {result.seconds:8.1f} cpu-s", flush=True)
    show(found, options.quick)


if __name__ == "__main__":
    main()
