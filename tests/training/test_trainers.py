"""trainer.toml files, ours and others': what is found, what is refused, how a trainer is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import DataError, HarnessError, TrainerError, UsageError
from harness.schema import Hyper
from harness.training.trainers import Trainer, check_honoured, command, find_trainer, folder_digest, options_for, trainers
from tests.training.standins import make


def one(home: Path, more: str = "", name: str = "mine") -> Trainer:
    make(home, name, more=more)
    return find_trainer(name)


def refused(kind: type[HarnessError], act: object, *args: object) -> str:
    with pytest.raises(kind) as caught:
        act(*args)  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_trainer_of_this_repository_is_whole() -> None:
    known = trainers()
    assert {"noop", "command", "trl"} <= known.keys()
    for trainer in known.values():
        assert trainer.about
        assert Path(command(trainer, Path("recipe.json"))[1]).is_file()
        assert all(option.about for option in trainer.options.values())


def test_a_trainer_of_another_home_is_found_beside_ours(home: Path) -> None:
    trainer = one(home)
    assert trainer.folder == str(home / "trainers" / "mine")
    assert list(trainers()) == sorted(trainers())
    assert "noop" in trainers()


def test_a_name_given_twice_is_an_error_that_names_both(home: Path) -> None:
    make(home, "noop")
    said = refused(DataError, trainers)
    assert said.startswith(f"{home / 'trainers' / 'noop' / 'trainer.toml'}: 'noop' is already a trainer, in ")


def test_an_unknown_trainer_gets_near_names(home: Path) -> None:
    assert refused(UsageError, find_trainer, "nop").startswith("no trainer named 'nop'; did you mean noop? there are: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = [", "is not TOML"),
        ('name = "x"', "about: Field required"),
        ('name = "x"\nabout = ""\ncommand = ["a"]\nhonours = "all"', "name 'x' must be that of the folder"),
        ('name = "mine"\nabout = ""\ncommand = []\nhonours = "all"', "command: is empty"),
        ('name = "mine"\nabout = ""\ncommand = ["a"]\nhonours = "all"', "command: must name {recipe}"),
        ('name = "mine"\nabout = ""\ncommand = ["{recipe}", "{shell}"]\nhonours = "all"', "command: {shell} is no placeholder"),
        ('name = "mine"\nabout = ""\ncommand = "rm {recipe}"\nhonours = "all"', "command: Input should be a valid tuple"),
        ('name = "mine"\nabout = ""\ncommand = ["{recipe}"]\nhonours = ["lr"]', "honours: no field of a recipe named 'lr'"),
        (
            'name = "mine"\nabout = ""\ncommand = ["{recipe}"]\nhonours = "all"\nspeed = 9',
            "speed: Extra inputs are not permitted; known are name",
        ),
        (
            'name = "mine"\nabout = ""\ncommand = ["{recipe}"]\nhonours = "all"\ndigest = "x"',
            "'digest' is filled in by the harness",
        ),
        (
            'name = "mine"\nabout = ""\ncommand = ["{recipe}"]\nhonours = "all"\n[options.a]\ntype = "int"\ndefault = "x"',
            "options.a: default 'x' is no int",
        ),
        (
            'name = "mine"\nabout = ""\ncommand = ["{recipe}"]\nhonours = "all"\n[environment]\nHF_TOKEN = "hf_abcdefghijklmnopqrstuvwx"',
            "holds 'HF_TOKEN'; keys and tokens come from the environment",
        ),
    ],
)
def test_a_trainer_toml_that_is_wrong_says_where(home: Path, text: str, said: str) -> None:
    file = home / "trainers" / "mine" / "trainer.toml"
    file.parent.mkdir()
    file.write_text(text)
    found = refused(DataError, trainers)
    assert found.startswith(f"{file}: ")
    assert said in found
    assert "abcdefgh" not in found


def test_the_command_is_filled_in_without_a_shell(home: Path) -> None:
    trainer = one(home).model_copy(update={"command": ("{python}", "{folder}/a b;c", "--recipe={recipe}", "$HOME")})
    words = command(trainer, Path("/x/recipe.json"))
    assert words == [sys.executable, f"{home}/trainers/mine/a b;c", "--recipe=/x/recipe.json", "$HOME"]


@pytest.mark.parametrize("python", [".venv/bin/python", "$MINE/bin/python", "/nowhere/python"])
def test_an_environment_of_its_own_is_found_or_named(home: Path, monkeypatch: pytest.MonkeyPatch, python: str) -> None:
    monkeypatch.setenv("MINE", str(home / "trainers" / "mine" / ".venv"))
    trainer = one(home, f'python = "{python}"')
    assert f"python = '{python}' of " in refused(TrainerError, command, trainer, Path("recipe.json"))
    if python != "/nowhere/python":
        place = home / "trainers" / "mine" / ".venv" / "bin" / "python"
        place.parent.mkdir(parents=True)
        place.symlink_to(sys.executable)
        assert command(trainer, Path("recipe.json"))[0] == str(place)


OPTIONS = """
[options.rate]
type = "float"
default = 0.5
[options.size]
type = "int"
[options.fast]
type = "bool"
[options.words]
type = "list"
[options.form]
type = "str"
choices = ["a", "b"]
[options.config]
type = "file"
"""


def test_options_are_read_by_their_declared_type(home: Path, tmp_path: Path) -> None:
    trainer = one(home, OPTIONS)
    (tmp_path / "c.yaml").write_text("x: 1\n")
    given = {"rate": "2", "size": "3", "fast": "True", "words": "a, b", "form": "b", "config": str(tmp_path / "c.yaml")}
    assert options_for(trainer, given) == {
        "rate": 2,
        "size": 3,
        "fast": True,
        "words": ["a", "b"],
        "form": "b",
        "config": {"name": "c.yaml", "text": "x: 1\n"},
    }
    assert options_for(trainer, {"words": ["x"], "fast": False}) == {"rate": 0.5, "words": ["x"], "fast": False}
    assert options_for(trainer, {"words": '["a, b"]'})["words"] == ["a, b"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sizes": 1}, "no option of trainer 'mine' named 'sizes'; did you mean size?"),
        ({"size": "1.5"}, "option 'size' of trainer 'mine' is a int, not '1.5'"),
        ({"size": True}, "is a int, not 'True'"),
        ({"fast": "maybe"}, "is a bool, not 'maybe'"),
        ({"form": "c"}, "is one of a, b, not 'c'"),
        ({"config": "/nowhere"}, "option 'config': '/nowhere' is no text file"),
        ({"words": ["sk-abcdefghijklmnop1234"]}, "looks like a key or token"),
    ],
)
def test_an_option_that_is_wrong_says_so(home: Path, given: dict[str, object], said: str) -> None:
    assert said in refused(UsageError, options_for, one(home, OPTIONS), given)


def test_an_option_that_is_needed_is_asked_for(home: Path) -> None:
    trainer = one(home, '[options.a]\ntype = "str"\nrequired = true\nabout = "what to do"')
    assert refused(UsageError, options_for, trainer, {}) == "trainer 'mine' needs --option a=…: what to do"


def test_a_recipe_that_asks_for_what_a_trainer_passes_over_is_refused(home: Path) -> None:
    trainer = one(home, 'honours = ["epochs"]')
    check_honoured(trainer, Hyper(epochs=9), {}, "x")
    said = refused(UsageError, check_honoured, trainer, Hyper(weight_decay=0.1), {}, "x")
    assert said.startswith(
        "trainer 'mine' does not honour 'weight_decay', which recipe 'x' sets to 0.1; say --set weight_decay=0.0"
    )
    assert "which --set sets to 0.1" in refused(
        UsageError, check_honoured, trainer, Hyper(weight_decay=0.1), {"weight_decay": 0.1}, "x"
    )


def test_what_sets_the_pace_alone_may_be_passed_over_unless_the_user_asked_for_it(home: Path) -> None:
    trainer, hyper = one(home, 'honours = ["epochs"]'), Hyper(tokens_per_micro_step=64)
    check_honoured(trainer, hyper, {}, "x")
    assert "tokens_per_micro_step" in refused(UsageError, check_honoured, trainer, hyper, {"tokens_per_micro_step": 64}, "x")


def test_the_digest_follows_the_program_and_not_its_caches(home: Path) -> None:
    folder = make(home, "mine")
    before = folder_digest(folder)
    for name in ("__pycache__/train.pyc", ".venv/bin/python"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    assert folder_digest(folder) == before
    (folder / "more.py").write_text("")
    assert folder_digest(folder) != before
