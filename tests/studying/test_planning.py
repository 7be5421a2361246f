"""Study -> steps: what arms have in common is done once, and what decides a step is in its name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.schema.study import StudyStep
from harness.studying.planning import plan, plan_study
from harness.studying.reading import read_study
from tests.studying.written import SMALL, changed, written


def steps(folder: Path, text: str = SMALL) -> tuple[StudyStep, ...]:
    return plan_study(read_study(written(folder, text)))


def names(found: tuple[StudyStep, ...], kind: str) -> set[str]:
    return {step.name for step in found if step.kind == kind}


def test_first_phases_are_trained_once_for_all_arms_that_begin_with_them(tmp_path: Path) -> None:
    found = steps(tmp_path)
    assert Counter(step.kind for step in found) == {"draw": 6, "train": 10, "measure": 11}
    first = [step for step in found if step.kind == "train" and step.name.startswith("demo-en-small.knowledge.s1")]
    assert [step.arms for step in first] == [("K", "K->S")]
    assert [step.seed for step in found if step.arms == ("base",)] == [None]


def test_every_step_comes_after_those_that_it_needs(tmp_path: Path) -> None:
    before: set[str] = set()
    for step in steps(tmp_path):
        assert before.issuperset(step.needs)
        before.add(step.id)


def test_an_arm_is_a_chain_of_trainings_and_its_last_model_is_measured(tmp_path: Path) -> None:
    planned = plan(read_study(written(tmp_path)))
    leaf = next(leaf for leaf in planned.leaves if (leaf.arm, leaf.seed) == ("S->K", 2))
    first, second = (planned.by_id[id_] for id_ in leaf.chain)
    assert (first.phase, second.phase) == ("safety", "knowledge")
    assert second.parent == first.step.name
    assert planned.by_id[leaf.measure].step.name == second.step.name == leaf.model


def test_another_study_with_the_same_step_makes_the_same_checkpoint(tmp_path: Path) -> None:
    other = changed(
        ('name = "small"', 'name = "other" # and a remark'), ('[arms.mixed]\nphases = ["both"]\n', ""), ('mixed = "mixed"\n', "")
    )
    shared = names(steps(tmp_path), "train") & names(steps(tmp_path, other), "train")
    assert len(shared) == 8


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('recipe = "demo-safety"', 'recipe = "demo-safety"\nset = { epochs = 3 }', {"knowledge", "both"}),
        ('recipe = "demo-safety"', 'recipe = "demo-safety"\nset = { save_steps = 3 }', {"knowledge", "both", "safety"}),
        ("data = { safety = 16 }", "data = { safety = 15 }", {"knowledge", "both"}),
        ('sources = ["demo:en"]', 'sources = ["demo:en_logic"]', {"safety"}),
        ('"demo_en", "demo_risk"]', '"demo_en", "demo_risk", "demo_mcq"]', {"knowledge", "both", "safety"}),
        ('base = "demo-en-small"', 'base = "demo-en"', set()),
    ],
)
def test_a_change_makes_new_checkpoints_of_what_it_decides_and_of_nothing_else(
    old: str, new: str, same: set[str], tmp_path: Path
) -> None:
    before, after = names(steps(tmp_path), "train"), names(steps(tmp_path, changed((old, new))), "train")
    first = {name.split(".")[1] for name in before & after if name.count(".") == 2}
    assert first == same


def test_names_do_not_depend_on_the_seeds_beside_them(tmp_path: Path) -> None:
    assert names(steps(tmp_path), "train") > names(steps(tmp_path, changed(("seeds = [1, 2]", "seeds = [2]"))), "train")


def test_a_vocabulary_is_extended_and_warmed_up_once_for_all_seeds(tmp_path: Path) -> None:
    text = changed(
        ("[arms.base]", '[vocabularies.zh]\ntext = ["knowledge", "demo:zh"]\nsize = 99\nwarmup = "warm"\n[arms.base]'),
        (
            "[phases.both]",
            '[phases.warm]\nstage = "vocabulary"\nrecipe = "demo-knowledge"\nset = { trainable = "embeddings" }\ndata = { english = 9 }\n[phases.both]',
        ),
        ("[arms.mixed]\n", '[arms.long]\nvocabulary = "zh"\nphases = ["knowledge"]\n[arms.mixed]\n'),
    )
    found = steps(tmp_path, text)
    made = [step for step in found if step.kind in ("extend", "warm up")]
    assert [(step.kind, step.seed, step.arms) for step in made] == [("extend", None, ("long",)), ("warm up", None, ("long",))]
    long = [step for step in found if step.kind == "train" and step.arms == ("long",)]
    assert [made[1].id in step.needs for step in long] == [True, True]
    assert all(step.name.startswith("demo-en-small+zh.knowledge.s") for step in long)


def test_a_file_that_is_not_there_is_one_line_before_anything_is_done(tmp_path: Path) -> None:
    text = changed(('sources = ["demo:en"]', 'path = "mine.jsonl"'))
    with pytest.raises(DataError, match=r"data.english.path: there is no file and no data set of harness curate at"):
        steps(tmp_path, text)
