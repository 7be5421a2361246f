"""Perplexities are those of a plain forward pass, row by row; the band leaves out what lies outside, and says so."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from harness import culture
from harness.curating.contract import Context
from harness.curating.likelihood import Likelihood, find
from harness.curating.steps.perplexity import HIGH, LOW, Perplexity
from harness.errors import ModelError, UsageError
from harness.rows import dataset as store
from harness.schema import DataRow, Message
from harness.verbs.curate import curate
from tests.curating import made


def rows() -> list[DataRow]:
    found = [made.row(one["instruction"], one["output"], number) for number, one in enumerate(made.alpaca(9, seed=3))]
    turns = ("第一问", "第一答，说得长一些", "再问", "再答")
    roles = ("user", "assistant", "user", "assistant")
    messages = tuple(Message(role=role, content=text) for role, text in zip(roles, turns, strict=True))  # type: ignore[arg-type]
    return [*found, DataRow(source="made", source_id="d", messages=messages), made.row("问", "答", "short")]


def plain(folder: Path, row: DataRow, of: str, longest: int = 4096) -> float:
    """One row at a time, no padding, the whole sequence through the model."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids, wanted = [tokenizer.bos_token_id], [False]
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"]
    for turn in row.messages:
        said = tokenizer(turn.content, add_special_tokens=False)["input_ids"]
        ids += said + newline
        wanted += [of == "conversation" or turn.role == "assistant"] * len(said) + [False] * len(newline)
    ids, wanted = ids[:longest], wanted[:longest]
    with torch.no_grad():
        shares = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    losses = [-shares[at - 1, ids[at]].item() for at in range(1, len(ids)) if wanted[at]]
    return sum(losses) / len(losses)


@pytest.mark.parametrize("of", ["reply", "conversation"])
@pytest.mark.parametrize("batch", [1, 100, 4096])
def test_values_are_those_of_each_row_by_itself(tiny_model: Path, of: str, batch: int) -> None:
    model = Likelihood(find(str(tiny_model)), of=of, max_length=4096, batch_tokens=batch)  # type: ignore[arg-type]
    found = model.values([model.tokens(row) for row in rows()])
    assert found == pytest.approx([plain(tiny_model, row, of) for row in rows()], abs=1e-4)


def test_a_long_row_is_judged_by_its_beginning_and_one_without_a_reply_there_is_not_judged(tiny_model: Path) -> None:
    model = Likelihood(find(str(tiny_model)), of="reply", max_length=40, batch_tokens=256)
    long, asked = made.row("问题是什么", "回答" * 200, 1), made.row("很长的问题" * 60, "好", 2)
    tokens = [model.tokens(row) for row in (long, asked, made.row("短", "好", 3))]
    assert [one.cut for one in tokens] == [True, True, False]
    found = model.values(tokens)
    assert found[0] == pytest.approx(plain(tiny_model, long, "reply", 40), abs=1e-4)
    assert math.isnan(found[1])


def test_a_row_that_fits_exactly_is_not_called_cut(tiny_model: Path) -> None:
    row = made.row("问题是什么", "回答", 1)
    whole = Likelihood(find(str(tiny_model)), of="reply", max_length=4096, batch_tokens=256).tokens(row)
    said = len(whole.ids) - 1  # without the last newline, which is not counted
    assert not Likelihood(find(str(tiny_model)), of="reply", max_length=said, batch_tokens=256).tokens(row).cut
    assert Likelihood(find(str(tiny_model)), of="reply", max_length=said - 1, batch_tokens=256).tokens(row).cut


def decided(folder: Path, losses: list[float], **bounds: float) -> tuple[dict[int, tuple[str, str]], list[str]]:
    context = Context(culture.load("demo"), folder, 1, [])
    step = Perplexity.model_validate({"use": "perplexity", "model": "unused", **bounds}).build(context)
    with (folder / "sketch").open("wb") as file:
        np.save(file, np.column_stack([losses, np.zeros(len(losses))]))
    return dict(next(iter(step.decide([folder / "sketch"])))), context.notes


def test_both_bounds_stay_and_what_is_no_number_stays_and_is_counted(tmp_path: Path) -> None:
    losses = [math.log(value) for value in (4.0, 5.0, 50.0, 51.0)] + [math.nan, math.inf, 800.0]
    found, notes = decided(tmp_path, losses, low=4.5, high=50.0 + 1e-9)
    assert {place: why for place, (why, _) in found.items()} == {0: LOW, 3: HIGH, 5: HIGH, 6: HIGH}
    assert found[0][1] == "4.00, the bound is 4.50"
    assert found[6][1].startswith("inf")
    assert any("1 rows have no perplexity" in note for note in notes)


def test_quantiles_leave_out_that_share_at_each_end(tmp_path: Path) -> None:
    losses = [math.log(2 + number) for number in range(101)]
    found, notes = decided(tmp_path, [*losses, math.nan], low_quantile=0.02, high_quantile=0.98)
    assert sorted(found) == [0, 1, 99, 100]
    assert "from 4.00 to 100.00 stays" in notes[0]
    assert decided(tmp_path, [1.0] * 5, low_quantile=0.02, high_quantile=0.98)[0] == {}
    assert decided(tmp_path, [math.nan] * 2, high_quantile=0.5)[0] == {}


@pytest.mark.parametrize(
    "bounds", [{}, {"low": 2, "low_quantile": 0.1}, {"low": 9, "high": 3}, {"low_quantile": 0.9, "high_quantile": 0.1}]
)
def test_what_is_no_band_is_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="needs a bound|not both|below"):
        Perplexity.model_validate({"use": "perplexity", "model": "m", **bounds})


def test_an_endpoint_has_no_perplexity_and_a_folder_without_weights_none_either(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a model with weights"):
        find("http://127.0.0.1:9/v1#some")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError):
        find(str(tmp_path / "empty"))


def test_the_chain_drops_noise_and_runs_again_for_another_model(tmp_path: Path, tiny_taught: Path, tiny_model: Path) -> None:
    from tests.tiny import LESSONS

    records = [{"instruction": asked, "input": "", "output": said} for asked, said in LESSONS]
    records.append({"instruction": "法国的首都是哪里？", "input": "", "output": "猿佻 qz 8#\u3021 巙巎"})
    step = f'use = "perplexity"\nmodel = "{tiny_taught}"\nhigh_quantile = 0.84'
    path = made.pipeline(tmp_path / "p.toml", made.jsonl(tmp_path / "rows.jsonl", records), [step])
    assert curate(path, tmp_path / "one", workers=1).dropped == 1
    dropped = json.loads((tmp_path / "one" / store.DROPPED).read_text())
    assert (dropped["why"], dropped["source_id"]) == (HIGH, str(len(records)))
    step = Perplexity.model_validate({"use": "perplexity", "model": str(tiny_taught), "high": 9})
    other = step.model_copy(update={"model": str(tiny_model)})
    context = Context(culture.load("demo"), tmp_path, 1, [])
    assert step.identity(context) != other.identity(context)
