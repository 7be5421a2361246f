"""States, claims, gaps and shortfalls: worked examples, and how often they are wrong over simulated models."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import fmean

import pytest

from harness.schema import TopicEstimate
from harness.stats.diagnosis import MOST_NEEDED, Dimension, Look, claims, look, needed, topics

A_EVAL = (186, 125, 188, 129, 50)


def rate(k: int, n: int, standard: float, chance: float = 0.0) -> Dimension:
    return Dimension((1.0,) * k + (0.0,) * (n - k), standard, chance)


def alone(one: Dimension, *, ceiling: bool = False, exact: bool = False) -> Look:
    return look([one], ceiling=ceiling, exact=exact)[0]


@pytest.mark.parametrize(("gap", "items"), [(0.20, 38), (0.10, 152), (0.05, 609)])
def test_the_items_needed_are_those_of_the_power_formula(gap: float, items: int) -> None:
    assert needed(0.44 * 0.56, gap) == items
    assert needed(0.44 * 0.56, -gap) == items


def test_no_gap_needs_more_items_than_there_are() -> None:
    assert needed(0.25, 0.0) == MOST_NEEDED
    assert needed(0.25, 1e-9) == MOST_NEEDED


def test_the_items_needed_do_decide_in_eighty_of_a_hundred() -> None:
    rng, items = random.Random(4), needed(0.44 * 0.56, 0.10)
    weak = 0
    for _ in range(800):
        weak += alone(rate(sum(rng.random() < 0.44 for _ in range(items)), items, 0.54)).state == "weak"
    assert weak / 800 == pytest.approx(0.80, abs=0.045)


@pytest.mark.parametrize(
    ("k", "state"), [(5, "weak"), (24, "weak"), (38, "undecided"), (43, "undecided"), (56, "strong"), (60, "strong")]
)
def test_the_bounds_decide_on_either_side_of_the_standard(k: int, state: str) -> None:
    found = alone(rate(k, 60, 0.7))
    assert found.state == state
    assert (found.interval.high < 0.7) == (state == "weak")
    assert (found.interval.low >= 0.7) == (state == "strong")
    assert (found.needed is None) == (state != "undecided")


def test_an_undecided_dimension_needs_more_items_than_it_has() -> None:
    for k in range(61):
        found = alone(rate(k, 60, 0.7))
        assert found.needed is None or found.needed > 60


def test_a_ceiling_is_a_floor_turned_round() -> None:
    harm, safe = (
        [rate(3, 98, 0.05), rate(30, 98, 0.05), rate(0, 98, 0.05)],
        [rate(95, 98, 0.95), rate(68, 98, 0.95), rate(98, 98, 0.95)],
    )
    for down, up in zip(look(harm, ceiling=True, exact=True), look(safe, exact=True), strict=True):
        assert down.state == up.state
        assert down.value == pytest.approx(1 - up.value)
        assert (down.interval.low, down.interval.high) == pytest.approx((1 - up.interval.high, 1 - up.interval.low))
        assert (down.gap, down.shortfall) == pytest.approx((up.gap, up.shortfall), abs=1e-12)
        assert down.standard == 0.05
    assert [one.state for one in look(harm, ceiling=True, exact=True)] == ["undecided", "weak", "strong"]


def test_no_harmful_answer_of_twenty_does_not_prove_a_ceiling_of_five_percent() -> None:
    found = alone(rate(0, 20, 0.05), ceiling=True, exact=True)
    assert found.state == "undecided"
    assert found.interval.high == pytest.approx(0.139, abs=0.001)
    assert alone(rate(0, 98, 0.05), ceiling=True, exact=True).state == "strong"


def test_gaps_and_shortfalls_are_corrected_for_guessing() -> None:
    found = alone(rate(60, 100, 0.80, chance=0.5))
    assert found.gap == pytest.approx((0.80 - 0.60) / 0.5)
    assert found.gap == pytest.approx((0.80 - 0.5) / 0.5 - (0.60 - 0.5) / 0.5)
    assert found.shortfall == pytest.approx(0.4, abs=0.02)
    assert found.value == 0.60


def test_below_chance_counts_as_knowing_nothing() -> None:
    """A model that answers in no usable form is not worse at the matter than one that guesses."""
    silent, guessing = alone(rate(5, 400, 0.80, chance=0.5)), alone(rate(200, 400, 0.80, chance=0.5))
    assert silent.shortfall == pytest.approx(0.6, abs=1e-6)
    assert guessing.shortfall == pytest.approx(0.6, abs=0.03)
    assert silent.gap > 1


def test_yes_no_items_do_not_look_better_than_open_ones() -> None:
    knows_half_open, knows_half_binary = alone(rate(100, 200, 0.9)), alone(rate(150, 200, 0.95, chance=0.5))
    assert knows_half_open.shortfall == pytest.approx(knows_half_binary.shortfall, abs=0.02)


def test_a_standard_no_better_than_guessing_is_taken_as_it_stands() -> None:
    found = alone(rate(20, 100, 0.45, chance=0.5))
    assert found.gap == pytest.approx(0.25)
    assert found.shortfall == pytest.approx(0.25, abs=0.01)


def test_a_shortfall_lies_between_nothing_and_all() -> None:
    for k in range(0, 41, 4):
        for standard in (0.0, 0.3, 0.75, 1.0):
            for chance in (0.0, 0.25, 0.5):
                assert 0 <= alone(rate(k, 40, standard, chance)).shortfall <= 1


def test_what_is_far_above_its_standard_has_next_to_no_shortfall() -> None:
    assert alone(rate(90, 100, 0.5)).shortfall < 1e-6


def test_an_uncertain_dimension_keeps_some_shortfall_where_a_sure_one_has_none() -> None:
    few, many = look([rate(9, 12, 0.7), rate(750, 1000, 0.7)])
    assert few.shortfall > 0.01 > many.shortfall


def test_the_unluckiest_of_many_equal_dimensions_is_not_taken_for_weak() -> None:
    """Winner's curse: its raw gap is more than twice the expected shortfall."""
    rng, raw, shrunk = random.Random(8), [], []
    for _ in range(40):
        board = [rate(sum(rng.random() < 0.7 for _ in range(30)), 30, 0.7) for _ in range(10)]
        found = look(board)
        raw.append(max(one.gap for one in found))
        shrunk.append(max(one.shortfall for one in found))
    assert fmean(shrunk) < 0.6 * fmean(raw)


def test_a_reference_model_takes_the_place_of_the_standard() -> None:
    better, worse = (1.0,) * 70 + (0.0,) * 30, (1.0,) * 50 + (0.0,) * 50
    weak = alone(Dimension(worse, fmean(better), 0.0, better))
    strong = alone(Dimension(better, fmean(worse), 0.0, worse))
    same = alone(Dimension(better, fmean(better), 0.0, better))
    assert (weak.state, strong.state, same.state) == ("weak", "strong", "undecided")
    assert weak.standard == 0.70
    assert weak.value == 0.50
    assert weak.interval.low < 0.50 < weak.interval.high < 0.70
    assert weak.shortfall == pytest.approx(0.20, abs=0.02)
    assert same.gap == 0


def test_a_ceiling_against_a_reference_model_is_turned_round_too() -> None:
    harmless, harmful = (0.0,) * 98, (1.0,) * 20 + (0.0,) * 78
    found = alone(Dimension(harmful, 0.0, 0.0, harmless), ceiling=True)
    assert found.state == "weak"
    assert found.gap == pytest.approx(20 / 98)
    assert found.interval.low > 0


def test_mean_scores_are_decided_too() -> None:
    rng = random.Random(1)
    values = tuple(rng.choice((0.6, 0.85, 0.9, 1.0)) for _ in range(60))
    assert alone(Dimension(values, 0.95)).state == "weak"
    assert alone(Dimension(values, 0.70)).state == "strong"
    assert alone(Dimension(values, 0.95)).shortfall == pytest.approx(0.95 - fmean(values), abs=0.01)


def test_no_dimension_gives_no_look() -> None:
    assert look([]) == ()


# --- how often a word is wrong ----------------------------------------------------------------------------------------------


def _boards(
    seed: int, sizes: tuple[int, ...], spread: float, times: int, standard: float
) -> list[tuple[list[float], tuple[Look, ...]]]:
    rng, made = random.Random(seed), []
    for _ in range(times):
        truth = [min(0.98, max(0.02, rng.gauss(standard, spread))) for _ in sizes]
        board = [rate(sum(rng.random() < t for _ in range(n)), n, standard) for t, n in zip(truth, sizes, strict=True)]
        made.append((truth, look(board)))
    return made


def test_a_dimension_exactly_at_its_standard_is_called_weak_in_about_five_of_a_hundred() -> None:
    found = [one for _, looks in _boards(11, (93, 62, 94, 64, 25), 0.0, 300, 0.44) for one in looks]
    assert sum(one.state == "weak" for one in found) / len(found) <= 0.065
    assert sum(one.state == "strong" for one in found) / len(found) <= 0.065
    assert sum(one.state == "weak" for one in found) > 0


def test_no_word_for_all_findings_is_wrong_in_more_than_five_of_a_hundred_diagnoses() -> None:
    """Twenty findings exactly at their standard: most diagnoses have one that its own bounds call weak, few have one for all."""
    single, joint = 0, 0
    for _, looks in _boards(12, (36,) * 20, 0.0, 200, 0.7):
        single += any(one.state == "weak" for one in looks)
        joint += "weak" in claims(looks)
    assert single / 200 > 0.3
    assert joint / 200 <= 0.05


def test_five_dimensions_are_labelled_as_well_as_the_procedure_promises() -> None:
    """Simulated in the design, R = 600: some label wrong .03, undecided .47, more than 10 points below caught .90."""
    wrong = undecided = far = caught = 0
    for truth, looks in _boards(13, A_EVAL, 0.10, 300, 0.44):
        labels = list(zip(truth, looks, strict=True))
        wrong += any((one.state == "weak" and t >= 0.44) or (one.state == "strong" and t < 0.44) for t, one in labels)
        undecided += sum(one.state == "undecided" for _, one in labels)
        far += sum(t < 0.34 for t, _ in labels)
        caught += sum(t < 0.34 and one.state == "weak" for t, one in labels)
    assert wrong / 300 <= 0.08
    assert undecided / 1500 == pytest.approx(0.47, abs=0.06)
    assert caught / far >= 0.85


def test_claims_are_states_that_hold_for_all_together() -> None:
    looks = look([rate(10, 100, 0.7), rate(58, 100, 0.7), rate(70, 100, 0.7), rate(95, 100, 0.7)])
    assert [one.state for one in looks] == ["weak", "weak", "undecided", "strong"]
    assert claims(looks) == ("weak", "weak", "undecided", "strong")
    many = (*looks, *(replace(looks[2], p_weak=0.4, p_strong=0.6) for _ in range(16)))
    assert claims(many)[:4] == ("weak", "undecided", "undecided", "strong")


# --- topics -----------------------------------------------------------------------------------------------------------------


def test_a_topic_is_shrunk_toward_the_others_and_gets_no_state() -> None:
    values = {f"t{i}": (1.0,) * 6 + (0.0,) * 6 for i in range(26)} | {"odd": (0.0,) * 12}
    found = topics(values)
    assert list(found) == list(values)
    assert found["odd"].value == 0
    assert 0.1 < found["odd"].shrunk < 0.45
    assert found["odd"].interval.low < found["odd"].shrunk < found["odd"].interval.high
    assert "state" not in TopicEstimate.model_fields


def test_there_may_be_no_topics() -> None:
    assert topics({}) == {}
