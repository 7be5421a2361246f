"""Lines × tokenizer -> the tokens of each word: what may ever be merged with one another.

A word ends where the tokenizer's own pre-tokenizer ends it, at a special token, and, where a tokenizer knows no words
(sentencepiece writes whole lines), before a space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from typing import Any, Final

BATCH: Final = 256
"""Lines encoded at once."""


def words(backend: Any, lines: Iterable[str], apart: frozenset[int], opening: frozenset[int]) -> Iterator[list[int]]:
    """Ids of every word.

    Args:
        backend: of the library `tokenizers`.
        lines: text.
        apart: ids that are no part of any word.
        opening: ids that begin a word wherever they stand.
    """
    for batch in batches(lines):
        for encoded in backend.encode_batch(batch, add_special_tokens=False):
            for _, group in groupby(zip(encoded.word_ids, encoded.ids, strict=True), key=lambda pair: pair[0]):
                yield from _parts([number for _, number in group], apart, opening)


def batches(lines: Iterable[str], size: int = BATCH) -> Iterator[list[str]]:
    """Lines, `size` at a time."""
    rest = iter(lines)
    while batch := list(islice(rest, size)):
        yield batch


def runs(word: list[int], bears: Callable[[int], bool], spaces: frozenset[int]) -> Iterator[list[int]]:
    """Stretches of a word whose tokens may be merged: those that bear, and a space before them."""
    run: list[int] = []
    for number in word:
        if bears(number):
            run.append(number)
            continue
        if len(run) > 1:
            yield run
        run = [number] if number in spaces else []
    if len(run) > 1:
        yield run


def _parts(ids: list[int], apart: frozenset[int], opening: frozenset[int]) -> Iterator[list[int]]:
    part: list[int] = []
    for number in ids:
        if number in apart or number in opening:
            if part:
                yield part
            part = []
        if number not in apart:
            part.append(number)
    if part:
        yield part
