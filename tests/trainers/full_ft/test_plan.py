"""Plans: the same rows at the same step whatever the number of processes, no padding, even work, and they can be kept."""

from __future__ import annotations

import json
import math
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ft_plan import Plan, make_plan
from hypothesis import given, settings
from hypothesis import strategies as st

STEADY = settings(deadline=None, derandomize=True, max_examples=60)
SHAPES = {"alpaca": 195, "alpaca, longer": 250, "RefGPT": 1100}
"""Mean tokens of a row."""

lengths_of_rows = st.lists(st.integers(1, 300), min_size=1, max_size=80)


def log_normal(mean: float, count: int = 20_000, sigma: float = 0.8) -> list[int]:
    rng = random.Random(1)
    middle = math.log(mean) - sigma * sigma / 2
    return [int(min(8192, max(16, rng.lognormvariate(middle, sigma)))) for _ in range(count)]


def rows_of(plan: Plan) -> list[Counter[int]]:
    """Rows behind each step, with how often."""
    return [Counter(row for pack in plan.of_step(step) for row in pack) for step in range(plan.steps)]


@STEADY
@given(lengths_of_rows, st.integers(1, 20), st.integers(1, 6), st.sampled_from([0.4, 1.0, 1.5, 2.0]), st.integers(20, 400))
def test_a_step_has_the_same_rows_for_any_number_of_processes_and_without_packing(
    lengths: list[int], size: int, world: int, epochs: float, cap: int
) -> None:
    said: dict[str, Any] = {"instances_per_step": size, "epochs": epochs, "seed": 4}
    plain = make_plan(lengths, packing="none", **said)
    for plan in (make_plan(lengths, world=world, token_cap=cap, **said), make_plan(lengths, world=world, packing="none", **said)):
        assert rows_of(plan) == rows_of(plain)
        assert plan.epoch_ends == plain.epoch_ends
        assert len(plan.packs) == plan.steps * plan.micro_steps * plan.world


@STEADY
@given(lengths_of_rows, st.integers(1, 20), st.integers(1, 6), st.integers(20, 400), st.sampled_from(["step", "dataset"]))
def test_no_pack_is_over_the_cap_but_a_single_longer_row(
    lengths: list[int], size: int, world: int, cap: int, packing: Any
) -> None:
    plan = make_plan(lengths, instances_per_step=size, epochs=1, seed=0, world=world, token_cap=cap, packing=packing)
    assert all(sum(lengths[row] for row in pack) <= cap or len(pack) == 1 for pack in plan.packs)


@STEADY
@given(lengths_of_rows, st.integers(1, 20), st.integers(1, 6), st.sampled_from(["step", "dataset", "none"]))
def test_every_epoch_has_every_row_once(lengths: list[int], size: int, world: int, packing: Any) -> None:
    plan = make_plan(lengths, instances_per_step=size, epochs=2, seed=0, world=world, token_cap=300, packing=packing)
    first, last = plan.epoch_ends
    for steps in (range(first), range(first, last)):
        assert sum((rows_of(plan)[step] for step in steps), Counter()) == Counter(range(len(lengths)))
    assert plan.steps == last
    assert plan.instances == 2 * len(lengths)


def test_steps_are_full_but_for_the_last_of_an_epoch() -> None:
    plan = make_plan([10] * 50, instances_per_step=16, epochs=2, seed=0)
    assert [step.total() for step in rows_of(plan)] == [16, 16, 16, 2] * 2
    assert plan.epoch_ends == (4, 8)


def test_a_fraction_of_an_epoch_takes_the_first_part_of_its_shuffle() -> None:
    half, whole = (make_plan([10] * 64, instances_per_step=8, epochs=epochs, seed=0) for epochs in (0.5, 1))
    assert half.steps == 4
    assert rows_of(half) == rows_of(whole)[:4]


def test_seeds_and_epochs_shuffle_differently() -> None:
    one, again, other = (make_plan([10] * 64, instances_per_step=8, epochs=2, seed=seed) for seed in (0, 0, 1))
    assert one == again
    assert rows_of(one)[0] != rows_of(other)[0]
    assert rows_of(one)[0] != rows_of(one)[8]


def test_a_step_with_too_few_rows_leaves_packs_empty() -> None:
    plan = make_plan([10] * 17, instances_per_step=16, epochs=1, seed=0, world=2, token_cap=40)
    assert (plan.steps, plan.micro_steps) == (2, 2)
    assert sorted(map(len, plan.of_step(1))) == [0, 0, 0, 1]


@pytest.mark.parametrize("world", [1, 2, 8])
@pytest.mark.parametrize("mean", SHAPES.values(), ids=SHAPES)
def test_processes_have_equal_work(mean: int, world: int) -> None:
    plan = make_plan(log_normal(mean), instances_per_step=128, epochs=1, seed=0, world=world)
    assert plan.balance >= 0.99
    assert plan.padding_share == 0


def test_packs_of_a_data_set_are_full() -> None:
    lengths = log_normal(250)
    plan = make_plan(lengths, instances_per_step=128, epochs=1, seed=0, world=8, packing="dataset")
    filled = [sum(lengths[row] for row in pack) for pack in plan.packs if pack]
    assert sum(filled) / len(filled) > 0.99 * 8192
    assert sum(map(len, plan.packs)) / plan.steps == pytest.approx(8 * 8192 / 250, rel=0.15)


def test_twenty_thousand_rows_take_a_blink() -> None:
    """20 to 35 ms were measured; the bar is for a machine that is busy."""
    lengths, times = log_normal(1100), []
    for _ in range(5):
        start = time.process_time()
        make_plan(lengths, instances_per_step=128, epochs=1, seed=0, world=8)
        times.append(time.process_time() - start)
    assert min(times) < 0.1


def test_a_plan_is_kept_and_read_again(tmp_path: Path) -> None:
    plan = make_plan(log_normal(200, 500), instances_per_step=32, epochs=1.5, seed=7, world=2)
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan


def test_a_changed_plan_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    make_plan([5] * 8, instances_per_step=4, epochs=1, seed=0).save(file)
    said = json.loads(file.read_text())
    said["packs"].reverse()
    file.write_text(json.dumps(said))
    with pytest.raises(ValueError, match="does not match its digest"):
        Plan.load(file)
    file.write_text("[]")
    with pytest.raises(ValueError, match="not a plan of format"):
        Plan.load(file)


def test_the_digest_is_of_what_is_trained_on_and_when() -> None:
    said: dict[str, Any] = {"instances_per_step": 8, "epochs": 1}
    one = make_plan([9] * 64, seed=0, **said)
    assert one.digest == make_plan([9] * 64, seed=0, **said).digest
    assert one.digest != make_plan([9] * 64, seed=1, **said).digest
    assert one.digest != make_plan([9] * 64, seed=0, world=2, **said).digest


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"lengths": []}, "at least one row"),
        ({"lengths": [5, 0]}, "row 1 has 0 tokens"),
        ({"epochs": 0}, "epochs must be above 0"),
        ({"world": 0}, "world must be at least 1"),
        ({"instances_per_step": 0}, "instances_per_step must be at least 1"),
        ({"token_cap": 0}, "token_cap must be at least 1"),
    ],
)
def test_what_cannot_be_planned_is_refused(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make_plan(**{"lengths": [5, 6], "instances_per_step": 2, "epochs": 1, "seed": 0, **changed})
