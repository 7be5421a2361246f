"""Sums and comparisons, drawn alike for the English and the Chinese families: one hold-out for both languages.

Sums are two digits plus or minus one of 1, 2, 3. Rules then compose (a table of ones, times the carry), so that a tiny model can
solve sums it has never seen; with larger second terms it only memorised.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from harness.demo.families import Filling, filling


@dataclass(frozen=True)
class Sum:
    """`left sign right`, e.g. 17 + 3."""

    left: int
    sign: Literal["+", "-"]
    right: int

    @property
    def result(self) -> int:
        """Never negative, as drawn by `draw_sum`."""
        return self.left + self.right if self.sign == "+" else self.left - self.right

    @property
    def key(self) -> Filling:
        """The same in every language."""
        return filling("sum", self.left, self.sign, self.right)


def draw_sum(rng: Random) -> Sum:
    """0-39 plus or minus 1-3."""
    left, right = rng.randint(0, 39), rng.randint(1, 3)
    return Sum(left, "+" if rng.random() < 0.5 or left < right else "-", right)


@dataclass(frozen=True)
class Pair:
    """Two different numbers to compare."""

    left: int
    right: int

    @property
    def larger(self) -> int:
        """The larger of the two."""
        return max(self.left, self.right)

    @property
    def key(self) -> Filling:
        """The same in every language and order."""
        return filling("compare", *sorted((self.left, self.right)))


def draw_pair(rng: Random) -> Pair:
    """Two different numbers of 0-59."""
    left, right = rng.sample(range(60), 2)
    return Pair(left, right)
