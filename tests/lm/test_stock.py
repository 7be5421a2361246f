"""Local copies of data sets, names of metrics, templates compiled once, and what a lost answer does to a task of lm-eval's."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import datasets
import pytest
from lm_eval import utils as lm_eval_utils
from lm_eval.api.task import ConfigurableTask

from harness.catalog import copies
from harness.errors import DataError
from harness.lm import loading, local_data, run
from harness.lm.backends import ReplayBackend
from harness.lm.stock import LOST, Stock, StockTask
from harness.lm.stock_results import metric_name
from harness.schema import Response
from tests import stock

ROWS = [{"question": "Is it?", "n": 1}, {"question": "Was it?", "n": 2}]


def root(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_json", ".json").replace("_csv", ".csv").replace("_md", ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


# --- local copies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [".", "part", "data", "data/part", "part/data"])
def test_splits_are_files_by_name_in_the_usual_places(tmp_path: Path, folder: str) -> None:
    stock.write(tmp_path / folder / "test.jsonl", ROWS)
    stock.write(tmp_path / folder / "dev.jsonl", ROWS[:1])
    found = local_data.read(tmp_path, "part", {}, "test")
    assert {name: len(split) for name, split in found.items()} == {"test": 2, "dev": 1}
    assert found["test"][1] == ROWS[1]


def test_parts_of_a_split_are_one_split_in_order(tmp_path: Path) -> None:
    for i in range(3):
        datasets.Dataset.from_list([{"n": i}]).to_parquet(tmp_path / f"test-{i:05}-of-00003.parquet")
    assert local_data.read(tmp_path, None, {}, "test")["test"]["n"] == [0, 1, 2]


def test_json_arrays_and_csv_are_read_too(tmp_path: Path) -> None:
    root(tmp_path, test_json='[{"n": "1"}, {"n": "2"}]', train_csv="n\n3\n4\n")
    found = local_data.read(tmp_path, None, {}, "test")
    assert (found["test"]["n"], found["train"]["n"]) == (["1", "2"], ["3", "4"])


def test_the_readme_of_a_hub_repository_says_which_file_is_what(tmp_path: Path) -> None:
    card = "---\nconfigs:\n- config_name: easy\n  data_files:\n  - {split: dev, path: raw/a*.jsonl}\n- config_name: hard\n  data_files: x.jsonl\n---\n# Set\n"
    root(tmp_path, README_md=card)
    stock.write(tmp_path / "raw" / "a1.jsonl", ROWS)
    assert list(local_data.read(tmp_path, "easy", {}, "dev")) == ["dev"]


def test_a_folder_with_one_file_is_the_split_that_is_asked(tmp_path: Path) -> None:
    stock.write(tmp_path / "whatever_it_is.jsonl", ROWS)
    assert len(local_data.read(tmp_path, None, {}, "validation")["validation"]) == 2


def test_a_split_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        stock.write(tmp_path / f"{split}.jsonl", ROWS)
    with pytest.raises(DataError, match="no split 'test' .*splits there: dev, train"):
        local_data.read(tmp_path, None, {}, "test")


def test_the_tasks_own_files_are_looked_for_in_the_copy(tmp_path: Path) -> None:
    stock.write(tmp_path / "english" / "last.jsonl", ROWS)
    found = local_data.read(tmp_path, None, {"data_files": {"test": "english/*.jsonl"}}, "test")
    assert len(found["test"]) == 2


@pytest.mark.parametrize("pattern", ["../secret.json", "/etc/x.json"])
def test_a_readme_cannot_name_files_outside_of_its_folder(tmp_path: Path, pattern: str) -> None:
    root(tmp_path / "set", README_md=f"---\nconfigs:\n- config_name: default\n  data_files: {pattern}\n---\n")
    (tmp_path / "secret.json").write_text("[]")
    with pytest.raises(DataError, match="names files outside of it"):
        local_data.read(tmp_path / "set", None, {}, "train")


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"n": 1}\n{"n": \n')
    with pytest.raises(DataError, match="test.jsonl:2: not JSON"):
        local_data.read(tmp_path, None, {}, "test")


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "test.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match="test.parquet: cannot be read as parquet"):
        local_data.read(tmp_path, None, {}, "test")


@pytest.mark.parametrize("path", ["json", "../outside", "/etc", "", None, "not/there"])
def test_only_names_of_data_sets_have_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None) -> None:
    (tmp_path / "lm_eval" / "json").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    assert copies.place(path) is None


def test_a_copy_in_the_cache_is_found_after_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = Path(os.environ["HARNESS_CACHE"]) / "data" / "lm_eval" / "org" / "set"
    stock.write(cached / "test.jsonl", ROWS)
    assert copies.place("org/set") == cached
    own = tmp_path / "mine" / "lm_eval" / "org" / "set"
    stock.write(own / "test.jsonl", ROWS)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "mine"))
    assert copies.files("org/set") == (own / "test.jsonl",)


def test_files_beside_a_yaml_are_found_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    given = {"data_files": {"test": ["a.jsonl", "https://x.org/b.jsonl"]}}
    found = local_data.beside(given, tmp_path / "task.yaml")
    assert found == {"data_files": {"test": [str(tmp_path / "a.jsonl"), "https://x.org/b.jsonl"]}}
    assert local_data.beside(None, tmp_path) is None


# --- names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "read_by", "name"),
    [
        ("exact_match", "strict-match", "exact_match"),
        ("exact_match", "flexible-extract", "exact_match_flexible_extract"),
        ("score", "strict-match", "task_score"),
        ("score", "flexible-extract", "task_score_flexible_extract"),
        ("acc_norm", "strict-match", "acc_norm"),
    ],
)
def test_the_first_filter_keeps_the_name_and_taken_names_are_marked(metric: str, read_by: str, name: str) -> None:
    assert metric_name(metric, read_by, ("strict-match", "flexible-extract")) == name


# --- tasks ----------------------------------------------------------------------------------------------------------------


def a_task(**changes: Any) -> Stock:
    settings = {
        "task": "own",
        "dataset_path": "nowhere",
        "custom_dataset": lambda **_: {"test": datasets.Dataset.from_list([stock.lettered(i) for i in range(4)])},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answerKey}}",
        "generation_kwargs": {"until": ["\n"]},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1},
    }
    task = StockTask(config={**settings, **changes})
    loading.prepare(task)
    task.set_config("num_fewshot", 0)
    return task


def test_a_document_without_an_answer_leaves_the_denominator() -> None:
    task = a_task()
    task.build_all_requests()
    for instance, answer in zip(task.instances, ["A", None, "B", "A"], strict=True):
        instance.resps = [answer]
    task.apply_filters()
    read = [task.process_results(i.doc, [i.filtered_resps["none"]]) for i in task.instances]
    assert read == [{"exact_match": 1.0}, {}, {"exact_match": 0.0}, {"exact_match": 0.0}]
    assert task.instances[1].filtered_resps["none"] is LOST


def test_documents_are_prepared_once_even_if_that_shuffles() -> None:
    def shuffled(split: Any) -> Any:
        rows = list(split)
        random.shuffle(rows)
        return datasets.Dataset.from_list(rows)

    task = a_task(process_docs=shuffled)
    assert [doc["id"] for doc in task.eval_docs] == [doc["id"] for doc in task.eval_docs]


def test_a_metric_that_fails_over_all_samples_costs_itself_alone() -> None:
    def broken(_items: Any) -> float:
        raise ZeroDivisionError("nothing to divide")

    task = a_task(metric_list=[{"metric": "exact_match", "aggregation": broken, "higher_is_better": True}])
    assert not task.averages("exact_match")
    assert str(task.aggregation()["exact_match"]([1.0])) == "nan"
    assert task.troubles == {"exact_match": "ZeroDivisionError: nothing to divide"}


def test_an_answer_that_the_tasks_code_cannot_score_is_named() -> None:
    task = a_task(process_results=lambda doc, results: {"exact_match": float(results[0])})
    with pytest.raises(DataError, match=r"task 'own' cannot score the answer .*'four'.*ValueError"):
        task.process_results({}, ["four"])


def test_the_length_of_an_answer_is_lm_evals_unless_the_task_says_it() -> None:
    assert a_task().generation()["max_gen_toks"] == 256
    assert a_task(generation_kwargs={"until": [], "max_tokens": 7, "max_new_tokens": 9}).generation() == {
        "until": [],
        "max_gen_toks": 9,
    }


def test_a_document_that_lacks_a_column_is_named() -> None:
    task = a_task()
    task.set_config("doc_to_text", "{{colour}}")
    with pytest.raises(DataError, match="task 'own': document 0 has not what the task asks for .*colour"):
        task.samples()


def test_documents_of_one_text_with_other_options_are_told_apart() -> None:
    rows = [{"question": "Which?", "options": options, "gold": 0} for options in (["a tree", "a bus"], ["a bee", "a hat"])]
    task = a_task(
        custom_dataset=lambda **_: {"test": datasets.Dataset.from_list(rows)},
        output_type="multiple_choice",
        doc_to_choice="options",
        doc_to_target="gold",
        generation_kwargs=None,
        metric_list=[{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    )
    one, other = task.samples()
    assert one.hash != other.hash
    assert (one.target, one.options) == ("1", {"1": "a tree", "2": "a bus"})


def test_stored_likelihoods_of_a_document_come_back_by_request() -> None:
    task = a_task(output_type="loglikelihood", generation_kwargs=None, metric_list=[{"metric": "acc", "aggregation": "mean"}])
    task.build_all_requests()
    sample = task.instances[0].sample
    backend = ReplayBackend({f"own/{sample.id}/{sample.hash}": Response(text="[[-1.5, true]]")})
    got: list[str | None] = []
    backend.loglikelihood(task.instances[:2], lambda _i, response: got.append(response.text))
    assert got == ["[-1.5, true]", None]


def test_a_template_is_compiled_once_while_a_run_lasts() -> None:
    before = lm_eval_utils.env.from_string
    with loading.compiled_templates():
        assert lm_eval_utils.env.from_string("{{a}}") is lm_eval_utils.env.from_string("{{a}}")
        assert lm_eval_utils.apply_template("{{a}}!", {"a": 1}) == "1!"
    assert lm_eval_utils.env.from_string == before


def test_classes_of_lm_evals_keep_their_own_methods(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from lm_eval.api.task import ConfigurableTask\n\n\n"
        "class Loud(ConfigurableTask):\n"
        "    def __init__(self, config=None):\n        config.pop('class')\n        super().__init__(config=config)\n\n"
        "    def doc_to_text(self, doc, doc_to_text=None):\n        return doc['question'].upper()\n"
    )
    stock.write(tmp_path / "test.jsonl", [stock.lettered(0)])
    (tmp_path / "loud.yaml").write_text(
        "task: loud\nclass: !function mine.Loud\ndataset_path: json\ntest_split: test\ndoc_to_target: answerKey\n"
        f"dataset_kwargs: {{data_files: {{test: test.jsonl}}, cache_dir: {tmp_path / 'cache'}}}\n"
        "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]\n"
    )
    loaded = run.load(["loud"], [tmp_path], {}, {})
    assert isinstance(loaded.tasks["loud"], Stock)
    assert isinstance(loaded.tasks["loud"], ConfigurableTask)
    assert loaded.items("loud")[0].question == stock.lettered(0)["question"].upper()
