"""The tiny checkpoints are what other tests take them for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tiny import LESSONS, make_tiny

SYSTEM = {"role": "system", "content": "简短回答。"}
USER = {"role": "user", "content": "你好"}


def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def model(folder: Path, **kwargs: Any) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, **kwargs)


def test_the_full_template_takes_a_system_turn(tiny_model: Path) -> None:
    text = tokenizer(tiny_model).apply_chat_template([SYSTEM, USER], tokenize=False, add_generation_prompt=True)
    assert text == "<s><|system|>简短回答。<|user|>你好<|assistant|>"


def test_the_strict_template_refuses_a_system_turn(tiny_no_system: Path) -> None:
    strict = tokenizer(tiny_no_system)
    assert strict.apply_chat_template([USER], tokenize=False) == "<s><|user|>你好"
    with pytest.raises(Exception, match="System role not supported"):
        strict.apply_chat_template([SYSTEM, USER], tokenize=False)


def test_the_model_without_a_template_has_none(tiny_no_template: Path) -> None:
    assert tokenizer(tiny_no_template).chat_template is None


def test_text_survives_the_tokenizer(tiny_model: Path) -> None:
    text = "从前有一座山 🏔 and a café\n\n第二段"
    tiny = tokenizer(tiny_model)
    assert tiny.decode(tiny(text, add_special_tokens=False)["input_ids"]) == text


def test_a_seed_names_the_weights(tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> bytes:
        return (make_tiny(tmp_path / name, seed=seed) / "model.safetensors").read_bytes()

    assert weights("a", 1) == weights("b", 1)
    assert weights("a", 1) != weights("c", 2)


def test_making_one_leaves_the_random_state_alone(tmp_path: Path) -> None:
    import torch

    before = torch.random.get_rng_state()
    make_tiny(tmp_path / "tiny")
    assert torch.equal(before, torch.random.get_rng_state())


def test_weights_are_saved_in_the_type_asked_for(tmp_path: Path) -> None:
    import torch

    assert model(make_tiny(tmp_path / "half", dtype="bfloat16")).dtype is torch.bfloat16


def test_the_taught_model_answers_its_lessons(tiny_taught: Path) -> None:
    tiny, taught = tokenizer(tiny_taught), model(tiny_taught)
    said = []
    for question, _ in LESSONS:
        turn = [{"role": "user", "content": question}]
        prompt = tiny.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        out = taught.generate(**prompt, max_new_tokens=32, do_sample=False)
        said.append(tiny.decode(out[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
    assert said == [answer for _, answer in LESSONS]
