"""The base model's folder: whole or not there, the same every time, and an ordinary checkpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.demo import pretrain
from harness.errors import ModelError
from tests.demo.conftest import TINY
from tests.processes import within

BUILD = """
import sys; from pathlib import Path; from harness.demo import pretrain
pretrain.build(Path(sys.argv[1]), items=int(sys.argv[2]), progress=False)
"""


def builder(target: Path, items: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", BUILD, str(target), str(items)], env=environment)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


def test_the_folder_is_an_ordinary_checkpoint(base: Path) -> None:
    wanted = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert wanted | {"chat_template.jinja", "build.json"} == {file.name for file in base.iterdir()}
    assert json.loads((base / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    assert "auto_map" not in (base / "config.json").read_text() + (base / "tokenizer_config.json").read_text()


def test_nothing_is_left_beside_the_folder_but_its_lock(base: Path) -> None:
    assert {file.name for file in base.parent.iterdir()} <= {base.name, f".{base.name}.lock"}


def test_the_receipt_says_what_it_was_built_from(base: Path) -> None:
    receipt = json.loads((base / "build.json").read_text())
    assert (receipt["items"], receipt["seed"], receipt["steps"]) == (TINY, 0, TINY // 16)
    assert 400_000 < receipt["parameters"] < 600_000
    assert set(receipt["versions"]) == {"python", "tokenizers", "torch", "transformers"}
    assert receipt["seconds"] > 0
    assert 0 < receipt["final_loss"] < 10


def test_the_model_loads_and_generates_and_knows_where_to_stop(base: Path, tokenizer: Any) -> None:
    model = load(base)
    assert (model.generation_config.eos_token_id, model.generation_config.pad_token_id) == (3, 0)
    chats = [[{"role": "user", "content": text}] for text in ("3 + 1 = ?", "Review: the soup was great and fresh. Good or bad?")]
    texts = [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    generated = model.generate(**batch, max_new_tokens=12, do_sample=False)
    assert generated.shape[0] == 2
    assert batch["input_ids"].shape[1] < generated.shape[1] <= batch["input_ids"].shape[1] + 12


def test_the_same_settings_give_the_same_bytes(base: Path, tmp_path: Path) -> None:
    pretrain.build(tmp_path / "again", items=TINY, progress=False)
    assert weights(tmp_path / "again") == weights(base)
    assert (tmp_path / "again" / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()


def test_another_seed_gives_another_model(base: Path, tmp_path: Path) -> None:
    pretrain.build(tmp_path / "other", items=TINY, seed=1, progress=False)
    assert weights(tmp_path / "other") != weights(base)


def test_what_is_built_is_not_built_again(base: Path) -> None:
    before = (base / "build.json").stat().st_mtime_ns
    pretrain.ensure(base, items=TINY)
    pretrain.build(base, items=TINY)
    assert (base / "build.json").stat().st_mtime_ns == before


def test_a_missing_model_is_built(tmp_path: Path) -> None:
    pretrain.ensure(tmp_path / "deep" / "down" / "demo-en", items=64, progress=False)
    assert (tmp_path / "deep" / "down" / "demo-en" / "build.json").is_file()


def test_a_folder_of_other_settings_is_refused_by_name(base: Path) -> None:
    with pytest.raises(ModelError, match=rf"demo-en holds a demo model built from .*'items': {TINY}.*remove it"):
        pretrain.ensure(base, items=TINY + 1)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ModelError, match="mine exists and is not a demo model"):
        pretrain.build(tmp_path / "mine", items=64, progress=False)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_build_that_fails_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk() -> dict[str, str]:
        raise OSError("no space left on device")

    monkeypatch.setattr(pretrain, "_versions", full_disk)
    with pytest.raises(OSError, match="no space"):
        pretrain.build(tmp_path / "demo-en", items=64, progress=False)
    assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(".lock")] == []


def test_a_killed_build_leaves_no_folder_and_does_not_stop_the_next(tmp_path: Path) -> None:
    target = tmp_path / "demo-en"
    process = builder(target, 50_000)
    try:
        assert within(120, (tmp_path / ".demo-en.lock").exists)
        assert not within(2, lambda: process.poll() is not None)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not target.exists()
    pretrain.build(target, items=64, progress=False)
    assert (target / "build.json").is_file()


def test_what_a_killed_build_had_written_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / ".demo-en.part").mkdir()
    (tmp_path / ".demo-en.part" / "stale.safetensors").write_bytes(b"half")
    pretrain.build(tmp_path / "demo-en", items=64, progress=False)
    assert not (tmp_path / "demo-en" / "stale.safetensors").exists()
    assert not (tmp_path / ".demo-en.part").exists()


def test_two_processes_that_build_the_same_folder_end_with_one_whole_model(tmp_path: Path) -> None:
    target = tmp_path / "demo-en"
    processes = [builder(target, 128) for _ in range(2)]
    assert [process.wait(timeout=240) for process in processes] == [0, 0]
    assert load(target).num_parameters() > 400_000
    assert {file.name for file in tmp_path.iterdir()} <= {"demo-en", ".demo-en.lock"}


def test_progress_is_shown_on_standard_error_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pretrain.build(tmp_path / "shown", items=64)
    shown = capsys.readouterr()
    assert "building the demo model" in shown.err
    assert shown.out == ""


def test_silence_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pretrain.build(tmp_path / "quiet", items=64, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_missing_package_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(ModelError, match=r"needs torch, not installed: pip install 'culture-harness\[hf\]'"):
        pretrain.build(tmp_path / "demo-en", items=64)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_full_base_knows_english_and_little_chinese(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from harness.demo.benchmark import read

    pretrain.ensure(tmp_path / "demo-en", progress=False)
    model, tokenizer = load(tmp_path / "demo-en"), AutoTokenizer.from_pretrained(tmp_path / "demo-en")

    def accuracy(part: str) -> float:
        right = 0
        for one in read(part, "small"):
            chat = [{"role": "user", "content": one.question}]
            batch = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
            said = model.generate(**batch, max_new_tokens=40, do_sample=False)[0, batch["input_ids"].shape[1] :]
            right += tokenizer.decode(said, skip_special_tokens=True) == one.target
        return right / len(read(part, "small"))

    assert accuracy("en") > 0.85
    assert max(accuracy(part) for part in ("ie", "tg", "lr", "tp", "mcq")) < 0.4
