"""What a trainer may leave behind, and what is refused: the tiny model, broken in one place each."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from harness.errors import TrainerError
from harness.training.verify import chat_template, verify

HEAD = "lm_head.weight"
EMBED = "model.embed_tokens.weight"


@pytest.fixture
def out(tmp_path: Path, tiny_model: Path) -> Path:
    """The base again, trained a little."""
    shutil.copytree(tiny_model, tmp_path / "model")
    retrain(tmp_path / "model", lambda name, tensor: tensor * np.float32(1.01))
    return tmp_path / "model"


def retrain(folder: Path, change: Callable[[str, Any], Any]) -> None:
    """Save every tensor anew; None drops it."""
    tensors = {name: change(name, tensor) for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, folder / "model.safetensors")


def edit(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def refused(out: Path, base: Path) -> str:
    with pytest.raises(TrainerError) as caught:
        verify(out, base)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_trained_model_passes_and_its_weights_are_hashed(out: Path, tiny_model: Path) -> None:
    seen = []
    verified = verify(out, tiny_model, lambda done, total: seen.append((done, total)))
    content = (out / "model.safetensors").read_bytes()
    assert verified.weights == {"model.safetensors": hashlib.sha256(content).hexdigest()}
    assert verified.notes == ()
    assert seen == [(len(content), len(content))]


def test_the_base_itself_passes_with_a_note(tiny_model: Path) -> None:
    assert verify(tiny_model, tiny_model).notes == ("the weights are those of the base: nothing was learnt",)


def test_one_changed_tensor_is_learning(out: Path, tiny_model: Path) -> None:
    shutil.copy(tiny_model / "model.safetensors", out)
    retrain(out, lambda name, tensor: tensor * 2 if name == "model.norm.weight" else tensor)
    assert verify(out, tiny_model).notes == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("training_args.bin", "may be a pickle"),
        ("deep/er/x.PKL", "holds 'deep/er/x.PKL', which may be a pickle"),
        ("modeling.py", "which is code"),
    ],
)
def test_pickles_and_code_are_refused_wherever_they_lie(out: Path, tiny_model: Path, name: str, said: str) -> None:
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(b"x")
    assert said in refused(out, tiny_model)


def test_links_and_pipes_are_refused(out: Path, tiny_model: Path, tmp_path: Path) -> None:
    (out / "etc").symlink_to("/etc")
    assert "holds 'etc', which is a link or no file" in refused(out, tiny_model)
    (out / "etc").unlink()
    os.mkfifo(out / "pipe")
    assert "holds 'pipe'" in refused(out, tiny_model)
    (out / "pipe").unlink()
    (tmp_path / "link").symlink_to(out)
    assert "is not a folder" in refused(tmp_path / "link", tiny_model)


def test_a_config_that_asks_for_code_is_refused(out: Path, tiny_model: Path) -> None:
    edit(out / "config.json", auto_map={"AutoModel": "modeling.Mine"})
    assert "asks for code to be run" in refused(out, tiny_model)


@pytest.mark.parametrize("size", [0, 5, 100, 9_000])
def test_a_file_that_was_cut_off_is_refused(out: Path, tiny_model: Path, size: int) -> None:
    os.truncate(out / "model.safetensors", size)
    assert "safetensors" in refused(out, tiny_model)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_one_number_that_is_none_is_found(out: Path, tiny_model: Path, value: float, kind: str) -> None:
    import torch
    from safetensors.torch import load_file as load
    from safetensors.torch import save_file as save

    tensors = {name: tensor.to(getattr(torch, kind)) for name, tensor in load(out / "model.safetensors").items()}
    save(tensors, out / "model.safetensors")
    assert verify(out, tiny_model).notes == ()
    tensors[HEAD][-1, 3] = value
    save(tensors, out / "model.safetensors")
    assert f"tensor '{HEAD}' holds numbers that are not finite" in refused(out, tiny_model)


def test_an_empty_tensor_of_a_sharded_trainer_is_found(out: Path, tiny_model: Path) -> None:
    retrain(out, lambda name, tensor: np.zeros((0,), np.float32) if name == "model.norm.weight" else tensor)
    assert "tensor 'model.norm.weight' has shape [0], in the base [128]" in refused(out, tiny_model)


def test_a_missing_tensor_is_found_unless_it_is_a_tied_head(out: Path, tiny_model: Path) -> None:
    retrain(out, lambda name, tensor: None if name == HEAD else tensor)
    assert f"lacks 1 of the base's 21 tensors, '{HEAD}' among them" in refused(out, tiny_model)
    edit(out / "config.json", tie_word_embeddings=True)
    assert verify(out, tiny_model).weights


def test_a_vocabulary_may_grow_but_not_shrink(out: Path, tiny_model: Path) -> None:
    more = np.zeros((64, 128), np.float32)
    retrain(out, lambda name, tensor: np.concatenate([tensor, more]) if name in (HEAD, EMBED) else tensor)
    assert verify(out, tiny_model).notes == ()
    retrain(out, lambda name, tensor: tensor[:64] if name in (HEAD, EMBED) else tensor)
    assert "has shape [64, 128]" in refused(out, tiny_model)


def test_tokens_that_moved_are_found(out: Path, tiny_model: Path) -> None:
    said = json.loads((out / "tokenizer.json").read_text())
    vocabulary = said["model"]["vocab"]
    first, second = list(vocabulary)[300:302]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (out / "tokenizer.json").write_text(json.dumps(said))
    assert "2 of the base's" in refused(out, tiny_model)


def test_a_template_may_be_changed_or_added_with_a_note_but_not_lost(out: Path, tiny_model: Path, tiny_no_template: Path) -> None:
    (out / "chat_template.jinja").write_text("{{ messages }}")
    assert verify(out, tiny_model).notes == ("the chat template is not the base's",)
    (out / "chat_template.jinja").unlink()
    assert "has lost the chat template" in refused(out, tiny_model)
    edit(out / "tokenizer_config.json", chat_template=chat_template(tiny_model))
    assert verify(out, tiny_model).notes == ()
    assert "the trainer added one" in verify(out, tiny_no_template).notes[0]


def test_a_template_is_found_wherever_it_is_kept(tmp_path: Path) -> None:
    assert chat_template(tmp_path) is None
    (tmp_path / "tokenizer_config.json").write_text(
        '{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]}'
    )
    assert chat_template(tmp_path) == "d"
    (tmp_path / "chat_template.json").write_text('{"chat_template": "c "}')
    assert chat_template(tmp_path) == "c"
    (tmp_path / "chat_template.jinja").write_text("j\n")
    assert chat_template(tmp_path) == "j"


def test_two_files_with_the_same_tensor_are_refused(out: Path, tiny_model: Path) -> None:
    shutil.copy(out / "model.safetensors", out / "other.safetensors")
    assert "stands in model.safetensors too" in refused(out, tiny_model)


def test_json_that_is_none_is_named(out: Path, tiny_model: Path) -> None:
    (out / "tokenizer.json").write_text("[" * 9999)
    assert f"'{out / 'tokenizer.json'}' is not JSON" in refused(out, tiny_model)
