"""The estimate against the numbers that are published for an 8B model, and on the tiny one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import DataError
from harness.schema import Hyper
from harness.training.devices import named
from harness.training.estimate import BYTES, Shape, estimate, estimated, memory, read_shape, steps
from harness.training.lengths import Lengths, lengths
from harness.training.recipes import find_recipe, with_overrides
from tests.training.standins import ROWS, write_rows

GIB = 2**30
LLAMA = Shape(8_030_261_248, 6_979_588_096, 128_256 * 4096, 32, 4096, 4096, 128_256)
A100 = named("A100")


def of(mean: int, share: float, **fields: object) -> Lengths:
    return Lengths((mean,) * 10, (round(mean * share),) * 10, True)


@pytest.mark.parametrize(
    ("mean", "share", "gigaflop"), [(300, 1.0, 45.3), (1100, 1.0, 45.9), (8192, 1.0, 51.5), (300, 0.6, 44.0)]
)
def test_the_work_of_a_token_is_6_parameters_and_half_the_attention(mean: int, share: float, gigaflop: float) -> None:
    found = estimated(LLAMA, of(mean, share), 10, Hyper(epochs=1), ())
    assert found.flops / found.trained_tokens == pytest.approx(gigaflop * 1e9, rel=2e-3)


def test_recomputing_every_layer_costs_a_third_of_the_layers_again() -> None:
    found = estimated(LLAMA, of(300, 1.0), 10, Hyper(epochs=1, recompute_layers="all"), ())
    assert found.flops_executed / found.trained_tokens == pytest.approx(59.3e9, rel=2e-3)
    half = estimated(LLAMA, of(300, 1.0), 10, Hyper(epochs=1, recompute_layers=16), ())
    assert half.flops_executed - half.flops == pytest.approx((found.flops_executed - found.flops) / 2)


def test_the_papers_training_would_take_8_to_11_minutes_on_its_32_devices() -> None:
    assert A100 is not None
    found = estimated(LLAMA, of(300, 1.0), 100_000, find_recipe("paper").hyper, ((A100, 32),))
    assert (found.steps, found.trained_tokens) == (1564, 60_000_000)
    low, high = found.times[0].seconds
    assert (low / 60, high / 60) == (pytest.approx(8.25, abs=0.2), pytest.approx(11.3, abs=0.3))


@pytest.mark.parametrize(("precision", "gib"), [("fp32", 119.7), ("bf16-mixed", 134.6), ("bf16-master", 119.7), ("bf16", 59.8)])
def test_parameters_take_the_published_bytes(precision: str, gib: float) -> None:
    assert sum(BYTES[precision]) * LLAMA.parameters / GIB == pytest.approx(gib, abs=0.05)


@pytest.mark.parametrize(
    ("distributed", "gib"), [("zero1", 41.1), ("zero2", 28.0), ("zero3", 15.0), ("fsdp2", 15.0), ("ddp", 119.7)]
)
def test_sharding_over_eight_devices_divides_what_it_says(distributed: str, gib: float) -> None:
    found = memory(LLAMA, with_overrides(Hyper(), {"distributed": distributed, "processes": 8}), 100)
    assert (found.weights + found.gradients + found.optimizer) / GIB == pytest.approx(gib, abs=0.1)


@pytest.mark.parametrize(("layers", "gib"), [(0, 34.0), ("all", 3.1)])
def test_activations_of_8192_tokens_are_as_published(layers: int | str, gib: float) -> None:
    found = memory(LLAMA, Hyper(recompute_layers=layers), 100)  # type: ignore[arg-type]
    assert found.activations / GIB == pytest.approx(gib, abs=0.05)
    assert found.activations_least <= found.activations


def test_a_row_longer_than_a_pack_decides_the_memory() -> None:
    hyper = Hyper(tokens_per_micro_step=1024, max_length=4096, recompute_layers=0)
    assert memory(LLAMA, hyper, 9000).activations == pytest.approx(4 * memory(LLAMA, hyper, 10).activations)


def test_the_last_step_of_an_epoch_may_be_smaller() -> None:
    assert steps(100, Hyper(epochs=2, instances_per_step=16)) == 14
    assert steps(1, Hyper(epochs=0.1)) == 1


def test_a_step_of_rows_packed_over_the_data_set_is_whole_packs() -> None:
    long = Lengths((16,) * 400, (15,) * 400, True)
    packed = Hyper(instances_per_step=16, tokens_per_micro_step=1024, packing="dataset", epochs=2)
    few = estimated(LLAMA, long, 400, packed, ())
    assert few.steps == 2 * 7  # ceil(6,400 / 1,024) packs of 64 rows, one a step
    assert estimated(LLAMA, long, 400, packed.model_copy(update={"instances_per_step": 128}), ()).steps == 2 * 4
    assert estimated(LLAMA, long, 400, packed.model_copy(update={"packing": "step"}), ()).steps == 2 * 25


def test_rows_are_cut_at_the_longest_length_and_counted() -> None:
    found = estimated(LLAMA, Lengths((10, 30), (5, 30), False), 20, Hyper(epochs=1, max_length=20), ())
    assert (found.tokens, found.supervised_tokens, found.cut, found.longest) == (300, 250, 10, 30)
    assert found.notes[0].startswith("the base has no chat template for these rows")
    assert found.notes[1].startswith("tokens of the first 2 rows")


def test_the_tiny_model_is_counted_exactly(tiny_model: Path, rows: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    exact = [
        len(tokenizer(tokenizer.apply_chat_template(row["messages"], tokenize=False), add_special_tokens=False)["input_ids"])
        for row in ROWS
    ]
    found = estimate(tiny_model, rows, 3, find_recipe("demo-knowledge").hyper)
    assert found.tokens == sum(exact)
    assert found.longest == max(exact)
    assert found.steps == 4
    assert 0 < found.supervised_tokens < found.tokens
    assert found.times[0].seconds[0] > 0
    assert found.notes == ()


def test_a_shape_is_read_from_config_and_weights(tiny_model: Path) -> None:
    shape = read_shape(tiny_model)
    assert (shape.layers, shape.hidden, shape.attention) == (2, 128, 128)
    assert shape.parameters - shape.layer_parameters == 2 * shape.head_parameters


def test_a_base_without_a_template_is_counted_by_its_text(tiny_no_template: Path, tiny_no_system: Path, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", ({"messages": [{"role": "system", "content": "x"}, *ROWS[0]["messages"]]},))
    for base in (tiny_no_template, tiny_no_system):
        found = lengths(base, file)
        assert not found.templated
        assert found.tokens[0] > 12
    assert lengths(tiny_no_system, write_rows(tmp_path / "plain.jsonl")).templated


def test_a_config_that_says_no_size_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": "big"}')
    with pytest.raises(DataError, match="does not say how large the model is"):
        read_shape(tmp_path)
