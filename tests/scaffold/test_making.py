"""`harness culture new`: a folder that loads, in which only what is marked is left to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.checking.check import check
from harness.culture import load
from harness.errors import UsageError
from harness.scaffold import making
from harness.verbs.culture_new import culture_new
from tests.checking.world import copied
from tests.conftest import Cli


def test_the_template_passes_the_check_but_for_what_is_marked(cli: Cli, tmp_path: Path) -> None:
    done = cli("culture", "new", "tea", "--language", "ar", "--title", 'Tea "houses"', "--at", str(tmp_path))
    assert done.code == 0
    folder = tmp_path / "tasks" / "tea"
    assert f"export HARNESS_PATH={tmp_path}" in done.out
    found = check(str(folder))
    assert {one.topic for one in found.errors} == {"to do"}
    assert all(one.what.startswith("TODO") for one in found.errors)
    assert {one.topic for one in found.warnings} == {"items"}
    assert (found.culture, found.language) == ("tea", "ar")
    assert {(one.benchmark, one.dev, one.test) for one in found.tasks} == {
        (f"tea_{part}", 1, 1) for part in ("knowledge", "choices", "risk", "benign")
    }
    assert load(folder, [*_homes(), tmp_path / "tasks"]).title == 'Tea "houses"'


def _homes() -> list[Path]:
    from harness.folders import task_folders

    return list(task_folders())


def test_a_new_culture_can_be_evaluated_and_diagnosed_as_it_is(
    cli: Cli, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    culture_new("tea", "sw", at=tmp_path)
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path))
    shown = cli("culture", "show", "tea")
    assert "tea: tea (sw)" in shown.out
    assert json.loads(cli("culture", "show", "tea", "--json").out)["language"] == "sw"
    assert "tea" in [one["name"] for one in json.loads(cli("culture", "list", "--json").out)]
    done = cli("eval", "--model", str(tiny_model), "--tasks", "tea", "--gen", "max_gen_toks=4", "--json")
    assert done.code == 0, done.err
    found = json.loads(cli("diagnose", "--culture", "tea", "--allow-limited", "--json").out)
    assert {one["benchmark"] for one in found["findings"]} == {"tea_knowledge", "tea_choices", "tea_risk", "tea_benign"}


def test_after_another_culture_all_names_are_new_and_two_examples_of_each_kind_stay(tmp_path: Path) -> None:
    folder = culture_new("bahasa", "id", "Bahasa", tmp_path, like="demo2")
    text = "".join(file.read_text("utf-8") for file in sorted(folder.rglob("*")) if file.is_file())
    assert text.count("demo2") == 1  # the README says what it was made after
    items = [json.loads(line) for line in (folder / "skills" / "items.jsonl").read_text("utf-8").splitlines()]
    assert [one["dimension"] for one in items] == ["VORTO"] * 2 + ["TEMPO"] * 2 + ["NOMBRO"] * 2
    assert all(one["question"].startswith("TODO: ") for one in items)
    found = check(str(folder))
    assert {one.topic for one in found.errors} == {"to do"}
    assert (found.culture, found.language) == ("bahasa", "id")
    assert {one.language for one in found.tasks} == {"id"}


def test_a_culture_whose_benchmarks_have_other_names_is_no_model_for_another(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--like zh_cn: its benchmark 'a_eval' does not begin with 'zh_cn_'"):
        culture_new("mine", "zh", at=tmp_path, like="zh_cn")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("Tea", "-l", "ar"), "'Tea' is no name for a culture: small letters, digits and _"),
        (("../tea", "-l", "ar"), "'../tea' is no name for a culture"),
        (("demo2", "-l", "eo"), "culture 'demo2' is there already"),
        (("chisafetybench", "-l", "zh"), "'chisafetybench_v0' is a task or group already"),
        (("tea", "-l", "xx"), "no language (ISO 639 code) named 'xx'"),
        (("tea", "-l", "pt_BR"), "--language 'pt_BR' is more than a language (ISO 639 code); write 'pt'"),
        (("tea", "-l", "ar", "--like", "demo3"), "no culture named 'demo3'; did you mean demo or demo2"),
        (("tea", "-l", "ar", "--title", "a" * 101), "--title: at most 100 characters on one line"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_writes_nothing(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    done = cli("culture", "new", *words, "--at", str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert complaint in done.err
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "tasks" / "tea"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine", "utf-8")
    done = cli("culture", "new", "tea", "--language", "ar", "--at", str(tmp_path))
    assert done.code == 2
    assert "is there already, and nothing is written over" in done.err
    assert [file.name for file in folder.iterdir()] == ["mine.txt"]
    assert [file.name for file in folder.parent.iterdir()] == ["tea"]


def test_a_place_that_cannot_be_written_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "tasks").write_text("a file", "utf-8")
    done = cli("culture", "new", "tea", "--language", "ar", "--at", str(tmp_path))
    assert done.code == 2
    assert "cannot be written" in done.err


def test_the_same_words_make_the_same_bytes_and_titles_are_escaped() -> None:
    made = making.from_template("tea", "ar", 'a "b" \\ c')
    assert made == making.from_template("tea", "ar", 'a "b" \\ c')
    assert b'title = "a \\"b\\" \\\\ c"' in made["culture.toml"]
    assert not any(mark in content for content in made.values() for mark in (b"@name@", b"@language@", b"@title@"))


def test_hidden_and_large_files_of_another_culture_are_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tmp_path, "rompita")
    (folder / ".secret").mkdir()
    (folder / ".secret" / "x.md").write_text("x", "utf-8")
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path))
    assert not any("secret" in name for name in making.after(load("rompita"), "tea", "eo", "Tea"))


def test_the_wheel_ships_the_templates_and_no_catalog_finds_them() -> None:
    from hatchling.builders.wheel import WheelBuilder

    from harness import catalog

    root = Path(making.__file__).parents[2]
    shipped = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    wanted = {
        f"harness/scaffold/culture/{file.relative_to(making.TEMPLATE)}" for file in making.TEMPLATE.rglob("*") if file.is_file()
    }
    assert len(wanted) > 20
    assert wanted <= shipped
    assert not any("@name@" in name for name in catalog.read().entries)
