"""Three small tokenizers of the kinds that can be extended, trained on the spot on text of our own, and one vocabulary for each.

`llama3`  byte-level, special tokens behind all others and unknown to the vocabulary, `ignore_merges`, split by a pattern
`plain`   the demo world's English tokenizer: byte-level, special tokens first
`llama1`  BPE over characters with bytes to fall back to, as a `tokenizer.model` and nothing else

Loaded as a plugin would be: `from tests.vocabulary.bases import extended` in a test module; made once a module.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from harness.demo import corpus
from harness.schema import Vocabulary
from harness.vocabulary import extending, learning, texts
from harness.vocabulary.tokenizers import Loaded, load

KINDS: Final = ("llama3", "plain", "llama1")
SIZE: Final = 700
ENGLISH: Final = [f"{one.question} {one.answer}" for one in corpus.pretraining(600, 0) if f"{one.question}{one.answer}".isascii()]
CHINESE: Final = [one.answer for one in corpus.plain_text(300, 3)]
TEMPLATE: Final = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
_PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Extended:
    """A base, what was learnt for it, and the tokenizer that has it."""

    base: Loaded
    learnt: Vocabulary
    made: Loaded

    def before(self, text: str) -> list[int]:
        ids: list[int] = self.base.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def after(self, text: str) -> list[int]:
        ids: list[int] = self.made.tokenizer.encode(text, add_special_tokens=False)
        return ids


def make_base(kind: str, folder: Path) -> Path:
    """A folder with a tokenizer."""
    folder.mkdir(parents=True)
    {"llama3": _llama3, "plain": _plain, "llama1": _llama1}[kind](folder)
    return folder


def chinese(folder: Path) -> Path:
    """A file of plain text."""
    file = folder / "zh.txt"
    file.write_text("\n".join(CHINESE) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module", params=KINDS)
def extended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Extended:
    """One of the three."""
    return make(request.param, tmp_path_factory.mktemp("vocabulary"))


def make(kind: str, folder: Path) -> Extended:
    base = load(make_base(kind, folder / kind))
    learnt = learning.learn(base, texts.find([chinese(folder)]), SIZE, "han")
    return Extended(base, learnt, extending.extend_tokenizer(base.folder, learnt, folder / "out"))


def _llama3(folder: Path) -> None:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(_PATTERN), "isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(ENGLISH, _trainer(trainers, pre_tokenizers))
    bpe.add_special_tokens(["<|begin|>", "<|end|>", *(f"<|reserved_{n}|>" for n in range(6))])
    around = processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", bpe.token_to_id("<|begin|>"))])
    bpe.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), around])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|begin|>", eos_token="<|end|>", model_max_length=512, padding_side="left"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)


def _plain(folder: Path) -> None:
    from harness.demo.tokenizer import english_tokenizer

    english_tokenizer(ENGLISH).save_pretrained(folder)


def _llama1(folder: Path) -> None:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*ENGLISH, "好的 天 人"]),
        model_writer=model,
        vocab_size=520,
        model_type="bpe",
        byte_fallback=True,
        character_coverage=1.0,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    said: dict[str, Any] = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    said |= {"model_max_length": 512, "add_bos_token": True, "padding_side": "left", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(said), encoding="utf-8")
    (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")


def _trainer(trainers: Any, pre_tokenizers: Any) -> Any:
    return trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
