"""How fast one H200 trains a model of Llama-3-8B's shapes: `python bench/h200.py`, under ten minutes.

Random weights, 128 rows a step of 300 tokens on average, 60% of them supervised; real tokens per second by the wall clock, each
way to train in a process of its own on the same card, with the same bf16 weights and the same exact fp32 master in the optimizer.
First it is checked that documents of a pack do not see one another and that the loss is the CPU's. What fails or is not installed
is said and passed over.

    python bench/h200.py --only checks,ours --recompute 0    some of it
    python bench/h200.py --tiny --cpu                        a small model on the CPU: does it run?

Strict MFU = FLOPs that the loss needs / (seconds x 989e12). FLOPs = 6 x layer weights x tokens + 6 x head weights x supervised
tokens + 12 L H D n(n + 1)/2 for each row of n tokens; recomputed layers, padding and the optimizer count for nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from peers import hf, ours
from peers.meter import Clock, Measured
from peers.model import LLAMA3_8B, Shapes, build, flops
from peers.rows import Lengths, Row, Work, make_rows

PEAK = 989e12
"""Dense bf16 FLOP/s of an H200 by its data sheet."""
GATES = (("gate", 10_500), ("pass", 11_500), ("target", 12_500), ("stretch", 13_500))
"""Real tokens per second of ours. The gate is the best published for one H200 (KempnerForge, 10,471)."""
RATIOS = {"padded": 3.0, "single": 2.0, "trl": 1.5}
"""Peer -> how many times as fast ours should be; estimates."""
MEMORY = 135 * 2**30
PAPER = {"hours": 15.67, "devices": 32, "peak": 312e12, "passes": 200_000}
"""arXiv 2406.18192: A100s, hours of one training, rows x epochs."""
KINDS = {
    "attention": ("flash", "attention", "fmha"),
    "matrix products": ("gemm", "aten::mm", "addmm", "nvjet", "cutlass", "cublas"),
    "optimizer": ("adamw", "optimizer"),
    "copies": ("memcpy", "copy", "aten::cat", "index"),
    "pointwise": ("elementwise", "vectorized", "aten::mul", "aten::add", "silu", "triton", "reduce", "pow", "mean"),
}
"""What a step spends its time in -> parts of the names of kernels; the first that fits counts."""
SAID = "MEASURED "
LIMIT = 570
"""Seconds for everything."""
LEAST = 45
"""Seconds without which a variant is not begun."""


@dataclass(frozen=True)
class Setting:
    """What every variant trains."""

    tiny: bool = False
    cpu: bool = False
    rows_a_step: int = 128
    mean: float = 300
    tokens: int = 8192
    """Of a pack at most."""
    recompute: str = "auto"
    compile: bool = False
    warm: int = 2
    steps: int = 5

    @property
    def shapes(self) -> Shapes:
        return Shapes(64, 172, 2, 4, 2, 512) if self.tiny else LLAMA3_8B

    @property
    def device(self) -> str:
        return "cpu" if self.cpu else "cuda"

    def rows(self) -> list[Row]:
        """For the warm-up and the steps that count."""
        lengths = Lengths(mean=self.mean, most=self.tokens)
        return make_rows(self.rows_a_step * (self.warm + self.steps), self.shapes.vocabulary, lengths, seed=0)

    def model(self) -> Any:
        return build(self.shapes, dtype="bfloat16", device=self.device)


# --- each way to train ------------------------------------------------------------------------------------------------------


def full_ft(setting: Setting) -> Measured:
    watch = Clock(not setting.cpu)
    return watch.measured(setting.shapes, setting.warm, _full_ft(setting, watch))


def _full_ft(setting: Setting, watch: Clock, *callbacks: Any) -> str:
    recompute = setting.recompute
    return ours.train(
        setting.model,
        setting.rows(),
        watch,
        callbacks,
        instances_per_step=setting.rows_a_step,
        tokens_per_micro_step=setting.tokens,
        max_length=setting.tokens,
        precision="bf16-master",
        recompute_layers=recompute if recompute in ("auto", "all") else int(recompute),
        compile=setting.compile,
        learning_rate=1e-6,
    )


def padded(setting: Setting) -> Measured:
    return _peer(setting, hf.padded, recompute=True, batch=8, accumulate=setting.rows_a_step // 8)


def single(setting: Setting) -> Measured:
    return _peer(setting, hf.padded, recompute=False, batch=1, accumulate=setting.rows_a_step)


def trl(setting: Setting) -> Measured:
    packs = max(1, round(setting.rows_a_step * setting.mean / setting.tokens))
    return _peer(setting, hf.trl, recompute=True, longest=setting.tokens, accumulate=packs)


def _peer(setting: Setting, train: Callable[..., None], recompute: bool, **how: Any) -> Measured:
    """With our optimizer, so that precision is the same for all; recomputing all layers only where it would not fit otherwise."""
    setting = replace(setting, warm=1, steps=min(3, setting.steps))
    watch, model = Clock(not setting.cpu), setting.model()
    optimizer = ours.optimizer(model, learning_rate=1e-6)
    steps = setting.warm + setting.steps
    how |= {"max_steps": steps, "use_cpu": setting.cpu, "gradient_checkpointing": recompute}
    train(model, setting.rows(), watch, optimizer=optimizer, **how)
    return watch.measured(setting.shapes, setting.warm, "all layers recomputed" if recompute else "nothing recomputed")


VARIANTS: dict[str, Callable[[Setting], Measured]] = {"ours": full_ft, "padded": padded, "single": single, "trl": trl}
LABELS = {
    "ours": "full_ft: packs inside the step",
    "padded": "HF Trainer, batch 8, padded to the longest",
    "single": "HF Trainer, batch 1 x accumulated (the paper's)",
    "trl": "TRL SFTTrainer, packing=True (sdpa)",
}


def checks(setting: Setting) -> bool:
    """Leak between documents, and the loss beside the CPU's in fp32; on a small model of the same kind."""
    shapes = Shapes(256, 688, 4, 2, 1, 2048)
    rows = make_rows(6, shapes.vocabulary, Lengths(mean=80, most=400), seed=1)
    leak = ours.leak(shapes, rows, setting.device)
    here, there = ours.loss(shapes, rows, setting.device, "bfloat16"), ours.loss(shapes, rows, "cpu", "float32")
    apart = abs(here - there) / there
    print(f"  leak between documents: {leak:g} (must be 0)")
    print(f"  loss: {here:.5f} in bf16 on {setting.device}, {there:.5f} in fp32 on cpu: {apart:.1e} apart (must be below 5e-03)")
    return leak == 0 and apart < 5e-3


def profile(setting: Setting) -> None:
    """Where the last step of ours spends the device's time (a CPU's, if that is the device)."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler
    from transformers import TrainerCallback

    activities = [ProfilerActivity.CPU] if setting.cpu else [ProfilerActivity.CUDA]
    watched = profiler(activities=activities)

    class Last(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, *rest: Any, **parts: Any) -> None:  # noqa: ARG002
            if state.global_step == state.max_steps - 1:
                watched.start()

        def on_step_end(self, args: Any, state: Any, *rest: Any, **parts: Any) -> None:  # noqa: ARG002
            if state.global_step == state.max_steps:
                watched.stop()

    _full_ft(replace(setting, steps=1), Clock(not setting.cpu), Last())
    spent: dict[str, float] = {}
    for event in watched.key_averages():
        kind = next((kind for kind, words in KINDS.items() if any(word in event.key.lower() for word in words)), "the rest")
        spent[kind] = spent.get(kind, 0.0) + (event.self_cpu_time_total if setting.cpu else event.self_device_time_total)
    whole = sum(spent.values())
    print("  one step: " + ", ".join(f"{kind} {spent[kind] / whole:.1%}" for kind in sorted(spent, key=spent.__getitem__)[::-1]))


# --- what it means ----------------------------------------------------------------------------------------------------------


def paper_mfu(mean: int) -> float:
    """MFU of the paper's training if its rows were `mean` tokens long: every position scored, nothing padded."""
    done = PAPER["passes"] * flops(LLAMA3_8B, Work(mean, mean * mean // 2, mean))
    return done / (PAPER["hours"] * 3600 * PAPER["devices"] * PAPER["peak"])


def show(found: dict[str, Measured], setting: Setting) -> None:
    """Table, gates, and what the paper's training would take."""
    print(f"\n{'':48}{'tok/s':>9}{'strict MFU':>12}{'optimizer':>11}{'peak GiB':>10}{'ours is':>9}")
    mine = found.get("ours")
    for name, result in found.items():
        share, mfu = result.optimizer / result.seconds, result.flops / result.seconds / PEAK
        faster = f"{mine.rate / result.rate:.2f} x" if mine else "-"
        print(
            f"{LABELS[name]:48}{result.rate:9,.0f}{mfu:12.1%}{share:11.1%}{result.peak / 2**30:10.1f}{faster:>9}  {result.note}"
        )
    if mine and not setting.tiny:
        _gates(mine, found)
    low, high = paper_mfu(200), paper_mfu(1500)
    print(f"\nThe paper's 15.67 h on 32 A100 are {low:.1%} MFU at a mean of 200 tokens a row, {high:.1%} at 1,500.")
    if mine and not setting.tiny:
        hours = PAPER["passes"] * 300 / mine.rate / 3600
        print(f"200 K passes at a mean of 300 tokens would take {hours:.2f} h here (the paper: 15.67 h on 32 A100).")


def _gates(mine: Measured, found: dict[str, Measured]) -> None:
    print()
    for name, bar in GATES:
        print(f"{name:8} >= {bar:7,} tok/s: {'reached' if mine.rate >= bar else 'MISSED'} ({mine.rate:,.0f})")
    print(f"memory   <= {MEMORY / 2**30:.0f} GiB: {'reached' if mine.peak <= MEMORY else 'MISSED'} ({mine.peak / 2**30:.1f})")
    for name, bar in RATIOS.items():
        if name in found:
            ratio = mine.rate / found[name].rate
            print(f"{bar:.1f} x {LABELS[name]}: {'reached' if ratio >= bar else 'MISSED'} ({ratio:.2f})")


# --- processes --------------------------------------------------------------------------------------------------------------


def run(name: str, setting: Setting, left: float) -> Measured | None:
    """A variant in a process of its own, which gives the card back whole; a tiny one here. None if it gives no result."""
    print(f"{name}:", flush=True)
    if setting.tiny:
        return in_this_process(name, setting)
    lines, said = [], ""
    words = [sys.executable, __file__, "--child", name, "--setting", json.dumps(asdict(setting))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        assert process.stdout
        limit = threading.Timer(left, process.kill)
        limit.start()
        for line in process.stdout:
            lines.append(line)
            said = line if line.startswith(SAID) else said
            if line.startswith("  "):
                print(line, end="", flush=True)
        limit.cancel()
    if not said:
        print(f"  no result ({_status(process.returncode)}); its last lines:\n    " + "    ".join(lines[-8:]), flush=True)
        return None
    result = json.loads(said.removeprefix(SAID))
    return result and Measured(*result)


def _status(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"ended by signal {-code}: out of memory, or {LIMIT} s were over"


def calm() -> None:
    """No chatter of the libraries; memory in pieces that fit."""
    os.environ |= {"TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


def in_this_process(name: str, setting: Setting) -> Measured | None:
    """A variant; of the checks and the profile only the printed lines count. None if a package is missing."""
    try:
        if name == "checks":
            return Measured(int(checks(setting)), 1.0, 0, 0.0)
        if name == "profile":
            profile(setting)
            return Measured(0, 1.0, 0, 0.0)
        return VARIANTS[name](setting)
    except ImportError as error:
        print(f"  passed over: {error}", flush=True)
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="checks,ours,single,padded,trl", help="with commas; there is also profile")
    parser.add_argument(
        "--recompute", default="auto,8", help="layers ours recomputes (auto, all, a number); of several the fastest"
    )
    parser.add_argument("--tokens", type=int, default=8192, help="of a pack")
    parser.add_argument("--mean", type=float, default=300, help="tokens of a row")
    parser.add_argument("--steps", type=int, default=5, help="that count, after 2 of warm-up")
    parser.add_argument("--compile", action="store_true", help="torch.compile each layer of ours")
    parser.add_argument("--tiny", action="store_true", help="a small model, few rows, all in this process")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--setting", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        calm()
        print(SAID + json.dumps(in_this_process(options.child, Setting(**json.loads(options.setting)))), flush=True)
        return
    names = options.only.split(",")
    if unknown := sorted(set(names) - {*VARIANTS, "checks", "profile"}):
        parser.error(f"no variant named {unknown[0]!r}; there are: checks, profile, {', '.join(VARIANTS)}")
    calm()
    if not options.cpu and not _has_card():
        print("no CUDA device here; with --tiny --cpu it shows that it runs")
        return
    small = {"rows_a_step": 16, "mean": 60, "tokens": 256, "warm": 1, "steps": 2} if options.tiny else {}
    given = {"tokens": options.tokens, "mean": options.mean, "steps": options.steps, "compile": options.compile}
    recomputes = options.recompute.split(",")[: 1 if options.tiny else None]
    bench(names, recomputes, Setting(tiny=options.tiny, cpu=options.cpu, **{**given, **small}))


def bench(names: list[str], recomputes: list[str], setting: Setting) -> None:
    """Checks, then each variant while there is time, then the table."""
    ends = time.monotonic() + LIMIT
    found: dict[str, Measured] = {}
    for name in names:
        for recompute in recomputes if name == "ours" else recomputes[:1]:
            left = ends - time.monotonic()
            if left < LEAST:
                print(f"{name}: passed over, {left:.0f} s are left")
                continue
            result = run(name, replace(setting, recompute=recompute), left)
            if name == "checks" and (result is None or not result.tokens):
                print("the checks failed: what follows is not worth its numbers")
            if result and name in VARIANTS and (name not in found or result.rate > found[name].rate):
                found[name] = result
    if found:
        show(found, setting)


def _has_card() -> bool:
    import torch

    return bool(torch.cuda.is_available())


if __name__ == "__main__":
    main()
