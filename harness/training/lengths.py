"""Rows × the base's tokenizer -> how long the rows are, in tokens.

A plain text is counted as the pieces that it is cut into: one row of a file may be several in training.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import ModelError
from harness.training.rows import entries

SAMPLED: Final = 4096
"""Rows counted; of a longer file the first, in file order, which a mix has shuffled."""
PER_TURN: Final = 4
"""Tokens taken for the marks of a turn where the base has no chat template."""
AROUND: Final = 2
"""Tokens before and behind a plain text."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of the counted rows, or of their pieces."""

    tokens: tuple[int, ...]
    supervised: tuple[int, ...]
    """Of them those that carry the loss: the assistant's, and all of a plain text."""
    templated: bool
    """Whether the base's own chat template was applied; True where there is no conversation."""
    texts: int = 0
    """Rows that are plain text."""
    pieces: int = 0
    """What they are cut into."""

    @property
    def rows(self) -> int:
        """Rows of the file that were counted."""
        return len(self.tokens) - self.pieces + self.texts


def lengths(base: Path, rows: Path, sampled: int = SAMPLED, max_length: int | None = None) -> Lengths:
    """Count the tokens of the first rows.

    Args:
        base: folder of the model.
        rows: JSONL of rows.
        sampled: rows that are counted, at most.
        max_length: tokens of a piece of plain text, at most; None: texts stay whole.

    Raises:
        ModelError: the tokenizer cannot be loaded.
        DataError: a line is no row.
    """
    tokenizer = _tokenizer(base)
    found = list(itertools.islice(entries(rows), sampled))
    talks = [one for one in found if not isinstance(one, str)]
    plain = [one for one in found if isinstance(one, str)]
    counted = _of_talks(tokenizer, talks) if talks else Lengths((), (), True)
    if not plain:
        return counted
    pieces = [piece for n in _count(tokenizer, plain) for piece in cut(n + AROUND, max_length)]
    tokens, spoken = (*counted.tokens, *pieces), (*counted.supervised, *(piece - 1 for piece in pieces))
    return Lengths(tokens, spoken, counted.templated, len(plain), len(pieces))


def cut(tokens: int, max_length: int | None) -> list[int]:
    """Tokens of the pieces of a plain text; each begins with the last token of the one before it."""
    if max_length is None or tokens <= max_length:
        return [tokens]
    return [min(max_length, tokens - first) for first in range(0, tokens - 1, max_length - 1)]


def _of_talks(tokenizer: Any, talks: list[list[dict[str, str]]]) -> Lengths:
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
