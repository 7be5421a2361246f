"""Agreement against textbook values: Cohen 1960, Fleiss 1971, Krippendorff 2011."""

from __future__ import annotations

import pytest

from harness.stats.agreement import (
    bootstrap_kappas,
    cohen_kappa,
    confusion,
    fleiss_kappa,
    flips,
    kappa_floor,
    krippendorff_alpha,
    raw_agreement,
)

COHEN_1960 = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
"""Table 1, in 200 cases: observed .70, by chance .41."""

CODERS = ("123321412...", "12332241 25.3".replace(" ", ""), ".3332342251.", "12332441251.")
"""Krippendorff 2011, example C: four coders, twelve units, gaps."""
UNITS = [[None if coder[unit] == "." else int(coder[unit]) for coder in CODERS] for unit in range(12)]

FOURTEEN_RATERS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
"""The worked example that goes with Fleiss 1971: ten items, five classes, kappa .210."""


def test_kappa_is_that_of_cohens_first_table() -> None:
    assert raw_agreement(COHEN_1960) == pytest.approx(0.70)
    assert cohen_kappa(COHEN_1960) == pytest.approx((0.70 - 0.41) / (1 - 0.41))


def test_weighted_kappa_is_one_minus_weighted_disagreement_over_chance() -> None:
    seen = (14 + 10 + 10 + 6 + 2 * (18 + 2)) / 200
    rows, columns = (120, 60, 20), (100, 60, 40)
    chance = sum(abs(i - j) * rows[i] * columns[j] for i in range(3) for j in range(3)) / 200**2
    assert cohen_kappa(COHEN_1960, "linear") == pytest.approx(1 - seen / chance)
    seen, chance = (
        (14 + 10 + 10 + 6 + 4 * (18 + 2)) / 200,
        sum((i - j) ** 2 * rows[i] * columns[j] for i in range(3) for j in range(3)) / 200**2,
    )
    assert cohen_kappa(COHEN_1960, "quadratic") == pytest.approx(1 - seen / chance)


def test_of_two_classes_all_weights_are_one() -> None:
    table = [[20, 5], [10, 15]]
    for weights in ("none", "linear", "quadratic"):
        assert cohen_kappa(table, weights) == pytest.approx(0.4)  # type: ignore[arg-type]


def test_kappa_does_not_exist_where_only_one_class_was_used() -> None:
    assert cohen_kappa([[50, 0], [0, 0]]) is None
    assert cohen_kappa([[0, 0], [0, 0]]) is None
    assert raw_agreement([[0, 0], [0, 0]]) is None
    assert cohen_kappa([[49, 1], [0, 0]]) == pytest.approx(0.0)


def test_fleiss_kappa_is_that_of_the_worked_example() -> None:
    assert fleiss_kappa(FOURTEEN_RATERS) == pytest.approx(0.210, abs=5e-4)


def test_fleiss_kappa_wants_the_same_number_of_raters_everywhere() -> None:
    with pytest.raises(ValueError, match="with gaps use Krippendorff"):
        fleiss_kappa([[2, 0], [1, 0]])
    assert fleiss_kappa([[3, 0], [3, 0]]) is None


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_krippendorffs_canonical_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(UNITS, level) == pytest.approx(alpha, abs=5e-4)  # type: ignore[arg-type]


def test_alpha_does_not_exist_without_pairs_or_without_difference() -> None:
    assert krippendorff_alpha([[1, None], [None, 2]]) is None
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None
    assert krippendorff_alpha([["a", "a"], ["b", "b"]]) == pytest.approx(1.0)


def test_an_item_of_weight_two_counts_as_two_items() -> None:
    twice = [(0, 0), (0, 0), (0, 1), (1, 1)]
    once = [(0, 0), (0, 1), (1, 1)]
    assert confusion(*zip(*once, strict=True), (0, 1), (2, 1, 1)) == confusion(*zip(*twice, strict=True), (0, 1))
    units = [[1, 1], [1, 1], [1, 2], [2, 2]]
    assert krippendorff_alpha(units[1:], "interval", (2, 1, 1)) == pytest.approx(krippendorff_alpha(units, "interval"))


def test_a_value_that_is_no_class_is_refused() -> None:
    with pytest.raises(ValueError, match="'c' is none of the classes"):
        confusion(["a"], ["c"], ("a", "b"))


def test_the_bootstrap_interval_holds_kappa_and_is_the_same_for_the_same_seed() -> None:
    items = [(i, j, 1.0) for i, row in enumerate(COHEN_1960) for j, n in enumerate(row) for _ in range(n)]
    found = bootstrap_kappas({"all": [[one] for one in items]}, 3, seed=1)
    assert found == bootstrap_kappas({"all": [[one] for one in items]}, 3, seed=1)
    assert found != bootstrap_kappas({"all": [[one] for one in items]}, 3, seed=2)
    kappa = cohen_kappa(COHEN_1960)
    assert kappa is not None
    assert (found.low, found.high) == pytest.approx((kappa - 1.96 * 0.0548, kappa + 1.96 * 0.0548), abs=0.02)


def test_two_labels_of_one_item_are_drawn_together() -> None:
    items = [(i, j, 1.0) for i, row in enumerate(COHEN_1960) for j, n in enumerate(row) for _ in range(n)]
    one = bootstrap_kappas({"all": [[item] for item in items]}, 3, seed=1)
    two = bootstrap_kappas({"all": [[(i, j, w / 2), (i, j, w / 2)] for i, j, w in items]}, 3, seed=1)
    assert (two.low, two.high) == pytest.approx((one.low, one.high))


def test_the_floor_of_kappa_lies_below_one_where_nobody_disagreed() -> None:
    table = [[50, 0], [0, 50]]
    assert kappa_floor(0.96, table) == pytest.approx(0.92)
    assert kappa_floor(0.96, [[100, 0], [0, 0]]) is None
    assert kappa_floor(0.80, [[96, 0], [4, 0]]) is None, "a judge of one class: kappa is 0, and no agreement would make it other"


def test_flips_are_counted() -> None:
    assert flips("aabb", "abba") == (2, 4)
