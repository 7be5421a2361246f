"""Rows of plain text: found, counted as the pieces they are cut into, and refused where a trainer does not take them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import DataError, UsageError
from harness.schema import Hyper
from harness.training.estimate import Shape, estimate, estimated, memory
from harness.training.lengths import Lengths, lengths
from harness.training.plan import Wanted, plan
from harness.training.recipes import find_recipe, with_overrides
from harness.training.rows import check, entries, find_rows, messages
from tests.training.standins import ROWS, write_rows

TEXTS = ({"text": "今天的天气很好，我们去公园散步。" * 20}, {"text": "Blue."})
LLAMA = Shape(8_030_261_248, 6_979_588_096, 128_256 * 4096, 32, 4096, 4096, 128_256)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", (*ROWS, *TEXTS))


def test_texts_stand_beside_conversations(mixed: Path, tmp_path: Path) -> None:
    assert check(mixed)[0] == 5
    assert [isinstance(one, str) for one in entries(mixed)] == [False, False, False, True, True]
    assert len(list(messages(mixed))) == 3
    found = find_rows(str(mixed), tmp_path)
    assert (found.count, found.texts) == (5, 2)


@pytest.mark.parametrize("row", ['{"text": ""}', '{"text": " \\n"}', '{"text": 3}', '{"text": null}'])
def test_text_that_is_none_is_named_with_its_line(tmp_path: Path, row: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "good"}\n' + row + "\n")
    with pytest.raises(DataError, match=r"rows\.jsonl:2: text must be a text that is not empty"):
        check(file)


def test_a_line_that_is_neither_says_both_shapes(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "x"}\n')
    with pytest.raises(DataError, match=r'"messages": .* or \{"text": …\}'):
        check(file)


def test_a_long_text_counts_as_its_pieces_and_no_token_is_lost(mixed: Path, tiny_model: Path) -> None:
    whole, pieces = lengths(tiny_model, mixed), lengths(tiny_model, mixed, max_length=50)
    assert (whole.rows, pieces.rows, pieces.texts) == (5, 5, 2)
    assert pieces.pieces == len(pieces.tokens) - 3 > 2
    assert sum(whole.supervised) == sum(pieces.supervised)
    assert whole.supervised[-1] == whole.tokens[-1] - 1


def test_the_estimate_counts_steps_of_pieces(mixed: Path, tiny_model: Path) -> None:
    hyper = with_overrides(find_recipe("demo-warmup").hyper, {"max_length": 50, "instances_per_step": 2, "packing": "step"})
    counted = lengths(tiny_model, mixed, max_length=50)
    found = estimate(tiny_model, mixed, 5, hyper)
    assert found.rows == found.counted == 5
    assert found.steps == -(-len(counted.tokens) // 2)
    assert found.cut == 0
    assert any(note.startswith("2 texts are cut into") for note in found.notes)


def test_frozen_layers_save_a_third_of_the_work_and_nearly_all_memory_of_the_optimizer() -> None:
    long, frozen = Lengths((100,) * 10, (100,) * 10, True), Hyper(epochs=1, trainable="embeddings")
    every, some = estimated(LLAMA, long, 10, Hyper(epochs=1), ()), estimated(LLAMA, long, 10, frozen, ())
    assert every.flops - some.flops == pytest.approx(2 * LLAMA.layer_parameters * 1000)
    tables = LLAMA.parameters - LLAMA.layer_parameters
    found = memory(LLAMA, frozen, 100)
    assert (found.gradients, found.optimizer, found.weights) == (2 * tables, 12 * tables, 2 * LLAMA.parameters)


@pytest.mark.parametrize("trainer", ["trl", "command"])
def test_a_trainer_that_takes_no_text_says_so_before_anything_costs(
    trainer: str, mixed: Path, tiny_model: Path, checkpoints: Path
) -> None:
    options = {"command": "true {config}"} if trainer == "command" else {}
    wanted = Wanted(str(tiny_model), mixed, "knowledge", trainer=trainer, recipe="demo-knowledge", options=options)
    with pytest.raises(UsageError, match=f"trainer '{trainer}' takes no rows of plain text, and 2 of the 5 rows of 'rows.jsonl'"):
        plan(wanted)


def test_trl_refuses_a_recipe_that_trains_only_embeddings(rows: Path, tiny_model: Path, checkpoints: Path) -> None:
    wanted = Wanted(
        str(tiny_model), rows, "knowledge", trainer="trl", recipe="demo-knowledge", overrides={"trainable": "embeddings"}
    )
    with pytest.raises(UsageError, match="trainer 'trl' does not honour 'trainable', which --set sets to embeddings"):
        plan(wanted)


def test_the_command_trainer_must_be_told_that_only_embeddings_learn() -> None:
    import importlib.util
    import sys

    folder = Path(__file__).parents[2] / "trainers" / "command"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("command_template_here", folder / "command_template.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    told = {name for ways in module.DECIDING.values() for name in ways}
    known = dict.fromkeys(told, 1) | {"trainable": "embeddings"}
    with pytest.raises(Exception, match="the tool is not told trainable"):
        module.check_told(told, known, [])
    module.check_told({*told, "trainable"}, known, [])
    module.check_told(told, known, ["trainable"])
    module.check_told(told, known | {"trainable": "all"}, [])
