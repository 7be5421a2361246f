"""demo2: items that are right, rows that repeat none, and the loop that mends what is weak, in a language no code knows."""

from __future__ import annotations

import importlib.util
import json
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.culture import load
from harness.folders import home
from harness.rows.contamination import BenchmarkItem, Index
from tests.conftest import Cli

FOLDER = home() / "tasks" / "demo2"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The generator."""
    spec = importlib.util.spec_from_file_location("make_demo2", Path(__file__).parents[2] / "examples" / "demo2" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text("utf-8").splitlines()]


def test_the_files_are_those_that_the_generator_makes(maker: ModuleType) -> None:
    made = maker.files()
    assert {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*.jsonl")} == set(made)
    assert all((FOLDER / name).read_bytes() == content for name, content in made.items())


def test_the_culture_is_small_and_holds_no_code() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 250_000
    assert {file.suffix for file in files} == {".toml", ".yaml", ".jsonl", ".md", ""}


def test_no_line_of_the_harness_knows_the_culture_or_its_language() -> None:
    known = re.compile(r"demo2|esperant|[\"']eo[\"']", re.IGNORECASE)
    files = (home() / "harness").rglob("*.py")
    assert {file.name for file in files if known.search(file.read_text("utf-8"))} <= {"culture.py"}  # its help names an example


def test_skills_are_right_by_the_rules_of_the_language() -> None:
    ones = ["", "unu", "du", "tri", "kvar", "kvin", "ses", "sep", "ok", "naŭ"]
    endings = {"Hieraŭ": "is", "Nun": "as", "Morgaŭ": "os"}
    for one in read("skills/items.jsonl"):
        kind, _, rest = one["question"].partition(": ")
        words = rest.split(", ")
        if kind == "Malo":
            right = [f"mal{word}" for word in words]
        elif kind == "Cifere":
            right = ["".join(str(ones.index(word)) for word in words)]
        else:
            right = [word.removesuffix("i") + endings[kind] for word in words]
        assert one["target"] == ", ".join(right)


def test_choices_are_right_and_either_answer_and_letter_is_as_frequent() -> None:
    wrong = ("kaŝe", "ruze", "ŝtele", "falsan", "ŝtelitan", "rompitan")
    items = read("mcq/items.jsonl")
    for one in items:
        assert (one["options"][one["target"]] == "ne") == any(word in one["question"] for word in wrong)
    assert sum(one["options"][one["target"]] == "ne" for one in items) == len(items) / 2
    assert 0.4 < sum(one["target"] == "A" for one in items) / len(items) < 0.6


def test_no_row_repeats_an_item_or_two_neighbouring_words_of_its_filling(maker: ModuleType) -> None:
    items = [one for name in maker.PLACES.values() for one in read(name)]
    index = Index([BenchmarkItem("demo2", str(n), (one["question"],)) for n, one in enumerate(items)])
    rows = [row for file in sorted((FOLDER / "rows").glob("*.jsonl")) for row in read(f"rows/{file.name}")]
    assert len(rows) == 1580
    assert not any(index.find_rows([(row["instruction"], row["output"]) for row in rows]))

    def pairs(text: str) -> set[tuple[str, str]]:
        words = [word.strip(",.?") for word in text.partition("\n")[0].split()]
        names = {*maker.FIRST}
        filled = {*maker.ADJECTIVES, *maker.VERBS, *maker.ONES} - {""}
        return {(a, b) for a, b in pairwise(words) if (a in filled and b in filled) or a in names}

    held = {pair for one in items for pair in pairs(one["question"])}
    assert held
    assert held.isdisjoint(pair for row in rows for pair in pairs(row["instruction"]))


def test_every_area_is_diagnosed_and_a_mix_holds_rows_of_the_weak_ones(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "diagnosis.json"
    measured = cli("eval", "--model", str(tiny_model), "--tasks", "demo2,demo_en", "--gen", "max_gen_toks=8", "--json")
    assert measured.code == 0, measured.err
    scores = json.loads(measured.out)["scores"]
    assert {one["metric"] for one in scores if one["benchmark"] == "demo2_skills"} >= {"acc", "script_share"}
    assert not [one for one in scores if one["metric"] == "zh_share" and one["benchmark"].startswith("demo2")]
    assert [one for one in scores if one["metric"] == "zh_share" and one["benchmark"] == "demo_en"]
    found = json.loads(cli("diagnose", "--culture", "demo2", "--json", "--out", str(file)).out)
    states = {(one["benchmark"], one["dimension"], one["metric"]): one["state"] for one in found["findings"]}
    assert len(states) == 11
    assert {state for (name, _, metric), state in states.items() if metric in ("acc", "rr_1")} == {"weak"}
    mixed = cli("mix", "--diagnosis", str(file), "--culture", "demo2", "--stage", "knowledge", "--rows", "200", "--json")
    assert mixed.code == 0, mixed.err
    made = json.loads(mixed.out)
    assert made["rows"] == 200
    assert {one["area"] for one in made["shares"]} == {
        "demo2_skills/VORTO",
        "demo2_skills/TEMPO",
        "demo2_skills/NOMBRO",
        "demo_en",
    }


@pytest.mark.slow
def test_the_loop_mends_what_is_weak_and_judges_its_claim(cli: Cli) -> None:
    done = cli("adapt", "--model", "demo-en", "--culture", "demo2", "--json")
    assert done.code in (0, 5), done.err
    said = json.loads(done.out)
    assert [one["model"] for one in said["stages"]] == ["demo-en-kg", "demo-en-safe"]
    assert all(
        part["answer"] == "holds" for one in said["stages"] for part in one["claim"]["parts"] if "weak areas" in part["name"]
    )


def test_standards_and_sources_name_every_dimension() -> None:
    culture = load("demo2")
    for name, dimensions in {"demo2_skills": 3, "demo2_mcq": 2, "demo2_risk": 2, "demo2_benign": 2}.items():
        benchmark = culture.benchmarks[name]
        assert {len(by) for by in benchmark.standards.values()} == {dimensions}
        assert len(benchmark.sources) == dimensions
