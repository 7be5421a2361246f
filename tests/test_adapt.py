"""`harness adapt`: the whole loop with the real verbs on a tiny model, and how it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import folders
from harness.cli.adapt import by_stage
from harness.errors import UsageError
from tests.conftest import Cli, Done

CULTURE = """
name = "small"
title = "A small part of the demo"
language = "zh"

[benchmarks.small_skills]
stage = "knowledge"
standards.acc = 0.7
sources = { TU = ["demo:tu"], TG = ["demo:tg"] }

[benchmarks.small_risk]
stage = "safety"
standards.rr_1 = 0.9
sources = { DI = ["demo:risk_di"] }

[retained.small_en]
metric = "acc"
margin = 0.3
sources = ["demo:en"]

[stages.knowledge]
recipe = "demo-knowledge"
rows = 60
replay = { small_en = 0.3 }

[stages.safety]
recipe = "demo-safety"
rows = 30
replay = { small_en = 0.2 }
"""
TASKS = {"tu": "small_skills", "tg": "small_skills", "risk_di": "small_risk", "en": "small_en"}
"""Task of the demo -> benchmark it becomes a part of."""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a culture of four tasks, a sixth of the demo's items each."""
    demo, home = folders.home() / "tasks" / "demo", tmp_path / "home"
    tasks = home / "tasks" / "small"
    tasks.mkdir(parents=True)
    (tasks / "culture.toml").write_text(CULTURE)
    for name, benchmark in TASKS.items():
        task = yaml.safe_load((demo / f"{name}.yaml").read_text())
        task |= {"include": str(demo / task["include"]), "task": f"small_{name}"}
        task["dataset_kwargs"] |= {"size": "small"}
        task["metadata"] |= {"benchmark": benchmark, "rubric": str((demo / task["metadata"]["rubric"]).resolve())}
        (tasks / f"{name}.yaml").write_text(yaml.safe_dump(task))
    for group, metric in (("small_skills", "acc"), ("small_risk", "rr_1")):
        members = [f"small_{name}" for name, benchmark in TASKS.items() if benchmark == group]
        described = {"group": group, "task": members, "metadata": {"version": 1.0}}
        described["aggregate_metric_list"] = [{"metric": metric, "weight_by_size": True}]
        (tasks / f"_{group}.yaml").write_text(yaml.safe_dump(described))
    monkeypatch.setenv("HARNESS_PATH", str(home))
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return tmp_path


def said(done: Done) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(done.out)
    return parsed


def small_loop(model: Path) -> tuple[str, ...]:
    """The loop over the small culture with a trainer that copies its base."""
    loop = ("adapt", "--model", str(model), "--culture", "small", "--trainer", "noop")
    return (*loop, "--model-arg", "dtype=float32", "--gen", "max_gen_toks=8")


def test_a_trainer_that_changes_nothing_is_found_out_and_asked_again_it_answers_at_once(
    cli: Cli, small: Path, tiny_model: Path
) -> None:
    done = cli(*small_loop(tiny_model), "--json")
    assert done.code == 4, done.err
    found = said(done)
    assert found["answer"] == "does not hold"
    assert [stage["state"] for stage in found["stages"]] == ["trained", "trained"]
    assert [one["model"] for one in found["shown"]] == ["tiny", "tiny-kg", "tiny-safe"]
    assert found["stages"][1]["base"] == "tiny-kg"
    lines = [line for stage in found["stages"] for part in stage["claim"]["parts"] for line in part["evidence"]]
    assert {line["paired"]["delta"] for line in lines} == {0.0}
    assert done.err.splitlines()[-1].startswith("harness: the claim does not hold (knowledge: weak areas improved")
    report = small / "adaptations" / found["id"] / "report.md"
    before = report.read_bytes(), sorted((small / "runs").iterdir())

    again = cli(*small_loop(tiny_model))
    assert again.code == 4
    assert "Does not hold" in again.out
    assert (report.read_bytes(), sorted((small / "runs").iterdir())) == before


def test_a_dry_run_says_what_it_would_cost_and_does_nothing(cli: Cli, small: Path, tiny_model: Path) -> None:
    found = said(cli(*small_loop(tiny_model), "--dry-run", "--json", "--rows", "safety=40", "--replay", "knowledge.small_en=0"))
    knowledge, safety = found["stages"]
    assert (knowledge["checkpoint"], knowledge["rows"], knowledge["steps"], knowledge["replay"]) == ("tiny-kg", 60, 16, {})
    assert (safety["checkpoint"], safety["rows"], safety["steps"]) == ("tiny-safe", 40, 6)
    assert knowledge["areas"] == ["small_skills/TU", "small_skills/TG"]
    assert knowledge["tokens"] > 1000
    assert knowledge["seconds"]
    assert not (small / "adaptations").exists()
    assert not (small / "runs").exists()


def test_a_dry_run_of_a_model_that_is_not_here_says_so(cli: Cli) -> None:
    done = cli("adapt", "--model", "llama3-8b", "--culture", "zh_cn", "--dry-run")
    assert done.code == 0, done.err
    assert "llama3-8b-kg" in done.out
    assert "1,526" in done.out
    assert "not known yet" in done.out


def test_the_plan_of_the_zh_cn_culture_is_that_of_the_paper(cli: Cli) -> None:
    found = said(cli("adapt", "--model", "llama3-8b", "--culture", "zh_cn", "--dry-run", "--json"))
    assert [(stage["rows"], stage["epochs"], stage["instances_per_step"]) for stage in found["stages"]] == [
        (97600, 2.0, 128),
        (20450, 2.0, 128),
    ]
    assert found["evaluations"] == 5


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--model", "openai:gpt", "--culture", "demo", "--trainer", "noop"), "needs its server"),
        (("--model", "demo-en-small", "--culture", "dmo"), "did you mean demo or demo2?"),
        (("--model", "demo-en-small", "--culture", "demo", "--set", "knowlege.epochs=1"), "no stage in --set named 'knowlege'"),
        (("--model", "demo-en-small", "--culture", "demo", "--rows", "safety=few"), "'few' is no whole number"),
        (("--model", "demo-en-small", "--culture", "demo", "--replay", "demo_en"), "takes [STAGE.]KEY=VALUE"),
        (("--model", "demo-en-small", "--culture", "demo", "--recipe", "paper,belle"), "given twice for both stages"),
        (("--model", "demo-en-small", "--culture", "demo", "--recipe", "papr"), "did you mean paper"),
    ],
)
def test_a_wrong_word_is_one_line_and_costs_nothing(cli: Cli, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = cli("adapt", *words)
    assert done.code == 2
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_settings_are_of_one_stage_or_of_both() -> None:
    found = by_stage(["knowledge.epochs=1", "seed=2", "safety.adam_betas=[0.9, 0.95]"], "--set", str)
    assert found == {"knowledge": {"epochs": "1"}, None: {"seed": "2"}, "safety": {"adam_betas": "[0.9, 0.95]"}}
    with pytest.raises(UsageError, match="given twice"):
        by_stage(["knowledge.epochs=1", "knowledge.epochs=2"], "--set", str)


@pytest.mark.slow
def test_the_demo_is_adapted_and_nothing_speaks_against_the_claim(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole loop for real, trained here in about five minutes of one CPU.

    What it must show is the gain and what was kept. Whether 200 items also exclude that skills fell by 4 points (they fall by
    about 2) differs from training to training.
    """
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    done = cli("adapt", "--model", "demo-en", "--culture", "demo", "--json")
    assert done.code in (0, 5), done.err
    stages = said(done)["stages"]
    answers = [{part["name"]: part["answer"] for part in stage["claim"]["parts"]} for stage in stages]
    for name in ("weak areas improved", "retained tasks held", "only the weak"):
        assert [stage[name] for stage in answers] == ["holds", "holds"]
    assert answers[1]["not bought by over-refusal"] == "holds"
    assert "does not hold" not in {answer for stage in answers for answer in stage.values()}


@pytest.mark.slow
def test_knowledge_without_replay_is_stopped_for_the_english_it_lost(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    done = cli("adapt", "--model", "demo-en", "--culture", "demo", "--replay", "knowledge.demo_en=0", "--json")
    assert done.code == 4
    found = said(done)
    assert found["stopped"]
    assert [stage["stage"] for stage in found["stages"]] == ["knowledge"]
    assert "demo_en: lost" in found["why"]
    assert (tmp_path / "checkpoints" / "demo-en-kg" / "checkpoint.json").is_file()
