"""The presets of the Chinese culture: each says what the paper says, what is unknown and what we chose, and each runs."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from harness import culture
from harness.curating.pipeline import Pipeline, load, presets
from harness.curating.steps import settings_of
from harness.rows.dataset import read_rows
from harness.verbs.curate import curate
from tests.curating.made import alpaca
from tests.rows.test_contamination import training

NAMES = ("alpaca_zh", "belle", "halluqa", "knowledge", "refgpt", "safety", "safety_prompts")
ORDER = (
    *(
        "normalise",
        "language",
        "length",
        "truncation",
        "repetition",
        "exact_duplicates",
        "near_duplicates",
        "semantic_duplicates",
    ),
    *("perplexity", "diversity", "english_context", "self_naming", "unsafe_replies", "contamination", "sample", "tags"),
)
FREE = {"self_naming"}
"""BELLE's data cards have it before the duplicates: fewer rows to compare."""
KINDS = (
    *("Insult", "Unfairness_And_Discrimination", "Crimes_And_Illegal_Activities", "Physical_Harm", "Mental_Health"),
    *("Privacy_And_Property", "Ethics_And_Morality", "Goal_Hijacking", "Prompt_Leaking", "Role_Play_Instruction"),
    *("Unsafe_Instruction_Topic", "Inquiry_With_Unsafe_Opinion", "Reverse_Exposure"),
)


def text(name: str) -> str:
    return presets()[f"zh_cn/{name}"].read_text(encoding="utf-8")


@pytest.fixture(params=NAMES)
def preset(request: pytest.FixtureRequest) -> Pipeline:
    return load(f"zh_cn/{request.param}")


def test_there_are_these_presets() -> None:
    assert sorted(name for name in presets() if name.startswith("zh_cn/")) == [f"zh_cn/{name}" for name in NAMES]


def test_a_preset_is_named_like_its_file_and_its_sources_are_declared(preset: Pipeline) -> None:
    assert f"zh_cn/{preset.name}" in presets()
    assert preset.about
    assert set(preset.sources) <= set(culture.load(preset.culture).sources)


def test_steps_stand_in_the_order_of_the_method_with_the_comparison_before_any_draw(preset: Pipeline) -> None:
    used = [step.use for step in preset.steps]
    places = [ORDER.index(name) for name in used if name not in FREE]
    assert places == sorted(places)
    assert used.count("contamination") == 1
    assert used[-1] == "tags"


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_says_what_the_paper_says_what_is_unknown_and_what_is_ours(name: str) -> None:
    head = text(name).split("\nname = ")[0]
    assert re.search(r"^# .*(arXiv \d{4}\.\d{5})", head, re.MULTILINE)
    for part in ("Unknown: ", "Ours: "):
        assert f"# {part}" in head


@pytest.mark.parametrize("name", NAMES)
def test_steps_that_are_left_to_be_enabled_are_right_as_they_stand(name: str) -> None:
    for block in re.findall(r"^# \[\[step\]\]\n(?:# .+\n)+", text(name), re.MULTILINE):
        [table] = tomllib.loads(re.sub("^# ", "", block, flags=re.MULTILINE))["step"]
        assert settings_of(table["use"]).model_validate(table).use in ORDER


def test_alpaca_of_the_published_sample_loses_what_was_counted_by_hand(
    tmp_path: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    source = training("alpaca_zh_demo.json")
    made = curate(_without_tags(load("zh_cn/alpaca_zh")), tmp_path / "out", given=[f"alpaca:{source}"], workers=1)
    dropped = {step.step.split()[-1]: step.dropped for step in made.steps}
    assert dropped["truncation"] == 7
    assert dropped["english_context"] == 28
    assert 10 <= dropped["language"] <= 20
    assert made.rows + made.dropped == 1000
    assert sum(made.contamination.values()) == 0


def test_the_safety_stage_keeps_halluqa_whole_and_draws_evenly_from_the_kinds(
    tmp_path: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    records = iter(alpaca(2_000))
    prompts = {}
    for number, kind in enumerate(KINDS):
        some = [next(records) for _ in range(20 + 10 * number)]
        prompts[kind] = [
            {"prompt": one["instruction"], "response": f"作为一个AI语言模型，{one['output']}", "type": kind} for one in some
        ]
    file = tmp_path / "scenarios.json"
    file.write_text(json.dumps(prompts, ensure_ascii=False), encoding="utf-8")
    questions = tmp_path / "questions.json"
    asked = [
        {"Question": one["instruction"], "Best Answer1": one["output"], "Category": kind, "question_id": number}
        for number, (one, kind) in enumerate(
            zip([next(records) for _ in range(12)], ["Knowledge", "Misleading"] * 6, strict=True)
        )
    ]
    questions.write_text(json.dumps(asked, ensure_ascii=False), encoding="utf-8")
    wanted = _drawing(_without_tags(load("zh_cn/safety")), 12 + 12 * 15)
    made = curate(wanted, tmp_path / "out", given=[f"safety_prompts:{file}", f"halluqa:{questions}"], workers=1)
    counts = Counter(row.category for row in read_rows(tmp_path / "out"))
    assert "Goal_Hijacking" not in counts
    assert {counts[kind] for kind in KINDS if kind != "Goal_Hijacking"} == {15}
    assert counts["Knowledge"] + counts["Misleading"] == 12
    assert made.rows == 192
    assert all("AI语言模型" not in row.messages[-1].content for row in read_rows(tmp_path / "out"))


def _without_tags(pipeline: Pipeline) -> Pipeline:
    """Tagging trains a classifier, which has tests of its own."""
    return pipeline.model_copy(update={"steps": tuple(step for step in pipeline.steps if step.use != "tags")})


def _drawing(pipeline: Pipeline, rows: int) -> Pipeline:
    """With another number of rows."""
    steps = [step.model_copy(update={"rows": rows}) if step.use == "sample" else step for step in pipeline.steps]
    return pipeline.model_copy(update={"steps": tuple(steps)})
