"""What stops a training, and what is left to tell why: a status, one line, `error.json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.schema import adaptation
from tests.trainers.full_ft.made import FOLDER, Done, Job, job, train, train_here

ft_fault: Any = pytest.importorskip("ft_fault")
ft_recipe: Any = pytest.importorskip("ft_recipe")


def _edited(made: Job, change: Callable[[dict[str, Any]], object]) -> Job:
    said = json.loads(made.file.read_text())
    change(said)
    made.file.write_text(json.dumps(said))
    return made


def _told(done: Done, made: Job, kind: str) -> str:
    """The one line, once it is sure that status and error.json say the same."""
    assert done.code == ft_fault.STATUS[kind], done.err
    line, rest = done.err.split("\n", 1)
    assert rest == ""
    assert made.error["kind"] == kind
    assert line == f"trainer: {made.error['message']}"
    assert not (made.work / "delivery.json").exists()
    assert not made.out.exists()
    return line


def test_the_trainer_knows_every_field_of_the_contract() -> None:
    assert set(ft_recipe.Hyper.__dataclass_fields__) == set(adaptation.Hyper.model_fields)
    assert set(ft_recipe.Recipe.__dataclass_fields__) == set(adaptation.Recipe.model_fields)


def test_a_recipe_is_read_as_the_harness_wrote_it(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, distributed="zero1", processes=2, precision="bf16-master", recompute_layers="auto")
    read = ft_recipe.read(made.file)
    assert {name: getattr(read.hyper, name) for name in adaptation.Hyper.model_fields} == made.recipe.hyper.model_dump()
    assert (read.name, read.base, read.seed, read.hyper.zero_stage) == ("made", str(tiny_model), 7, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: said.update(schema_version="harness.recipe/2"), "schema_version is 'harness.recipe/2'"),
        (lambda said: said["hyper"].update(rank=8), "does not know rank"),
        (lambda said: said["hyper"].pop("seed", None) or said.pop("seed"), "lacks seed"),
        (lambda said: said["hyper"].update(epochs=0), "epochs must be above 0"),
        (lambda said: said["hyper"].update(epochs="two"), "epochs is 'two'; it must be float"),
        (lambda said: said["hyper"].update(precision="fp8"), "precision is 'fp8'; it must be 'fp32' or"),
        (lambda said: said["hyper"].update(tf32=1), "tf32 is 1; it must be bool"),
        (lambda said: said["hyper"].update(recompute_layers="some"), "recompute_layers is 'some'"),
        (lambda said: said["hyper"].update(processes=2), "'none' is one process"),
        (lambda said: said["hyper"].update(distributed="zero1", precision="bf16"), "trains in 'bf16-master' or 'fp32'"),
        (lambda said: said["hyper"].update(distributed="ddp", hostfile="/hosts"), "hostfile needs distributed zero1"),
        (lambda said: said.update(options={"lora": True}), "options has lora"),
        (lambda said: said.update(options={"deepspeed": {"name": "ds.json", "text": "[]"}}), "ds.json must hold an object"),
        (lambda said: said.update(options={"deepspeed": "ds.json"}), "option deepspeed must be a JSON file"),
        (lambda said: said["hyper"].update(distributed="fsdp2", compile=True), "compile is for distributed none"),
        (lambda said: said.update(out="model"), "out must be an absolute path"),
        (lambda said: said.update(base="/nowhere"), "has no config.json"),
    ],
)
def test_a_recipe_it_cannot_honour_is_refused(
    tmp_path: Path, tiny_model: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    made = _edited(job(tmp_path, tiny_model), change)
    assert words in _told(train_here(made), made, "recipe")


def test_a_file_that_is_no_recipe_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    for content, words in (("{", "is not JSON"), ("[]", "schema_version is None")):
        file.write_text(content)
        with pytest.raises(ft_fault.Fault, match=words):
            ft_recipe.read(file)
    with pytest.raises(ft_fault.Fault, match="cannot be read"):
        ft_recipe.read(tmp_path / "none.json")


def test_rows_that_changed_are_refused_before_anything_is_loaded(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model)
    with Path(made.recipe.rows).open("a") as rows:
        rows.write("\n")
    done = train(made)
    assert "the rows changed: sha256 is" in _told(done, made, "data")
    assert not (made.work / "logs" / "rank-0.log").exists()


def test_rows_that_are_gone_are_refused(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model)
    Path(made.recipe.rows).unlink()
    assert "the rows cannot be read (No such file or directory)" in _told(train_here(made), made, "data")


def test_a_line_that_is_no_row_is_named(tmp_path: Path, tiny_model: Path) -> None:
    chats: list[Any] = [[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], [{"role": "user"}]]
    made = job(tmp_path, tiny_model, chats)
    assert "rows.jsonl:2: a row is" in _told(train_here(made), made, "data")


def test_a_mix_without_a_token_to_learn_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, max_length=4)
    assert "no row has a token to learn within max_length 4" in _told(train_here(made), made, "data")


def test_a_base_without_a_chat_template_is_refused(tmp_path: Path, tiny_no_template: Path) -> None:
    made = job(tmp_path, tiny_no_template)
    assert "has no chat template" in _told(train_here(made), made, "template")


def test_a_template_that_cannot_mark_the_assistant_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for file in tiny_model.iterdir():
        (base / file.name).write_bytes(file.read_bytes())
    (base / "chat_template.jinja").write_text("{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}")
    made = job(tmp_path / "job", base)
    assert "chat template" in _told(train_here(made), made, "template")


def test_pure_bf16_at_a_small_learning_rate_is_refused_unless_allowed(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, precision="bf16", learning_rate=1e-6)
    assert "rounding loses most of each step" in _told(train_here(made), made, "precision")
    ft_recipe.read(made.changed(precision="bf16", learning_rate=1e-6, allow_pure_bf16=True).file)
    ft_recipe.read(made.changed(precision="bf16", learning_rate=1e-3).file)


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_last_checkpoint_alone(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, save_steps=2, learning_rate=1e28, max_grad_norm=1e9, schedule="constant")
    line = _told(train_here(made), made, "nan")
    step = int(line.split("step ")[1].split(":")[0])
    assert made.steps == list(range(1, step))
    assert made.checkpoints == ([] if step <= 2 else [f"step-{(step - 1) // 2 * 2}"])


def test_memory_that_runs_out_is_known_by_its_words() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert ft_fault.classify(caught.value).kind == "oom"
    assert ft_fault.classify(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")).kind == "oom"
    assert ft_fault.classify(MemoryError()).kind == "oom"
    assert ft_fault.classify(KeyError("x")).kind == "error"


def test_memory_that_runs_out_in_training_is_said(tmp_path: Path, tiny_model: Path) -> None:
    """A model whose table of tokens is larger than this machine: the allocation fails where a real one would."""
    base = tmp_path / "base"
    base.mkdir()
    for file in tiny_model.iterdir():
        (base / file.name).write_bytes(file.read_bytes())
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"vocab_size": 1 << 50}))
    made = job(tmp_path / "job", base)
    assert "out of memory" in _told(train_here(made), made, "oom")


def test_the_first_word_about_a_failure_stays(tmp_path: Path) -> None:
    ft_fault.record(tmp_path, ft_fault.Fault("oom", "first"), 1)
    ft_fault.record(tmp_path, ft_fault.Fault("error", "second"), 0)
    assert json.loads((tmp_path / "error.json").read_text()) == {"kind": "oom", "message": "first", "rank": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["error.json"]


def test_without_a_recipe_it_says_how_it_is_used() -> None:
    import subprocess
    import sys

    done = subprocess.run([sys.executable, str(FOLDER / "train.py")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "trainer: usage: train.py recipe.json\n")


def test_every_kind_of_failure_has_a_status_of_its_own() -> None:
    assert sorted(ft_fault.STATUS.values()) == list(range(1, len(ft_fault.STATUS) + 1))
    assert {ft_fault.PEER, ft_fault.STOPPED}.isdisjoint(ft_fault.STATUS.values())
