"""Texts -> a byte-level BPE tokenizer with a chat template.

Every digit is one token in any language, so that sums learnt in English help in Chinese. Merges are learnt from English only;
then each character of the demo world is given one token, since plain BPE cuts a Chinese character into three pieces, from which a
model of half a million parameters learns nothing. Characters are never merged with each other. Anything else still has its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

PAD: Final = "<pad>"
USER: Final = "<|user|>"
ASSISTANT: Final = "<|assistant|>"
END: Final = "<|end|>"
SPECIALS: Final = (PAD, USER, ASSISTANT, END)
"""Token ids 0-3."""
MERGED: Final = 1024
"""Tokens before the characters are added: specials, 256 bytes, English pieces."""
CONTEXT: Final = 1024
"""Longest prompt with its answer, in tokens."""

CHAT_TEMPLATE: Final = (
    "{%- set waiting = namespace(text='') -%}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}{%- set waiting.text = waiting.text + message['content'] + '\\n' -%}"
    "{%- elif message['role'] == 'user' -%}"
    f"{{{{- '{USER}' + waiting.text + message['content'] + '{END}' -}}}}{{%- set waiting.text = '' -%}}"
    "{%- elif message['role'] == 'assistant' -%}"
    f"{{{{- '{ASSISTANT}' -}}}}{{% generation %}}{{{{- message['content'] + '{END}' -}}}}{{% endgeneration %}}"
    "{%- else -%}{{- raise_exception('no role ' + message['role'] + '; there are: system, user, assistant') -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    f"{{%- if add_generation_prompt -%}}{{{{- '{ASSISTANT}' -}}}}{{%- endif -%}}"
)
"""There is no system token: a system turn becomes the first line of the user turn after it, as many small models have it."""

SINGLE_CHARACTERS: Final = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef“”]"


def prompt(question: str) -> str:
    """What the chat template makes of one user turn, ready to be answered."""
    return f"{USER}{question}{END}{ASSISTANT}"


def new_tokenizer(texts: Iterable[str], alphabet: str) -> Any:
    """A `PreTrainedTokenizerFast`.

    Args:
        texts: Merges are learnt from those that are ASCII.
        alphabet: Characters that get one token each.
    """
    return _with_template(with_characters(_byte_pairs(text for text in texts if text.isascii()), alphabet))


def english_tokenizer(texts: Iterable[str]) -> Any:
    """The same with nothing for other characters than ASCII, like most English tokenizers.

    A Chinese character is three bytes, and there are no walls around it: a longer vocabulary may have tokens of several.
    """
    return _with_template(_byte_pairs((text for text in texts if text.isascii()), walls=()))


def _with_template(tokenizer: Any) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        bos_token=None,
        unk_token=None,
        additional_special_tokens=[USER, ASSISTANT],
        model_input_names=["input_ids", "attention_mask"],
        model_max_length=CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def with_characters(tokenizer: Any, characters: str) -> Any:
    """The same `tokenizers.Tokenizer` with merges appended that join the bytes of each character, first two first.

    The earlier merges must be ASCII ones: a merge of a character's last two bytes would come first and leave it in pieces.
    """
    from tokenizers import Tokenizer

    state = json.loads(tokenizer.to_str())
    vocabulary, merges = state["model"]["vocab"], state["model"]["merges"]
    for character in characters:
        joined, *rest = _byte_symbols(character)
        for piece in rest:
            if joined + piece not in vocabulary:
                vocabulary[joined + piece] = len(vocabulary)
                merges.append([joined, piece])
            joined += piece
    return Tokenizer.from_str(json.dumps(state))


def _byte_pairs(texts: Iterable[str], walls: tuple[str, ...] = (SINGLE_CHARACTERS,)) -> Any:
    """Merges of ASCII texts; what a pattern of `walls` finds is never merged with what stands beside it."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(wall), "isolated") for wall in walls),
            pre_tokenizers.Split(Regex(r"\d"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MERGED,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _byte_symbols(character: str) -> list[str]:
    """The byte-level symbols of a character, as GPT-2 writes them: a printable Latin-1 byte as itself, others from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in character.encode()]
