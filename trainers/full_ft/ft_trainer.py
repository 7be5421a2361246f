"""Model × rows × Plan -> transformers.Trainer that trains exactly as planned.

transformers does what it does well: distributed engines, schedules, logging, checkpoints. Replaced are the parts that would
change the recipe (the order of the data) and those that only cost time in every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from ft_attention import use
from ft_chat import Encoded
from ft_check import check_packing
from ft_collate import collate
from ft_loss import install
from ft_optimizer import SplitAdam
from ft_plan import Pack, Plan
from ft_recompute import recompute_first
from torch.utils.data import DataLoader, Dataset, SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.training_args import ParallelMode


class Hyper(Protocol):
    """What `build` reads of a recipe's hyper-parameters."""

    learning_rate: float
    schedule: str
    warmup_ratio: float
    weight_decay: float
    adam_betas: tuple[float, float]
    max_grad_norm: float
    precision: str
    recompute_layers: Any


class PackedTrainer(Trainer):
    """A Trainer over the packs of a plan, in its order.

    Process `rank` takes the packs whose index is `rank` modulo `plan.world`; one pack is one batch, `plan.micro_steps` of them
    are one optimizer step. Going on from a checkpoint skips the packs of the steps that were done.
    """

    def __init__(
        self,
        *,
        model: Any,
        args: TrainingArguments,
        plan: Plan,
        rows: Sequence[Encoded],
        recompute_layers: int | Literal["all"] = 0,
        split_master: bool = False,
        chunk: int | None = None,
        check: bool = True,
        callbacks: Sequence[TrainerCallback] = (),
        **rest: Any,
    ) -> None:
        """Prepare `model` (attention, loss, recomputing) and the Trainer around it.

        Args:
            model: a transformers causal language model; changed in place.
            args: must have `plan`'s shape: see `build`.
            plan: what is trained on.
            rows: what the plan's indices mean.
            recompute_layers: layers, from the first, whose activations are recomputed; or "all".
            split_master: bf16 weights keep an exact fp32 master (`SplitAdam`); for engines that keep none themselves.
            chunk: see `ft_loss.install`.
            check: try the model before (`ft_check`).
            callbacks: in addition to transformers' own.
            rest: for transformers' Trainer.

        Raises:
            ValueError: `args` do not have the plan's shape; or the model cannot be trained so (`AttentionRefused`, `LossRefused`,
                `RecomputeRefused`, `PackingRefused`).
        """
        _check_shape(args, plan)
        use(model)
        install(model, chunk)
        recompute_first(model, recompute_layers)
        if split_master:
            rest["optimizer_cls_and_kwargs"] = (SplitAdam, _adam(args))
        self.plan, self.rows = plan, rows
        super().__init__(
            model=model, args=args, data_collator=_only, train_dataset=_Packs(rows, plan.packs), callbacks=list(callbacks), **rest
        )
        self.remove_callback(PrinterCallback)
        if check and not any(hasattr(parameter, "ds_id") or parameter.is_meta for parameter in model.parameters()):
            with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=args.bf16 and model.dtype == torch.float32):
                check_packing(model)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """This process's packs, in order; nothing is shuffled, sharded or filled up again."""
        packs = _Packs(self.rows, self.plan.packs[self.args.process_index :: self.plan.world])
        return DataLoader(packs, batch_size=1, sampler=SequentialSampler(packs), collate_fn=_only)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:  # noqa: ARG002
        """Not counted here: transformers' guess walks over all parameters in every micro-step, and counts padding and prompts."""
        return 0

    def store_flos(self) -> None:
        """Nothing to gather."""

    def _clip_grad_norm(self, model: Any) -> Any:
        """As transformers, but the norm of bf16 gradients is taken in fp32, in two passes over them."""
        if self.is_deepspeed_enabled or self.is_fsdp_enabled:
            return super()._clip_grad_norm(model)
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients, 2, dtype=torch.float32)))
        torch._foreach_mul_(gradients, torch.clamp(self.args.max_grad_norm / (norm + 1e-6), max=1.0))
        return norm


def build(
    model: Any,
    tokenizer: Any,  # noqa: ARG001
    encoded: Sequence[Encoded],
    plan: Plan,
    hyper: Hyper,
    work: Path | str,
    *,
    seed: int = 0,
    callbacks: Sequence[TrainerCallback] = (),
    check: bool = True,
    chunk: int | None = None,
    **more: Any,
) -> PackedTrainer:
    """A trainer for one process or plain data parallelism, with the hyper-parameters of a recipe.

    Args:
        model: as `PackedTrainer`; cast as `hyper.precision` says.
        tokenizer: unused by training; here so that callers need not know that.
        encoded: rows.
        plan: made from their lengths.
        hyper: of the recipe; `recompute_layers` "auto" means none.
        work: folder for checkpoints.
        seed: of dropout, where a model has it.
        callbacks: see `PackedTrainer`.
        check: see `PackedTrainer`.
        chunk: see `PackedTrainer`.
        more: further `TrainingArguments`.
    """
    model.to(torch.float32 if hyper.precision in ("fp32", "bf16-mixed") else torch.bfloat16)
    cuda = torch.cuda.is_available()
    said: dict[str, Any] = {
        "output_dir": str(work),
        "seed": seed,
        **shape(plan),
        "learning_rate": hyper.learning_rate,
        "lr_scheduler_type": "constant_with_warmup" if hyper.schedule == "constant" else hyper.schedule,
        "warmup_steps": math.ceil(hyper.warmup_ratio * plan.steps),
        "weight_decay": hyper.weight_decay,
        "adam_beta1": hyper.adam_betas[0],
        "adam_beta2": hyper.adam_betas[1],
        "max_grad_norm": hyper.max_grad_norm,
        "optim": "adamw_torch_fused",
        "bf16": hyper.precision == "bf16-mixed",
        "use_cpu": not cuda,
        "logging_steps": 1,
        "save_strategy": "no",
    }
    return PackedTrainer(
        model=model,
        args=TrainingArguments(**{**said, **more}),
        plan=plan,
        rows=encoded,
        recompute_layers=0 if hyper.recompute_layers == "auto" else hyper.recompute_layers,
        split_master=hyper.precision == "bf16-master",
        chunk=chunk,
        check=check,
        callbacks=callbacks,
    )


def shape(plan: Plan) -> dict[str, Any]:
    """The `TrainingArguments` that a plan decides, and those without which it would not be kept to."""
    return {
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": plan.micro_steps,
        "max_steps": plan.steps,
        "num_train_epochs": 1,
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "dataloader_drop_last": False,
        "average_tokens_across_devices": True,
        "logging_nan_inf_filter": False,
        "ddp_find_unused_parameters": False,
        "report_to": "none",
        "disable_tqdm": True,
    }


class _Packs(Dataset[Any]):
    """Packs as the rows they hold."""

    def __init__(self, rows: Sequence[Encoded], packs: Sequence[Pack]) -> None:
        self.rows, self.packs = rows, packs

    def __len__(self) -> int:
        return len(self.packs)

    def __getitem__(self, place: int) -> list[Encoded]:
        return [self.rows[row] for row in self.packs[place]]


def _only(packs: list[list[Encoded]]) -> dict[str, Any]:
    (pack,) = packs
    return collate(pack)


def _check_shape(args: TrainingArguments, plan: Plan) -> None:
    wrong = [name for name, value in shape(plan).items() if name in _DECIDING and getattr(args, name) != value]
    if wrong:
        raise ValueError(
            f"TrainingArguments do not fit the plan: {', '.join(f'{name}={getattr(args, name)!r}' for name in wrong)}"
        )
    if args.world_size != plan.world or args.parallel_mode == ParallelMode.NOT_DISTRIBUTED:
        raise ValueError(f"the plan is for {plan.world} processes; there are {args.world_size} with {args.n_gpu} devices each")


_DECIDING = ("per_device_train_batch_size", "gradient_accumulation_steps", "max_steps", "logging_nan_inf_filter")


def _adam(args: TrainingArguments) -> dict[str, Any]:
    return {"lr": args.learning_rate, "betas": (args.adam_beta1, args.adam_beta2), "eps": args.adam_epsilon}
