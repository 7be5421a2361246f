"""What is asked -> a plan, or one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.errors import ModelError, UsageError
from harness.schema import Hyper
from harness.training.bases import find_base
from harness.training.devices import check_devices, named
from harness.training.plan import Wanted, default_name, plan
from tests.training.standins import write_mix


@pytest.mark.parametrize(
    ("base", "stage", "name"),
    [
        ("llama3-8b", "knowledge", "llama3-8b-kg"),
        ("llama3-8b-kg", "safety", "llama3-8b-safe"),
        ("llama3-8b", "safety", "llama3-8b-safe"),
        ("llama3-8b-kg", "knowledge", "llama3-8b-kg"),
    ],
)
def test_a_checkpoint_is_named_by_base_and_stage(base: str, stage: str, name: str) -> None:
    assert default_name(base, stage) == name  # type: ignore[arg-type]


def wanted(tiny_model: Path, rows: Path, **given: object) -> Wanted:
    return Wanted(**{"base": str(tiny_model), "mix": rows, "stage": "knowledge", "trainer": "noop", **given})  # type: ignore[arg-type]


def refused(asked: Wanted) -> str:
    with pytest.raises(UsageError) as caught:
        plan(asked)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_plan_is_made_of_absolute_places(
    tiny_model: Path, rows: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rows.parent)
    recipe = plan(wanted(tiny_model, Path("rows.jsonl"), checkpoints=Path("here"))).recipe
    assert recipe.work == str(rows.parent / "here" / "tiny-kg" / "training")
    assert (recipe.rows, recipe.base) == (str(rows), str(tiny_model))
    assert recipe.preset == "paper"


def test_the_stage_is_the_mixs_and_not_another(tiny_model: Path, rows: Path, tmp_path: Path, checkpoints: Path) -> None:
    write_mix(tmp_path / "mixes")
    assert plan(wanted(tiny_model, rows, mix="zh-kg-1", stage=None)).recipe.stage == "knowledge"
    assert "was made for stage knowledge, not safety" in refused(wanted(tiny_model, rows, mix="zh-kg-1", stage="safety"))
    assert "'rows.jsonl' does not say for which stage it is" in refused(wanted(tiny_model, rows, stage=None))


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-x", "x" * 101, "名"])
def test_a_name_that_is_no_folder_is_refused(tiny_model: Path, rows: Path, checkpoints: Path, name: str) -> None:
    assert "cannot name a checkpoint" in refused(wanted(tiny_model, rows, name=name))


def test_a_name_that_model_would_find_elsewhere_is_refused(tiny_model: Path, rows: Path, checkpoints: Path) -> None:
    assert "'llama3-8b' names another model in models.toml (hub)" in refused(wanted(tiny_model, rows, name="llama3-8b"))
    assert plan(wanted(tiny_model, rows, name="llama3-8b-kg")).recipe.name == "llama3-8b-kg"


def test_a_checkpoint_is_not_trained_into_itself(tiny_model: Path, rows: Path, checkpoints: Path) -> None:
    import shutil

    shutil.copytree(tiny_model, checkpoints / "mine" / "model")
    (checkpoints / "mine" / "checkpoint.json").write_text(json.dumps({"path": "model"}))
    assert "'mine' cannot be trained into itself" in refused(wanted(tiny_model, rows, base="mine", name="mine"))


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("http://localhost:1/v1#m", "is an endpoint and has no weights to train"),
        ("openai:m", "needs its server"),
        ("lama3-8b", "no model named 'lama3-8b'; did you mean llama3-8b"),
    ],
)
def test_a_base_without_weights_is_refused(checkpoints: Path, base: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_base(base, checkpoints)
    assert said in str(caught.value)


def test_a_hub_id_that_is_not_here_says_how_to_get_it(checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelError) as caught:
        find_base("org/name-7B", checkpoints)
    assert "'org/name-7B' is not on this machine and cannot be fetched (" in str(caught.value)
    assert "hf download org/name-7B" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_snapshot_in_the_local_cache_is_the_base(
    checkpoints: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    commit = "0" * 40
    repo = tmp_path / "hub" / "models--org--name"
    (repo / "snapshots" / commit).mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    for file in tiny_model.iterdir():
        (repo / "snapshots" / commit / file.name).symlink_to(file)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    base = find_base("org/name", checkpoints)
    assert base.folder == repo / "snapshots" / commit
    assert base.fingerprint.startswith(f"hf|org/name@{commit}|")


def test_an_adapter_is_not_a_folder_to_train(
    checkpoints: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.toml").write_text(f'[mine]\npath = "{tiny_model}"\nargs = {{peft = "x"}}\n')
    monkeypatch.setenv("HARNESS_MODELS", str(tmp_path / "models.toml"))
    with pytest.raises(UsageError, match="'mine' is more than one folder"):
        find_base("mine", checkpoints)


def test_more_processes_than_devices_are_refused_with_what_would_do() -> None:
    with pytest.raises(UsageError) as caught:
        check_devices(Hyper(distributed="zero1", processes=4096, instances_per_step=8192), "huge")
    assert "recipe 'huge' asks for 4096 processes (zero1) and this machine has " in str(caught.value)
    assert "--set distributed=none" in str(caught.value)
    check_devices(Hyper(distributed="zero1", processes=4096, hostfile="hosts"), "huge")
    check_devices(Hyper(), "one")
    if (os.cpu_count() or 1) >= 2:
        check_devices(Hyper(distributed="ddp", processes=1), "two")


def test_a_device_is_known_by_part_of_its_name() -> None:
    device = named("NVIDIA A100-SXM4-80GB")
    assert device is not None
    assert device.peak(Hyper()) == 312e12
    assert device.peak(Hyper(precision="fp32", tf32=True)) == 156e12
    assert named("Voodoo 2") is None
