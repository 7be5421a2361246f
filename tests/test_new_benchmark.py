"""A stranger adds a benchmark from outside the package, with exactly the files that `docs/new-benchmark.md` prints."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Cli

DOC = Path(__file__).parent.parent / "docs" / "new-benchmark.md"


@pytest.fixture
def culture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page, written from the page."""
    text = DOC.read_text(encoding="utf-8")
    items = re.search(r"```json\n(.*?)```", text, re.S)
    base, green, group = re.findall(r"```yaml\n(.*?)```", text, re.S)
    assert items is not None
    tea = tmp_path / "my-culture" / "tasks" / "tea"
    tea.mkdir(parents=True)
    (tea / "items.jsonl").write_text(items[1], encoding="utf-8")
    (tea / "_tea_yaml").write_text(base, encoding="utf-8")
    (tea / "green.yaml").write_text(green, encoding="utf-8")
    (tea / "black.yaml").write_text(
        green.replace("tea_green", "tea_black").replace("Green tea", "Black tea").replace("GREEN", "BLACK")
    )
    (tea / "_group.yaml").write_text(group, encoding="utf-8")
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path / "my-culture"))
    return tea


def answers(tmp_path: Path, *rows: dict[str, str]) -> str:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return f"replay:{path}"


@pytest.mark.usefixtures("culture")
def test_the_benchmark_of_the_page_is_listed(cli: Cli) -> None:
    done = cli("tasks", "tea", "--json")
    assert done.code == 0
    assert json.loads(done.out)[0]["tasks"] == ["tea_green", "tea_black"]


@pytest.mark.usefixtures("culture")
def test_the_benchmark_of_the_page_is_scored(cli: Cli, tmp_path: Path) -> None:
    model = answers(
        tmp_path,
        {"task": "tea_green", "id": "1", "response": "绿茶不经过发酵，所以选 B。"},
        {"task": "tea_black", "id": "2", "response": "答案：B"},
    )
    done = cli("eval", "--model", model, "--tasks", "tea", "--json")
    assert done.code == 0, done.err
    scores = {
        (s["scope"], s["name"]): s["value"]
        for s in json.loads(done.out)["scores"]
        if (s["metric"], s["aggregation"], s["subset"]) == ("acc", "micro", "all")
    }
    assert scores == {("overall", ""): 0.5, ("dimension", "GREEN"): 1.0, ("dimension", "BLACK"): 0.0}


def test_a_broken_line_of_the_samples_is_named(cli: Cli, culture: Path, tmp_path: Path) -> None:
    with (culture / "items.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"dimension": "GREEN"}\n')
    done = cli("eval", "--model", answers(tmp_path, {"hash": "0", "response": "A"}), "--tasks", "tea")
    assert done.code == 2
    assert "items.jsonl:3: not a sample" in done.err
    assert "Traceback" not in done.err


def test_a_broken_yaml_stops_every_command_with_its_name(cli: Cli, culture: Path) -> None:
    (culture / "zz.yaml").write_text("task: [unclosed\n")
    done = cli("tasks")
    assert done.code == 2
    assert f"{culture / 'zz.yaml'}:" in done.err


def test_changed_samples_are_another_run(cli: Cli, culture: Path, tmp_path: Path) -> None:
    model = answers(
        tmp_path, {"task": "tea_green", "id": "1", "response": "B"}, {"task": "tea_black", "id": "2", "response": "A"}
    )
    before = json.loads(cli("eval", "--model", model, "--tasks", "tea", "--json").out)
    items = culture / "items.jsonl"
    items.write_text(items.read_text(encoding="utf-8").replace('"target": "B"', '"target": "A"'), encoding="utf-8")
    after = json.loads(cli("eval", "--model", model, "--tasks", "tea", "--json").out)
    assert after["id"] != before["id"]
    assert [s["value"] for s in after["scores"] if s["metric"] == "acc"] != [
        s["value"] for s in before["scores"] if s["metric"] == "acc"
    ]
