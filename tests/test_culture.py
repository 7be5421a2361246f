"""culture.toml: what is read, what is spelled out, and what is refused in one line that names the file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness import catalog
from harness.culture import load, names
from harness.errors import DataError, UsageError
from harness.folders import home
from tests.conftest import Cli

GOOD = """
name = "mine"
title = "My culture"
language = "zh"

[benchmarks.demo_skills]
stage = "knowledge"
standards.acc = { TU = 0.75, IE = 0.65 }
sources = { TU = ["demo:tu"], IE = ["tales"] }

[benchmarks.demo_risk]
stage = "safety"
standards.rr_1 = 0.7
standards.hr = 0.3
sources = ["demo:risk_di"]

[retained.demo_en]
metric = "acc"
margin = 0.08
sources = ["demo:en"]

[retained.mmlu]
margin = 0.02

[stages.knowledge]
recipe = "demo-knowledge"
rows = 100
replay = { demo_en = 0.3, demo_risk = 0.2 }

[sources.tales]
path = "tales.json"
format = "alpaca"
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A good file, on its own."""
    file = tmp_path / "culture.toml"
    file.write_text(GOOD, encoding="utf-8")
    return file


def put(home_: Path, folder: str, text: str) -> Path:
    file = home_ / "tasks" / folder / "culture.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_cultures_of_this_repository_are_found_by_name() -> None:
    assert {"demo", "zh_cn"} <= set(names())
    assert load("demo").title == "Demo world"


@pytest.mark.parametrize("name", ["demo", "demo2", "zh_cn"])
def test_every_standard_and_source_of_a_bundled_culture_belongs_to_a_dimension_of_its_tasks(name: str) -> None:
    culture, known = load(name), catalog.read()
    for benchmark, wanted in culture.benchmarks.items():
        leaves = [known.find(leaf) for leaf in known.leaves(benchmark) if leaf not in culture.retained]
        dimensions = {leaf.metadata["dimension"] for leaf in leaves}
        for standards in wanted.standards.values():
            assert set(standards) == dimensions
        assert set(wanted.sources) == dimensions


def test_the_standards_of_zh_cn_are_the_published_counts() -> None:
    published = json.loads((home() / "leaderboards" / "published" / "results.json").read_text(encoding="utf-8"))
    results, culture = {one["id"]: one for one in published["results"]}, load("zh_cn")
    chart = results["aeval_charts"]
    place = chart["models"].index("Qwen1.5-7B-Chat")
    for dimension, standard in culture.benchmarks["a_eval"].standards["acc"].items():
        assert standard == pytest.approx(chart["category_count"][dimension]["T90"][place] / chart["n"][dimension], abs=0.005)
    choice = next(row for row in results["chisafetybench_v1_mcq"]["rows"] if row["model"] == "Qwen1.5-7B-Chat")
    for dimension, standard in culture.benchmarks["chisafetybench_v0_mcq"].standards["acc"].items():
        assert 100 * standard == pytest.approx(choice["printed"][dimension], abs=0.5)
    refusal = next(row for row in results["chisafetybench_v1_refusal"]["rows"] if row["model"] == "Qwen1.5-7B-Chat")
    for metric, printed in (("rr_1", "RR-1"), ("rr_2", "RR-2")):
        for dimension, standard in culture.benchmarks["chisafetybench_v0_refusal"].standards[metric].items():
            assert 100 * standard == pytest.approx(refusal["printed"][dimension][printed], abs=0.5)


def test_a_culture_is_read_from_its_file_and_from_its_folder(written: Path) -> None:
    culture = load(written)
    assert culture == load(str(written)) == load(written.parent)
    assert culture.folder == str(written.parent)
    assert culture.digest == hashlib.sha256(written.read_bytes()).hexdigest()
    assert culture.tasks == ("demo_skills", "demo_risk", "demo_en", "mmlu")


def test_one_number_is_the_standard_of_every_dimension(written: Path) -> None:
    standards = load(written).benchmarks["demo_risk"].standards
    assert standards["rr_1"] == dict.fromkeys(("DI", "VV", "CV", "IR", "SR"), 0.7)
    assert standards["hr"]["SR"] == 0.3


def test_one_list_is_the_sources_of_every_dimension(written: Path) -> None:
    assert load(written).benchmarks["demo_risk"].sources == dict.fromkeys(("DI", "VV", "CV", "IR", "SR"), ("demo:risk_di",))


def test_a_retained_task_inside_a_benchmark_gets_no_standard_from_a_number(written: Path) -> None:
    written.write_text(GOOD.replace("{ TU = 0.75, IE = 0.65 }", "0.6"), encoding="utf-8")
    assert set(load(written).benchmarks["demo_skills"].standards["acc"]) == {"TU", "IE", "TG", "LR", "TP"}


def test_a_task_without_dimensions_keeps_its_standard_under_a_star(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    put(
        tmp_path,
        "tea",
        'name = "tea"\ntitle = "Tea"\nlanguage = "zh"\n[benchmarks.tea]\nstage = "knowledge"\nstandards.acc = 0.5\n[stages]\n',
    )
    (tasks / "tea" / "tea.yaml").write_text("task: tea\nmetric_list:\n  - metric: acc\n", encoding="utf-8")
    culture = load("tea", [tasks])
    assert culture.benchmarks["tea"].standards == {"acc": {"*": 0.5}}
    assert names([tasks]) == ("tea",)


def test_a_plug_in_may_bring_a_culture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "mine", GOOD)
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path))
    assert load("mine").title == "My culture"
    assert {"demo", "mine", "zh_cn"} <= set(names())


def test_a_plug_in_may_not_replace_a_culture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path, "other", GOOD.replace('"mine"', '"demo"'))
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path))
    with pytest.raises(DataError, match="culture 'demo' is already defined in") as refused:
        load("demo")
    assert refused.value.file == file


def test_an_unknown_culture_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no culture named 'zh-cn'; did you mean zh_cn\? there are: .*demo, "):
        load("zh-cn")
    with pytest.raises(UsageError, match="no culture at './gone'"):
        load("./gone")


BROKEN = [
    ("title = ", "titel = ", "titel: no such setting"),
    ('language = "zh"', "", "language: Field required"),
    ('language = "zh"', 'language = "zh"\ndigest = "0"', "'digest' is not for the file to say"),
    ('stage = "safety"', 'stage = "later"', "benchmarks.demo_risk.stage: Input should be 'knowledge' or 'safety'"),
    ("[benchmarks.demo_risk]", "[benchmarks.demo_risky]", "no task or group named 'demo_risky'; did you mean demo_risk"),
    (
        "standards.rr_1",
        "standards.acc",
        r"benchmarks.demo_risk.standards: no metric to set a standard for named 'acc'; there are: hr, rr_1, rr_2",
    ),
    ("standards.rr_1", "standards.unjudged", "no metric to set a standard for named 'unjudged'"),
    ("TU = 0.75", "TU = 75", "benchmarks.demo_skills.standards.acc.TU: 75 is no share"),
    ("standards.hr = 0.3", "standards.hr = -0.1", "standards.hr.DI: -0.1 is no share"),
    ("TU = 0.75", "XY = 0.75", "benchmarks.demo_skills.standards.acc: no dimension named 'XY'"),
    ("TU = 0.75", "EN = 0.75", "no dimension named 'EN'"),
    ('TU = ["demo:tu"]', 'XY = ["demo:tu"]', "benchmarks.demo_skills.sources: no dimension named 'XY'"),
    ('["tales"]', '["tale"]', r"benchmarks.demo_skills.sources.IE: no source named 'tale'; did you mean tales"),
    ('["demo:en"]', '["english"]', "retained.demo_en.sources: no source named 'english'"),
    ('metric = "acc"', 'metric = "rr_1"', "retained.demo_en.metric: no metric named 'rr_1'"),
    ("margin = 0.08", "margin = 8", "retained.demo_en.margin: 8 is no share"),
    ('stage = "safety"', 'stage = "safety"\nmargin = 2', "benchmarks.demo_risk.margin: 2 is no share"),
    ("[retained.mmlu]", "[retained.demo_risk]", "benchmarks.demo_risk: is retained too"),
    ("demo_risk = 0.2", "demo_risk = 0.7", "stages.knowledge.replay: the shares sum to 1, which leaves no room"),
    ("demo_risk = 0.2", "demo_mcq = 0.2", "stages.knowledge.replay: no benchmark or retained task named 'demo_mcq'"),
    ("demo_risk = 0.2", "mmlu = 0.2", "stages.knowledge.replay: 'mmlu' has no sources to be replayed from"),
    ("demo_risk = 0.2", "demo_risk = 0", "stages.knowledge.replay.demo_risk: 0 is no share"),
    ("rows = 100", "rows = 0", "stages.knowledge.rows: 0 rows cannot be trained on"),
    ("[stages.knowledge]", "[stages.later]", "stages.later: Input should be 'knowledge' or 'safety'"),
    ('format = "alpaca"', 'format = "parquet"', "sources.tales.format: Input should be"),
    ('format = "alpaca"', 'format = "alpaca"\nurl = "https://x.org/a"', "sources.tales: a url needs the sha256"),
    (
        "[sources.tales]",
        '[sources."demo:x"]\npath = "x"\nformat = "alpaca"\n[sources.tales]',
        "names that begin with 'demo:' are built in",
    ),
    (
        'path = "tales.json"',
        f'path = "../tales.json"\nurl = "https://x.org/a"\nsha256 = "{"0" * 64}"',
        "a relative path without '..'",
    ),
    ("standards.rr_1 = 0.7\nstandards.hr = 0.3", "standards = {}", "benchmarks.demo_risk: has no standards"),
    (
        "standards.rr_1 = 0.7",
        "standards.rr_1 = 'most'",
        "benchmarks.demo_risk.standards.rr_1: Input should be a valid dictionary",
    ),
    ("name = ", "name: ", "not TOML"),
]


@pytest.mark.parametrize(("was", "becomes", "said"), BROKEN)
def test_what_is_wrong_is_said_in_one_line_with_the_file(written: Path, was: str, becomes: str, said: str) -> None:
    assert was in GOOD
    written.write_text(GOOD.replace(was, becomes, 1), encoding="utf-8")
    with pytest.raises(DataError, match=said) as refused:
        load(written)
    assert str(refused.value).startswith(f"{written}: ")
    assert "\n" not in str(refused.value)


def test_a_file_without_a_name_is_named(tmp_path: Path) -> None:
    file = put(tmp_path, "nameless", GOOD.replace('name = "mine"', ""))
    with pytest.raises(DataError, match='has no name = "…"') as refused:
        names([tmp_path / "tasks"])
    assert refused.value.file == file


def test_the_cultures_are_listed(cli: Cli) -> None:
    done = cli("cultures")
    assert done.code == 0
    assert "zh_cn  Chinese (mainland China), zh" in done.out
    assert "recipe paper, 97,600 rows, 10% mmlu" in done.out


def test_the_cultures_are_listed_as_json(cli: Cli) -> None:
    found = json.loads(cli("cultures", "--json").out)
    assert [one["name"] for one in found] == list(names())
    assert (
        next(one for one in found if one["name"] == "demo")["benchmarks"]["demo_skills"]["standards"]["acc"]["TU"]
        == load("demo").benchmarks["demo_skills"].standards["acc"]["TU"]
    )


def test_the_culture_of_the_page_is_a_good_one(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    file = tmp_path / "culture.toml"
    file.write_text(page.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    assert load(file).tasks == ("a_eval", "mmlu")
