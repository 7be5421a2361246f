"""A culture's files -> everything that is wrong with them, at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.checking.check import check
from harness.culture import names
from harness.errors import UsageError
from harness.schema.checking import CultureCheck
from tests.checking.world import copied, edit
from tests.conftest import SHARED, Cli


@pytest.mark.parametrize("name", [name for name in names() if name in ("ar", "demo", "demo2", "zh_cn")])
def test_every_culture_of_this_repository_is_without_errors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if (SHARED / "benchmarks").is_dir():
        monkeypatch.setenv("HARNESS_DATA", str(SHARED / "benchmarks"))
    found = check(name)
    assert [(one.file, one.what) for one in found.errors] == []
    assert found.culture == name
    assert found.tasks


def test_demo2_has_no_warnings_either_and_every_dimension_can_be_decided() -> None:
    found = check("demo2")
    assert found.problems == ()
    assert found.overlap == {}
    assert {one.dev + one.test for one in found.tasks} == {40}
    assert all(one.deciding is not None and one.deciding < 0.3 for one in found.tasks)
    assert all(one.share is not None and one.share > 0.99 and one.language == "eo" for one in found.tasks)
    assert all(found.sources.values())


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> CultureCheck:
    """The whole list, of a culture with a mistake in nearly every file."""
    folder = copied(tmp_path_factory.mktemp("home"), "rompita")
    toml = folder / "culture.toml"
    edit(
        toml,
        ('VORTO = ["vorto"]', 'VORTO = ["vortoj"]'),
        ("standards.hr = 0.30", "standards.hr = 30"),
        ("margin = 0.08", "margin = 8"),
        ("[retained.demo_en]", '[retained.demo_fr]\nmetric = "acc"\n\n[retained.demo_en]'),
        ("replay = { demo_en = 0.30 }", "replay = { demo_en = 0.60, rompita_skills = 0.50 }"),
        ('recipe = "demo-knowledge"                # four', 'recipe = "demo-knowlege"                # four'),
    )
    text = toml.read_text("utf-8")
    start = text.index("[benchmarks.rompita_benign]")
    toml.write_text((text[:start] + text[text.index("# English that") :]).replace(", rompita_benign = 0.10", ""), "utf-8")
    edit(
        folder / "sources.toml",
        ('path = "rows/tempo.jsonl"\nformat = "alpaca"\nlicence = "Apache-2.0"', 'path = "rows/tempo.jsonl"\nformat = "alpaca"'),
        ('path = "rows/nombro.jsonl"', 'path = "rows/gone.jsonl"'),
        ("Number words as digits.", ""),
        ('areas = { "*" = ["rompita_benign/HONESTO"] }', 'areas = { "*" = ["rompita_benign/HONESTO"] }\nwidth = 3'),
    )
    edit(folder / "skills" / "rubric.toml", ('language = "eo"', 'language = "zh"'))
    edit(folder / "mcq" / "privato.yaml", (", language: eo", ""))
    edit(folder / "mcq" / "honesto.yaml", ("language: eo", "language: id"))
    edit(folder / "README.md", ("# ", "# TODO: say more. "))
    (folder / "guidance").mkdir(exist_ok=True)
    (folder / "guidance" / "refine.md").write_text("# system\nBonvolu respondi.\n", "utf-8")
    items = [json.loads(line) for line in (folder / "skills" / "items.jsonl").read_text("utf-8").splitlines()]
    copies = [{"instruction": one["question"], "output": one["target"]} for one in items if one["dimension"] == "VORTO"]
    (folder / "rows" / "vorto.jsonl").write_text("".join(json.dumps(one) + "\n" for one in copies), "utf-8")
    for number, one in enumerate(items):
        if one["dimension"] == "NOMBRO":
            one["question"] = f"Please write the number {number} with digits, and do it so that it is right."
        elif one["dimension"] == "TEMPO":
            one["question"] = f"请把第{number}个句子改成过去时。"
    (folder / "skills" / "items.jsonl").write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in items), "utf-8")
    return check(str(folder))


@pytest.mark.parametrize(
    ("topic", "file", "words"),
    [
        ("culture", "culture.toml", "benchmarks.rompita_skills.sources.VORTO: no source named 'vortoj'; did you mean"),
        ("culture", "culture.toml", "benchmarks.rompita_risk.standards.hr.HONESTO: 30 is no share; write 0.75 for 75%"),
        ("culture", "culture.toml", "retained.demo_en.margin: 8 is no share; write 0.02 for two points"),
        ("culture", "culture.toml", "stages.knowledge.replay: the shares sum to 1.1, which leaves no room"),
        ("culture", "sources.toml", "benign_honesto.width: no such setting"),
        ("culture", "sources.toml", "benign_privato.areas.*: no benchmark of the culture named 'rompita_benign'"),
        ("retained", "culture.toml", "no task or group named 'demo_fr'"),
        ("stages", "culture.toml", "stages.safety.recipe: no recipe named 'demo-knowlege'; did you mean demo-knowledge"),
        ("sources", "sources.toml", "tempo: states no licence"),
        ("sources", "sources.toml", "nombro: rows/gone.jsonl is nowhere"),
        ("overlap", "rows/vorto.jsonl", "vorto: 40 of 40 rows repeat an item of the benchmarks"),
        ("rubric", "skills/tempo.yaml", "is judged by rubric 'poentoj' in 'zh'; write one in 'eo'"),
        ("language", "mcq/privato.yaml", "says no language and counts as Chinese; add language: eo"),
        ("language", "mcq/honesto.yaml", "says language: id, the culture's is eo"),
        ("language", "skills/items.jsonl", "task 'rompita_tempo': 0% of the letters of its questions are Latin"),
        ("language", "skills/items.jsonl", "task 'rompita_nombro': 40 of 40 questions look English, not 'eo'"),
        ("safety", "culture.toml", "'rompita_risk' measures refusals, and nothing measures harmless requests"),
        ("guidance", "guidance/refine.md", "has no section '# safety'"),
        ("to do", "README.md", "TODO: say more."),
    ],
)
def test_each_mistake_is_a_line_that_names_the_file_and_what_would_be_right(
    broken: CultureCheck, topic: str, file: str, words: str
) -> None:
    found = [one.what for one in broken.errors if (one.topic, one.file) == (topic, file)]
    assert any(words in what for what in found), found


def test_nothing_else_is_called_an_error(broken: CultureCheck) -> None:
    assert {one.topic for one in broken.errors} == {
        "culture", "retained", "stages", "sources", "overlap", "rubric", "language", "safety", "guidance", "to do"
    }  # fmt: skip
    assert all("\n" not in one.what for one in broken.problems)


def test_broken_task_files_are_all_named(tmp_path: Path) -> None:
    folder = copied(tmp_path, "rompita")
    (folder / "skills" / "vorto.yaml").write_text("task: [", "utf-8")
    (folder / "mcq" / "honesto.yaml").write_text("nothing: here\n", "utf-8")
    found = check(str(folder))
    assert {one.file for one in found.errors if one.topic == "tasks"} >= {"skills/vorto.yaml", "mcq/honesto.yaml"}


def test_a_broken_culture_toml_is_named_beside_a_broken_task_file(tmp_path: Path) -> None:
    folder = copied(tmp_path, "rompita")
    (folder / "skills" / "vorto.yaml").write_text("task: [", "utf-8")
    (folder / "culture.toml").write_text("name = = 1", "utf-8")
    (folder / "sources.toml").write_text("[", "utf-8")
    assert [one.file for one in check(str(folder)).errors] == ["culture.toml", "skills/vorto.yaml", "sources.toml"]


def test_that_a_table_with_a_mistake_is_missed_elsewhere_is_no_second_mistake(tmp_path: Path) -> None:
    folder = copied(tmp_path, "rompita")
    edit(folder / "culture.toml", ('metric = "acc"', 'metrc = "acc"'), ("margin = 0.08", 'margin = "much"'))
    edit(folder / "sources.toml", ('path = "rows/vorto.jsonl"\nformat = "alpaca"', 'path = "rows/vorto.jsonl"\nformat = "csv"'))
    found = {one.what.partition(":")[0] for one in check(str(folder)).errors}
    assert found == {"retained.demo_en.metrc", "retained.demo_en.margin", "vorto.format"}


def test_a_source_that_is_declared_twice_is_an_error_too(tmp_path: Path) -> None:
    folder = copied(tmp_path, "rompita")
    with (folder / "culture.toml").open("a", encoding="utf-8") as file:
        file.write('\n[sources.tempo]\npath = "x.jsonl"\nformat = "alpaca"\n')
    assert [one.what for one in check(str(folder)).errors] == ["sources.tempo: sources.toml declares it too; leave one of them"]


def test_policies_are_read_as_a_gate_would_read_them(tmp_path: Path) -> None:
    folder = copied(tmp_path, "rompita")
    edit(folder / "policies" / "contract.toml", ('metric = "rr_1"', 'metric = "rr_9"'))
    edit(folder / "policies" / "safety.toml", ('culture = "rompita"', 'culture = "demo2"'))
    (folder / "policies" / "knowledge.toml").write_text("title = [", "utf-8")
    found = {one.file: one.what for one in check(str(folder)).errors}
    assert "rules.rompita_risk.rr_9: no metric of 'rompita_risk' named 'rr_9'" in found["policies/contract.toml"]
    assert found["policies/safety.toml"] == "is for culture 'demo2'; write culture = \"rompita\""
    assert "not TOML" in found["policies/knowledge.toml"]
    assert len(found) == 3


def test_items_that_cannot_be_read_are_a_line_with_their_number_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    folder = copied(tmp_path, "rompita")
    file = folder / "requests" / "risk.jsonl"
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join([*lines[:2], '{"question": 3}', *lines[3:]]) + "\n", "utf-8")
    found = check(str(folder))
    assert {(one.file, one.line) for one in found.errors} == {("requests/risk.jsonl", 3)}
    assert {one.task for one in found.tasks if one.dev} == {one.task for one in found.tasks if "risk" not in one.task}


def test_a_culture_that_nobody_would_find_is_refused(tmp_path: Path) -> None:
    folder = copied(tmp_path, "rompita")
    with pytest.raises(UsageError, match="there is no culture at"):
        check(str(tmp_path / "nowhere" / "tasks"))
    moved = folder.rename(tmp_path / "loose")
    with pytest.raises(UsageError, match="a culture lies at HOME/tasks/NAME"):
        check(str(moved))
    with pytest.raises(UsageError, match="no culture named 'rompita'"):
        check("rompita")


def test_the_command_ends_with_2_on_an_error_and_prints_all_of_it(cli: Cli, tmp_path: Path) -> None:
    folder = copied(tmp_path, "rompita")
    assert cli("culture", "check", str(folder)).code == 0
    edit(folder / "sources.toml", ('licence = "Apache-2.0"', 'licence = ""'))
    done = cli("culture", "check", str(folder))
    assert done.code == 2
    assert done.out.count("states no licence") == 9
    assert "rompita: 9 errors, 0 warnings (9 tasks, 360 items, 9 of 9 sources here)" in done.out
    said = json.loads(cli("culture", "check", str(folder), "--json").out)
    assert [one["topic"] for one in said["problems"]] == ["sources"] * 9
