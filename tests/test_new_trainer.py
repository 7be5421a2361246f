"""A stranger adds a trainer from outside the package, with exactly the files that `docs/new-trainer.md` prints."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.tiny import LESSONS
from tests.training.standins import write_rows

pytestmark = pytest.mark.long

DOC = Path(__file__).parent.parent / "docs" / "new-trainer.md"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page, written from the page."""
    text = DOC.read_text(encoding="utf-8")
    description = re.search(r"```toml\n(.*?)```", text, re.S)
    program = re.search(r"```python\n(.*?)```", text, re.S)
    assert description is not None
    assert program is not None
    folder = tmp_path / "my-lab" / "trainers" / "plain_sgd"
    folder.mkdir(parents=True)
    (folder / "trainer.toml").write_text(description[1], encoding="utf-8")
    (folder / "train.py").write_text(program[1], encoding="utf-8")
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path / "my-lab"))
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    talks = ({"messages": [{"role": "user", "content": ask}, {"role": "assistant", "content": say}]} for ask, say in LESSONS)
    write_rows(tmp_path / "rows.jsonl", tuple(talks))
    monkeypatch.chdir(tmp_path)
    return folder


def words(base: Path, *more: str) -> list[str]:
    """The command of the page, with a base that is here."""
    text = DOC.read_text(encoding="utf-8")
    line = re.search(r"\$ (harness train .*?)\n```", text, re.S)
    assert line is not None
    said = shlex.split(line[1].replace("\\\n", " "))[1:]
    said[said.index("demo-en")] = str(base)
    return [*said, *more]


@pytest.mark.usefixtures("lab")
def test_the_trainer_of_the_page_is_listed_with_what_it_takes(cli: Cli) -> None:
    done = cli("trainers", "--json")
    assert done.code == 0
    mine = next(trainer for trainer in json.loads(done.out) if trainer["name"] == "plain_sgd")
    assert mine["options"]["momentum"]["default"] == 0.0
    assert "plain_sgd" in cli("trainers").out


@pytest.mark.usefixtures("lab")
def test_the_trainer_of_the_page_teaches_a_model_that_harness_then_knows_by_name(cli: Cli, tiny_model: Path) -> None:
    more = ("--set", "learning_rate=0.2", "--set", "instances_per_step=6", "--set", "epochs=6", "--option", "momentum=0.5")
    done = cli(*words(tiny_model), *more, "--json")
    assert done.code == 0, done.err
    checkpoint = json.loads(done.out)
    report = checkpoint["report"]
    assert (report["steps"], report["rows"], report["engine"]) == (6, 6, "plain_sgd")
    assert report["final_loss"] < 0.8 * report["first_loss"]
    assert checkpoint["notes"] == []
    listed = {model["name"]: model for model in json.loads(cli("models", "--json").out)}
    assert (listed["tiny-kg"]["ready"], listed["tiny-kg"]["parent"]) == (True, "tiny")


@pytest.mark.usefixtures("lab")
def test_the_trainer_of_the_page_refuses_what_it_does_not_do(cli: Cli, tiny_model: Path) -> None:
    done = cli(*words(tiny_model, "--set", "weight_decay=0.1"))
    assert done.code == 2
    assert "trainer 'plain_sgd' does not honour 'weight_decay', which --set sets to 0.1" in done.err
    done = cli(*words(tiny_model, "--set", "precision=bf16-mixed"))
    assert done.code == 1
    assert "trainer 'plain_sgd' failed: plain_sgd computes in fp32 alone, not bf16-mixed" in done.err
