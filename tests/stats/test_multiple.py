"""Holm against its definition, and the family-wise error it promises."""

from __future__ import annotations

import random

import pytest

from harness.stats.multiple import holm


def test_the_smallest_p_pays_for_all_and_the_largest_for_itself() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))


def test_adjusted_values_never_fall_and_stay_within_one() -> None:
    assert holm([0.5, 0.9, 0.02]) == pytest.approx((1.0, 1.0, 0.06))


def test_the_order_is_that_of_the_input_and_nothing_gives_nothing() -> None:
    assert holm([0.2, 0.001]) == pytest.approx((0.2, 0.002))
    assert holm([]) == ()


def test_some_true_null_hypothesis_is_rejected_at_most_once_in_twenty() -> None:
    rng = random.Random(4)
    wrong = sum(min(holm([*(rng.random() for _ in range(6)), 1e-9, 1e-9])[:6]) <= 0.05 for _ in range(4000))
    assert wrong / 4000 <= 0.057


def test_a_p_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="within 0-1"):
        holm([1.5])
