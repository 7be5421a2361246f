"""TOML -> Pipeline: every mistake is one line that names the file, the step and the field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.curating import pipeline as pipelines
from harness.curating.steps import STEPS, settings_of
from harness.errors import DataError, UsageError
from tests.conftest import Cli
from tests.curating.made import alpaca, jsonl, pipeline

HEAD = 'name = "x"\nculture = "demo"\nsources = ["a"]\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "not TOML"),
        ('culture = "demo"\nsources = ["a"]\n', "'name': Field required"),
        ('name = "a b"\nculture = "demo"\nsources = ["a"]\n', "'name': String should match"),
        ('name = "x"\nculture = "demo"\nsources = []\n', "'sources': Tuple should have at least 1 item"),
        (HEAD + "typo = 1\n", "no setting named 'typo'; there are: about, culture, name, seed"),
        (HEAD.replace('"a"', '{ name = "k", path = "x", format = "alpca" }'), "'sources.0.format': Input should be 'alpaca'"),
        (
            HEAD.replace('"a"', '{ name = "k", path = "x", format = "alpaca", licens = "MIT" }'),
            "no setting named 'licens'; did you mean",
        ),
        (HEAD.replace('"a"', '"a", "b", "a"'), "two are named 'a'"),
        (HEAD + "[[step]]\nleast_reply = 3\n", "step 1: has no 'use'"),
        (HEAD + '[[step]]\nuse = "lenght"\n', "step 1: no step named 'lenght'; did you mean length?"),
        (HEAD + '[[step]]\nuse = "length"\n[[step]]\nuse = "length"\nmost = -1\n', "step 2 (length): 'most': Input should be"),
        (HEAD + '[[step]]\nuse = "length"\nleast = 3\n', "step 1 (length): no setting named 'least'; did you mean "),
    ],
)
def test_a_mistake_is_one_line_that_says_where(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        pipelines.load(str(path))
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_no_preset_says_which_there_are() -> None:
    with pytest.raises(UsageError, match="no pipeline named 'zh_cn/nothing'"):
        pipelines.load("zh_cn/nothing")
    with pytest.raises(UsageError, match=r"there is no pipeline at 'nothing\.toml'"):
        pipelines.load("nothing.toml")


def test_every_step_has_settings_that_call_it_by_its_name() -> None:
    for name in STEPS:
        assert settings_of(name).model_fields["use"].annotation.__args__ == (name,)  # type: ignore[union-attr]


def test_no_pipeline_goes_without_the_comparison_with_benchmarks(tmp_path: Path) -> None:
    made = pipelines.load(str(pipeline(tmp_path / "p.toml", tmp_path / "rows.jsonl", ['use = "length"'])))
    checked = pipelines.with_contamination(made)
    assert [step.use for step in checked.steps] == ["length", "contamination"]
    assert pipelines.with_contamination(checked) == checked


def test_canonical_steps_hold_all_their_settings(tmp_path: Path) -> None:
    made = pipelines.load(str(pipeline(tmp_path / "p.toml", tmp_path / "rows.jsonl", ['use = "length"\nmost = 77'])))
    assert json.loads(pipelines.canonical(made))[0]["most"] == 77


def test_sources_of_ones_own_take_the_place_of_the_pipelines(tmp_path: Path, cli: Cli) -> None:
    made = pipeline(tmp_path / "p.toml", tmp_path / "absent.jsonl", ['use = "length"'])
    source = jsonl(tmp_path / "my rows.jsonl", alpaca(5))
    done = cli("curate", str(made), "--out", str(tmp_path / "out"), "--source", f"alpaca:{source}", "--workers", "1", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["by_source"] == {"my_rows": 5}


def test_a_format_that_does_not_exist_is_named(tmp_path: Path, cli: Cli) -> None:
    made = pipeline(tmp_path / "p.toml", tmp_path / "rows.jsonl", ['use = "length"'])
    done = cli("curate", str(made), "--out", str(tmp_path / "out"), "--source", "alpacca:rows.jsonl")
    assert done.code == 2
    assert "no format named 'alpacca'; did you mean alpaca?" in done.err


def test_files_of_one_name_in_two_folders_are_two_sources(tmp_path: Path, cli: Cli) -> None:
    made = pipeline(tmp_path / "p.toml", tmp_path / "absent.jsonl", ['use = "length"'])
    (tmp_path / "b").mkdir()
    files = [jsonl(tmp_path / "rows.jsonl", alpaca(3)), jsonl(tmp_path / "b" / "rows.jsonl", alpaca(2, seed=1))]
    given = [f"--source=auto:{file}" for file in files]
    done = cli("curate", str(made), "--out", str(tmp_path / "out"), "--workers", "1", "--json", *given)
    assert done.code == 0, done.err
    assert json.loads(done.out)["by_source"] == {"rows": 3, "rows-2": 2}
    assert [source["records"] for source in json.loads(done.out)["sources"]] == [3, 2]
    again = cli("curate", str(made), "--out", str(tmp_path / "other"), given[0], given[0])
    assert again.code == 2
    assert "is given twice" in again.err


def test_a_file_without_its_format_is_told_from_a_source(tmp_path: Path, cli: Cli) -> None:
    made = pipeline(tmp_path / "p.toml", tmp_path / "rows.jsonl", ['use = "length"'])
    file = jsonl(tmp_path / "rows.jsonl", alpaca(3))
    done = cli("curate", str(made), "--out", str(tmp_path / "out"), "--source", str(file))
    assert done.code == 2
    assert f"say its format: auto:{file}" in done.err
    folder = cli("curate", str(made), "--out", str(tmp_path / "out"), "--source", f"alpaca:{tmp_path}")
    assert "is no plain file" in folder.err
    unreadable = cli("curate", str(made), "--out", str(tmp_path / "out"), "--source", "alpaca:/proc/self/mem")
    assert unreadable.err.startswith("harness: /proc/self/mem: cannot be read: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path, cli: Cli) -> None:
    made = pipeline(tmp_path / "p.toml", tmp_path / "rows.jsonl", ['use = "length"'])
    done = cli("curate", str(made), "--out", str(tmp_path / "out"))
    assert done.code == 2
    assert "source 'made': there is no file" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_one_broken_file_of_a_plug_in_does_not_hide_the_other_pipelines(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tasks" / "mine" / "pipelines"
    folder.mkdir(parents=True)
    (folder / "bad.toml").write_text("no pipeline", encoding="utf-8")
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path))
    done = cli("curate", "--json")
    assert done.code == 0, done.err
    assert "not TOML" in json.loads(done.out)["mine/bad"]["broken"]
    assert json.loads(done.out)["zh_cn/halluqa"]["steps"] == ["contamination", "tags"]
    assert "broken: not TOML" in " ".join(cli("curate").out.split())


def test_without_a_folder_it_asks_for_one_and_without_a_pipeline_it_lists_them(cli: Cli) -> None:
    assert "--out FOLDER" in cli("curate", "zh_cn/nothing").err
    assert cli("curate").code == 0
    assert json.loads(cli("curate", "--json").out) is not None


def test_a_declared_source_whose_file_lies_elsewhere_keeps_its_licence(
    benchmarks: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cli: Cli
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    made = pipeline(tmp_path / "p.toml", tmp_path / "absent.jsonl", ['use = "length"'], culture="zh_cn")
    source = jsonl(tmp_path / "elsewhere.json", alpaca(5))
    words = ("curate", str(made), "--out", str(tmp_path / "out"), "--workers", "1", "--json")
    done = cli(*words, "--source", f"alpaca_gpt4_zh={source}")
    assert done.code == 0, done.err
    assert json.loads(done.out)["by_licence"] == {"CC BY-NC 4.0": 5}
    assert "there is no file" in cli(*words, "--source", f"alpaca_gpt4_zh={tmp_path}/none").err
    assert "no source in culture 'zh_cn' named 'nothing'" in cli(*words, "--source", f"nothing={source}").err
