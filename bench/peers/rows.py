"""seed -> rows as token ids and labels, with lengths like those of instruction data."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypedDict


class Row(TypedDict):
    """One conversation, tokenized."""

    input_ids: list[int]
    labels: list[int]
    """-100 on the prompt."""


@dataclass(frozen=True)
class Lengths:
    """Log-normal, cut at both ends."""

    mean: float = 250
    sigma: float = 0.8
    least: int = 16
    most: int = 2048
    supervised: float = 0.6
    """Share of a row's tokens that belong to the answer, on average."""


def make_rows(count: int, vocabulary: int, lengths: Lengths, seed: int) -> list[Row]:
    """Rows of a noisy chain of tokens, which a model can learn; the same seed gives the same rows.

    The share of the prompt is Beta distributed with 4 pseudo-counts around its mean.
    """
    draw = random.Random(seed)
    middle = math.log(lengths.mean) - lengths.sigma**2 / 2
    rows: list[Row] = []
    for _ in range(count):
        length = int(min(lengths.most, max(lengths.least, draw.lognormvariate(middle, lengths.sigma))))
        share = draw.betavariate(4 * (1 - lengths.supervised), 4 * lengths.supervised)
        prompt = min(length - 4, max(4, int(length * share)))
        ids = _chain(draw, length, vocabulary)
        rows.append({"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]})
    return rows


def _chain(draw: random.Random, length: int, vocabulary: int) -> list[int]:
    token, ids = draw.randrange(4, vocabulary), []
    for _ in range(length):
        token = 4 + (token * 31 + 7) % (vocabulary - 4) if draw.random() < 0.9 else draw.randrange(4, vocabulary)
        ids.append(token)
    return ids


class Work(NamedTuple):
    """What some rows ask of a trainer."""

    tokens: int
    """Real ones."""
    pairs: int
    """Tokens and those they may look at: n(n + 1)/2 for a row of n."""
    supervised: int
    """Tokens with a loss."""


def work_of(lengths: Iterable[int], labels: Iterable[list[int]]) -> Work:
    """Of rows by their lengths and labels; rows of one pack may share a list of labels."""
    tokens = pairs = 0
    for length in lengths:
        tokens += length
        pairs += length * (length + 1) // 2
    return Work(tokens, pairs, sum(label != -100 for row in labels for label in row))


def work(rows: list[Row]) -> Work:
    """Of single rows."""
    return work_of((len(row["input_ids"]) for row in rows), (row["labels"] for row in rows))


def total(works: Iterable[Work]) -> Work:
    """Of all together."""
    return Work(*(sum(column) for column in zip(*works, strict=True)))
