"""recipe -> SFTTrainer.train() -> model folder -> delivery.json."""

from __future__ import annotations

import copy
import platform
import resource
import shutil
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
import trl
from trl_files import PROGRESS, Stop, say, write_json
from trl_rows import Turn, data_set, fitting_form
from trl_settings import settings
from trl_watch import Watch, complete_checkpoints, remove_incomplete


def run(recipe: Any, rows: list[list[Turn]]) -> None:
    """Train, write the model whole, then the delivery.

    Raises:
        Stop: with a line for the reader.
    """
    _quiet()
    work, out = Path(recipe.work), Path(recipe.out)
    tokenizer, model = _load(recipe)
    notes: list[str] = []
    form = fitting_form(tokenizer, rows, recipe.base, notes)
    config, dtype = settings(recipe, form, work, notes)
    delivered = _Delivered(model)
    model.to(getattr(torch, dtype))
    remove_incomplete(work)
    newest = next(reversed(complete_checkpoints(work)), None)
    watch = Watch(work / PROGRESS, recipe.hyper.keep_checkpoints, newest)
    trainer = trl.SFTTrainer(
        model=model, args=config, train_dataset=data_set(rows, form), processing_class=tokenizer, callbacks=[watch]
    )
    trainer.remove_callback(transformers.PrinterCallback)
    count = _Count(trainer.data_collator)
    trainer.data_collator = count
    notes += _after_preparation(trainer, recipe, len(rows))
    for note in notes:
        say("note: " + note)
    say(f"{len(rows)} rows" + (f", going on from {newest.name}" if newest else ""))
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    report = _report(trainer, watch, count, len(rows))
    delivered.write(model, recipe, out)
    write_json(work / "delivery.json", {"report": report, "versions": _versions(), "notes": notes})
    say(f"delivered {out}")


def _quiet() -> None:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()


def _load(recipe: Any) -> tuple[Any, Any]:
    """Tokenizer, and model in the base's own dtype."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(recipe.base, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(recipe.base, dtype="auto", use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise Stop("recipe", f"{recipe.base}: cannot be loaded ({error})") from None
    return tokenizer, model


class _Delivered:
    """The model as it is handed over: trained weights, the base's own configuration, which TRL edits while it trains."""

    def __init__(self, model: Any) -> None:
        self.config = copy.deepcopy(model.config)
        self.generation = copy.deepcopy(model.generation_config)

    def write(self, model: Any, recipe: Any, out: Path) -> None:
        """Weights in fp32 where that is what was trained and nothing says bf16, with the base's own tokenizer and template."""
        from transformers import AutoTokenizer

        partial = out.with_name(out.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        dtype = torch.bfloat16 if recipe.hyper.precision in ("bf16", "bf16-master") else torch.float32
        model.config, model.generation_config = self.config, self.generation
        model.model_tags = None
        model.to("cpu", dtype).save_pretrained(partial)
        AutoTokenizer.from_pretrained(recipe.base, local_files_only=True).save_pretrained(partial)
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)


class _Count:
    """A collator that counts slots and real tokens on the way, for the padding share."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.slots, self.real = inner, 0, 0

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = self.inner(rows)
        self.slots += batch["input_ids"].numel()
        self.real += sum(len(row["input_ids"]) for row in rows)
        return batch


def _after_preparation(trainer: Any, recipe: Any, rows: int) -> list[str]:
    """What is known once TRL has cut and packed: how many packs a step takes, and which rows are gone."""
    hyper, prepared = recipe.hyper, trainer.train_dataset
    if not len(prepared):
        raise Stop("data", f"{recipe.rows}: no row has an answer within {hyper.max_length} tokens")
    if hyper.packing != "dataset":
        gone = rows - len(prepared)
        return [f"{gone} rows left out: nothing of the answer within {hyper.max_length} tokens"] if gone else []
    kept = sum(len(lengths) for lengths in prepared["seq_lengths"])
    trainer.args.gradient_accumulation_steps = max(1, round(hyper.instances_per_step * len(prepared) / kept))
    return [
        f"{kept} rows in {len(prepared)} packs of at most {hyper.max_length} tokens, "
        f"{trainer.args.gradient_accumulation_steps} packs a step (about {hyper.instances_per_step} rows)"
    ]


def _report(trainer: Any, watch: Watch, count: _Count, rows: int) -> dict[str, Any]:
    """`TrainingReport`; supervised tokens only for whole epochs, where they can be counted exactly."""
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    epochs, seconds = trainer.args.num_train_epochs, watch.seconds
    supervised = None
    if epochs == int(epochs):
        supervised = int(epochs) * sum(label != -100 for labels in trainer.train_dataset["labels"] for label in labels)
    return {
        "steps": trainer.state.global_step,
        "rows": rows,
        "tokens": watch.tokens,
        "supervised_tokens": supervised,
        "seconds": seconds,
        "tokens_per_second": watch.tokens / seconds,
        "supervised_tokens_per_second": supervised / seconds if supervised else None,
        "peak_memory_bytes": _peak(),
        "padding_share": 1 - count.real / count.slots if count.slots else None,
        "first_loss": losses[0],
        "final_loss": losses[-1],
        "processes": 1,
        "engine": f"SFTTrainer {trl.__version__}",
        "resumed": watch.resumed,
    }


def _peak() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "trl": trl.__version__,
        "datasets": datasets.__version__,
    }
