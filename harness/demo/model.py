"""Lessons -> a tiny Llama, trained on one CPU thread.

Half a million parameters: hidden 96, three layers, three heads of 32 (vLLM's CPU kernels do not take the 24 of four heads).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.demo.corpus import Lesson
from harness.demo.tokenizer import CONTEXT, END, PAD, prompt

HIDDEN: Final = 96
INNER: Final = 256
LAYERS: Final = 3
HEADS: Final = 3

LEARNING_RATE: Final = 1.5e-3
BATCH: Final = 16
WARM_UP: Final = 0.03
"""Share of the steps in which the learning rate rises."""
CLIP: Final = 1.0
BETAS: Final = (0.9, 0.98)
BUCKET: Final = 40
"""Batches whose lessons are sorted by length together, to save padding."""
LAST: Final = 50
"""Steps over which the final loss is averaged."""
IGNORED: Final = -100

Row = tuple[list[int], int]
"""Token ids, and how many of them at the beginning are not learnt."""


@dataclass(frozen=True)
class Trained:
    """How training went."""

    steps: int
    final_loss: float
    """Mean cross-entropy of the last `LAST` steps, nats a token."""


def new_model(tokenizer: Any) -> Any:
    """A `LlamaForCausalLM` with random weights from torch's current seed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            intermediate_size=INNER,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            head_dim=HIDDEN // HEADS,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            initializer_range=0.02 * math.sqrt(512 / HIDDEN),
            pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
            bos_token_id=None,
            eos_token_id=tokenizer.convert_tokens_to_ids(END),
        )
    )


def encode(tokenizer: Any, lessons: Sequence[Lesson]) -> list[Row]:
    """Lessons as token rows: of a question only the answer is learnt, of plain text everything."""
    before = tokenizer([END if one.question is None else prompt(one.question) for one in lessons], add_special_tokens=False)
    after = tokenizer([one.answer + END for one in lessons], add_special_tokens=False)
    return [(asked + said, len(asked)) for asked, said in zip(before["input_ids"], after["input_ids"], strict=True)]


def train(model: Any, rows: Sequence[Row], seed: int, on_step: Callable[[int, int, float], None]) -> Trained:
    """One pass over `rows`: AdamW, cosine schedule after a warm-up, float32. Changes `model`.

    Args:
        model: From `new_model`.
        rows: From `encode`.
        seed: Decides the order.
        on_step: Called with steps done, all steps, and the loss of this step.
    """
    import torch

    batches = shuffled_batches([len(ids) for ids, _ in rows], seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, betas=BETAS, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, len(batches)))
    losses: list[float] = []
    model.train()
    for done, batch in enumerate(batches, 1):
        loss = _loss(model, [rows[i] for i in batch])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        on_step(done, len(batches), losses[-1])
    model.eval()
    last = losses[-LAST:]
    return Trained(len(batches), sum(last) / len(last))


def rate(step: int, steps: int) -> float:
    """Share of the full learning rate at a step counted from 0: up in a line, then down a half cosine to 0."""
    warm = max(1, int(steps * WARM_UP))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def shuffled_batches(lengths: Sequence[int], seed: int) -> list[list[int]]:
    """Every index once, in batches of rows of like length, in random order."""
    rng = Random(seed)
    order = rng.sample(range(len(lengths)), len(lengths))
    batches = []
    for start in range(0, len(order), BATCH * BUCKET):
        bucket = sorted(order[start : start + BATCH * BUCKET], key=lengths.__getitem__)
        batches += [bucket[i : i + BATCH] for i in range(0, len(bucket), BATCH)]
    rng.shuffle(batches)
    return batches


@contextmanager
def one_thread(seed: int) -> Iterator[None]:
    """One torch thread and a seeded generator inside, both as they were afterwards.

    At this size two threads on a busy machine were many times slower than one, and one gives the same bytes every time.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _loss(model: Any, rows: Sequence[Row]) -> Any:
    """Mean cross-entropy of the learnt tokens. Rows are padded on the right, which causal attention never sees."""
    import torch

    width = max(len(ids) for ids, _ in rows)
    inputs = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows])
    labels = torch.tensor([[IGNORED] * skip + ids[skip:] + [IGNORED] * (width - len(ids)) for ids, skip in rows])[:, 1:]
    learnt = labels != IGNORED
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state[:, :-1]
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[learnt]), labels[learnt])
