from __future__ import annotations

import copy
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError
from harness.lm import layout

pytestmark = pytest.mark.filterwarnings("ignore")  # lm-eval and what it imports warn of their own future

Given = tuple[dict[str, Any], dict[str, Any]]

ARGS = "pretrained=org/tiny"
TASK = """
task: tiny_colours
custom_dataset: !function colours.rows
test_split: test
output_type: generate_until
doc_to_text: question
doc_to_target: answer
num_fewshot: 0
process_results: !function colours.score
generation_kwargs: {until: [], max_gen_toks: 8}
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0}
"""
ROWS = """
from datasets import Dataset
def rows(**_):
    return {"test": Dataset.from_list([{"question": f"Which colour is {x}?", "answer": "blue"} for x in ("天空", "the sea")])}
def score(doc, results):
    return {"acc": float(doc["answer"] in results[0])}
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """What lm-eval's dummy model gives: results and samples."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    folder = tmp_path_factory.mktemp("tasks")
    (folder / "tiny.yaml").write_text(TASK)
    (folder / "colours.py").write_text(ROWS)
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    results = simple_evaluate("dummy", model_args=ARGS, tasks=["tiny_colours"], task_manager=manager, bootstrap_iters=0)
    assert results is not None
    return results, results.pop("samples")


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_the_files_are_those_that_lm_evals_own_command_writes(given: Given, tmp_path: Path) -> None:
    from lm_eval.loggers import EvaluationTracker

    ours = layout.write(tmp_path, {**given[0], "fewshot_as_multiturn": True}, given[1])
    tracker = EvaluationTracker(output_path=str(tmp_path / "theirs"))
    tracker.general_config_tracker.log_experiment_args("dummy", ARGS, None, None, True)
    results, samples = copy.deepcopy(given)
    tracker.save_results_aggregated(results, samples)
    tracker.save_results_samples("tiny_colours", samples["tiny_colours"])
    theirs = tmp_path / "theirs" / "org__tiny"
    assert ours == tmp_path / "lm_eval" / "org__tiny"
    one, two = (json.loads(only(folder, "results_*.json").read_text()) for folder in (ours, theirs))
    for times in (one, two):
        del times["total_evaluation_time_seconds"]
    assert one == two
    assert only(ours, "samples_tiny_colours_*.jsonl").read_text() == only(theirs, "samples_tiny_colours_*.jsonl").read_text()


def test_chinese_stays_readable_and_results_match_samples_by_time(given: Given, tmp_path: Path) -> None:
    folder = layout.write(tmp_path, *given)
    stamp = only(folder, "results_*.json").stem.removeprefix("results_")
    assert "天空" in (folder / f"samples_tiny_colours_{stamp}.jsonl").read_text(encoding="utf-8")


def test_what_it_is_given_stays_as_it_was(given: Given, tmp_path: Path) -> None:
    before = copy.deepcopy(given[1]), set(given[0])
    layout.write(tmp_path, *given)
    assert given[1] == before[0]
    assert set(given[0]) == before[1]


def test_writing_again_replaces_the_older_files(given: Given, tmp_path: Path) -> None:
    layout.write(tmp_path, *given)
    folder = layout.write(tmp_path, *given)
    assert len(list(folder.iterdir())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["lm_eval"]


@pytest.mark.parametrize(
    ("name", "folder"), [("llama3-8b-safe", "llama3-8b-safe"), ("a/b:c", "a__b__c"), ("..", "model"), ("", "org__tiny")]
)
def test_the_folder_is_named_by_the_model(given: Given, tmp_path: Path, name: str, folder: str) -> None:
    found = layout.write(tmp_path, {**given[0], "model_name": name}, given[1])
    assert found == tmp_path / "lm_eval" / folder


def test_template_and_time_are_taken_over(given: Given, tmp_path: Path) -> None:
    folder = layout.write(tmp_path, {**given[0], "chat_template": "{{x}}", "total_evaluation_time_seconds": 90}, None)
    said = json.loads(only(folder, "results_*.json").read_text())
    assert said["chat_template"] == "{{x}}"
    assert len(said["chat_template_sha"]) == 64
    assert 90 <= float(said["total_evaluation_time_seconds"]) < 100
    assert not list(folder.glob("samples_*"))


def test_a_sample_that_cannot_be_written_is_an_error_and_leaves_no_half(given: Given, tmp_path: Path) -> None:
    broken = {"tiny_colours": [{"doc_hash": "a", "prompt_hash": "b", "target_hash": "c"}]}
    with pytest.raises(DataError, match=r"lm_eval: cannot be written \(KeyError"):
        layout.write(tmp_path, given[0], broken)
    assert not (tmp_path / "lm_eval").exists()
    assert logging.getLogger("lm_eval.loggers.evaluation_tracker").propagate


FULL = """
import resource, sys
from pathlib import Path
from harness.errors import DataError
from harness.lm import layout
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    layout.write(Path(sys.argv[1]), {"config": {"model": "x", "model_args": "pretrained=m"}, "results": {"t": "x" * 9000}}, None)
except DataError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_is_an_error_not_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert "lm_eval: cannot be written (OSError(27, 'File too large'))" in done.stdout, done.stderr
    assert not (tmp_path / "lm_eval").exists()
