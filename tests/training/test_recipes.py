"""Recipes: the published ones as published, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import DataError, UsageError
from harness.schema import Hyper
from harness.training.recipes import find_recipe, made, read, recipes, with_overrides


def test_paper_is_table_1_of_arxiv_2406_18192() -> None:
    hyper = find_recipe("paper").hyper
    assert (hyper.epochs, hyper.instances_per_step, hyper.learning_rate) == (2, 128, 1e-6)
    assert hyper.instances_per_step == 1 * 4 * hyper.processes
    assert (hyper.schedule, hyper.warmup_ratio, hyper.weight_decay, hyper.max_length) == ("cosine", 0.03, 0, 8192)
    assert (hyper.precision, hyper.tf32, hyper.recompute_layers, hyper.distributed) == ("bf16-master", True, "all", "zero1")


def test_belle_is_table_3_of_arxiv_2304_07854() -> None:
    hyper = find_recipe("belle").hyper
    assert (hyper.epochs, hyper.instances_per_step, hyper.learning_rate) == (3, 32, 5e-6)
    assert (hyper.schedule, hyper.warmup_ratio, hyper.weight_decay, hyper.max_length) == ("cosine", 0.03, 0, 2048)


def test_the_two_demo_recipes_differ_in_their_epochs_alone() -> None:
    knowledge, safety = find_recipe("demo-knowledge").hyper, find_recipe("demo-safety").hyper
    assert knowledge.model_copy(update={"epochs": 2.0}) == safety
    assert (knowledge.epochs, knowledge.precision, knowledge.adam_betas) == (4, "fp32", (0.9, 0.98))


def test_paper_trains_on_one_device_with_one_word() -> None:
    hyper = with_overrides(find_recipe("paper").hyper, {"distributed": "none"})
    assert (hyper.distributed, hyper.processes, hyper.instances_per_step) == ("none", 1, 128)


def test_texts_are_read_as_json_where_they_are_json() -> None:
    hyper = with_overrides(Hyper(), {"adam_betas": "[0.8, 0.95]", "epochs": "1", "learning_rate": "2e-5", "schedule": "linear"})
    assert (hyper.adam_betas, hyper.epochs, hyper.learning_rate, hyper.schedule) == ((0.8, 0.95), 1, 2e-5, "linear")
    assert with_overrides(Hyper(), {"recompute_layers": "all"}).recompute_layers == "all"
    assert with_overrides(Hyper(), {"recompute_layers": "3", "tf32": "false"}).recompute_layers == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"epoch": 1}, "no field of a recipe named 'epoch'; did you mean epochs?"),
        ({"epochs": 0}, "epochs: must be above 0"),
        ({"epochs": "many"}, "epochs: Input should be a valid number"),
        ({"epochs": float("nan")}, "epochs: must be above 0"),
        ({"learning_rate": -1}, "learning_rate: must be above 0"),
        ({"warmup_ratio": 3}, "warmup_ratio: must be from 0 to 1"),
        ({"adam_betas": "[0.9, 1.0]"}, "adam_betas: must be two numbers from 0 to below 1"),
        ({"instances_per_step": 0}, "instances_per_step: must be at least 1"),
        ({"schedule": "wavy"}, "schedule: Input should be 'cosine', 'linear' or 'constant'"),
        ({"precision": "fp8"}, "precision: Input should be 'fp32'"),
        ({"processes": 2}, "processes: 2 of them need distributed ="),
        ({"distributed": "none", "processes": 2}, "processes: 2 of them need distributed ="),
        ({"distributed": "ddp", "processes": 200}, "instances_per_step: 128 are fewer than the 200 processes"),
        ({"hostfile": "hosts"}, "hostfile: several machines need distributed = zero1"),
        ({"precision": "bf16"}, "loses most of every update at a learning rate of 1e-06; use bf16-master"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(fields: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        with_overrides(Hyper(), fields)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pure_bf16_may_be_allowed_or_taught_fast() -> None:
    assert made({"precision": "bf16", "allow_pure_bf16": True}).precision == "bf16"
    assert made({"precision": "bf16", "learning_rate": 1e-4}).precision == "bf16"


def test_a_recipe_of_another_home_or_of_a_file_is_found(home: Path, tmp_path: Path) -> None:
    folder = home / "trainers" / "recipes"
    folder.mkdir()
    (folder / "mine.toml").write_text('about = "x"\n[hyper]\nepochs = 7\n')
    assert find_recipe("mine").hyper.epochs == 7
    assert find_recipe(str(folder / "mine.toml")) == find_recipe("mine")
    (folder / "paper.toml").write_text("[hyper]\n")
    with pytest.raises(DataError, match="'paper' is already a recipe, in"):
        recipes()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[hyper", "is not TOML"),
        ('about = "x"', "there is no [hyper]"),
        ("[hyper]\nlr = 1", "hyper.lr: Extra inputs are not permitted; known are epochs"),
        ("[hyper]\nepochs = -1", "hyper.epochs: must be above 0"),
        ("epochs = 1\n[hyper]", "'epochs' is not known; a recipe is about"),
    ],
)
def test_a_recipe_file_that_is_wrong_says_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "mine.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'mine.toml'}: ")
    assert said in str(caught.value)


def test_unknown_recipes_get_near_names() -> None:
    with pytest.raises(UsageError, match="no recipe named 'papr'; did you mean paper"):
        find_recipe("papr")
    with pytest.raises(UsageError, match=r"there is no recipe file 'gone\.toml'"):
        find_recipe("gone.toml")
