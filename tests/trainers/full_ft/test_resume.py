"""Stopped, torn, changed: what a later start goes on from, and that it ends with the same weights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.full_ft.made import Done, Job, difference, job, train_here

ft_fault: Any = pytest.importorskip("ft_fault")
ft_resume: Any = pytest.importorskip("ft_resume")
ft_recipe: Any = pytest.importorskip("ft_recipe")


def _stopped_at(made: Job, step: int) -> Done:
    """The training in this process, which gets SIGTERM as soon as `step` is done."""

    def ask() -> None:
        while len(made.steps) < step:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    asker = threading.Thread(target=ask)
    asker.start()
    done = train_here(made)
    asker.join()
    return done


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Job:
    """Never stopped; bf16 weights with their split fp32 master, so that nothing may be lost on the way to the disk."""
    made = job(tmp_path_factory.mktemp("whole"), tiny_model, precision="bf16-master", epochs=4)
    assert train_here(made).code == 0
    return made


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Job:
    """The same, asked to stop in the middle."""
    made = job(tmp_path_factory.mktemp("stopped"), tiny_model, precision="bf16-master", epochs=4)
    done = _stopped_at(made, 8)
    assert (done.code, done.err) == (143, "trainer: stopped; the same command goes on from the last checkpoint\n")
    return made


@pytest.fixture
def again(stopped: Job, tmp_path: Path) -> Job:
    """A copy of the stopped training, to go on with."""
    shutil.copytree(stopped.file.parents[1], tmp_path / "job")
    said = json.loads(stopped.file.read_text().replace(str(stopped.file.parents[1]), str(tmp_path / "job")))
    file = tmp_path / "job" / "work" / "recipe.json"
    file.write_text(json.dumps(said))
    return Job(file, stopped.recipe.model_validate(said))


def test_a_stop_saves_a_checkpoint_and_delivers_nothing(stopped: Job) -> None:
    step = stopped.steps[-1]
    assert 8 <= step < 20
    assert stopped.checkpoints == [f"step-{step}"]
    assert not (stopped.work / "delivery.json").exists()
    assert not (stopped.work / "error.json").exists()
    assert not stopped.out.exists()


def test_the_next_start_goes_on_and_ends_with_the_same_weights_bit_for_bit(again: Job, whole: Job) -> None:
    began = again.steps[-1]
    assert train_here(again).code == 0
    assert difference(again.out, whole.out) == 0.0
    assert again.losses == whole.losses
    assert again.steps == list(range(1, 25))
    assert again.delivery.report.resumed == 1
    assert [json.loads(line)["step"] for line in (again.work / "starts.jsonl").read_text().splitlines()] == [0, began]


def test_the_report_of_a_resumed_run_covers_all_of_it(again: Job, whole: Job) -> None:
    before = ft_resume.newest(again.work, ft_resume.recipe_digest(ft_recipe.read(again.file))).mark.seconds
    assert train_here(again).code == 0
    report, reference = again.delivery.report, whole.delivery.report
    assert (report.tokens, report.supervised_tokens, report.steps) == (
        reference.tokens,
        reference.supervised_tokens,
        reference.steps,
    )
    assert (report.first_loss, report.final_loss) == (reference.first_loss, reference.final_loss)
    assert (report.seconds or 0) > before > 0


def test_a_torn_checkpoint_is_removed_and_the_one_before_it_used(again: Job, whole: Job) -> None:
    good = again.work / again.checkpoints[0]
    step = again.steps[-1]
    for name, tear in (
        (f"step-{step + 1}", lambda folder: (folder / "optimizer.pt").write_bytes(b"half")),
        (f"step-{step + 2}", lambda folder: (folder / "COMPLETE").unlink()),
        (f"step-{step + 3}", lambda folder: (folder / "model.safetensors").unlink()),
        (f"step-{step + 4}.part", lambda folder: None),
    ):
        shutil.copytree(good, again.work / name)
        tear(again.work / name)
    (again.work / f"step-{step + 5}").mkdir()
    assert train_here(again).code == 0
    assert again.checkpoints == ["step-24"]
    assert again.delivery.report.resumed == 1
    assert difference(again.out, whole.out) == 0.0


def test_what_does_not_change_the_weights_may_change(again: Job, whole: Job) -> None:
    assert train_here(again.changed(recompute_layers="all", save_steps=10, keep_checkpoints=2)).code == 0
    assert again.delivery.report.resumed == 1
    assert again.checkpoints == ["step-20", "step-24"]
    assert difference(again.out, whole.out) == 0.0


def test_another_recipe_does_not_go_on_from_it(again: Job) -> None:
    assert train_here(again.changed(learning_rate=2e-3)).code == 0
    assert again.delivery.report.resumed == 0
    assert again.steps == list(range(1, 25))
    assert again.checkpoints == ["step-24"]


def test_a_finished_training_that_was_not_delivered_is_only_delivered(whole: Job, tmp_path: Path) -> None:
    shutil.copytree(whole.work, tmp_path / "work")
    said = json.loads(whole.file.read_text()) | {"work": str(tmp_path / "work"), "out": str(tmp_path / "model")}
    file = tmp_path / "work" / "recipe.json"
    file.write_text(json.dumps(said))
    made = Job(file, whole.recipe.model_validate(said))
    assert train_here(made).code == 0
    assert difference(made.out, whole.out) == 0.0
    assert made.delivery.report.tokens == whole.delivery.report.tokens
    assert made.delivery.report.final_loss == whole.delivery.report.final_loss


@pytest.fixture
def recipe(tmp_path: Path, tiny_model: Path) -> Any:
    return ft_recipe.read(job(tmp_path, tiny_model).file)


def test_a_checkpoint_counts_only_with_its_mark(tmp_path: Path) -> None:
    work = tmp_path / "marks"
    part = ft_resume.part_of(work, 3)
    part.mkdir(parents=True)
    (part / "weights").write_bytes(b"12345")
    mark = ft_resume.Mark(3, 10, 2, "recipe", "rows", 1.5, 4.0, 3.0, 1 << 20, {})
    whole = ft_resume.finish(work, mark)
    assert whole == work / "step-3"
    assert ft_resume.look(whole).files == {"weights": 5}
    assert ft_resume.newest(work, "recipe", "rows").folder == whole
    assert ft_resume.newest(work, "another") is None
    assert ft_resume.newest(work, "recipe", "another") is None
    (whole / "weights").write_bytes(b"1234")
    assert ft_resume.look(whole) is None
    assert ft_resume.sweep(work) == (whole,)


def test_the_mark_of_the_newest_is_taken_by_number_not_by_name(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        ft_resume.part_of(tmp_path, step).mkdir()
        ft_resume.finish(tmp_path, ft_resume.Mark(step, 100, 1, "recipe", "rows", 0.0, None, None, 0, {}))
    assert ft_resume.newest(tmp_path, "recipe").mark.step == 100
    ft_resume.keep(tmp_path, 2)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["step-10", "step-100"]


def test_zero3_does_not_go_on_with_another_number_of_processes(tmp_path: Path, tiny_model: Path) -> None:
    made = job(tmp_path, tiny_model, distributed="zero3", processes=1)
    ft_resume.part_of(made.work, 3).mkdir()
    digest = ft_resume.recipe_digest(ft_recipe.read(made.file))
    ft_resume.finish(made.work, ft_resume.Mark(3, 12, 2, digest, "rows", 0.0, None, None, 0, {}))
    done = train_here(made)
    assert done.code == ft_fault.STATUS["recipe"]
    assert "is of 2 processes; ZeRO-3 goes on with as many only" in done.err
    assert made.checkpoints == ["step-3"]


def test_a_recipe_is_the_same_if_it_trains_the_same(recipe: Any) -> None:
    from dataclasses import replace

    def digest(**hyper: Any) -> str:
        return str(ft_resume.recipe_digest(replace(recipe, hyper=replace(recipe.hyper, **hyper))))

    same = digest()
    assert digest(distributed="ddp", processes=2, recompute_layers="all", save_steps=3, compile=True) == same
    assert digest(distributed="zero1") != same
    assert (
        len(
            {digest(**{name: value}) for name, value in (("epochs", 3.0), ("learning_rate", 1.0), ("precision", "bf16"))} | {same}
        )
        == 4
    )
    assert ft_resume.recipe_digest(replace(recipe, seed=8)) != same
    assert ft_resume.recipe_digest(replace(recipe, rows_sha256="0")) != same


def test_the_rows_behind_each_step_do_not_depend_on_the_number_of_processes() -> None:
    ft_plan: Any = pytest.importorskip("ft_plan")
    lengths = [7 + number % 30 for number in range(50)]

    def digest(**changes: Any) -> str:
        said = {"instances_per_step": 8, "epochs": 2, "seed": 1, "token_cap": 64, "packing": "step", "world": 1} | changes
        return str(ft_resume.rows_digest(ft_plan.make_plan(lengths, **said), lengths))

    assert digest() == digest(world=2) == digest(world=3, token_cap=128) == digest(packing="none")
    assert len({digest(), digest(seed=2), digest(instances_per_step=16), digest(packing="dataset")}) == 4


def test_lost_lines_of_progress_are_taken_back(tmp_path: Path) -> None:
    ft_session: Any = pytest.importorskip("ft_session")
    file = tmp_path / "progress.jsonl"
    file.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    ft_session.cut(file, 2)
    assert file.read_text() == '{"step": 1}\n{"step": 2}\n'
    ft_session.cut(file, 0)
    assert file.read_text() == ""
