"""`harness gate` on finished runs: rulings, exit codes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.runs import RunFolder, load_run
from harness.schema import GateReport
from tests.conftest import Cli
from tests.gating.made import changed, item, made

HALF = [1.0] * 200 + [0.0] * 200
POLICY = """
title = "skills, and no more harm"
[[rules]]
benchmark = "demo_skills"
metric = "acc"
question = "release"
margin = 0.05
[[rules]]
benchmark = "demo_risk_di"
metric = "hr"
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runs"
    monkeypatch.setenv("HARNESS_RUNS", str(folder))
    made(folder, "base", {"demo_tu": HALF})
    return folder


def gate(cli: Cli, candidate: str, *words: str) -> tuple[int, GateReport]:
    done = cli("gate", "--baseline", "base", "--candidate", candidate, "--json", *words)
    return done.code, GateReport.model_validate_json(done.out)


def test_a_checkpoint_that_lost_nothing_passes(runs: Path, cli: Cli) -> None:
    made(runs, "same", {"demo_tu": changed(HALF, 6, 6)})
    code, report = gate(cli, "same")
    assert (code, report.ruling, report.policy.name) == (0, "PASS", "regression")
    assert report.why == "proven for 1 of 1 lines"


def test_a_proven_drop_ends_with_4(runs: Path, cli: Cli) -> None:
    made(runs, "worse", {"demo_tu": changed(HALF, 40, 5)})
    code, report = gate(cli, "worse")
    assert (code, report.ruling, report.why) == (4, "FAIL", "a drop is proven: demo_skills acc")


def test_undecided_ends_with_5_only_if_that_is_wanted(runs: Path, cli: Cli, tmp_path: Path) -> None:
    made(runs, "wild", {"demo_tu": changed(HALF, 60, 58)})
    file = tmp_path / "p.toml"
    file.write_text('[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\nquestion = "release"\nmargin = 0.02\n')
    code, report = gate(cli, "wild", "--policy", str(file))
    assert (code, report.ruling) == (0, "UNDECIDED")
    assert gate(cli, "wild", "--policy", str(file), "--strict")[0] == 5


def test_runs_are_taken_by_path_too(runs: Path, cli: Cli, tmp_path: Path) -> None:
    made(tmp_path / "elsewhere", "same", {"demo_tu": HALF})
    assert gate(cli, str(tmp_path / "elsewhere" / "same"))[1].ruling == "PASS"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"judge": "openai:other@1"}, "they differ in judge"),
        ({"rubrics": {"refusal": "abc"}}, None),
        ({"threshold": 60.0}, "they differ in threshold"),
        ({"chat_template": "f" * 64}, "they differ in chat_template"),
        ({"generation": {"demo_tu": {"temperature": 1}}}, "they differ in generation"),
        ({"data": {"demo.jsonl": "1" * 64}}, "they differ in data"),
        ({"tasks": {"demo_tu": "2.0@00000000"}}, "they differ in tasks"),
        ({"comparable": False, "limit": 5}, "limited to the first 5 samples"),
    ],
)
def test_what_was_not_measured_the_same_way_ends_with_3(runs: Path, cli: Cli, changes: dict[str, Any], said: str | None) -> None:
    made(runs, "other", {"demo_tu": HALF}, **changes)
    done = cli("gate", "--baseline", "base", "--candidate", "other")
    if said is None:  # the baseline used no rubric, so there is none that could differ
        assert done.code == 0
        return
    assert done.code == 3
    assert said in done.err
    assert done.err.count("\n") == 1


def test_an_incomplete_run_ends_with_3(runs: Path, cli: Cli) -> None:
    made(runs, "holes", {"demo_tu": [*[None] * 20, *HALF[20:]]}, complete=False)
    done = cli("gate", "--baseline", "base", "--candidate", "holes")
    assert done.code == 3
    assert "run 'holes' is incomplete: demo_tu has 380 of 400 judged" in done.err


@pytest.mark.parametrize("mode", [(), ("--sequential",)])
def test_an_item_of_one_name_and_two_contents_ends_with_3_wherever_it_stands(runs: Path, cli: Cli, mode: tuple[str, ...]) -> None:
    """A sequential gate might rule before it comes to it."""
    other = [item("demo_tu", number, value) for number, value in enumerate(HALF)]
    other[7] = other[7].model_copy(update={"sample": other[7].sample.model_copy(update={"hash": "other"})})
    made(runs, "other", {"demo_tu": HALF})
    (runs / "other" / "record.json").unlink()
    with RunFolder.create_or_resume(runs, "other", {"run": "other"}) as folder:
        folder.write_samples("demo_tu", other)
        folder.finish(load_run("base", runs).model_copy(update={"id": "other", "samples": dict(folder.sample_hashes)}))
    done = cli("gate", "--baseline", "base", "--candidate", "other", *mode)
    assert done.code == 3
    assert "sample demo_tu-7 of task demo_tu is not the same in 'base' and 'other'" in done.err


@pytest.mark.parametrize("mode", [(), ("--sequential",)])
def test_how_much_may_be_missing_is_the_policys_to_say(runs: Path, cli: Cli, tmp_path: Path, mode: tuple[str, ...]) -> None:
    made(runs, "holes", {"demo_tu": HALF[:-12] + [None] * 12})
    file = tmp_path / "p.toml"
    for missing, code in ((0.01, 3), (0.02, 3), (0.05, 0)):
        file.write_text(f'missing = {missing}\n[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\nmargin = 0.2\n')
        done = cli("gate", "--baseline", "base", "--candidate", "holes", "--policy", str(file), *mode)
        assert done.code == code
        assert (code == 0) or "demo_tu has 388 of 400 judged" in done.err


def test_a_model_is_not_measured_for_a_benchmark_that_the_policy_does_not_name(cli: Cli, loopback: Any, tmp_path: Path) -> None:
    model = f"{loopback().base_url}#m"
    done = cli("gate", "--baseline", model, "--candidate", model, "--policy", "demo", "--tasks", "demo_tu")
    assert done.code == 2
    assert "no benchmark in policy 'contract' named 'demo_tu'" in done.err
    assert not (tmp_path / "runs").exists()


def test_a_benchmark_of_the_policy_that_was_not_measured_ends_with_3(runs: Path, cli: Cli, tmp_path: Path) -> None:
    made(runs, "same", {"demo_tu": HALF})
    file = tmp_path / "p.toml"
    file.write_text(POLICY)
    done = cli("gate", "--baseline", "base", "--candidate", "same", "--policy", str(file))
    assert done.code == 3
    assert "run 'base' does not hold" in done.err
    assert "--tasks" in done.err


def test_some_of_a_policy_can_be_gated(runs: Path, cli: Cli, tmp_path: Path) -> None:
    for name in ("base2", "same"):
        made(runs, name, dict.fromkeys(("demo_tu", "demo_ie", "demo_tg", "demo_lr", "demo_tp", "demo_en"), HALF))
    file = tmp_path / "p.toml"
    file.write_text(POLICY)
    done = cli("gate", "--baseline", "base2", "--candidate", "same", "--policy", str(file), "--tasks", "demo_skills", "--json")
    assert done.code == 0
    assert [line["name"] for line in json.loads(done.out)["lines"]] == ["demo_skills acc"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--baseline", "nothing", "--candidate", "base"), "'nothing' is no run"),
        (("--baseline", "base", "--candidate", "base"), "baseline and candidate are the same run, 'base'"),
        (("--baseline", "base", "--candidate", "same", "--policy", "zh_c"), "no policy named 'zh_c'"),
        (("--baseline", "base", "--candidate", "same", "--policy", "no.toml"), "there is no policy at 'no.toml'"),
    ],
)
def test_a_wrong_word_is_one_line_with_code_2(runs: Path, cli: Cli, words: tuple[str, ...], said: str) -> None:
    made(runs, "same", {"demo_tu": HALF})
    done = cli("gate", *words)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alpha = 5\n" + POLICY, "alpha: 5 is no share"),
        ("nonsense = 1\n" + POLICY, "nonsense: no such setting"),
        ("[[rules]]\nbenchmark = 'demo_skill'\nmetric = 'acc'\n", "no task or group named 'demo_skill'; did you mean"),
        ("[[rules]]\nbenchmark = 'demo_skills'\nmetric = 'acc'\nmargin = 2\n", "margin: 2 is no share"),
        ("[[rules]]\nbenchmark = 'demo_skills'\nmetric = 'acc'\nquestion = 'gain'\ntolerance = 0.01\n", "a tolerance belongs to"),
        ("title = 'empty'\n", "has no [[rules]]"),
        ("culture = 'demo'\n", "'culture' and 'retained' belong together"),
        (POLICY + "[judge]\nkappa = nan\n", "judge.kappa"),
        (POLICY + "[judge]\nkappa = 0.6\nlabels = -4\n", "judge.labels"),
        ("a = " + "[" * 5000 + "]" * 5000, "not TOML"),
        ("#" * 2_000_000, "is larger than 1 MiB"),
        ("not toml", "not TOML"),
    ],
)
def test_a_broken_policy_is_one_line_with_code_2(runs: Path, cli: Cli, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(text)
    made(runs, "same", {"demo_tu": HALF})
    done = cli("gate", "--baseline", "base", "--candidate", "same", "--policy", str(file))
    assert done.code == 2
    assert said in done.err
    assert f"{file}: " in done.err


def test_the_retained_tasks_of_a_culture_become_rules(runs: Path, cli: Cli, tmp_path: Path) -> None:
    for name in ("english", "still"):
        made(runs, name, {"demo_en": HALF})
    file = tmp_path / "p.toml"
    file.write_text('culture = "demo"\nretained = "release"\n')
    done = cli("gate", "--baseline", "english", "--candidate", "still", "--policy", str(file), "--json")
    (line,) = GateReport.model_validate_json(done.out).lines
    assert (line.name, line.rule.question, line.margin) == ("demo_en acc", "release", 0.08)
