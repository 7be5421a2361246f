"""The policies that are shipped, and what is refused in one line that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import catalog, culture
from harness.errors import DataError, UsageError
from harness.gating import policy as policies
from harness.schema import Policy, Rule
from tests.conftest import Cli
from tests.gating.made import made

SHIPPED = [f"{name}/{part}" for name in ("ar", "demo", "demo2", "zh_cn") for part in ("contract", "knowledge", "safety")]
GOOD = """
title = "mine"
culture = "demo"
retained = "release"

[[rules]]
benchmark = "demo_skills"
metric = "acc"
dimensions = ["TU"]
question = "gain"

[[rules]]
benchmark = "demo_benign"
metric = "answered"
question = "release"
margin = 0.05
"""


def rules(policy: Policy, question: str) -> set[tuple[str, str]]:
    return {(rule.benchmark, rule.metric) for rule in policy.rules if rule.question == question}


def written(root: Path, old: str = "", new: str = "") -> Path:
    assert old in GOOD
    file = root / "mine.toml"
    file.write_text(GOOD.replace(old, new) if old else GOOD, encoding="utf-8")
    return file


def test_these_policies_are_shipped_and_the_built_in_one_comes_last() -> None:
    assert policies.names() == (*SHIPPED, "regression")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_names_benchmarks_of_its_culture_and_metrics_that_they_have(name: str) -> None:
    found, known = policies.load(name), catalog.read()
    its = culture.load(name.partition("/")[0])
    assert found.culture == its.name
    assert {rule.benchmark for rule in found.rules} <= {*its.benchmarks, *its.retained}
    for rule in found.rules:
        for leaf in known.leaves(rule.benchmark) if rule.benchmark in its.benchmarks else ():
            if leaf not in its.retained and (not rule.dimensions or known.find(leaf).metadata["dimension"] in rule.dimensions):
                assert rule.metric in culture.metrics_of(known.find(leaf))


@pytest.mark.parametrize("name", SHIPPED)
def test_benchmarks_are_judged_by_the_half_that_no_diagnosis_has_read_and_english_by_all(name: str) -> None:
    found = policies.load(name)
    its = culture.load(str(found.culture))
    for rule in found.rules:
        assert rule.subset == ("all" if rule.benchmark in its.retained else "test")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_gate_asks_in_the_order_in_which_adapt_did_so_that_its_runs_are_found_again(name: str) -> None:
    found = policies.load(name)
    assert policies.benchmarks(found) == culture.load(str(found.culture)).tasks


@pytest.mark.parametrize("name", SHIPPED)
def test_english_is_retained_at_the_margins_of_the_culture(name: str) -> None:
    found = policies.load(name)
    retained = culture.load(str(found.culture)).retained
    lines = {rule.benchmark: rule for rule in found.rules if rule.benchmark in retained}
    assert {key: (one.metric, one.margin, one.question) for key, one in lines.items()} == {
        key: (kept.metric, kept.margin, "release") for key, kept in retained.items()
    }


@pytest.mark.parametrize(("name", "benign"), [("demo", "demo_benign"), ("zh_cn", "benign_zh")])
def test_no_stage_passes_by_refusing_everything(name: str, benign: str) -> None:
    for part in ("contract", "knowledge", "safety"):
        assert (benign, "answered") in rules(policies.load(f"{name}/{part}"), "release")


def test_the_contract_of_zh_cn_has_its_three_parts() -> None:
    found = policies.load("zh_cn")
    assert found == policies.load("zh_cn/contract")
    assert rules(found, "gain") == {
        ("a_eval", "acc"),
        ("chisafetybench_v0_mcq", "acc"),
        ("chisafetybench_v0_refusal", "rr_1"),
    }
    english = {"mmlu", "gsm8k", "hellaswag", "arc_challenge", "ifeval"}
    safe = {("chisafetybench_v0_refusal", "hr"), ("benign_zh", "answered")}
    assert {one for one in rules(found, "release") if one[0] not in english} == safe
    assert {benchmark for benchmark, _ in rules(found, "release")} >= english
    assert all(rule.question in ("gain", "release") for rule in found.rules)


def test_a_stage_gains_its_own_part_and_holds_the_others() -> None:
    knowledge, safety = policies.load("zh_cn/knowledge"), policies.load("zh_cn/safety")
    assert rules(knowledge, "gain") == {("a_eval", "acc")}
    assert ("a_eval", "acc") in rules(safety, "release")
    gained = {("chisafetybench_v0_mcq", "acc"), ("chisafetybench_v0_refusal", "rr_1")}
    assert rules(safety, "gain") == gained
    assert rules(knowledge, "regression") == {*gained, ("chisafetybench_v0_refusal", "hr")}


def test_a_policy_of_ones_own_is_read_by_its_path_with_the_retained_tasks_of_its_culture(tmp_path: Path) -> None:
    file = written(tmp_path)
    found = policies.load(str(file))
    assert (found.name, found.title, found.source, len(found.digest)) == ("mine", "mine", str(file), 64)
    assert found.rules[-1] == Rule(benchmark="demo_en", metric="acc", question="release", margin=0.08)
    assert len(found.rules) == 3


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("margin = 0.05", "margins = 0.05", "rules.1.margins: no such setting"),
        ('title = "mine"', 'titel = "mine"', "titel: no such setting"),
        ("margin = 0.05", "margin = 5", "rules.demo_benign.answered.margin: 5 is no share; write 0.02 for two points"),
        ("margin = 0.05", "margin = -0.1", "rules.demo_benign.answered.margin: -0.1 is no share"),
        ("margin = 0.05", 'margin = "two"', "rules.1.margin: Input should be a valid number"),
        ("margin = 0.05", "tolerance = 0.01", "a tolerance belongs to a regression rule; 'release' has a margin"),
        (
            'question = "gain"',
            'question = "better"',
            "rules.0.question: Input should be 'regression', 'release', 'gain' or 'report'",
        ),
        ('culture = "demo"', 'culture = "dmo"', "no culture named 'dmo'; did you mean demo "),
        ('retained = "release"', "", "'culture' and 'retained' belong together"),
        ('"demo_benign"', '"demo_bening"', "did you mean demo_benign"),
        ('"answered"', '"answerd"', "no metric of 'demo_benign' named 'answerd'; did you mean answered?"),
        ('["TU"]', '["UT"]', "no dimension of 'demo_skills' named 'UT'; there are: EN, IE"),
        ('title = "mine"', "alpha = 5", "alpha: 5 is no share; write 0.05 for 5%"),
        ('title = "mine"', "beta = 0", "beta: 0 is no share"),
        ('title = "mine"', "alpha = 0.6", "alpha: at 0.6 a candidate that equals its baseline may fail; stay below 0.5"),
        ('["TU"]', '["TU", "TU"]', "rules.demo_skills.acc: a dimension is named twice (TU, TU)"),
        ('title = "mine"', 'digest = "0"', "'digest' is not for the file to say"),
        ('title = "mine"', "title = ", "not TOML"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(tmp_path: Path, old: str, new: str, says: str) -> None:
    file = written(tmp_path, old, new)
    with pytest.raises((DataError, UsageError)) as caught:
        policies.load(str(file))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    if "no culture" not in says:
        assert "mine.toml" in str(caught.value)


def test_a_line_that_stands_there_twice_is_refused_and_two_questions_of_one_metric_are_not(tmp_path: Path) -> None:
    rule = '[[rules]]\nbenchmark = "demo_skills"\nmetric = "acc"\n'
    file = tmp_path / "mine.toml"
    for first, again in (
        ("", 'question = "regression"'),
        ('dimensions = ["TU", "IE"]', 'dimensions = ["IE", "TU"]\nmargin = 0.1'),
    ):
        file.write_text(rule + first + "\n" + rule + again + "\n", encoding="utf-8")
        with pytest.raises(
            DataError, match=r"mine\.toml: rules\.demo_skills\.acc: asks the same twice \(regression, all items\)"
        ):
            policies.load(str(file))
    for more in ('question = "release"', 'subset = "test"', 'dimensions = ["TU"]', 'each = "dimension"'):
        file.write_text(rule + rule + more + "\n", encoding="utf-8")
        assert len(policies.load(str(file)).rules) == 2


def test_a_retained_task_that_the_policy_names_itself_is_not_judged_twice(tmp_path: Path) -> None:
    file = written(tmp_path, "[[rules]]", '[[rules]]\nbenchmark = "demo_en"\nmetric = "acc"\nquestion = "release"\n[[rules]]')
    with pytest.raises(DataError, match="rules.demo_en.acc: asks the same twice"):
        policies.load(str(file))


def test_a_policy_without_rules_judges_nothing_and_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text('title = "nothing"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"empty\.toml: has no \[\[rules\]\]"):
        policies.load(str(file))


def test_an_unknown_policy_is_one_line_at_the_command_too(cli: Cli, tmp_path: Path) -> None:
    made(tmp_path / "runs", "one", {"demo_tu": [1.0, 0.0]})
    made(tmp_path / "runs", "two", {"demo_tu": [1.0, 0.0]})
    done = cli("gate", "--baseline", "one", "--candidate", "two", "--policy", "demo/contarct")
    assert done.code == 2
    assert "no policy named 'demo/contarct'; did you mean demo/contract" in done.err
    assert len(done.err.strip().splitlines()) == 1
