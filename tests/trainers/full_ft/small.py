"""Small models, rows and runs that several tests of the pieces share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import transformers
from ft_chat import Encoded
from ft_plan import Plan
from ft_trainer import shape
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

VOCABULARY = 320


def rows(count: int, *, seed: int = 0, low: int = 5, high: int = 40) -> list[Encoded]:
    """Rows of random tokens; the first part of each has no loss."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        length = rng.randint(low, high)
        ids = np.array([rng.randrange(3, VOCABULARY) for _ in range(length)], dtype=np.int32)
        labels = ids.copy()
        labels[: rng.randint(1, length - 1)] = -100
        made.append(Encoded(ids, labels))
    return made


def model(family: str = "Llama", *, seed: int = 0, attention: str = "sdpa", spread: float = 0.1, **config: Any) -> Any:
    """A random causal language model in training mode, fp32. `spread` makes attention matter: with transformers' own 0.02 a leak is
    hardly seen."""
    kinds = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "vocab_size": VOCABULARY,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "attn_implementation": attention,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = AutoModelForCausalLM.from_config(getattr(transformers, f"{family}Config")(**{**kinds, **config}))
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.data.normal_(0, spread)
    return made.float().train()


def hyper(**changed: Any) -> Any:
    """Hyper-parameters as `ft_trainer.build` reads them."""
    said = {
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "warmup_ratio": 0.2,
        "weight_decay": 0.1,
        "adam_betas": (0.9, 0.999),
        "max_grad_norm": 1.0,
        "precision": "fp32",
        "recompute_layers": 0,
    }
    return SimpleNamespace(**{**said, **changed})


class Losses(TrainerCallback):
    """What the Trainer says at every step."""

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.norm: list[float] = []
        self.rate: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **rest: Any) -> None:
        if logs and "loss" in logs:
            self.loss.append(float(logs["loss"]))
            self.norm.append(float(logs["grad_norm"]))
            self.rate.append(float(logs["learning_rate"]))


def unpacked(made: Any, encoded: Sequence[Encoded], plan: Plan, settings: Any, work: str) -> Losses:
    """The same training as transformers does it: one row a batch, its own attention, mask, loss, clipping and order of steps."""
    assert plan.world == 1
    assert plan.packing == "none"
    order = [encoded[row] for pack in plan.packs for row in pack]
    said = Losses()
    arguments = TrainingArguments(
        output_dir=work,
        **shape(plan),
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup_ratio,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_torch",
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
    )
    trainer = Trainer(model=made, args=arguments, train_dataset=order, data_collator=_alone, callbacks=[said])
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return said


def _alone(batch: list[Encoded]) -> dict[str, torch.Tensor]:
    (row,) = batch
    ids = torch.from_numpy(row.input_ids.astype(np.int64))[None]
    return {
        "input_ids": ids,
        "labels": torch.from_numpy(row.labels.astype(np.int64))[None],
        "attention_mask": torch.ones_like(ids),
    }


def weights(made: Any) -> torch.Tensor:
    """All parameters, flat."""
    return torch.cat([parameter.detach().flatten() for parameter in made.parameters()])


def gradients(made: Any) -> torch.Tensor:
    """All gradients, flat."""
    return torch.cat([parameter.grad.flatten() for parameter in made.parameters()])


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Relative distance."""
    return float((found - wanted).detach().norm() / wanted.detach().norm())


def alone(made: Any, encoded: Sequence[Encoded], items: int) -> tuple[float, torch.Tensor]:
    """Loss and gradients of the rows one by one, with transformers' own attention and plain cross-entropy over `items` tokens."""
    made.zero_grad()
    total = torch.zeros(())
    for row in encoded:
        batch = _alone([row])
        logits = made(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).logits[0, :-1]
        total = total + torch.nn.functional.cross_entropy(logits, batch["labels"][0, 1:], ignore_index=-100, reduction="sum")
    (total / items).backward()
    return float(total.detach() / items), gradients(made)
