"""What of a task follows its language: how a dialogue is labelled, and in which script answers are measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.lm.tasks import ROLE_NAMES, role_names, transcript
from harness.schema import Message
from tests.conftest import Cli

TURNS = (Message(role="system", content="S"), Message(role="user", content="U"), Message(role="assistant", content="A"))


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("zh", ["系统：S", "用户：U", "助手：A", "助手："]),
        ("en", ["System: S", "User: U", "Assistant: A", "Assistant:"]),
        ("sw", ["System: S", "User: U", "Assistant: A", "Assistant:"]),
        ("ar", ["النظام: S", "المستخدم: U", "المساعد: A", "المساعد:"]),
    ],
)
def test_a_dialogue_is_labelled_in_the_language_of_its_task(language: str, lines: list[str]) -> None:
    assert transcript(TURNS, role_names(language)).split("\n") == lines


def test_every_language_names_all_roles_and_its_colon() -> None:
    assert {frozenset(names) for names in ROLE_NAMES.values()} == {frozenset({"system", "user", "assistant", "colon"})}


ITEMS = [
    {
        "question": "Kaj nun?",
        "dimension": "D",
        "history": [{"role": "user", "content": "Saluton"}, {"role": "assistant", "content": "He"}],
    },
    {"question": "Ĉu jes?", "dimension": "D", "options": {"A": "jes", "B": "ne"}, "target": "A"},
]
YAML = """class: !function harness.lm.tasks.ChoiceTask
task: kafo
custom_dataset: !function harness.lm.datasets.jsonl
dataset_kwargs: {file: items.jsonl}
test_split: test
output_type: generate_until
doc_to_text: question
doc_to_target: target
num_fewshot: 0
generation_kwargs: {until: [], max_gen_toks: 8, do_sample: false}
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: invalid, aggregation: mean, higher_is_better: false}
metadata: {version: 1.0, benchmark: kafo, dimension: D, language: eo, roles: {user: Uzanto, assistant: Helpanto}}
"""


def test_metadata_name_the_roles_and_the_script_that_answers_are_measured_in(
    cli: Cli, tmp_path: Path, tiny_no_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home" / "tasks" / "kafo"
    folder.mkdir(parents=True)
    (folder / "kafo.yaml").write_text(YAML, "utf-8")
    (folder / "items.jsonl").write_text("".join(json.dumps(one) + "\n" for one in ITEMS), "utf-8")
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path / "home"))
    done = cli("eval", "--model", str(tiny_no_template), "--tasks", "kafo", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    lines = (Path(tmp_path / "runs" / found["id"]) / "samples" / "kafo.jsonl").read_text("utf-8").splitlines()
    first, second = map(json.loads, lines)
    assert first["prompt"] == "Uzanto: Saluton\nHelpanto: He\nUzanto: Kaj nun?\nHelpanto:"
    assert first["zh_share"] is None
    assert second["zh_share"] is None
    assert all(one["script_share"] is None or 0 <= one["script_share"] <= 1 for one in (first, second))
    assert not [one for one in found["scores"] if one["metric"] == "zh_share"]
