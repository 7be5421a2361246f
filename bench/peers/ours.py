"""full_ft's own pieces, put together as its `ft_run` does, around a model with random weights.

rows ─make_plan─> packs ─collate─> PackedTrainer: packed attention, loss on supervised tokens, split optimizer
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peers import scratch
from peers.meter import Watch
from peers.model import Shapes, build
from peers.rows import Row, work

FOLDER = Path(__file__).parents[2] / "trainers" / "full_ft"
HYPER = {
    "epochs": 1.0,
    "learning_rate": 3e-4,
    "schedule": "constant",
    "warmup_ratio": 0.0,
    "weight_decay": 0.0,
    "adam_betas": (0.9, 0.999),
    "max_grad_norm": 1.0,
    "tf32": True,
    "packing": "step",
    "distributed": "none",
    "processes": 1,
    "hostfile": None,
    "save_steps": 0,
    "keep_checkpoints": 1,
    "allow_pure_bf16": False,
    "compile": False,
}
SEED = 1

sys.path.insert(0, str(FOLDER))


def train(make: Callable[[], Any], rows: list[Row], watch: Watch, callbacks: tuple[Any, ...] = (), **hyper: Any) -> str:
    """One epoch over the rows with the hyper-parameters of a recipe; says what was chosen.

    Args:
        make: builds the model, once it is known how much memory there is.
        rows: to train on.
        watch: told of every step, and of what was trained on in each.
        callbacks: more of them.
        hyper: beside `HYPER`.
    """
    import torch
    from ft_chat import Encoded
    from ft_engine import arguments, setting
    from ft_plan import make_plan
    from ft_trainer import PackedTrainer, shape
    from transformers import TrainingArguments

    recipe = _recipe(**hyper)
    here = setting(recipe.hyper)
    lengths = [len(row["input_ids"]) for row in rows]
    plan = make_plan(
        lengths,
        instances_per_step=recipe.hyper.instances_per_step,
        epochs=recipe.hyper.epochs,
        seed=SEED,
        token_cap=recipe.hyper.tokens_per_micro_step,
        packing=recipe.hyper.packing,
    )
    free = _free()
    model = make()
    layers = _layers(model, here.hyper, max(sum(lengths[row] for row in pack) for pack in plan.packs), free)
    watch.work = [work([rows[row] for pack in plan.of_step(step) for row in pack]) for step in range(plan.steps)]
    encoded = [Encoded(torch.tensor(row["input_ids"]).numpy(), torch.tensor(row["labels"]).numpy()) for row in rows]
    trainer = PackedTrainer(
        model=model,
        args=TrainingArguments(**shape(plan), **arguments(recipe, here, plan.steps, ()) | {"logging_strategy": "no"}),
        plan=plan,
        rows=encoded,
        recompute_layers=layers,
        split_master=here.hyper.precision == "bf16-master",
        callbacks=[watch.callback(), *callbacks],
    )
    if recipe.hyper.compile:
        for layer in model.model.layers:
            layer.compile(dynamic=True)
    trainer.train()
    tokens = sum(lengths) / len(plan.packs)
    return f"{layers} layers recomputed, {plan.micro_steps} packs a step of {tokens:,.0f} tokens on average"


def best_fit(rows: list[Row], longest: int, rows_a_step: int) -> list[list[Row]]:
    """All rows in packs of at most `longest` tokens, as packing a whole data set does."""
    from ft_plan import make_plan

    lengths = [len(row["input_ids"]) for row in rows]
    plan = make_plan(lengths, instances_per_step=rows_a_step, epochs=1, seed=SEED, token_cap=longest, packing="dataset")
    return [[rows[row] for row in pack] for pack in plan.packs if pack]


def optimizer(model: Any, learning_rate: float) -> Any:
    """The one that keeps an exact fp32 master beside bf16 weights."""
    from ft_optimizer import SplitAdam

    return SplitAdam(model.parameters(), lr=learning_rate)


def leak(shapes: Shapes, rows: list[Row], device: str) -> float:
    """How much the later documents of a pack change when the first one is another: must be 0."""
    import torch
    from ft_attention import use

    model = build(shapes, dtype="bfloat16", device=device)
    use(model)
    other: Row = {"input_ids": [(token + 1) % shapes.vocabulary for token in rows[0]["input_ids"]], "labels": rows[0]["labels"]}
    with torch.no_grad():
        one, two = (_states(model, [first, *rows[1:]], device) for first in (rows[0], other))
    after = len(rows[0]["input_ids"])
    return float((one[after:] - two[after:]).abs().max())


def loss(shapes: Shapes, rows: list[Row], device: str, dtype: str) -> float:
    """Of one pack, by the trainer's own attention and loss."""
    import torch
    from ft_attention import use
    from ft_loss import install

    model = build(shapes).to(device, getattr(torch, dtype))
    use(model)
    with torch.no_grad():
        return float(install(model)(**_batch(rows, device))["loss"])


def _states(model: Any, rows: list[Row], device: str) -> Any:
    batch = _batch(rows, device)
    kept = ("input_ids", "position_ids", "cu_seq_lens_q", "max_length_q", "lengths")
    return model.model(use_cache=False, **{name: batch[name] for name in kept}).last_hidden_state[0].float()


def _batch(rows: list[Row], device: str) -> dict[str, Any]:
    import torch
    from ft_chat import Encoded
    from ft_collate import collate

    batch = collate([Encoded(torch.tensor(row["input_ids"]).numpy(), torch.tensor(row["labels"]).numpy()) for row in rows])
    return {name: value.to(device) if torch.is_tensor(value) else value for name, value in batch.items()}


def _recipe(**hyper: Any) -> Any:
    from ft_recipe import Hyper, Recipe

    return Recipe(
        trainer="full_ft",
        preset="bench",
        name="bench",
        stage="knowledge",
        base="",
        rows="",
        rows_sha256="",
        work=scratch(),
        out="",
        seed=SEED,
        hyper=Hyper(**{**HYPER, **hyper}),
    )


def _free() -> int:
    from ft_memory import free_memory

    return int(free_memory())


def _layers(model: Any, hyper: Any, tokens: int, free: int) -> int:
    from ft_memory import layers_to_recompute, sizes

    wanted = hyper.recompute_layers
    if wanted == "auto":
        return int(layers_to_recompute(sizes(model.config), hyper, tokens, 1, free))
    return int(model.config.num_hidden_layers if wanted == "all" else wanted)
