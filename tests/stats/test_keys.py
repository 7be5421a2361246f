"""Bounds of an audited key against published sizes, exact enumeration and simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from harness.stats.keys import (
    PLANNED,
    People,
    Stratum,
    audit_size,
    audit_size_of,
    error_bound,
    most_errors,
    most_errors_anytime,
    upper_rate,
)

np = pytest.importorskip("numpy")
stats = pytest.importorskip("scipy.stats")

NOBODY = People(0, 0)


def test_audit_sizes_are_the_published_ones() -> None:
    found = {rate: tuple(audit_size(rate, errors) for errors in range(3)) for rate in PLANNED}
    assert found == {0.01: (299, 473, 628), 0.02: (149, 236, 313), 0.03: (99, 157, 208), 0.05: (59, 93, 124)}


@pytest.mark.parametrize(("rate", "errors"), [(0.02, 0), (0.02, 2), (0.05, 1), (0.3, 4)])
def test_an_audit_size_is_the_fewest_that_will_do(rate: float, errors: int) -> None:
    size = audit_size(rate, errors)
    assert stats.binom.cdf(errors, size, rate) <= 0.05 < stats.binom.cdf(errors, size - 1, rate)


def test_the_upper_rate_is_clopper_and_pearsons() -> None:
    assert upper_rate(3, 200) == pytest.approx(stats.binomtest(3, 200).proportion_ci(0.9).high)
    assert upper_rate(5, 5) == 1


@pytest.mark.parametrize(("errors", "audited", "items"), [(0, 20, 60), (2, 30, 60), (0, 60, 60), (5, 5, 9), (0, 0, 7)])
def test_the_most_errors_are_those_that_a_draw_does_not_rule_out(errors: int, audited: int, items: int) -> None:
    possible = [k for k in range(items + 1) if stats.hypergeom.cdf(errors, items, k, audited) > 0.05 and k >= errors]
    possible = [k for k in possible if k <= items - (audited - errors)]
    assert most_errors(errors, audited, items) == max(possible)


def test_all_items_audited_leave_nothing_open() -> None:
    assert most_errors(3, 42, 42) == most_errors_anytime(3, 42, 42) == 3


@pytest.mark.parametrize("items", [42, 150, 940])
def test_a_small_stratum_needs_fewer_items(items: int) -> None:
    size = audit_size_of(items, 0.02)
    assert size < audit_size(0.02)
    assert most_errors(0, size, items) <= 0.02 * items
    assert most_errors(0, size - 1, items) > 0.02 * items


@pytest.mark.parametrize("wrong", [0, 3, 10, 40])
def test_the_bound_of_a_fixed_audit_holds_in_95_percent_of_all_draws(wrong: int) -> None:
    items, audited = 400, 90
    seen = np.arange(0, min(wrong, audited) + 1)
    chance = stats.hypergeom.pmf(seen, items, wrong, audited)
    held = sum(p for k, p in zip(seen, chance, strict=True) if most_errors(int(k), audited, items) >= wrong)
    assert held >= 0.95


@pytest.mark.parametrize("wrong", [1, 4, 8, 20, 33])
def test_an_anytime_bound_is_broken_at_any_time_in_at_most_5_percent_of_all_orders(wrong: int) -> None:
    assert _ever_below(most_errors_anytime, 40, min(wrong, 40)) <= 0.05


def test_the_bound_of_a_fixed_audit_is_broken_too_often_if_one_looks_again_and_again() -> None:
    assert _ever_below(most_errors, 40, 20) > 0.1


def _ever_below(bound: Callable[[int, int, int], int], items: int, wrong: int) -> float:
    """Exactly, over all orders of drawing: how often the bound is below the truth after some number of items."""
    going, broken = {0: 1.0}, 0.0
    for n in range(1, items + 1):
        after: Counter[int] = Counter()
        for errors, p in going.items():
            hit = (wrong - errors) / (items - n + 1)
            after[errors + 1] += p * hit
            after[errors] += p * (1 - hit)
        after = Counter({errors: p for errors, p in after.items() if p > 0})
        lost = {errors for errors in after if bound(errors, n, items) < wrong}
        broken += sum(after[errors] for errors in lost)
        going = {errors: p for errors, p in after.items() if errors not in lost}
    return broken


def test_stopping_at_any_time_costs_a_few_items() -> None:
    def needed(bound: object) -> int:
        return next(n for n in range(1, 940) if bound(0, n, 940) <= 0.02 * 940)  # type: ignore[operator]

    assert needed(most_errors) == 136
    assert needed(most_errors_anytime) == 161


def test_people_who_never_differ_are_nearly_right_and_unasked_people_prove_nothing() -> None:
    assert NOBODY.error() == 0
    assert People(470, 0).error() < 1e-4
    assert People(470, 40).error() > People(470, 10).error() > People(470, 0).error()
    assert People(10, 9).error() == pytest.approx(0.5)


def test_the_error_of_two_and_an_adjudicator_is_that_of_a_majority_of_three() -> None:
    q = 0.1
    three = stats.binom.sf(1, 3, q)
    differ = People(1_000_000, int(1_000_000 * 2 * q * (1 - q)))
    assert differ.error() == pytest.approx(three, rel=0.02)


def test_the_bound_adds_up_what_no_audit_rules_out_and_what_people_can_have_missed() -> None:
    strata = [Stratum(900, 150, 1), Stratum(300, 150, 0)]
    open_ = (most_errors(1, 150, 900) - 1) + most_errors(0, 150, 300)
    assert error_bound(strata, NOBODY, NOBODY, 1500) == pytest.approx(open_ / 1500)
    assert error_bound(strata, People(300, 12), People(300, 30), 1500) > open_ / 1500


def test_what_people_misread_alike_is_added_for_all_answers_and_not_only_for_those_they_saw() -> None:
    strata = [Stratum(10_000, 150, 0)]
    plain, wary = (error_bound(strata, People(150, 2), People(50, 1), 10_050, assumed) for assumed in (0, 0.03))
    assert wary == pytest.approx(plain + 0.03)
    assert error_bound(strata, NOBODY, NOBODY, 10_050, assumed=1) == 1


def test_without_an_audit_every_answer_can_be_wrong() -> None:
    assert error_bound([Stratum(80, 0, 0)], NOBODY, NOBODY, 80) == 1
    assert error_bound([Stratum(80, 0, 0, anytime=True)], NOBODY, NOBODY, 80) == 1


@pytest.mark.parametrize("counts", [(2, 1, 5), (0, 6, 5), (-1, 3, 5), (0, 0, 0)])
def test_counts_that_cannot_be_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="an audit needs"):
        most_errors(*counts)
    with pytest.raises(ValueError, match="an audit needs"):
        most_errors_anytime(*counts)


def test_a_key_without_answers_has_no_bound() -> None:
    with pytest.raises(ValueError, match="without answers"):
        error_bound([], NOBODY, NOBODY, 0)
