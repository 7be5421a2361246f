"""Rows × the base's tokenizer -> how long the rows are, in tokens."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import ModelError
from harness.training.rows import messages

SAMPLED: Final = 4096
"""Rows counted; of a longer file the first, in file order, which a mix has shuffled."""
PER_TURN: Final = 4
"""Tokens taken for the marks of a turn where the base has no chat template."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of the counted rows."""

    tokens: tuple[int, ...]
    supervised: tuple[int, ...]
    """Of them the assistant's, which carry the loss."""
    templated: bool
    """Whether the base's own chat template was applied."""


def lengths(base: Path, rows: Path, sampled: int = SAMPLED) -> Lengths:
    """Count the tokens of the first rows.

    Raises:
        ModelError: the tokenizer cannot be loaded.
        DataError: a line is no row.
    """
    tokenizer = _tokenizer(base)
    talks = list(itertools.islice(messages(rows), sampled))
    texts = _rendered(tokenizer, talks)
    tokens = _count(tokenizer, texts or ["\n".join(turn["content"] for turn in talk) for talk in talks])
    marks = [0 if texts else PER_TURN * len(talk) for talk in talks]
    answers = [[turn["content"] for turn in talk if turn["role"] == "assistant"] for talk in talks]
    spoken = _count(tokenizer, ["".join(turns) for turns in answers])
    return Lengths(
        tuple(n + mark for n, mark in zip(tokens, marks, strict=True)),
        tuple(n + len(turns) for n, turns in zip(spoken, answers, strict=True)),
        texts is not None,
    )


def _tokenizer(base: Path) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise ModelError("counting tokens needs pip install 'culture-harness[hf]'") from None
    try:
        return AutoTokenizer.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"the tokenizer of '{base}' cannot be loaded ({' '.join(str(error).split())[:200]})") from None


def _rendered(tokenizer: Any, talks: list[list[dict[str, str]]]) -> list[str] | None:
    """The conversations as the template writes them; None if there is none, or it refuses one of them."""
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        return None
    try:
        return [str(tokenizer.apply_chat_template(talk, tokenize=False)) for talk in talks]
    except (TemplateError, ValueError):
        return None


def _count(tokenizer: Any, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]]
