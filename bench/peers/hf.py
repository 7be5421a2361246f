"""How others train: transformers' Trainer on padded, grouped, single and flattened rows, and TRL's SFTTrainer on packs.

Every function trains the model once over the rows. `optimizer` is the library's own AdamW unless one is given; what else is given
by name goes into the library's arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peers import scratch
from peers.meter import Watch
from peers.rows import Row, Work, total, work, work_of


def settings(**changed: Any) -> dict[str, Any]:
    """Of `TrainingArguments`: nothing is saved, logged or sent anywhere."""
    return {
        "output_dir": scratch(),
        "num_train_epochs": 1,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "learning_rate": 3e-4,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "seed": 1,
        "remove_unused_columns": False,
        "logging_nan_inf_filter": False,
        **changed,
    }


def pad(rows: list[Row]) -> dict[str, Any]:
    """To the longest of the batch, with an attention mask: the default everywhere."""
    import torch

    width = max(len(row["input_ids"]) for row in rows)

    def padded(name: str, filler: int) -> Any:
        return torch.tensor([row[name] + [filler] * (width - len(row[name])) for row in rows])

    lengths = torch.tensor([[len(row["input_ids"])] for row in rows])
    mask = (torch.arange(width)[None] < lengths).long()
    return {"input_ids": padded("input_ids", 0), "labels": padded("labels", -100), "attention_mask": mask}


def padded(model: Any, rows: list[Row], watch: Watch, batch: int = 8, accumulate: int = 1, **changed: Any) -> None:
    """Random batches, padded to the longest; with a batch of 1 there is no padding, and no two rows together either."""
    watch.micro_steps = accumulate
    changed |= {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulate}
    _train(model, rows, pad, work, watch, **changed)


def grouped(model: Any, rows: list[Row], watch: Watch, batch: int = 8, **changed: Any) -> None:
    """`group_by_length`, as it is on a large data set: every tenth batch of ten times the rows."""
    import torch
    from transformers.trainer_pt_utils import get_length_grouped_indices

    lengths = [len(row["input_ids"]) for row in rows]
    order = get_length_grouped_indices(lengths, batch, generator=torch.Generator().manual_seed(0))
    batches = [order[at : at + batch] for at in range(0, len(order), batch)]
    chosen = [rows[i] for taken in batches[5::10] for i in taken]
    changed |= {"per_device_train_batch_size": batch, "train_sampling_strategy": "sequential"}
    _train(model, chosen, pad, work, watch, **changed)


def flattened(model: Any, packs: list[list[Row]], watch: Watch, **changed: Any) -> None:
    """Packs through `DataCollatorWithFlattening`: sdpa with the block mask that transformers makes from position_ids."""
    from transformers import DataCollatorWithFlattening

    flatten = DataCollatorWithFlattening()

    def collate(batch: list[list[Row]]) -> dict[str, Any]:
        made: dict[str, Any] = flatten([row for pack in batch for row in pack])
        return made

    _train(model, packs, collate, lambda batch: total(map(work, batch)), watch, per_device_train_batch_size=1, **changed)


def _train(
    model: Any,
    rows: list[Any],
    collate: Callable[[list[Any]], Any],
    weigh: Callable[[list[Any]], Work],
    watch: Watch,
    optimizer: Any = None,
    **changed: Any,
) -> None:
    from transformers import PrinterCallback, Trainer, TrainingArguments

    trainer = Trainer(
        model=model,
        args=TrainingArguments(**settings(**changed)),
        train_dataset=rows,
        data_collator=watch.counting(collate, weigh),
        callbacks=[watch.callback()],
        optimizers=(optimizer, None),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()


def trl(
    model: Any, rows: list[Row], watch: Watch, longest: int, accumulate: int = 1, optimizer: Any = None, **changed: Any
) -> None:
    """`SFTTrainer(packing=True)`: best-fit packs of `longest` tokens."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    chosen = {"bf16": False, "gradient_checkpointing": False, **changed}
    watch.micro_steps = accumulate
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            **settings(**chosen),
            per_device_train_batch_size=1,
            gradient_accumulation_steps=accumulate,
            max_length=longest,
            packing=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=_tokenizer(),
        callbacks=[watch.callback()],
        optimizers=(optimizer, None),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.data_collator = watch.counting(trainer.data_collator, _packed_work)
    trainer.train()


def _packed_work(packs: list[dict[str, Any]]) -> Work:
    return work_of((length for pack in packs for length in pack["seq_lengths"]), (pack["labels"] for pack in packs))


def _tokenizer() -> Any:
    """TRL asks for one though the rows are token ids."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
