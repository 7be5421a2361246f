"""Checkpoint, Estimate, trainers and recipes -> rich tables for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.text import count, duration, moment, one_line
from harness.schema import Checkpoint, Hyper, Recipe, TrainingReport

if TYPE_CHECKING:
    from harness.training.estimate import Estimate, Memory, Time
    from harness.training.recipes import Preset
    from harness.training.trainers import Trainer

_GIB = 1 << 30
_NOTES = 20


def show_checkpoint(checkpoint: Checkpoint, place: str) -> RenderableType:
    """What was trained from what, how, and what the trainer measured.

    Args:
        checkpoint: the noun.
        place: its folder.
    """
    facts = _facts(
        ("parent", checkpoint.parent),
        ("mix", checkpoint.mix or f"{checkpoint.recipe.rows} (no mix)"),
        ("diagnosed by", checkpoint.diagnosis),
        ("trainer", f"{checkpoint.trainer} @{checkpoint.trainer_digest[:8]}, seed {checkpoint.recipe.seed}"),
        ("recipe", f"{checkpoint.recipe.preset}: {hyper_line(checkpoint.recipe.hyper)}"),
        *_measured(checkpoint.report),
        ("weights", f"{count(len(checkpoint.weights), 'file')}, {_hashes(checkpoint.weights)}"),
        ("made", moment(checkpoint.created)),
        ("folder", place),
    )
    title = Text(one_line(checkpoint.name), style="bold")
    title.append(f"  {checkpoint.stage} stage", style="not bold dim")
    use = Text(f"harness eval --model {one_line(checkpoint.name)}", style="dim")
    return Group(title, facts, *_marked(checkpoint.notes), use)


def show_estimate(recipe: Recipe, parent: str, estimate: Estimate) -> RenderableType:
    """What would be trained, and what it would cost."""
    memory = estimate.memory
    facts = _facts(
        ("parent", f"{parent}, {estimate.parameters:,} parameters"),
        ("rows", f"{estimate.rows:,} of {estimate.mean_tokens:,.0f} tokens on average, the longest {estimate.longest:,}"),
        ("cut", f"{count(estimate.cut, 'row')} longer than {recipe.hyper.max_length:,} tokens" if estimate.cut else None),
        ("tokens", f"{estimate.tokens:,} an epoch, {estimate.supervised_tokens:,} of them with loss"),
        ("steps", f"{estimate.steps:,} of {_rows_of_step(recipe, estimate)} rows: {estimate.trained_tokens:,} tokens"),
        ("trainer", recipe.trainer),
        ("recipe", f"{recipe.preset}: {hyper_line(recipe.hyper)}"),
        ("work", f"{_flops(estimate.flops)}; {_flops(estimate.flops_executed)} with what is recomputed"),
        *(("time", _time(time)) for time in estimate.times),
        ("memory", _memory(memory, recipe.hyper)),
        ("folder", recipe.out),
    )
    title = Text(one_line(recipe.name), style="bold")
    title.append(f"  {recipe.stage} stage, not trained: this is a dry run", style="not bold dim")
    return Group(title, facts, *_marked(estimate.notes))


def _rows_of_step(recipe: Recipe, estimate: Estimate) -> str:
    """What the recipe says, unless a step is whole packs of short rows."""
    if recipe.hyper.packing != "dataset":
        return str(recipe.hyper.instances_per_step)
    return f"about {estimate.rows * recipe.hyper.epochs / estimate.steps:,.0f}"


def trainer_table(trainers: Iterable[Trainer]) -> RenderableType:
    """Trainers with what they honour and their options."""
    table = _table("trainer", "what", "options", "goes on")
    for trainer in trainers:
        honours = "" if trainer.honours == "all" else f"\nhonours {', '.join(trainer.honours)}"
        what = Text(one_line(trainer.about))
        what.append(honours, style="dim")
        options = "\n".join(
            f"{name} ({option.type}{', needed' if option.required else ''})" for name, option in trainer.options.items()
        )
        table.add_row(Text(trainer.name), what, Text(options), Text("yes" if trainer.resumable else "no"))
    return table


def recipe_table(recipes: Iterable[Preset]) -> RenderableType:
    """Recipes with what they set."""
    table = _table("recipe", "what")
    for recipe in recipes:
        what = Text(one_line(recipe.about))
        what.append(f"\n{hyper_line(recipe.hyper)}", style="dim")
        table.add_row(Text(recipe.name), what)
    return table


def hyper_line(hyper: Hyper) -> str:
    """`2 epochs, 128 rows a step, lr 1e-06 cosine, …`: what decides the weights, then what else is off its default."""
    said = [
        f"{hyper.epochs:g} epoch{'' if hyper.epochs == 1 else 's'}",
        f"{hyper.instances_per_step} rows a step",
        f"lr {hyper.learning_rate:g} {hyper.schedule}",
        f"warm-up {hyper.warmup_ratio:g}",
        f"decay {hyper.weight_decay:g}",
        f"up to {hyper.max_length} tokens",
        hyper.precision,
        hyper.distributed + (f" x{hyper.processes}" if hyper.processes > 1 else "") if hyper.distributed != "none" else "",
        *_others(hyper),
    ]
    return ", ".join(filter(None, said))


def _others(hyper: Hyper) -> Iterator[str]:
    said = {
        *("epochs", "instances_per_step", "learning_rate", "schedule", "warmup_ratio", "weight_decay", "max_length"),
        *("precision", "distributed", "processes"),
    }
    default = Hyper()
    for name in Hyper.model_fields:
        value = getattr(hyper, name)
        if name not in said and value != getattr(default, name):
            yield f"{name} {json.dumps(value) if not isinstance(value, str) else value}"


def _measured(report: TrainingReport) -> Iterator[tuple[str, str | None]]:
    tokens = f", {report.tokens:,} tokens" if report.tokens is not None else ""
    rows = f", {report.rows:,} rows" if report.rows is not None else ""
    again = f", resumed {report.resumed} x" if report.resumed else ""
    yield "trained", f"{count(report.steps, 'step')}{rows}{tokens}{again}"
    if report.final_loss is not None:
        first = f"{report.first_loss:.4f} -> " if report.first_loss is not None else ""
        yield "loss", f"{first}{report.final_loss:.4f}"
    if report.seconds is not None:
        speed = f", {report.tokens_per_second:,.0f} tokens/s" if report.tokens_per_second is not None else ""
        mfu = f", MFU {100 * report.mfu:.1f}% (strict)" if report.mfu is not None else ""
        yield "time", f"{duration(report.seconds)}{speed}{mfu}"
    if report.peak_memory_bytes is not None:
        padding = f", padding {100 * report.padding_share:.1f}%" if report.padding_share is not None else ""
        yield "memory", f"{report.peak_memory_bytes / _GIB:.2f} GiB at its peak{padding}"
    if report.engine:
        yield "engine", f"{one_line(report.engine, 80)}, {count(report.processes, 'process', 'processes')}"


def _time(time: Time) -> str:
    (low, high), (least, most) = time.seconds, time.mfu
    share = f"at {100 * least:.0f}–{100 * most:.0f}% of {time.flops_per_second / 1e12:,.4g} TFLOP/s"
    return f"{time.where}: {duration(low)} – {duration(high)} ({share})"


def _memory(memory: Memory, hyper: Hyper) -> str:
    fixed = memory.weights + memory.gradients + memory.optimizer
    span = f"{_size(memory.least)} – {_size(memory.total)}" if hyper.recompute_layers == "auto" else _size(memory.total)
    parts = f"weights, gradients, optimizer {_size(fixed)}, activations {_size(memory.activations)}, head {_size(memory.head)}"
    return f"{span} a device ({parts}{' without recomputing' if hyper.recompute_layers == 'auto' else ''})"


def _size(size: int) -> str:
    return f"{size / _GIB:,.1f} GiB" if size >= _GIB / 10 else f"{size / (1 << 20):,.1f} MiB"


def _flops(flops: float) -> str:
    return f"{flops:.2e} FLOP"


def _hashes(weights: Mapping[str, str]) -> str:
    return ", ".join(f"{one_line(name, 40)} {digest[:12]}…" for name, digest in list(weights.items())[:3]) + (
        " …" if len(weights) > 3 else ""
    )


def _facts(*facts: tuple[str, str | None]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts:
        if text:
            table.add_row(name, Text(one_line(text)))
    return table


def _marked(notes: Iterable[str]) -> Iterator[RenderableType]:
    for note in list(notes)[:_NOTES]:
        yield Text(f"· {one_line(note, 400)}", style="yellow")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
