"""The trainer as the harness meets it: a recipe in, a model folder and `delivery.json` out, on one process and on two."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.training.tensors import read_tensors
from harness.training.trainers import command, find_trainer
from harness.training.verify import verify
from tests.conftest import SHARED
from tests.tiny import LESSONS, make_tiny
from tests.trainers.full_ft.made import CHATS, Done, Job, difference, job, kill_group, reach, start, train, train_here, weights

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> tuple[Job, Done]:
    """One process, started as the harness starts it."""
    made = job(tmp_path_factory.mktemp("single"), tiny_model)
    return made, train(made)


def test_a_training_is_delivered_without_a_word(single: tuple[Job, Done]) -> None:
    made, done = single
    assert (done.code, done.err) == (0, "")
    assert sorted(file.name for file in made.work.iterdir()) == [
        "delivery.json",
        "logs",
        "progress.jsonl",
        "recipe.json",
        "starts.jsonl",
        "step-12",
    ]


def test_the_harness_finds_the_trainer_and_starts_it_so(single: tuple[Job, Done]) -> None:
    trainer = find_trainer("full_ft")
    words = command(trainer, single[0].file)
    assert words[1:] == [f"{trainer.folder}/train.py", str(single[0].file)]
    assert (trainer.honours, trainer.resumable) == ("all", True)


def test_the_report_says_what_was_trained(single: tuple[Job, Done]) -> None:
    made, _ = single
    report = made.delivery.report
    assert (report.steps, report.rows, report.processes, report.engine) == (12, len(CHATS), 1, "one process")
    assert (report.padding_share, report.resumed, report.mfu) == (0.0, 0, None)
    assert report.tokens == made.progress[-1]["tokens"]
    assert 0 < (report.supervised_tokens or 0) < (report.tokens or 0)
    assert report.tokens_per_second == pytest.approx((report.tokens or 0) / (report.seconds or 1))
    assert (report.peak_memory_bytes or 0) > 10**8
    assert (report.first_loss, report.final_loss) == (made.losses[0], made.losses[-1])
    assert made.delivery.versions.keys() >= {"python", "torch", "transformers", "accelerate"}


def test_every_optimizer_step_is_a_line_of_progress(single: tuple[Job, Done]) -> None:
    made, _ = single
    assert made.steps == list(range(1, 13))
    assert set(made.progress[0]) == {
        "step",
        "steps",
        "loss",
        "learning_rate",
        "grad_norm",
        "tokens",
        "tokens_per_second",
        "seconds_left",
    }
    rates = [line["learning_rate"] for line in made.progress]
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] < 1e-4
    assert made.progress[-1]["seconds_left"] == 0


def test_the_loss_falls(single: tuple[Job, Done]) -> None:
    losses = single[0].losses
    assert losses[-1] < 0.8 * losses[0]


def test_the_harness_takes_the_model_for_one_of_the_bases_kind(single: tuple[Job, Done], tiny_model: Path) -> None:
    made, _ = single
    assert verify(made.out, tiny_model).notes == ()
    assert read_tensors(made.out).keys() == read_tensors(tiny_model).keys()


def test_configuration_and_tokenizer_are_the_bases_own(single: tuple[Job, Done], tiny_model: Path) -> None:
    made, _ = single
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (made.out / name).read_bytes() == (tiny_model / name).read_bytes()
    config, was = (json.loads((folder / "config.json").read_text()) for folder in (made.out, tiny_model))
    assert config == was
    assert "packed" not in (made.out / "config.json").read_text()
    assert not list(made.out.parent.glob("*.part"))


def test_the_model_loads_and_its_tokenizer_keeps_the_chat_template(single: tuple[Job, Done], tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made, _ = single
    tokenizer, was = AutoTokenizer.from_pretrained(made.out), AutoTokenizer.from_pretrained(tiny_model)
    assert tokenizer.chat_template == was.chat_template
    ids = tokenizer.apply_chat_template(list(CHATS[0]), return_tensors="pt", return_dict=True)
    model = AutoModelForCausalLM.from_pretrained(made.out)
    assert model(**ids).logits.shape[-1] == model.config.vocab_size
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


def test_it_learns_its_rows_by_heart(tmp_path: Path, tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    chats = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in LESSONS]
    made = job(tmp_path, tiny_model, chats, epochs=60, instances_per_step=6, learning_rate=3e-3, keep_checkpoints=2)
    assert train_here(made).code == 0
    assert made.losses[-1] < 0.05
    assert made.checkpoints == ["step-59", "step-60"]
    tokenizer = AutoTokenizer.from_pretrained(made.out, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(made.out)
    asked = [[{"role": "user", "content": question}] for question, _ in LESSONS]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True)
    said = model.generate(**ids, max_new_tokens=24, do_sample=False)[:, ids["input_ids"].shape[1] :]
    assert tokenizer.batch_decode(said, skip_special_tokens=True) == [answer for _, answer in LESSONS]


@pytest.mark.parametrize("precision", ["bf16-master", "bf16-mixed"])
def test_every_precision_gives_the_loss_of_fp32_within_its_rounding(
    single: tuple[Job, Done], tmp_path: Path, tiny_model: Path, precision: str
) -> None:
    made = job(tmp_path, tiny_model, precision=precision)
    assert train_here(made).code == 0
    assert made.losses == pytest.approx(single[0].losses, abs=0.03)
    kept = json.loads((made.out / "config.json").read_text())["dtype"]
    assert kept == {"bf16-master": "bfloat16", "bf16-mixed": "float32"}[precision]


def test_tf32_on_a_cpu_is_left_out_and_said(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, tf32=True, epochs=0.2, recompute_layers="auto")
    assert train_here(made).code == 0
    assert made.delivery.notes == ("tf32 is for CUDA only: not used",)


@pytest.mark.parametrize("packing", ["dataset", "none"])
def test_every_packing_trains_on_every_row(tmp_path: Path, tiny_model: Path, packing: str, single: tuple[Job, Done]) -> None:
    made = job(tmp_path, tiny_model, packing=packing)
    assert train_here(made).code == 0
    assert made.delivery.report.tokens == single[0].delivery.report.tokens
    if packing == "none":
        assert made.losses == pytest.approx(single[0].losses, abs=1e-5)


def test_recomputed_layers_change_nothing(tmp_path: Path, tiny_model: Path, single: tuple[Job, Done]) -> None:
    made = job(tmp_path, tiny_model, recompute_layers="all")
    assert train_here(made).code == 0
    assert difference(made.out, single[0].out) == 0.0


@pytest.mark.long
def test_two_processes_of_ddp_train_what_one_does(single: tuple[Job, Done], tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, distributed="ddp", processes=2)
    done = train(made)
    assert (done.code, done.err) == (0, "")
    assert (made.delivery.report.engine, made.delivery.report.processes) == ("DistributedDataParallel", 2)
    assert made.losses == pytest.approx(single[0].losses, abs=1e-5)
    assert difference(made.out, single[0].out) < 1e-4


@pytest.mark.slow
def test_two_processes_of_fsdp2_on_a_cpu_train_what_one_does(single: tuple[Job, Done], tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, distributed="fsdp2", processes=2)
    done = train(made)
    assert (done.code, done.err) == (0, "")
    assert made.delivery.report.engine == "FSDP2"
    assert made.losses == pytest.approx(single[0].losses, abs=1e-5)
    assert difference(made.out, single[0].out) < 1e-4


@pytest.mark.slow
def test_fsdp2_in_bf16_goes_on_with_another_number_of_processes_and_delivers_bf16(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, distributed="fsdp2", processes=2, precision="bf16-master", epochs=4, save_steps=4)
    with start(made) as process:
        reach(process, made, 10)
        kill_group(process)
    alone = made.changed(processes=1)
    assert train(alone).code == 0
    assert (alone.delivery.report.resumed, alone.delivery.report.processes) == (1, 1)
    assert alone.steps == list(range(1, 25))
    assert {str(tensor.dtype) for tensor in weights(alone.out).values()} == {"torch.bfloat16"}
    assert alone.losses[-1] < 0.7 * alone.losses[0]


REAL = ("alpaca_zh_demo.json", "alpaca_en_demo.json", "HalluQA.json")


def _real_chats(file: Path, count: int) -> Iterator[list[dict[str, str]]]:
    for row in json.loads(file.read_text(encoding="utf-8"))[:count]:
        asked = "\n".join(filter(None, (row.get("instruction") or row.get("Question"), row.get("input"))))
        yield [{"role": "user", "content": asked}, {"role": "assistant", "content": row.get("output") or row["Best Answer1"]}]


LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
"""The template that Llama-3 ships: without marks for the assistant's tokens."""


def _llama3(folder: Path) -> Path:
    """The tiny model as a Llama-3: its template, its control tokens, and a tokenizer that knows nothing of marks."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = make_tiny(folder / "tiny")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]},
        replace_extra_special_tokens=False,
    )
    tokenizer.chat_template = LLAMA3
    model = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(0)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder / "llama3")
    tokenizer.save_pretrained(folder / "llama3")
    shutil.rmtree(base)
    return folder / "llama3"


def test_real_rows_train_a_small_llama_with_the_template_of_llama_3(tmp_path: Path) -> None:
    files = [SHARED / "training" / name for name in REAL]
    if not all(file.is_file() for file in files):
        pytest.skip(f"{', '.join(REAL)}: published files are not on this machine (set HARNESS_TEST_SHARED)")
    chats: list[Any] = [chat for file in files for chat in _real_chats(file, 16)]
    made = job(
        tmp_path / "job", _llama3(tmp_path), chats, epochs=1, instances_per_step=12, max_length=1024, tokens_per_micro_step=2048
    )
    assert train_here(made).code == 0
    report = made.delivery.report
    assert (report.steps, report.rows) == (4, 48)
    assert (report.supervised_tokens or 0) / (report.tokens or 1) > 0.4
    assert made.losses[-1] < made.losses[0]
    assert json.loads((made.out / "generation_config.json").read_text())["eos_token_id"] != 2
