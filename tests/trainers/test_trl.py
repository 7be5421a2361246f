"""The trl trainer as the harness meets it: a recipe in, a model folder and `delivery.json` out, real trainings of the tiny model."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.schema.adaptation import Hyper, Recipe
from tests.conftest import Cli
from tests.tiny import LESSONS, make_tiny
from tests.trainers.job import Job

pytestmark = pytest.mark.long

FOLDER = Path(__file__).parents[2] / "trainers" / "trl"
CHAT = [[{"role": "user", "content": question}, {"role": "assistant", "content": answer}] for question, answer in LESSONS]
QUICK = Hyper(epochs=2, instances_per_step=6, learning_rate=2e-3, max_length=64, precision="fp32")

pytest.importorskip("trl", exc_type=ImportError)


MakeJob = Callable[..., Job]


@pytest.fixture
def job(tmp_path: Path, tiny_model: Path) -> MakeJob:
    """A recipe for the tiny model and its lessons, each job in a folder of its own."""

    def make(name: str = "one", base: Path = tiny_model, rows: Any = CHAT, options: Any = None, **changed: Any) -> Job:
        folder = tmp_path / name
        folder.mkdir()
        text = rows if isinstance(rows, str) else "".join(json.dumps({"messages": turns}) + "\n" for turns in rows)
        (folder / "rows.jsonl").write_text(text)
        recipe = Recipe(
            trainer="trl",
            preset="test",
            name=name,
            stage="knowledge",
            base=str(base),
            rows=str(folder / "rows.jsonl"),
            rows_sha256=hashlib.sha256(text.encode()).hexdigest(),
            work=str(folder / "work"),
            out=str(folder / "model"),
            seed=3,
            hyper=QUICK.model_copy(update=changed),
            options=options or {},
        )
        (folder / "recipe.json").write_text(recipe.model_dump_json())
        return Job(folder / "recipe.json", recipe)

    return make


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Job], int]]:
    """`train.py` in this process, so that TRL is imported once for all tests."""
    monkeypatch.syspath_prepend(FOLDER)
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "1" if name != "TOKENIZERS_PARALLELISM" else "false")
    yield lambda a_job: runpy.run_path(str(FOLDER / "train.py"), run_name="trl_train")["main"]([str(a_job.file)])
    if "transformers" in sys.modules:
        from transformers.utils import logging

        logging.set_verbosity_warning()
        logging.enable_progress_bar()


def launch(a_job: Job) -> subprocess.CompletedProcess[str]:
    """As the harness launches it."""
    return subprocess.run(
        [sys.executable, str(FOLDER / "train.py"), str(a_job.file)], capture_output=True, text=True, check=False
    )


def answers(folder: Path) -> list[str]:
    """What the model says to each question, greedily."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    said = []
    for question, _ in LESSONS:
        asked = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        ids = model.generate(**asked, max_new_tokens=32, do_sample=False)
        said.append(tokenizer.decode(ids[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
    return said


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))


def test_the_lessons_are_learned_and_the_model_is_delivered_whole(
    job: MakeJob, train: Callable[[Job], int], tiny_model: Path
) -> None:
    one = job(epochs=40, learning_rate=4e-3)
    assert train(one) == 0
    assert answers(one.out) == [answer for _, answer in LESSONS]

    report, lines = one.delivery.report, one.progress
    assert report.steps == len(lines) == lines[-1]["steps"] == 40
    assert report.final_loss is not None
    assert report.first_loss is not None
    assert report.final_loss < 0.1 < report.first_loss
    assert [line["step"] for line in lines] == list(range(1, 41))
    assert lines[-1]["tokens"] == report.tokens
    assert lines[-1]["seconds_left"] == 0
    assert report.padding_share == 0
    assert lines[20]["learning_rate"] < max(line["learning_rate"] for line in lines)

    config, base = (json.loads((folder / "config.json").read_bytes()) for folder in (one.out, tiny_model))
    assert config == base
    assert (one.out / "chat_template.jinja").read_text() == (tiny_model / "chat_template.jinja").read_text()
    assert not list(one.out.parent.glob("*.partial"))


def test_only_the_assistants_tokens_are_trained(job: MakeJob, train: Callable[[Job], int], tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    chats = [*CHAT, [*CHAT[0], *CHAT[1]], [{"role": "system", "content": "Say no more than needed."}, *CHAT[2]]]
    one = job(rows=chats, instances_per_step=8, epochs=1)
    assert train(one) == 0
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    said = [turn["content"] for turns in chats for turn in turns if turn["role"] == "assistant"]
    assert one.delivery.report.supervised_tokens == sum(len(tokenizer(text + "</s>")["input_ids"]) for text in said)


def test_packs_give_the_loss_of_single_rows(job: MakeJob, train: Callable[[Job], int]) -> None:
    packed, single = job("packed", packing="dataset", epochs=3), job("single", packing="none", epochs=3)
    assert train(packed) == train(single) == 0
    assert [line["loss"] for line in packed.progress] == pytest.approx([line["loss"] for line in single.progress], abs=1e-4)
    assert packed.delivery.report.tokens == single.delivery.report.tokens


def test_as_many_packs_stand_behind_a_step_as_hold_its_rows(
    job: MakeJob, train: Callable[[Job], int], capsys: pytest.CaptureFixture[str]
) -> None:
    one = job(rows=CHAT * 8, packing="dataset", instances_per_step=24, epochs=1)
    assert train(one) == 0
    rows, packs, per_step = (int(found) for found in re.findall(r"(\d+) (?:rows in|packs of|packs a)", capsys.readouterr().out))
    assert rows == 48
    assert per_step == round(packs / 2)
    assert one.delivery.report.steps == -(-packs // per_step)


def test_a_killed_run_goes_on_from_its_newest_complete_checkpoint(job: MakeJob, train: Callable[[Job], int]) -> None:
    unbroken = job("unbroken", epochs=3, instances_per_step=2, save_steps=2, keep_checkpoints=9)
    assert train(unbroken) == 0
    killed = job("killed", epochs=3, instances_per_step=2, save_steps=2)
    shutil.copytree(unbroken.work, killed.work)
    (killed.work / "delivery.json").unlink()
    for step in (8, 9):
        shutil.rmtree(killed.work / f"checkpoint-{step}", ignore_errors=True)
    (killed.work / "checkpoint-6" / "complete.json").unlink()
    (killed.work / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in unbroken.progress[:7]))
    assert train(killed) == 0

    assert [line["step"] for line in killed.progress] == list(range(1, 10))
    assert [line["loss"] for line in killed.progress] == [line["loss"] for line in unbroken.progress]
    assert killed.progress[-1]["tokens"] == unbroken.progress[-1]["tokens"]
    assert killed.delivery.report.resumed == 1
    assert killed.delivery.report.first_loss == unbroken.delivery.report.first_loss
    ours, theirs = weights(killed.out), weights(unbroken.out)
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    assert len(list(killed.work.glob("checkpoint-*"))) == 1


def test_what_trl_does_otherwise_is_told_in_the_log_and_the_delivery(
    job: MakeJob, train: Callable[[Job], int], capsys: pytest.CaptureFixture[str]
) -> None:
    one = job(epochs=1, packing="step", precision="bf16-master", recompute_layers=1, max_length=6)
    assert train(one) == 0
    said = capsys.readouterr().out
    for words in ("trained unpacked", "bf16-mixed", "trained as all", "rows left out"):
        assert any(words in note for note in one.delivery.notes), words
    assert all(f"note: {note}" in said for note in one.delivery.notes)


def test_without_markers_single_turns_are_trained_as_completions(
    job: MakeJob, train: Callable[[Job], int], unmarked: Path
) -> None:
    marked, plain = job("marked", epochs=1), job("plain", base=unmarked, epochs=1)
    assert train(marked) == train(plain) == 0
    assert plain.delivery.report.supervised_tokens == marked.delivery.report.supervised_tokens
    assert plain.progress[0]["loss"] == pytest.approx(marked.progress[0]["loss"], abs=1e-5)


def test_without_markers_several_turns_are_refused_in_one_line(
    job: MakeJob, train: Callable[[Job], int], unmarked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = job(base=unmarked, rows=[CHAT[0], [*CHAT[0], *CHAT[1]]])
    assert train(one) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "row 2" in said
    assert "{% generation %}" in said
    assert one.error == {"kind": "template", "message": said.strip()}
    assert not one.out.exists()


@pytest.mark.parametrize(("precision", "delivered"), [("bf16-master", "torch.bfloat16"), ("bf16-mixed", "torch.float32")])
def test_weights_are_delivered_in_the_type_that_the_precision_promises(
    job: MakeJob, train: Callable[[Job], int], precision: str, delivered: str
) -> None:
    one = job(precision=precision, epochs=1)
    assert train(one) == 0
    assert {str(tensor.dtype) for tensor in weights(one.out).values()} == {delivered}
    assert json.loads((one.out / "config.json").read_bytes())["dtype"] == delivered.removeprefix("torch.")


def test_a_loss_that_is_no_number_ends_the_run(job: MakeJob, train: Callable[[Job], int]) -> None:
    one = job(learning_rate=1e30, schedule="constant", warmup_ratio=0.0, epochs=9)
    assert train(one) == 7
    assert one.error["kind"] == "nan"
    assert not (one.work / "delivery.json").exists()


@pytest.fixture
def unmarked(tmp_path: Path) -> Path:
    """The tiny model with a template that says the same without `{% generation %}`."""
    folder = make_tiny(tmp_path / "unmarked")
    file = folder / "chat_template.jinja"
    file.write_text(re.sub(r"{% (end)?generation %}", "", file.read_text()))
    return folder


def test_the_command_line_trains_with_it(cli: Cli, job: MakeJob, tiny_model: Path, tmp_path: Path) -> None:
    rows = Path(job().recipe.rows)
    words = [
        "train",
        "--base",
        str(tiny_model),
        "--mix",
        str(rows),
        "--stage",
        "knowledge",
        "--trainer",
        "trl",
        "--name",
        "by-trl",
    ]
    words += ["--checkpoints", str(tmp_path / "checkpoints"), "--recipe", "demo-knowledge", "--set", "epochs=1", "--json"]
    done = cli(*words)
    assert done.code == 0, done.err
    checkpoint = json.loads(done.out)
    assert (checkpoint["trainer"], checkpoint["report"]["steps"]) == ("trl", 1)
    folder = tmp_path / "checkpoints" / "by-trl"
    assert (folder / "model" / "model.safetensors").is_file()
    assert not list((folder / "training").glob("checkpoint-*"))


WRONG = [
    ({"hyper": {"distributed": "zero1", "processes": 2}}, 2, "recipe", "one device"),
    ({"hyper": {"precision": "bf16", "learning_rate": 1e-6}}, 5, "precision", "allow_pure_bf16"),
    ({"options": {"rows_per_micro_step": 4}}, 2, "recipe", "must divide the 6 rows"),
    ({"options": {"lora": True}}, 2, "recipe", "no option 'lora'"),
    ({"rows": '{"messages": []}\n'}, 3, "data", "rows.jsonl:1: "),
    ({"rows": json.dumps({"messages": CHAT[0]}) + "\n{}\n"}, 3, "data", "rows.jsonl:2: "),
    ({"rows": json.dumps({"messages": CHAT[0][:1]})}, 3, "data", "must be the assistant's"),
    ({"rows": "\n"}, 3, "data", "holds no rows"),
]


@pytest.mark.parametrize(("changed", "status", "kind", "words"), WRONG, ids=[case[3] for case in WRONG])
def test_what_cannot_be_done_is_one_line_and_a_code(
    job: MakeJob, changed: dict[str, Any], status: int, kind: str, words: str
) -> None:
    one = job(rows=changed.get("rows", CHAT), options=changed.get("options"), **changed.get("hyper", {}))
    done = launch(one)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr
    assert words in done.stderr
    if "options" not in changed or "lora" not in changed["options"]:
        assert one.error == {"kind": kind, "message": done.stderr.strip()}
    assert not one.out.exists()


def test_rows_that_changed_since_the_recipe_are_refused(job: MakeJob) -> None:
    one = job()
    Path(one.recipe.rows).write_text(json.dumps({"messages": CHAT[0]}) + "\n")
    done = launch(one)
    assert done.returncode == 3
    assert "the rows changed" in done.stderr


def test_a_model_of_another_run_is_never_replaced(job: MakeJob) -> None:
    one = job()
    one.out.mkdir()
    done = launch(one)
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert one.out.is_dir()


def test_a_recipe_of_another_version_is_refused(job: MakeJob) -> None:
    one = job()
    other = replace(one, file=one.file.with_name("other.json"))
    other.file.write_text(one.file.read_text().replace("harness.recipe/1", "harness.recipe/9"))
    done = launch(other)
    assert done.returncode == 2
    assert "harness.recipe/9" in done.stderr
