"""Contrasts of training runs: their variance is that of made-up worlds, their false positives what they promise."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness.stats.intervals import clopper_pearson
from harness.stats.paired import Paired
from harness.stats.studies import arm_interval, contrast, region

numpy = pytest.importorskip("numpy")
stats = pytest.importorskip("scipy.stats")
BENCH = Path(__file__).parents[2] / "bench"
FIXED = {"base"}


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The simulation whose table the docs show."""
    monkeypatch.syspath_prepend(BENCH)
    import studysim

    return studysim


def table(*rows: str) -> list[list[float]]:
    return [[float(letter) for letter in row] for row in rows]


ARMS = {
    "base": table("0010000100"),
    "K": table("1111011100", "1101011110", "1111111100"),
    "S": table("0010100100", "0010000110", "0011000100"),
}


def test_the_value_is_the_weighted_sum_of_the_arms_means() -> None:
    found = contrast(ARMS, {"K": 1.0, "S": -0.5, "base": -0.5}, FIXED)
    assert found.value == pytest.approx(numpy.mean(ARMS["K"]) - 0.5 * numpy.mean(ARMS["S"]) - 0.5 * 0.2)
    assert (found.runs, found.n) == (3, 10)
    assert found.low < found.value < found.high


def test_the_variance_is_that_of_mean_squares_done_by_hand() -> None:
    tables = [numpy.array(ARMS[arm]) for arm in ("K", "S")]
    each = tables[0].mean(0) - tables[1].mean(0)
    items = (each.var() * 10 + 1) / 90
    runs = numpy.mean([one.mean(1).var(ddof=1) for one in tables]) * 2 / 3
    rest = numpy.mean([_residual(one) for one in tables]) * 2 / 3 / 10
    found = contrast(ARMS, {"K": 1.0, "S": -1.0})
    assert found.se**2 == pytest.approx(items + max(0.0, runs - rest))
    assert found.df == pytest.approx(found.se**4 / (runs**2 / 4 + items**2 / 9))


def _residual(values: Any) -> float:
    """Mean square of runs × items, by the two-way table of sums of squares."""
    runs, items = values.shape
    total = ((values - values.mean()) ** 2).sum()
    rows, columns = items * values.mean(1).var() * runs, runs * values.mean(0).var() * items
    return float((total - rows - columns) / ((runs - 1) * (items - 1)))


@pytest.mark.parametrize(("between", "within"), [(0.7, 0.7), (0.5, 0.9)])
def test_the_standard_error_is_the_spread_of_repeated_studies(sim: Any, between: float, within: float) -> None:
    world = sim.World(n=200, spread=0.02, between=between, within=within)
    chance = numpy.random.default_rng(4)
    studies = [contrast(sim.made(world, chance), sim.ORDER, FIXED) for _ in range(300)]
    seen = numpy.var([one.value for one in studies])
    assert numpy.mean([one.se**2 for one in studies]) == pytest.approx(seen, rel=0.25)


def test_false_positives_stay_at_five_percent_where_items_alone_make_many(sim: Any) -> None:
    seen = sim.rates(sim.World(n=200, spread=0.02), sim.ORDER, 250, 11)
    assert seen["harness"] <= 0.08, "two standard errors above 0.05"
    assert seen["items"] >= 0.12


def test_calm_arms_lend_nothing_to_those_that_spread(sim: Any) -> None:
    seen = sim.rates(sim.World(n=678, spread=0.02, louder=("KS", "SK")), sim.ORDER, 250, 3)
    assert seen["harness"] <= 0.08
    assert seen["all arms"] >= seen["harness"] + 0.03


def test_the_minimal_effect_is_found_four_times_in_five(sim: Any) -> None:
    world, chance = sim.World(n=400, spread=0.01), numpy.random.default_rng(2)
    size = numpy.mean([contrast(sim.made(world, chance), sim.ORDER, FIXED).mde80 for _ in range(100)])
    found = [contrast(sim.made(world, chance, {"KS": size}), sim.ORDER, FIXED).p <= 0.05 for _ in range(200)]
    assert numpy.mean(found) == pytest.approx(0.8, abs=0.08)


def test_arms_that_no_seed_changes_are_compared_item_by_item() -> None:
    chance = numpy.random.default_rng(5)
    first = (chance.random(120) < 0.5).astype(float)
    second = numpy.where(chance.random(120) < 0.2, 1 - first, first)
    found = contrast({"a": [first], "b": [second]}, {"b": 1.0, "a": -1.0}, {"a", "b"})
    differences = numpy.array(Paired(tuple(first), tuple(second)).differences)
    flips = abs(chance.choice((-1, 1), (4000, 120)) @ differences)
    beyond, same = numpy.mean(flips > abs(differences.sum())), numpy.mean(flips == abs(differences.sum()))
    assert found.runs == 0
    assert found.p == pytest.approx(beyond + same / 2, abs=0.03), "the mid-p of flipped signs"


def test_of_single_runs_the_items_alone_are_reckoned_and_it_says_so() -> None:
    single = {arm: rows[:1] for arm, rows in ARMS.items()}
    found = contrast(single, {"K": 1.0, "S": -1.0}, FIXED)
    assert (found.runs, found.repeated, found.df) == (1, False, 9)


def test_an_arm_without_a_second_run_takes_the_spread_of_the_others() -> None:
    uneven = {**ARMS, "S": ARMS["S"][:1]}
    found = contrast(uneven, {"K": 1.0, "S": -1.0}, FIXED)
    assert found.runs == 1
    assert found.df < contrast({arm: rows[:1] for arm, rows in ARMS.items()}, {"K": 1.0, "S": -1.0}, FIXED).df


def test_runs_with_a_common_beginning_count_as_one_where_their_arms_are_added() -> None:
    chance = numpy.random.default_rng(8)
    arms = {arm: (chance.random((3, 50)) < chance.random((3, 1))).astype(float) for arm in ("K", "KS", "S")}
    added, kin = {"K": 0.5, "KS": 0.5, "S": -1.0}, [("K", "KS")]
    assert contrast(arms, added, kin=kin).se > contrast(arms, added).se
    apart = {"K": 1.0, "KS": -1.0}
    assert contrast(arms, apart, kin=kin) == contrast(arms, apart)


def test_what_never_differed_is_not_proven_to_be_the_same() -> None:
    found = contrast({"a": table("1" * 30), "b": table("1" * 30)}, {"a": 1.0, "b": -1.0})
    assert found.p == 1.0
    assert found.high > 0.05


@pytest.mark.parametrize(("moved", "shown"), [(4, False), (7, True)])
def test_a_handful_of_items_needs_to_be_as_many_as_in_a_test_of_signs(moved: int, shown: bool) -> None:
    found = contrast({"a": table("1" * 200), "b": table("0" * moved + "1" * (200 - moved))}, {"a": 1.0, "b": -1.0})
    assert (found.p <= 0.05) is shown
    assert bool(stats.binomtest(moved, moved).pvalue <= 0.05) is shown


def test_an_arms_interval_is_wilsons_where_only_items_are_chance() -> None:
    values = [[1.0] * 120 + [0.0] * 280]
    found = arm_interval({"a": values}, "a", {"a"})
    exact = stats.binomtest(120, 400).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.002)


def test_an_arms_interval_widens_with_the_spread_of_its_runs_and_stays_within_0_and_1() -> None:
    chance = numpy.random.default_rng(1)
    calm = (chance.random((3, 400)) < 0.98).astype(float)
    wild = (chance.random((3, 400)) < [[0.90], [0.99], [0.999]]).astype(float)
    ends = [arm_interval({"a": one}, "a") for one in (calm, wild)]
    assert ends[1].high - ends[1].low > 2 * (ends[0].high - ends[0].low)
    assert all(0 <= one.low < one.high <= 1 for one in ends)
    assert arm_interval({"a": table("1" * 40, "1" * 40)}, "a") == clopper_pearson(40, 40)


def test_an_ellipse_holds_the_truth_in_95_of_100_studies(sim: Any) -> None:
    assert sim.coverage(sim.World(n=100, spread=0.02), 250, 1) == pytest.approx(0.95, abs=0.03)


def test_an_ellipse_leans_where_what_a_run_gains_here_it_loses_there() -> None:
    chance = numpy.random.default_rng(3)
    shifts = chance.normal(0, 0.1, (4, 1))
    x, y = ((chance.random((4, 300)) < 0.5 + sign * shifts).astype(float) for sign in (1, -1))
    found = region({"a": x, "base": x[:1]}, {"a": y, "base": y[:1]}, {"a": 1.0, "base": -1.0}, FIXED)
    assert found.covariance[1] < 0
    assert found.radius == pytest.approx(math.sqrt(2 * found.df / (found.df - 1) * stats.f.ppf(0.95, 2, found.df - 1)))
    assert found.radius > math.sqrt(stats.chi2.ppf(0.95, 2))


@pytest.mark.parametrize(
    ("arms", "weights", "said"),
    [
        ({"a": [[1.0]]}, {"a": 1.0, "b": -1.0}, "none of 'b'"),
        ({"a": [], "b": [[1.0]]}, {"a": 1.0, "b": -1.0}, "none of 'a'"),
        ({"a": [[1.0]], "b": [[1.0, 0.0]]}, {"a": 1.0, "b": -1.0}, r"same items; got \[1, 2\]"),
        ({"a": [[1.0], [1.0, 0.0]]}, {"a": 1.0}, "different numbers of items"),
        ({"a": [[]]}, {"a": 1.0}, "or none"),
        ({"a": [[1.0]]}, {}, "an arm with weight"),
    ],
)
def test_values_that_cannot_be_compared_are_refused(arms: Any, weights: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        contrast(arms, weights)
