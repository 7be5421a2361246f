"""checkpoint.json: the whole noun of a trained one, the few words of one written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.checkpoints import find_checkpoint, load_checkpoint, registered
from harness.errors import DataError, UsageError
from harness.schema import Checkpoint, Hyper, Recipe, TrainingReport


def trained(folder: Path, **changed: object) -> Checkpoint:
    recipe = Recipe(
        trainer="noop",
        preset="paper",
        name=folder.name,
        stage="knowledge",
        base="/base",
        rows="/rows.jsonl",
        rows_sha256="0" * 64,
        work="/work",
        out="/out",
        seed=1,
        hyper=Hyper(),
    )
    checkpoint = Checkpoint(
        name=folder.name,
        parent="demo-en",
        stage="knowledge",
        trainer="noop",
        trainer_digest="0" * 64,
        recipe=recipe,
        mix=None,
        diagnosis=None,
        weights={"model.safetensors": "0" * 64},
        report=TrainingReport(steps=3),
        created="2026-11-21T00:00:00+00:00",
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint.json").write_text(json.dumps({**checkpoint.model_dump(mode="json"), **changed}))
    return checkpoint


def test_a_trained_checkpoint_is_read_whole(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path / "demo-en-kg")
    assert load_checkpoint(tmp_path / "demo-en-kg") == checkpoint
    assert find_checkpoint("demo-en-kg", tmp_path) == checkpoint
    assert find_checkpoint(str(tmp_path / "demo-en-kg"), tmp_path / "none") == checkpoint
    said = registered(tmp_path / "demo-en-kg")
    assert (said.path, said.parent, said.stage) == (tmp_path / "demo-en-kg" / "model", "demo-en", "knowledge")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stage": "last"}, r"is no checkpoint \(stage: Input should be 'vocabulary', 'knowledge', 'safety' or 'mixed'\)"),
        ({"extra": 1}, r"is no checkpoint \(extra: Extra inputs are not permitted\)"),
        ({"schema_version": "harness.checkpoint/9"}, "has schema_version 'harness.checkpoint/9'"),
        ({"path": "../../etc"}, "path '../../etc' leads out of its folder"),
    ],
)
def test_a_trained_checkpoint_that_is_broken_is_no_registered_one_either(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    trained(tmp_path / "mine", **changed)
    for read in (load_checkpoint, registered):
        with pytest.raises(DataError, match=said):
            read(tmp_path / "mine")


def test_one_written_by_hand_says_where_the_model_lies_and_nothing_of_its_training(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_text('{"parent": "llama3-8b", "note": "from a friend"}')
    said = registered(tmp_path)
    assert (said.path, said.parent, said.stage) == (tmp_path, "llama3-8b", None)
    with pytest.raises(DataError, match="was written by hand"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("text", ["[]", "nonsense", "[" * 99_999, '{"path": 7}', '{"stage": "last"}'])
def test_a_file_that_is_no_description_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "checkpoint.json").write_text(text)
    with pytest.raises(DataError) as caught:
        registered(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'checkpoint.json'}: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_checkpoint_gets_near_names(tmp_path: Path) -> None:
    trained(tmp_path / "demo-en-kg")
    with pytest.raises(UsageError, match="no checkpoint named 'demo-en-k'; did you mean demo-en-kg"):
        find_checkpoint("demo-en-k", tmp_path)
