"""DeepSpeed ZeRO-1 on two CPU processes: killed twice, resumed, moved to another number of processes.

One training is killed at a worker, goes on, is killed as a whole, goes on, and must end with the weights of one that never was.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.processes import alive, group, within
from tests.trainers.full_ft.made import Done, Job, difference, job, kill_group, reach, start, train, train_here, workers

pytestmark = pytest.mark.long

pytest.importorskip("deepspeed")
ft_fault: Any = pytest.importorskip("ft_fault")

ZERO1 = {"distributed": "zero1", "processes": 2, "precision": "bf16-master", "epochs": 6, "save_steps": 4}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Job:
    """36 steps without a break."""
    made = job(tmp_path_factory.mktemp("whole"), tiny_model, **ZERO1)
    done = train(made)
    assert (done.code, done.err) == (0, "")
    return made


@dataclass(frozen=True)
class Story:
    """A training that was killed twice."""

    made: Job
    worker_killed: Done
    after_first: Path
    """Its folder as the first kill left it."""
    group_killed: int
    checkpoints: list[str]
    """After the second kill."""
    end: Done


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Story:
    """Rank 1 is killed after step 6; the whole group after step 14; then nobody is."""
    folder = tmp_path_factory.mktemp("story")
    made = job(folder / "job", tiny_model, **ZERO1)
    with start(made) as first:
        reach(first, made, 6)
        pids = workers(first)
        os.kill(pids[1], signal.SIGKILL)
        err = first.communicate(timeout=60)[1]
        assert within(5, lambda: not group(first.pid))
    shutil.copytree(folder / "job", folder / "after-first")
    with start(made) as second:
        reach(second, made, 14)
        kill_group(second)
    kept = made.checkpoints
    return Story(made, Done(first.returncode, err), folder / "after-first", second.returncode, kept, train(made))


def test_the_model_really_is_wrapped_by_deepspeed_with_fp32_masters(whole: Job) -> None:
    report = whole.delivery.report
    assert (report.engine, report.processes, report.resumed) == ("DeepSpeedEngine zero1", 2, 0)
    assert "deepspeed" in whole.delivery.versions
    names = sorted(file.name for file in (whole.work / "step-36" / "global_step36").iterdir())
    assert names == [
        "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt",
        "bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt",
        "mp_rank_00_model_states.pt",
    ]


def test_two_processes_with_zero1_train_what_one_does_alone(whole: Job, tmp_path: Path, tiny_model: Path) -> None:
    """ZeRO-1 sums gradients in fp32 where one process alone sums them in bf16: the same curve, within bf16's rounding."""
    made = job(tmp_path, tiny_model, precision="bf16-master", epochs=6)
    assert train_here(made).code == 0
    assert made.losses == pytest.approx(whole.losses, abs=0.03)
    assert whole.losses[-1] < 0.8 * whole.losses[0]


def test_a_killed_rank_is_named_with_its_log_and_the_other_ends_too(story: Story) -> None:
    done = story.worker_killed
    assert done.code == ft_fault.STATUS["worker"]
    assert done.err.startswith("trainer: rank 1 of 2 was killed by SIGKILL")
    assert done.err.rstrip().endswith("logs/rank-1.log")
    assert done.err.count("\n") == 1
    said = json.loads((story.after_first / "work" / "error.json").read_text())
    assert f"trainer: {said['message']}\n" == done.err
    assert said["kind"] == "worker"


def test_a_killed_group_leaves_a_whole_checkpoint_and_nothing_delivered(story: Story) -> None:
    assert story.group_killed == -signal.SIGKILL
    assert any(name.removeprefix("step-").isdigit() for name in story.checkpoints)


def test_killed_twice_it_ends_with_the_weights_of_one_that_never_was_bit_for_bit(story: Story, whole: Job) -> None:
    assert (story.end.code, story.end.err) == (0, "")
    assert difference(story.made.out, whole.out) == 0.0
    assert story.made.losses == whole.losses
    assert story.made.steps == list(range(1, 37))
    assert story.made.delivery.report.resumed == 2
    assert story.made.checkpoints == ["step-36"]
    assert not (story.made.work / "error.json").exists()


def test_one_process_goes_on_from_what_two_saved(story: Story, whole: Job, tmp_path: Path) -> None:
    shutil.copytree(story.after_first, tmp_path / "job")
    file = tmp_path / "job" / "work" / "recipe.json"
    said = json.loads(file.read_text().replace(str(story.made.file.parents[1]), str(tmp_path / "job")))
    file.write_text(json.dumps(said))
    made = Job(file, story.made.recipe.model_validate(said)).changed(processes=1)
    began = int(made.checkpoints[0].removeprefix("step-"))
    done = train(made)
    assert (done.code, done.err) == (0, "")
    assert (made.delivery.report.processes, made.delivery.report.resumed) == (1, 1)
    assert made.steps == list(range(1, 37))
    assert made.losses[:began] == whole.losses[:began]
    assert made.losses == pytest.approx(whole.losses, abs=1e-3)


def test_deepspeeds_configuration_sums_in_fp32_and_takes_what_the_recipe_adds(tmp_path: Path, tiny_model: Path) -> None:
    ft_engine: Any = pytest.importorskip("ft_engine")
    ft_recipe: Any = pytest.importorskip("ft_recipe")
    more = {"name": "more.json", "text": '{"zero_optimization": {"reduce_bucket_size": 1000}, "gradient_clipping": 2.0}'}
    recipe = ft_recipe.read(job(tmp_path, tiny_model, options={"deepspeed": more}, **ZERO1).file)
    config = ft_engine.arguments(recipe, ft_engine.setting(recipe.hyper), 10, ())["deepspeed"]
    assert config["data_types"] == {"grad_accum_dtype": "fp32"}
    assert config["bf16"] == {"enabled": True}
    assert (config["zero_optimization"]["stage"], config["zero_optimization"]["reduce_bucket_size"]) == (1, 1000)
    assert config["gradient_clipping"] == 2.0


def test_a_model_that_is_wrapped_otherwise_than_the_recipe_says_is_refused() -> None:
    """accelerate drops DeepSpeed, and FSDP, for DDP where it believes to be on a CPU."""
    ft_engine: Any = pytest.importorskip("ft_engine")

    class DistributedDataParallel:
        pass

    class Zero1:
        distributed, zero_stage = "zero1", 1

    with pytest.raises(ft_fault.Fault, match="wrapped as DistributedDataParallel, not DeepSpeedEngine zero1") as caught:
        ft_engine.proven(DistributedDataParallel(), Zero1())
    assert caught.value.kind == "engine"


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.file}",))


def test_deepspeed_loads_no_pickle_that_runs_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from deepspeed.runtime.checkpoint_engine.torch_checkpoint_engine import TorchCheckpointEngine

    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "")
    pytest.importorskip("ft_engine").only_weights()
    torch.save({"optimizer_state_dict": Evil(tmp_path / "ran")}, tmp_path / "state.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        TorchCheckpointEngine(None).load(str(tmp_path / "state.pt"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_a_checkpoint_with_code_in_it_is_not_resumed(whole: Job, tmp_path: Path) -> None:
    """A pickle that would run code is put where the optimizer was, and the mark made to fit it."""
    import torch

    shutil.copytree(whole.file.parents[1], tmp_path / "job")
    work = tmp_path / "job" / "work"
    file = work / "recipe.json"
    file.write_text(file.read_text().replace(str(whole.file.parents[1]), str(tmp_path / "job")))
    state = work / "step-36" / "global_step36" / "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"
    torch.save({"optimizer_state_dict": Evil(tmp_path / "ran")}, state)
    mark = work / "step-36" / "COMPLETE"
    said = json.loads(mark.read_text())
    said["files"][str(state.relative_to(mark.parent))] = state.stat().st_size
    mark.write_text(json.dumps(said))
    made = Job(file, whole.recipe.model_validate_json(file.read_text()))
    assert train(made).code == ft_fault.STATUS["error"]
    assert not (tmp_path / "ran").exists()
    assert "Weights only load failed" in made.error["message"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["zero2", "zero3"])
def test_the_other_stages_train_and_resume_too(whole: Job, tmp_path: Path, tiny_model: Path, stage: str) -> None:
    made = job(tmp_path, tiny_model, **{**ZERO1, "distributed": stage})
    with start(made) as process:
        reach(process, made, 10)
        kill_group(process)
    assert train(made).code == 0
    assert made.delivery.report.engine == f"DeepSpeedEngine {stage}"
    assert made.delivery.report.resumed == 1
    assert made.losses == pytest.approx(whole.losses, abs=0.03)


@pytest.mark.slow
def test_a_hostfile_of_this_machine_goes_through_deepspeeds_launcher(whole: Job, tmp_path: Path, tiny_model: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("localhost slots=2\n")
    made = job(tmp_path / "job", tiny_model, **{**ZERO1, "hostfile": str(hosts), "processes": 1})
    with start(made) as process:
        reach(process, made, 6)
        pids = [pid for pid in group(process.pid) if pid != process.pid]
        process.kill()
        process.wait()
        assert within(15, lambda: not alive(pids))
    done = train(made)
    assert (done.code, done.err) == (0, "")
    assert difference(made.out, whole.out) == 0.0
