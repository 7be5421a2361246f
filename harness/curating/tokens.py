"""Texts -> how many tokens each has, by the `tokenizer.json` of any model folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from harness.errors import UsageError

FILE: Final = "tokenizer.json"

Counter = Callable[[Sequence[str]], list[int]]


def find(path: str) -> Path:
    """The tokenizer's file, from its path or that of its model's folder.

    Raises:
        UsageError: there is none.
    """
    found = Path(path).expanduser()
    found = found / FILE if found.is_dir() else found
    if not found.is_file():
        raise UsageError(f"there is no tokenizer at '{found}'; name a {FILE}, or the folder of a model that has one")
    return found


def sha256(path: str) -> str:
    """What identifies it.

    Raises:
        UsageError: there is none.
    """
    with find(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def counter(path: str) -> Counter:
    """Tokens of each text, without special ones.

    Raises:
        UsageError: there is no tokenizer, it is broken, or the library for it is not installed.
    """
    file = find(path)
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UsageError("counting tokens needs pip install 'culture-harness[hf]'") from error
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    # What is wrong with a tokenizer's file is raised as a plain Exception by the library.
    except Exception as error:
        raise UsageError(f"'{file}' is no tokenizer: {' '.join(str(error).split())[:200]}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def count(texts: Sequence[str]) -> list[int]:
        return [len(one.ids) for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    return count
