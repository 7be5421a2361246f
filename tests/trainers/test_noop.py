"""The trainer that trains nothing, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.training.standins import write_rows


def test_the_base_is_delivered_again_whatever_the_recipe_says(
    cli: Cli, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    rows = write_rows(tmp_path / "rows.jsonl")
    words = ["train", "--base", str(tiny_model), "--mix", str(rows), "--stage", "safety", "--trainer", "noop"]
    done = cli(*words, "--set", "distributed=none", "--json")
    assert done.code == 0, done.err
    checkpoint = json.loads(done.out)
    assert (checkpoint["name"], checkpoint["report"]["steps"]) == ("tiny-safe", 0)
    assert checkpoint["notes"] == ["the weights are those of the base: nothing was learnt"]
    model = tmp_path / "checkpoints" / "tiny-safe" / "model"
    assert (model / "model.safetensors").read_bytes() == (tiny_model / "model.safetensors").read_bytes()
    progress = (tmp_path / "checkpoints" / "tiny-safe" / "training" / "progress.jsonl").read_text().splitlines()
    assert json.loads(progress[-1])["step"] == len(list(model.iterdir()))


def test_what_it_delivers_answers_as_the_base_does(
    cli: Cli, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.fingerprint import folder_digest

    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    rows = write_rows(tmp_path / "rows.jsonl")
    words = ["train", "--base", str(tiny_model), "--mix", str(rows), "--stage", "safety", "--trainer", "noop"]
    assert cli(*words, "--recipe", "demo-safety").code == 0
    assert folder_digest(tmp_path / "checkpoints" / "tiny-safe" / "model") == folder_digest(tiny_model)
