"""Contrasts of training runs: their variance is that of made-up worlds, their false positives what they promise."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness.stats.intervals import clopper_pearson
from harness.stats.paired import Paired
from harness.stats.studies import arm_interval, contrast, mean, region

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


# --- macro averages -----------------------------------------------------------------------------------------------------------

STRATA = "aaaaaabbbc"


def test_a_macro_average_is_the_mean_of_the_parts_means() -> None:
    values = ARMS["K"][0]
    parts = [[value for value, part in zip(values, STRATA, strict=True) if part == name] for name in "abc"]
    assert mean(values, STRATA) == pytest.approx(numpy.mean([numpy.mean(its) for its in parts]))
    found = contrast(ARMS, {"K": 1.0, "base": -1.0}, FIXED, strata=STRATA)
    assert found.value == pytest.approx(numpy.mean([mean(run, STRATA) for run in ARMS["K"]]) - mean(ARMS["base"][0], STRATA))


def test_its_mean_and_contrast_are_those_of_items_that_weigh_n_over_d_n_d() -> None:
    weights = numpy.array([10 / (3 * STRATA.count(part)) for part in STRATA])
    weighed = {arm: numpy.array(rows) * weights for arm, rows in ARMS.items()}
    asked = {"K": 1.0, "S": -0.5, "base": -0.5}
    assert contrast(ARMS, asked, FIXED, strata=STRATA).value == pytest.approx(contrast(weighed, asked, FIXED).value)


def test_one_part_is_no_part_and_parts_of_one_size_and_one_mean_change_only_what_is_not_chance() -> None:
    asked = {"K": 1.0, "S": -1.0}
    assert contrast(ARMS, asked, strata="x" * 10) == contrast(ARMS, asked)
    assert arm_interval(ARMS, "K", strata="x" * 10) == arm_interval(ARMS, "K")
    apart = {"a": table("1" * 20 + "0" * 20), "b": table("0" * 40)}
    strata = "x" * 20 + "y" * 20
    assert contrast(apart, {"a": 1.0, "b": -1.0}, strata=strata).se < contrast(apart, {"a": 1.0, "b": -1.0}).se / 2


def test_the_variance_of_a_macro_average_by_hand() -> None:
    chance = numpy.random.default_rng(3)
    k, s = ((chance.random((3, 12)) < rate).astype(float) for rate in (0.3, 0.6))
    strata = [slice(0, 8), slice(8, 12)]
    each = k.mean(0) - s.mean(0)
    parts = [((each[its] - each[its].mean()) ** 2).sum() for its in strata]
    items = (parts[0] / (8 * 7) + (parts[1] + 1) / (4 * 3)) / 4
    means = [numpy.mean([one[:, its].mean(1) for its in strata], axis=0) for one in (k, s)]
    runs = numpy.mean([its.var(ddof=1) for its in means]) * 2 / 3
    rest = (
        numpy.mean([sum(_residual(one[:, its]) / n for its, n in zip(strata, (8, 4), strict=True)) / 4 for one in (k, s)]) * 2 / 3
    )
    found = contrast({"K": k, "S": s}, {"K": 1.0, "S": -1.0}, strata="a" * 8 + "b" * 4)
    assert found.se**2 == pytest.approx(items + max(0.0, runs - rest))


@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_macro_intervals_hold_the_truth_in_95_of_100_studies_and_those_of_equal_weights_do_not(spread: float) -> None:
    chance = numpy.random.default_rng(7)
    sizes, rates, gains = (150, 40, 15), (0.9, 0.5, 0.3), (0.0, 0.05, 0.2)
    strata = numpy.repeat((0, 1, 2), sizes)
    truth, base = numpy.mean(gains), numpy.mean(rates)
    held = {"macro": 0, "micro": 0, "arm": 0}
    for _ in range(400):
        ease = chance.random(205)
        own = {arm: numpy.where(chance.random(205) < 0.7, ease, chance.random(205)) for arm in "ab"}
        arms = {}
        for arm, plus in (("a", numpy.zeros(3)), ("b", numpy.array(gains))):
            shift = spread * chance.standard_normal((3, 1))
            said = numpy.where(chance.random((3, 205)) < 0.8, own[arm], chance.random((3, 205)))
            arms[arm] = (said < (numpy.array(rates) + plus)[strata] + shift).astype(float)
        asked = {"b": 1.0, "a": -1.0}
        for name, how in (("macro", tuple(strata)), ("micro", ())):
            found = contrast(arms, asked, strata=how)
            held[name] += found.low <= truth <= found.high
        alone = arm_interval(arms, "a", strata=tuple(strata))
        held["arm"] += alone.low <= base <= alone.high
    shares = {name: count / 400 for name, count in held.items()}
    assert shares["macro"] >= 0.93, shares
    assert shares["arm"] >= 0.93, shares
    assert shares["micro"] < 0.9, "the other average is another number"


def test_a_part_of_one_item_is_not_taken_for_one_without_spread() -> None:
    found = contrast({"a": table("1" * 30), "b": table("1" * 29 + "0")}, {"a": 1.0, "b": -1.0}, strata="x" * 29 + "y")
    assert found.value == pytest.approx(0.5)
    assert found.p > 0.05


def test_an_ellipse_of_macro_averages_stands_around_their_differences() -> None:
    x = {"a": ARMS["K"], "base": ARMS["base"]}
    y = {"a": [run[:6] for run in ARMS["S"]], "base": [ARMS["base"][0][:6]]}
    found = region(x, y, {"a": 1.0, "base": -1.0}, FIXED, (STRATA, "aabbcc"))
    sides = [contrast(one, {"a": 1.0, "base": -1.0}, FIXED, strata=its).value for one, its in ((x, STRATA), (y, "aabbcc"))]
    assert found.centre == pytest.approx(sides)
    assert found.covariance[0] != region(x, y, {"a": 1.0, "base": -1.0}, FIXED).covariance[0]


def test_strata_that_are_not_one_for_each_item_are_refused() -> None:
    with pytest.raises(ValueError, match="10 items and 3 parts"):
        contrast(ARMS, {"K": 1.0, "S": -1.0}, strata="abc")


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
