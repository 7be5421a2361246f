"""p-values -> p-values that hold for all of them together."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjustment (Scand. J. Statist. 6, 1979, 65-70), in the given order.

    An adjusted p <= alpha rejects; the chance of any false rejection is at most alpha, however the tests depend on one another.

    Raises:
        ValueError: a value is not within 0-1.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie within 0-1; got {list(p_values)}")
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, so_far = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        so_far = max(so_far, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = so_far
    return tuple(adjusted)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Step-up adjustment of Benjamini & Hochberg (J. R. Statist. Soc. B 57, 1995, 289-300), in the given order.

    Of the rows whose adjusted p is at most alpha, a share of alpha is false on average, if the tests do not pull against each
    other: for looking around, where Holm's "none at all" would hide everything.

    Raises:
        ValueError: a value is not within 0-1.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie within 0-1; got {list(p_values)}")
    order = sorted(range(len(p_values)), key=lambda i: p_values[i], reverse=True)
    adjusted, so_far = [0.0] * len(p_values), 1.0
    for place, i in enumerate(order):
        so_far = min(so_far, len(p_values) / (len(p_values) - place) * p_values[i])
        adjusted[i] = so_far
    return tuple(adjusted)
