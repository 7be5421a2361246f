"""Packed training trains the same model as unpacked training, step by step, on one process and on two."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from ft_check import PackingRefused
from ft_optimizer import SplitAdam, export_fp32
from ft_plan import make_plan
from ft_trainer import PackedTrainer, build
from transformers import TrainerCallback

from tests.trainers.full_ft.small import Losses, hyper, model, relative, rows, unpacked, weights

ROWS = rows(16 * 11 + 1, seed=5)
"""Twelve steps of 16, the last of one row: with two processes one of them has nothing to do."""
LENGTHS = [len(row) for row in ROWS]


def plan(**changed: Any) -> Any:
    return make_plan(LENGTHS, **{"instances_per_step": 16, "epochs": 1, "seed": 3, "token_cap": 160, **changed})


def packed(work: Path, settings: Any, *callbacks: TrainerCallback, **changed: Any) -> tuple[Any, Losses, PackedTrainer]:
    made, said = model(), Losses()
    trainer = build(made, None, ROWS, plan(), settings, work, callbacks=[said, *callbacks], **changed)
    return made, said, trainer


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Losses, torch.Tensor]:
    """transformers' own training, one row a batch."""
    made = model()
    said = unpacked(made, ROWS, plan(packing="none"), hyper(), str(tmp_path_factory.mktemp("unpacked")))
    return said, weights(made)


def assert_same(said: Losses, found: torch.Tensor, reference: tuple[Losses, torch.Tensor]) -> None:
    wanted, last = reference
    assert len(said.loss) == len(wanted.loss) == 12
    assert max(abs(one - other) for one, other in zip(said.loss, wanted.loss, strict=True)) < 1e-5
    assert said.norm == pytest.approx(wanted.norm, rel=1e-5)
    assert said.rate == pytest.approx(wanted.rate, rel=1e-12)
    assert relative(found, last) < 1e-6


def test_packed_steps_are_those_of_an_unpacked_run(tmp_path: Path, reference: tuple[Losses, torch.Tensor]) -> None:
    made, said, trainer = packed(tmp_path, hyper())
    assert trainer.plan.micro_steps == 3
    trainer.train()
    assert_same(said, weights(made), reference)
    assert relative(weights(model()), reference[1]) > 1e-3


def test_two_processes_train_the_same_model(tmp_path: Path, reference: tuple[Losses, torch.Tensor]) -> None:
    """Rows, steps, learning rates, clipping; one of the twelve steps leaves the second process without a row."""
    for done in together(Path(__file__).with_name("two_processes.py"), str(tmp_path)):
        assert done.returncode == 0, done.stderr[-3000:]
    said = Losses()
    for name, values in json.loads((tmp_path / "said.json").read_text()).items():
        setattr(said, name, values)
    assert_same(said, torch.load(tmp_path / "weights.pt", weights_only=True), reference)


def together(script: Path, *words: str) -> list[subprocess.CompletedProcess[str]]:
    """A script as two processes that know of each other, as torchrun would start it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    shared["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
    started = [
        subprocess.Popen(
            [sys.executable, str(script), *words],
            env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    try:
        said = [process.communicate(timeout=240) for process in started]
    finally:
        for process in started:
            process.kill()
    return [subprocess.CompletedProcess(p.args, p.returncode, *words) for p, words in zip(started, said, strict=True)]


def test_a_run_that_goes_on_from_a_checkpoint_ends_as_one_that_never_stopped(tmp_path: Path) -> None:
    whole, _, trainer = packed(tmp_path / "whole", hyper())
    trainer.train()
    _, first, trainer = packed(tmp_path / "parts", hyper(), _StopAt(5), save_strategy="steps", save_steps=5)
    trainer.train()
    made, then, trainer = packed(tmp_path / "parts", hyper())
    trainer.train(resume_from_checkpoint=str(tmp_path / "parts" / "checkpoint-5"))
    assert (len(first.loss), len(then.loss)) == (5, 7)
    assert torch.equal(weights(made), weights(whole))


class _StopAt(TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> Any:
        control.should_training_stop = state.global_step == self.step
        return control


def test_without_packing_every_row_is_a_pack_and_the_model_the_same(
    tmp_path: Path, reference: tuple[Losses, torch.Tensor]
) -> None:
    made, said = model(), Losses()
    build(made, None, ROWS, plan(packing="none"), hyper(), tmp_path, callbacks=[said]).train()
    assert_same(said, weights(made), reference)


def test_recomputing_changes_nothing_but_time(tmp_path: Path) -> None:
    kept, _, trainer = packed(tmp_path / "kept", hyper())
    trainer.train()
    recomputed, _, trainer = packed(tmp_path / "recomputed", hyper(recompute_layers=2))
    trainer.train()
    assert torch.equal(weights(kept), weights(recomputed))


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_learning_rates_are_those_of_the_recipe(tmp_path: Path, schedule: str) -> None:
    few, said = rows(20), Losses()
    packs = make_plan([len(row) for row in few], instances_per_step=2, epochs=1, seed=0)
    build(
        model(num_hidden_layers=1), None, few, packs, hyper(schedule=schedule, warmup_ratio=0.15), tmp_path, callbacks=[said]
    ).train()
    rising = [0.0, 0.5]
    left = [step / 8 for step in range(8)]
    falling = {
        "cosine": [(1 + math.cos(math.pi * share)) / 2 for share in left],
        "linear": [1 - share for share in left],
        "constant": [1.0] * 8,
    }
    assert said.rate == pytest.approx([1e-3 * share for share in rising + falling[schedule]])


def test_bf16_weights_with_a_master_follow_the_fp32_run(tmp_path: Path, reference: tuple[Losses, torch.Tensor]) -> None:
    made, said, trainer = packed(tmp_path, hyper(precision="bf16-master"))
    trainer.train()
    assert made.model.embed_tokens.weight.dtype == torch.bfloat16
    optimizer = trainer.optimizer.optimizer
    assert isinstance(optimizer, SplitAdam)
    master = torch.cat([weight.flatten() for weight in export_fp32(made, optimizer).values()])
    assert said.loss == pytest.approx(reference[0].loss, rel=1e-2)
    start = weights(model().bfloat16()).float()
    moved, wanted = master - start, reference[1] - weights(model())
    assert float(moved @ wanted / (moved.norm() * wanted.norm())) > 0.95


def test_bf16_autocast_keeps_fp32_weights(tmp_path: Path, reference: tuple[Losses, torch.Tensor]) -> None:
    made, said, trainer = packed(tmp_path, hyper(precision="bf16-mixed"))
    trainer.train()
    assert made.model.embed_tokens.weight.dtype == torch.float32
    assert said.loss == pytest.approx(reference[0].loss, rel=1e-2)


def test_arguments_that_do_not_fit_the_plan_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit the plan: gradient_accumulation_steps=7"):
        packed(tmp_path, hyper(), gradient_accumulation_steps=7)
    with pytest.raises(ValueError, match="the plan is for 2 processes; there are 1"):
        build(model(), None, ROWS, plan(world=2), hyper(), tmp_path)


def test_a_model_that_mixes_documents_is_refused_before_the_first_step(tmp_path: Path) -> None:
    learned = model("GPT2", n_positions=512)
    inner = learned.base_model.forward
    learned.base_model.forward = lambda position_ids=None, **rest: inner(**rest)
    with pytest.raises(PackingRefused, match="GPT2LMHeadModel cannot be trained on packed rows"):
        build(learned, None, ROWS, plan(), hyper(), tmp_path)
