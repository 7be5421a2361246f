"""train, trainers and recipes as typed: what is printed, one line on every error, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.train import settings
from harness.errors import UsageError
from tests.conftest import Cli, Done
from tests.training.standins import GOOD, make, write_mix


@pytest.fixture
def typed(cli: Cli, home: Path, checkpoints: Path, rows: Path, tiny_model: Path) -> Cli:
    """`harness train` on the tiny model and three rows, with a stand-in trainer that delivers."""
    make(home, "standin", GOOD)

    def run(*words: str) -> Done:
        said = {"--base": str(tiny_model), "--mix": str(rows), "--stage": "knowledge"}
        said |= {"--trainer": "standin", "--recipe": "demo-knowledge"}
        given = [word for pair in said.items() if pair[0] not in words for word in pair]
        return cli("train", *given, *words)

    return run


def test_a_training_is_shown_as_a_table_with_the_next_command(typed: Cli, checkpoints: Path) -> None:
    done = typed()
    assert done.code == 0, done.err
    for said in (
        "tiny-kg",
        "knowledge stage",
        "standin @",
        "seed 1234",
        "4 epochs, 16 rows a step, lr 0.001 cosine",
        "loss",
        "0.5000",
    ):
        assert said in done.out
    assert str(checkpoints / "tiny-kg") in done.out.replace("\n", "").replace(" ", "")
    assert "harness eval --model tiny-kg" in done.out


def test_progress_stands_on_stderr_and_json_alone_on_stdout(typed: Cli) -> None:
    done = typed("--json")
    assert json.loads(done.out)["name"] == "tiny-kg"
    assert done.err == ""
    assert "loss 0.5" in typed("--name", "other").err


def test_a_dry_run_trains_nothing_and_says_what_it_would_cost(typed: Cli, checkpoints: Path) -> None:
    done = typed("--dry-run")
    assert done.code == 0, done.err
    for said in (
        "this is a dry run",
        "3 of ",
        "steps",
        "FLOP",
        "GiB" if "GiB" in done.out else "MiB",
        "weights, gradients, optimizer",
    ):
        assert said in done.out
    assert not checkpoints.exists()


def test_a_dry_run_may_be_of_a_recipe_that_this_machine_cannot_train(typed: Cli, checkpoints: Path) -> None:
    done = typed("--recipe", "paper", "--dry-run", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["recipe"]["hyper"]["processes"] == 32
    assert said["estimate"]["steps"] == 2
    assert said["estimate"]["memory"]["weights"] > 0
    assert said["estimate"]["times"]


def test_a_mix_brings_its_stage(typed: Cli, tmp_path: Path) -> None:
    write_mix(tmp_path / "mixes", stage="safety")
    done = typed("--mix", "zh-kg-1", "--stage", "safety", "--json")
    assert json.loads(done.out)["mix"] == "zh-kg-1"
    assert json.loads(done.out)["name"] == "tiny-safe"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--base", "lama3-8b"), 2, "no model named 'lama3-8b'"),
        (("--base", "openai:x"), 2, "needs its server"),
        (("--mix", "gone"), 2, "no mix named 'gone'"),
        (("--trainer", "stndin"), 2, "no trainer named 'stndin'; did you mean standin?"),
        (("--recipe", "papr"), 2, "no recipe named 'papr'; did you mean paper?"),
        (("--set", "epochs"), 2, "--set takes KEY=VALUE, not 'epochs'"),
        (("--set", "epoch=1"), 2, "did you mean epochs?"),
        (("--set", "epochs=1", "--set", "epochs=2"), 2, "--set epochs is given twice"),
        (("--option", "x=1"), 2, "no option of trainer 'standin' named 'x'; there are: none"),
        (("--name", "a/b"), 2, "cannot name a checkpoint"),
        (
            ("--set", "distributed=ddp", "--set", "processes=9999", "--set", "instances_per_step=9999"),
            2,
            "asks for 9999 processes (ddp)",
        ),
        (("--set", "precision=bf16", "--set", "learning_rate=1e-6"), 2, "loses most of every update"),
    ],
)
def test_an_error_is_one_line_and_its_code(typed: Cli, words: tuple[str, ...], code: int, said: str) -> None:
    done = typed(*words)
    assert (done.code, done.out) == (code, "")
    lines = [line for line in done.err.splitlines() if line.startswith("harness: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in done.err


def test_a_trainer_that_fails_is_one_line_and_code_1(typed: Cli, home: Path) -> None:
    make(home, "broken", "raise ValueError('odd')")
    done = typed("--trainer", "broken", "--json")
    assert done.code == 1
    assert done.err.startswith("harness: trainer 'broken' failed: ValueError: odd; its log: ")
    assert done.err.count("\n") == 1


def test_force_begins_anew(typed: Cli) -> None:
    assert typed().code == 0
    assert typed("--seed", "5").code == 2
    assert json.loads(typed("--seed", "5", "--force", "--json").out)["recipe"]["seed"] == 5


def test_a_value_may_hold_commas_and_equals_signs() -> None:
    assert settings(["a=[1,2]", "b=x=y, z", "c="], "--set") == {"a": "[1,2]", "b": "x=y, z", "c": ""}
    with pytest.raises(UsageError, match="--set takes KEY=VALUE, not '=1'"):
        settings(["=1"], "--set")


def test_trainers_and_recipes_are_listed(cli: Cli, home: Path) -> None:
    make(home, "mine")
    names = [trainer["name"] for trainer in json.loads(cli("trainers", "--json").out)]
    assert names == sorted(names)
    assert {"mine", "noop", "command"} <= set(names)
    recipes = {recipe["name"]: recipe for recipe in json.loads(cli("recipes", "--json").out)}
    assert recipes["paper"]["hyper"]["learning_rate"] == 1e-6
    assert "mine" in cli("trainers").out
    assert "lr 1e-06 cosine" in cli("recipes").out


def test_a_broken_trainer_stops_the_list_with_its_name(cli: Cli, home: Path) -> None:
    (home / "trainers" / "bad").mkdir()
    (home / "trainers" / "bad" / "trainer.toml").write_text("x = [")
    done = cli("trainers")
    assert done.code == 2
    assert f"{home / 'trainers' / 'bad' / 'trainer.toml'}: is not TOML" in done.err
