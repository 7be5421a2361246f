"""Evidence by betting: against the formula written out, its guarantees, and its level by simulation."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.betting import CONSTANT, Evidence, order
from harness.stats.paired import mcnemar_mid_p

STEADY = settings(deadline=None, derandomize=True, max_examples=60)
UNITS = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=40)


def written_out(xs: Sequence[float], m: float, a: float, n_max: int) -> list[float]:
    """Log evidence after each unit: step 2, 3 and 4 of the procedure, with the products as they stand."""
    horizon, mixture, squares, found = 1.0, [1.0] * 4, 20 * 0.15, []
    for t, x in enumerate(xs, 1):
        lack = max(math.log(2 / a) - math.log(horizon), 0.05)
        mean_square = squares / (20 + t - 1)
        aimed = min(math.sqrt(2 * lack / (mean_square * max(n_max - t + 1, 1))), 0.9, 0.99 / (1 + m))
        horizon *= 1 + aimed * (x - m)
        mixture = [w * (1 + min(bet, 0.99 / (1 + m)) * (x - m)) for w, bet in zip(mixture, (0.15, 0.30, 0.50, 0.75), strict=True)]
        squares += (x - m) ** 2
        found.append(math.log(0.5 * horizon + 0.5 * sum(mixture) / 4))
    return found


def played(evidence: Evidence, xs: Sequence[float]) -> list[float]:
    return [float(evidence.bet(x)[0]) for x in xs]


@STEADY
@given(xs=UNITS, bound=st.sampled_from([-0.95, -0.2, -0.05, 0.0, 0.02, 0.6]), target=st.sampled_from([0.05, 0.05 / 15, 0.5]))
def test_evidence_is_that_of_the_formula(xs: list[float], bound: float, target: float) -> None:
    """Also beyond the units that were announced."""
    for n_max in (len(xs), 3):
        evidence = Evidence(bound, target, n_max)
        expected = written_out(xs, bound, target, n_max)
        assert played(evidence, xs) == pytest.approx(expected, abs=1e-9)
        assert evidence.best[0] == pytest.approx(max(0.0, *expected), abs=1e-9)
        assert evidence.p[0] == pytest.approx(min(1.0, math.exp(-max(0.0, *expected))))


def test_the_bets_of_the_first_units_are_those_worked_out_by_hand() -> None:
    """Against a mean of 0, x = 1: constant bets win 1.425 on average; the other half wagers sqrt(2 ln 40 / (0.15 * 100)) = 0.7013."""
    evidence = Evidence(0.0, 0.05, 100)
    assert math.exp(evidence.bet(1.0)[0]) == pytest.approx((1.425 + 1.70132) / 2, abs=1e-4)
    assert sum(CONSTANT) / 4 == 0.425


@STEADY
@given(xs=UNITS, last=st.sampled_from([-1.0, 0.5, 1.0]), bound=st.sampled_from([-0.05, 0.0, 0.1]))
def test_a_bet_never_depends_on_the_value_it_is_laid_on(xs: list[float], last: float, bound: float) -> None:
    """The capital is linear in x: half way between two outcomes it lies half way between what they give."""
    after = []
    for x in (-1.0, last, 1.0):
        evidence = Evidence(bound, 0.05, 50)
        played(evidence, xs)
        after.append(math.exp(evidence.bet(x)[0]))
    share = (last + 1) / 2
    assert after[1] == pytest.approx((1 - share) * after[0] + share * after[2], rel=1e-9)


@STEADY
@given(xs=UNITS, bound=st.sampled_from([-0.05, 0.0, 0.1]))
def test_a_unit_at_the_bound_changes_nothing_so_a_fair_game_gains_nothing(xs: list[float], bound: float) -> None:
    evidence = Evidence(bound, 0.05, 50)
    before = played(evidence, xs)[-1]
    assert evidence.bet(bound)[0] == pytest.approx(before, abs=1e-9)


@STEADY
@given(bound=st.floats(-0.99, 0.99), target=st.floats(0.001, 0.9), n=st.integers(1, 500))
def test_no_path_is_ever_ruined(bound: float, target: float, n: int) -> None:
    evidence = Evidence(bound, target, n)
    for step in range(60):
        log_e = evidence.bet(-1.0)[0]
        assert math.isfinite(log_e), step
    assert evidence.best[0] == 0
    assert evidence.p[0] == 1


@STEADY
@given(xs=UNITS)
def test_the_p_value_lies_within_0_and_1_and_never_rises(xs: list[float]) -> None:
    evidence = Evidence(0.0, 0.05, len(xs))
    seen = [1.0]
    for x in xs:
        evidence.bet(x)
        seen.append(float(evidence.p[0]))
    assert all(0 < p <= 1 for p in seen)
    assert seen == sorted(seen, reverse=True)


def test_paths_side_by_side_are_the_same_as_one_after_the_other() -> None:
    x = np.random.default_rng(0).choice([-1.0, 0.0, 0.5, 1.0], size=(300, 7))
    together = Evidence(-0.05, 0.05, 300, paths=7)
    log_e = np.stack([together.bet(row) for row in x])
    for path in range(7):
        alone = Evidence(-0.05, 0.05, 300)
        assert played(alone, x[:, path]) == pytest.approx(log_e[:, path], abs=1e-12)
        assert alone.best[0] == pytest.approx(together.best[path])


def test_one_value_stands_for_all_paths() -> None:
    evidence = Evidence(0.0, 0.05, 10, paths=3)
    assert evidence.bet(1.0).shape == (3,)
    assert len(set(evidence.bet(np.array(1.0)))) == 1


def test_an_interruption_changes_nothing() -> None:
    """The units seen so far, played again, are the whole state."""
    xs = [random.Random(3).choice([-1.0, 0.0, 1.0]) for _ in range(120)]
    whole = played(Evidence(0.0, 0.05, 120), xs)
    again = Evidence(0.0, 0.05, 120)
    played(again, xs[:55])
    assert played(again, xs[55:]) == whole[55:]
    assert again.seen == 120


def test_what_was_read_stays_as_it_was() -> None:
    evidence = Evidence(0.0, 0.05, 10)
    first = evidence.best
    log_e = evidence.bet(1.0)
    assert first[0] == 0
    assert evidence.best[0] == log_e[0] > 0


@pytest.mark.parametrize("x", [1.0000001, -1.5, math.nan, math.inf, 90.0])
def test_values_outside_the_range_are_refused_and_leave_no_trace(x: float) -> None:
    evidence = Evidence(0.0, 0.05, 10)
    with pytest.raises(ValueError, match=r"within -1\.\.1"):
        evidence.bet(x)
    assert evidence.seen == 0
    assert evidence.bet(0.0)[0] == 0


def test_what_makes_no_sense_is_refused() -> None:
    for bound, target in ((-1.0, 0.05), (1.0, 0.05), (0.0, 0.0), (0.0, 1.0), (math.nan, 0.05)):
        with pytest.raises(ValueError, match="a bound within"):
            Evidence(bound, target, 9)
    for n_max, paths in ((0, 1), (9, 0)):
        with pytest.raises(ValueError, match="at least one"):
            Evidence(0.0, 0.05, n_max, paths)
    with pytest.raises(ValueError, match="3 paths"):
        Evidence(0.0, 0.05, 9, paths=3).bet([0.0, 0.0])


# --- level and power, at fixed seeds ----------------------------------------------------------------------------------------

UNITS_OF_A_EVAL = 678
PATHS = 1000


def verdicts(seed: int, lost: float, won: float, n: int = UNITS_OF_A_EVAL) -> np.ndarray:
    """Differences of paired verdicts, (n, PATHS); 14.8% of items differ at correlation .7 and rate .44."""
    draw = np.random.default_rng(seed).random((n, PATHS))
    return (draw > 1 - won).astype(float) - (draw < lost)


@cache
def mid_p(losses: int, wins: int) -> float:
    return mcnemar_mid_p(losses, wins)


def ever(x: np.ndarray, bound: float, level: float) -> float:
    """Share of paths whose evidence suffices after any unit."""
    evidence = Evidence(bound, level, len(x), x.shape[1])
    for row in x:
        evidence.bet(row)
    return float((evidence.p <= level).mean())


@pytest.mark.parametrize(("lost", "level"), [(0.074, 0.05), (0.25, 0.05), (0.01, 0.05), (0.074, 0.01)])
def test_an_unchanged_candidate_fails_at_most_at_the_level_though_every_unit_is_looked_at(lost: float, level: float) -> None:
    """At most three standard errors above it; the second time at a tolerance of 5 points."""
    spare = 3 * math.sqrt(level * (1 - level) / PATHS)
    assert ever(verdicts(1, lost, lost), 0.0, level) <= level + spare
    assert ever(verdicts(1, 0.05, 0.10), 0.05, level) <= level + spare


def test_mcnemar_looked_at_every_32_units_breaks_its_level_and_betting_does_not() -> None:
    x = verdicts(2, 0.074, 0.074)
    peeked = np.zeros(PATHS, dtype=bool)
    for seen in [*range(32, len(x), 32), len(x)]:
        losses, wins = (x[:seen] < 0).sum(axis=0).tolist(), (x[:seen] > 0).sum(axis=0).tolist()
        peeked |= np.array([mid_p(lost, won) <= 0.05 for lost, won in zip(losses, wins, strict=True)])
    assert 0.16 <= peeked.mean() <= 0.25
    assert ever(-x, 0.0, 0.05) <= 0.05


@pytest.mark.parametrize(("points", "least"), [(5, 0.86), (7, 0.985), (10, 0.999)])
def test_a_true_drop_is_found(points: int, least: float) -> None:
    lost = 0.074 + points / 200
    assert ever(-verdicts(3, lost, lost - points / 100), 0.0, 0.05) >= least


def test_bounded_scores_keep_the_level_too() -> None:
    random_ = np.random.default_rng(4)
    x = np.round(random_.beta(2, 2, (300, PATHS)) - random_.beta(2, 2, (300, PATHS)), 1)
    assert ever(x, 0.0, 0.05) <= 0.05


def test_units_sorted_by_area_break_the_level_which_is_why_order_is_random() -> None:
    """Half of the items got worse, half better, in sum nothing."""
    by_area = np.concatenate([verdicts(5, 0.12, 0.05, 300), verdicts(6, 0.05, 0.12, 300)])
    shuffled = np.random.default_rng(7).permuted(by_area, axis=0)
    assert ever(-by_area, 0.0, 0.05) > 0.4
    assert ever(-shuffled, 0.0, 0.05) <= 0.05


# --- order ------------------------------------------------------------------------------------------------------------------


def test_the_order_is_fixed_by_the_seed_alone() -> None:
    names = [f"item-{place}" for place in range(50)]
    assert order(names, "a_eval") == order(list(reversed(names)), "a_eval")
    assert order(names, "a_eval") != order(names, "belle")
    assert sorted(order(names, "a_eval")) == sorted(names)


def test_the_order_is_the_same_for_ever() -> None:
    """Cached answers of an interrupted gate are of use only if the order does not change with a version."""
    assert order(["a", "b", "c", "d", "e", "一"], "seed") == ["d", "e", "a", "b", "一", "c"]


def test_every_place_is_equally_likely() -> None:
    first = [order("abcde", str(seed))[0] for seed in range(2000)]
    for name in "abcde":
        assert 340 <= first.count(name) <= 460


def test_names_that_are_left_out_do_not_change_the_order_of_the_others() -> None:
    names = [str(place) for place in range(100)]
    some = names[::3]
    assert [name for name in order(names, "s") if name in set(some)] == order(some, "s")
