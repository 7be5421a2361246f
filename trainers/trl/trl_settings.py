"""recipe -> SFTConfig, and what of the recipe TRL does otherwise, in words.

TRL's own defaults that would bite are all set here: rows cut at 1,024 tokens, bf16 on, recomputation on, a log every ten steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

WHOLE: Final = 1 - 1e-9
"""A share that is still read as one: transformers takes 1 for one step."""
SCHEDULES: Final = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


def settings(recipe: Any, form: str, output: Path, notes: list[str]) -> tuple[Any, str]:
    """The configuration, and the dtype the weights are held in while training; notes for the log are added to `notes`.

    With packing `dataset` the accumulation is left at 1, because the number of packs is known only once TRL has made them.
    """
    import torch
    from transformers.utils import is_torch_tf32_available
    from trl import SFTConfig

    hyper = recipe.hyper
    packed = hyper.packing == "dataset"
    batch = 1 if packed else recipe.options.get("rows_per_micro_step", 1)
    if hyper.packing == "step":
        notes.append(
            "TRL cannot pack the rows of one step alone: packing step is trained unpacked, the rows of a step are the same"
        )
    dtype, autocast = _precision(hyper, notes)
    cuda = torch.cuda.is_available()
    config = SFTConfig(
        output_dir=str(output),
        num_train_epochs=hyper.epochs,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=1 if packed else hyper.instances_per_step // batch,
        learning_rate=hyper.learning_rate,
        lr_scheduler_type=SCHEDULES[hyper.schedule],
        warmup_steps=min(hyper.warmup_ratio, WHOLE),
        weight_decay=hyper.weight_decay,
        adam_beta1=hyper.adam_betas[0],
        adam_beta2=hyper.adam_betas[1],
        max_grad_norm=hyper.max_grad_norm,
        max_length=hyper.max_length,
        packing=packed,
        packing_strategy="bfd",
        bf16=autocast,
        tf32=hyper.tf32 if is_torch_tf32_available() else None,
        gradient_checkpointing=_recompute(hyper.recompute_layers, cuda, notes),
        save_strategy="steps" if hyper.save_steps else "epoch",
        save_steps=hyper.save_steps or 500,
        seed=recipe.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        use_cpu=not cuda,
        dataset_num_proc=None,
        assistant_only_loss=form == "messages",
    )
    return config, dtype


def _precision(hyper: Any, notes: list[str]) -> tuple[str, bool]:
    """Dtype of the weights, and whether the forward runs under bf16 autocast."""
    if hyper.precision == "bf16-master":
        notes.append("TRL keeps no master beside bf16 weights: bf16-master is trained as bf16-mixed (fp32 weights, more memory)")
    if hyper.precision in ("fp32", "bf16"):
        return {"fp32": "float32", "bf16": "bfloat16"}[hyper.precision], False
    return "float32", True


def _recompute(layers: int | str, cuda: bool, notes: list[str]) -> bool:
    if layers == "auto":
        return cuda
    if layers not in (0, "all"):
        notes.append(f"TRL recomputes all layers or none: recompute_layers {layers} is trained as all")
    return layers != 0
