"""The folder of an adaptation: its name, its lock, its steps, and what does not belong there."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.adapting.asked import checkpoint_name
from harness.adapting.folder import AdaptationFolder, adaptation_id, read_adaptation, read_steps
from harness.errors import DataError, UsageError
from harness.schema import ClaimPlan

PLAN = {"model": "tiny", "seed": 1}


def test_the_name_says_model_and_culture_and_changes_with_the_plan() -> None:
    one, other = adaptation_id("tiny", "demo", PLAN), adaptation_id("tiny", "demo", {**PLAN, "seed": 2})
    assert one.startswith("tiny-demo-")
    assert one != other


def test_a_path_or_hub_id_makes_a_name_that_a_folder_can_have() -> None:
    assert adaptation_id("/models/My Model/", "demo", PLAN).startswith("My-Model-demo-")
    assert adaptation_id("meta-llama/Meta-Llama-3-8B", "demo", PLAN).startswith("Meta-Llama-3-8B-demo-")


def test_checkpoints_are_named_after_the_first_model() -> None:
    assert checkpoint_name("llama3-8b", "knowledge", 1) == "llama3-8b-kg"
    assert checkpoint_name("llama3-8b", "knowledge", 3) == "llama3-8b-kg3"
    assert checkpoint_name("llama3-8b", "safety", 1) == "llama3-8b-safe"


def test_a_step_is_done_once_it_is_recorded(tmp_path: Path) -> None:
    with AdaptationFolder(tmp_path / "a", PLAN) as folder:
        assert folder.done("knowledge", 1, "train") is None
        folder.record("knowledge", 1, "train", checkpoint="tiny-kg")
    with AdaptationFolder(tmp_path / "a", PLAN) as folder:
        step = folder.done("knowledge", 1, "train")
        assert step is not None
        assert step.checkpoint == "tiny-kg"
        assert folder.done("safety", 1, "train") is None


def test_a_line_torn_by_a_killed_process_is_dropped(tmp_path: Path) -> None:
    with AdaptationFolder(tmp_path / "a", PLAN) as folder:
        folder.record("knowledge", 1, "measure", run="r")
    with (tmp_path / "a" / "steps.jsonl").open("a") as file:
        file.write('{"stage": "knowl')
    with AdaptationFolder(tmp_path / "a", PLAN) as folder:
        folder.record("knowledge", 1, "mix", mix="m")
    assert [step.kind for step in read_steps(tmp_path / "a")] == ["measure", "mix"]


def test_a_line_that_is_no_step_is_named(tmp_path: Path) -> None:
    with AdaptationFolder(tmp_path / "a", PLAN):
        pass
    (tmp_path / "a" / "steps.jsonl").write_text('{"stage": "dessert"}\n')
    with pytest.raises(DataError, match=r"steps\.jsonl:1: not a step: stage"), AdaptationFolder(tmp_path / "a", PLAN):
        pass


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        AdaptationFolder(tmp_path / "a", PLAN),
        pytest.raises(UsageError, match="is being written by process"),
        AdaptationFolder(tmp_path / "a", PLAN),
    ):
        pass


def test_a_folder_of_another_plan_is_refused(tmp_path: Path) -> None:
    with AdaptationFolder(tmp_path / "a", PLAN):
        pass
    with pytest.raises(DataError, match="plan of another adaptation"), AdaptationFolder(tmp_path / "a", {**PLAN, "seed": 2}):
        pass


def test_a_folder_that_is_no_adaptation_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"is no adaptation \(it holds thesis\.tex\)"), AdaptationFolder(tmp_path / "a", PLAN):
        pass
    assert (tmp_path / "a" / "thesis.tex").read_text() == "x"


def test_a_record_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"adaptation\.json: cannot be read"):
        read_adaptation(tmp_path)
    (tmp_path / "adaptation.json").write_text("{}")
    with pytest.raises(DataError, match=r"adaptation\.json: is no Adaptation"):
        read_adaptation(tmp_path)


def test_what_was_kept_is_given_back_only_unchanged(tmp_path: Path) -> None:
    named = dict.fromkeys(("model", "diagnosis", "diagnosis_sha256", "culture", "culture_digest"), "x")
    empty = dict.fromkeys(("aims", "strong", "over_refusal", "retained", "others", "earlier_runs"), ())
    plan = ClaimPlan.model_validate({"stage": "knowledge", "contrast": ((), ()), **named, **empty})
    with AdaptationFolder(tmp_path / "a", PLAN) as folder:
        digest = folder.keep("claim.json", plan)
        assert folder.kept("claim.json", ClaimPlan, digest) == plan
        (tmp_path / "a" / "claim.json").write_text((tmp_path / "a" / "claim.json").read_text() + " ")
        with pytest.raises(DataError, match="was changed since it was written"):
            folder.kept("claim.json", ClaimPlan, digest)
