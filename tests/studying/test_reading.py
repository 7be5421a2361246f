"""study.toml -> Study: what is wrong is said in one line, with the file, before anything costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import DataError, HarnessError, UsageError
from harness.studying.checking import notes
from harness.studying.reading import read_study
from tests.conftest import Cli
from tests.studying.written import SMALL, changed, written

WRONG = {
    "a misspelt setting": ("seeds = [1, 2]", "seds = [1, 2]", "no setting named 'seds'; did you mean seeds"),
    "a misspelt setting of an arm": (
        '[arms.K]\nphases = ["knowledge"]',
        '[arms.K]\nphase = ["knowledge"]',
        "arms.K: no setting named 'phase'; did you mean phases?",
    ),
    "a name that is none": ('name = "small"', 'name = "Small one"', "name: must be lower-case letters"),
    "a folder that it says itself": ('name = "small"', 'name = "small"\nfolder = "x"', "'folder' is not for the file to say"),
    "an unknown culture": ('culture = "demo"', 'culture = "demmo"', "no culture named 'demmo'; did you mean demo"),
    "an unknown base": ('"demo-en-small"', '"demo-en-smal"', "no model named 'demo-en-smal'; did you mean demo-en-small"),
    "an endpoint as base": ('"demo-en-small"', '"http://localhost:1/v1#x"', "is an endpoint and has no weights to train"),
    "no seed": ("seeds = [1, 2]", "seeds = []", "seeds: there are none"),
    "a seed twice": ("seeds = [1, 2]", "seeds = [1, 2, 1]", "seeds: 1 stands there twice"),
    "a seed that is none": ("seeds = [1, 2]", "seeds = [-1]", "seeds: -1 is no seed"),
    "an unknown task": ('"demo_en", ', '"demo_eng", ', "no task or group named 'demo_eng'"),
    "no judge": ("seeds = [1, 2]", 'seeds = [1, 2]\njudge = "none"', "judge: 'none' is none; say rules or openai:MODEL"),
    "a pool of nothing": ('areas = ["demo_skills"]', "", "data.knowledge: says nothing of where its rows come from"),
    "a pool of two things": (
        'sources = ["demo:en"]',
        'sources = ["demo:en"]\nareas = ["demo_en"]',
        "data.english: says areas and",
    ),
    "an unknown area": ('"demo_mcq", ', '"demo_mqc", ', "data.safety.areas: no benchmark or retained task named 'demo_mqc'; did"),
    "an unknown dimension of an area": ('"demo_risk/DI"', '"demo_risk/DX"', "no dimension of demo_risk with sources named 'DX'"),
    "an unknown source": ('"demo:en"', '"demo:enn"', "no demo family or part named 'enn'"),
    "a source the culture lacks": ('"demo:en"', '"alpaca"', "no source of culture demo named 'alpaca'"),
    "a demo pool that is curated": (
        'sources = ["demo:en"]',
        'sources = ["demo:en"]\ncurate = "zh_cn/alpaca_zh"',
        "data.english.curate: 'demo:en' is drawn by the demo world",
    ),
    "an unknown pipeline": (
        'sources = ["demo:en"]',
        'path = "x.jsonl"\ncurate = "zh_cn/alpacca"',
        "data.english.curate: no pipeline",
    ),
    "an unknown pool": (
        "data = { safety = 16 }",
        "data = { safty = 16 }",
        "phases.safety.data: no pool named 'safty'; did you mean",
    ),
    "no rows": ("data = { safety = 16 }", "data = { safety = 0 }", "phases.safety.data.safety: 0 rows cannot be trained on"),
    "no pool": ("data = { safety = 16 }", "data = {}", "phases.safety.data: names no pool"),
    "an unknown recipe": (
        'recipe = "demo-safety"',
        'recipe = "demo-saftey"',
        "phases.safety: no recipe named 'demo-saftey'; did you",
    ),
    "an unknown field of the recipe": (
        'recipe = "demo-safety"',
        'recipe = "demo-safety"\nset = { epoch = 1 }',
        "phases.safety: no field of a recipe named 'epoch'; did you mean epochs?",
    ),
    "an unknown trainer": (
        'recipe = "demo-safety"',
        'recipe = "demo-safety"\ntrainer = "ful_ft"',
        "phases.safety: no trainer named",
    ),
    "an unknown phase": ('[arms.S]\nphases = ["safety"]', '[arms.S]\nphases = ["saftey"]', 'arms."S".phases: no phase named'),
    "an unknown vocabulary": ("[arms.S]\n", '[arms.S]\nvocabulary = "zh"\n', "arms.\"S\".vocabulary: no vocabulary named 'zh'"),
    "two arms that are the same": (
        '[arms.S]\nphases = ["safety"]',
        '[arms.S]\nphases = ["knowledge"]',
        "arms.\"S\": is the same training as arm 'K', so they cannot be compared",
    ),
    "a vocabulary named base": (
        "[arms.base]",
        '[vocabularies.base]\ntext = ["english"]\nsize = 10\n[arms.base]',
        "vocabularies.base: 'base' is the name of the base's own vocabulary",
    ),
    "a vocabulary without text": (
        "[arms.base]",
        "[vocabularies.zh]\ntext = []\nsize = 9\n[arms.base]",
        "vocabularies.zh.text: names no",
    ),
    "a vocabulary of an unknown text": (
        "[arms.base]",
        '[vocabularies.zh]\ntext = ["knowlege"]\nsize = 9\n[arms.base]',
        "vocabularies.zh.text: no pool named 'knowlege'; did you mean knowledge?",
    ),
    "a warm-up of all weights": (
        "[arms.base]",
        '[vocabularies.zh]\ntext = ["knowledge"]\nsize = 9\nwarmup = "both"\n[arms.base]',
        "vocabularies.zh.warmup: phase 'both' (recipe demo-knowledge) trains all weights",
    ),
    "an outcome that is not measured": (
        'benchmark = "demo_en"',
        'benchmark = "demo_mcq"',
        "outcomes.english.benchmark: no benchmark or task that the study measures named 'demo_mcq'",
    ),
    "an unknown metric": (
        'metric = "hr"',
        'metric = "hrr"',
        "outcomes.harm.metric: no metric of demo_risk named 'hrr'; did you mean hr",
    ),
    "a copy of a metric": (
        'benchmark = "demo_en"',
        'benchmark = "demo_en"\nmetric = "acc_macro"',
        "outcomes.english.metric: 'acc_macro' is lm-eval's copy; write metric = 'acc', aggregation = 'macro'",
    ),
    "an unknown dimension": (
        'dimensions = ["DI"]',
        'dimensions = ["D1"]',
        "outcomes.harm.dimensions: no dimension of demo_risk named",
    ),
    "harm as a floor": ("ceiling = true\n", "", "outcomes.harm: of hr (harm) less is better; write ceiling = true"),
    "weights that do not sum to 0": (
        '"S->K" = -1 }',
        '"S->K" = -0.5 }',
        'contrasts."order".weights: sum to 0.5; the weights of a',
    ),
    "a weight of an unknown arm": (
        '"S->K" = -1 }',
        '"S=>K" = -1 }',
        "contrasts.\"order\".weights: no arm named 'S=>K'; did you mean",
    ),
    "a contrast of no arm": (
        'weights = { "K->S" = 1, "S->K" = -1 }',
        "weights = {}",
        "the weights of a contrast are a difference",
    ),
    "an outcome of a contrast": (
        'factor = "order"',
        'outcomes = ["english", "ham"]',
        'contrasts."order".outcomes: no outcome named',
    ),
    "an unknown factor": (
        'factor = "order"',
        'factor = "ordre"',
        "contrasts.\"order\".factor: no factor of the arms named 'ordre'; did",
    ),
    "an arm without a level": (
        'factors = { order = "safety first" }',
        "",
        "contrasts.\"order\": arm 'S->K' names no level of 'order'",
    ),
    "a part that is no arm": ('mixed = "mixed"', 'mixed = "mix"', "interference.mixed: no arm named 'mix'; did you mean mixed?"),
    "knowledge first that is not": (
        'knowledge_safety = "K->S"',
        'knowledge_safety = "mixed"',
        "arm 'mixed' is both, and should be knowledge, then safety",
    ),
    "a part played twice": (
        'safety = "S"',
        'safety = "K"',
        "interference.knowledge_safety: arm 'K->S' is knowledge, then safety, and",
    ),
    "knowledge that is the base": (
        'knowledge = "K"\n',
        'knowledge = "base"\n',
        "interference.knowledge: arm 'base' (the base) is not",
    ),
    "no outcome of knowledge": (
        'knowledge_outcomes = ["english"]',
        "knowledge_outcomes = []",
        "knowledge_outcomes: names no outcome",
    ),
    "cases of another seed": ("each = 1", "each = 1\nseed = 3", "cases.seed: 3 is none of the seeds (1, 2)"),
    "cases of another task": (
        "each = 1",
        'tasks = ["demo_mcq"]',
        "cases.tasks: no task that the study measures named 'demo_mcq'",
    ),
    "no cases": ("each = 1", "each = 0", "cases.each: 0 questions of each task are none"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_that_names_the_file(case: str, tmp_path: Path) -> None:
    old, new, said = WRONG[case]
    file = written(tmp_path, changed((old, new)))
    with pytest.raises(HarnessError) as error:
        read_study(file)
    assert said in str(error.value)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_study_that_is_right_has_nothing_to_say(tmp_path: Path) -> None:
    study = read_study(written(tmp_path))
    assert list(study.arms) == ["base", "K", "S", "K->S", "S->K", "mixed"]
    assert notes(study) == ()


def test_a_file_that_is_not_there_or_no_toml_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no study at"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(DataError, match="not TOML"):
        read_study(written(tmp_path, "name = "))


def test_a_mixed_arm_of_other_rows_is_noted_with_both_numbers(tmp_path: Path) -> None:
    text = changed(("english = 8, safety = 16", "english = 8, safety = 10"))
    assert notes(read_study(written(tmp_path, text))) == (
        "interference: arm 'mixed' draws 42 rows (english 8, knowledge 24, safety 10), and knowledge and safety together "
        "48 rows (english 8, knowledge 24, safety 16)",
    )


def test_arms_that_differ_in_more_than_the_factor_of_their_contrast_are_noted(tmp_path: Path) -> None:
    text = changed(
        ('order = "knowledge first"', 'order = "knowledge first", size = "8B"'),
        ('order = "safety first"', 'order = "x", size = "1B"'),
    )
    assert notes(read_study(written(tmp_path, text))) == ("contrast 'order': its arms differ in size too, not in order alone",)


def test_what_no_arm_uses_is_noted(tmp_path: Path) -> None:
    text = SMALL.replace('[arms.mixed]\nphases = ["both"]\n', "").replace('mixed = "mixed"\n', "")
    assert notes(read_study(written(tmp_path, text))) == ("phase 'both' is used by no arm",)


def test_the_command_ends_with_2_and_one_line(tmp_path: Path, cli: Cli) -> None:
    file = written(tmp_path, changed(('mixed = "mixed"', 'mixed = "mix"')))
    done = cli("study", str(file), "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err
        == f"harness: {file}: interference.mixed: no arm named 'mix'; did you mean mixed? there are: K, K->S, S, S->K, base, mixed\n"
    )
