"""Seed -> a Hugging Face checkpoint of 0.4 M weights: the smallest model that every engine here loads.

A Llama of two layers over a byte-level tokenizer: made and loaded in a blink, and it knows nothing. With random weights the
two likeliest tokens are often so near that engines disagree on greedy text, so compare likelihoods within a tolerance, or use
the taught variant, which knows `LESSONS` by heart with wide margins. `head_dim` is 32 because vLLM on CPU takes no smaller
one.

Loaded by `pytest_plugins = ["tests.tiny"]`; the fixtures are made once a session, so treat the folders as read-only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import pytest

ChatTemplate = bool | Literal["no_system"]
Dtype = Literal["float32", "bfloat16"]

LESSONS: Final = (
    ("法国的首都是哪里？", "巴黎。"),
    ("二加三等于几？", "等于五。"),
    ("Which colour is the sky?", "Blue."),
    ("请选择：A. 对 B. 错", "A"),
    ("请选择：A. 错 B. 对", "B"),
    ("你是谁？", "我是一个很小的模型。"),
)
"""Question and answer of everything the overfitted model knows."""

_SPECIAL: Final = ("<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>")
_TEXT: Final = (
    "机器学习是人工智能的一个分支。请根据下面的材料回答问题，并说明理由。",
    "今天的天气很好，我们去公园散步，看见了许多花。中国的首都是北京。",
    "以下选项中，正确的是：A. 春天 B. 夏天 C. 秋天 D. 冬天。答案是A。",
    "对不起，我不能帮助你做违法的事情。保护个人隐私，尊重他人。",
    "Read the passage and answer the question. The answer is one of A, B, C or D.",
    "A small model learns what it is shown, and nothing else. What is two plus two?",
    "I cannot help with that, but here is what I can say about the law and the reasons for it.",
)
_TURNS: Final = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "<|assistant|>{% generation %}{{ m['content'] }}{{ eos_token }}{% endgeneration %}"
    "{% else %}{{ '<|' + m['role'] + '|>' + m['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_NO_SYSTEM: Final = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"


def make_tiny(
    folder: Path,
    *,
    chat_template: ChatTemplate = True,
    overfit: bool = False,
    vocab: int = 768,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Path:
    """A tiny causal language model with its tokenizer, saved in `folder`, which is made and returned.

    Args:
        folder: where config, tokenizer and `model.safetensors` go.
        chat_template: True takes system, user and assistant turns; "no_system" raises on a system turn; False is no template.
        overfit: teach it `LESSONS`, asked as one user turn each, until every answer token is above 0.98 (under a second).
        vocab: tokens at most; at least 262 (the bytes and the special tokens).
        seed: of the weights; the tokenizer depends on `vocab` alone.
        dtype: of the saved weights; training is in float32 whatever is saved.
    """
    import torch

    tokenizer = _tokenizer(vocab, chat_template)
    model = _model(tokenizer, seed)
    if overfit:
        _teach(model, _lessons(tokenizer))
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(vocab: int, chat_template: ChatTemplate) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=list(_SPECIAL), initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator([*_TEXT, *(text for lesson in LESSONS for text in lesson)], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=4096, padding_side="left"
    )
    if chat_template:
        tokenizer.chat_template = "{{ bos_token }}" + (_NO_SYSTEM if chat_template == "no_system" else "") + _TURNS
    return tokenizer


def _model(tokenizer: Any, seed: int) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=4096,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def _lessons(tokenizer: Any) -> dict[str, Any]:
    """`LESSONS` as one right-padded batch; labels are -100 wherever the answer is not."""
    import torch

    rows = []
    for question, answer in LESSONS:
        asked = tokenizer.bos_token + "<|user|>" + question + "<|assistant|>"
        head = tokenizer(asked, add_special_tokens=False)["input_ids"]
        tail = tokenizer(answer + tokenizer.eos_token, add_special_tokens=False)["input_ids"]
        rows.append((head + tail, [-100] * len(head) + tail))
    width = max(len(ids) for ids, _ in rows)
    return {
        "input_ids": torch.tensor([ids + [tokenizer.pad_token_id] * (width - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows]),
    }


def _teach(model: Any, batch: dict[str, Any], steps: int = 300) -> None:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    answers = batch["labels"][:, 1:] != -100
    for _ in range(steps):
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits[answers], batch["labels"][:, 1:][answers], reduction="none")
        if loss.max().item() < 0.02:
            return
        loss.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    raise AssertionError(
        f"the tiny model did not learn its lessons in {steps} steps: worst answer token {loss.max().item():.3f} nats"
    )


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, a template for system, user and assistant turns."""
    return make_tiny(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="session")
def tiny_no_system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, a template that raises on a system turn."""
    return make_tiny(tmp_path_factory.mktemp("tiny") / "tiny-no-system", chat_template="no_system")


@pytest.fixture(scope="session")
def tiny_no_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, no chat template."""
    return make_tiny(tmp_path_factory.mktemp("tiny") / "tiny-no-template", chat_template=False)


@pytest.fixture(scope="session")
def tiny_taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Knows `LESSONS` by heart: greedy text is the same in every engine."""
    return make_tiny(tmp_path_factory.mktemp("tiny") / "tiny-taught", overfit=True)
