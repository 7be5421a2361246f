"""lm-eval's own tasks, and any YAML without a class of ours, through `harness eval`: the numbers are lm-eval's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from harness import catalog
from harness.catalog import stock as names_of_lm_eval
from harness.lm.stock_results import metric_name
from harness.runs import load_run, read_samples
from tests import stock
from tests.conftest import Cli, Done
from tests.loopback import Loopback, at_rate

Start = Callable[..., Loopback]
SMALL = ("--gen", "max_gen_toks=6", "--model-arg", "dtype=float32")
NUMBERS = ("ignore:F-score is ill-defined", "ignore:.*`hf_xet`")

QUICK = (
    "arc_easy",
    "hellaswag",
    "winogrande",
    "truthfulqa_mc2",
    "lambada_openai",
    "wikitext",
    "cola",
    "gsm8k",
    "triviaqa",
    "mmlu_stem",
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Local copies of well-known data sets, with items of our own."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    return stock.copies(tmp_path / "data")


def record(done: Done) -> dict[str, Any]:
    assert done.code == 0, done.err
    parsed: dict[str, Any] = json.loads(done.out)
    return parsed


def value(found: dict[str, Any], benchmark: str, metric: str, name: str = "", subset: str = "all") -> float:
    place = (benchmark, metric, name, subset, "micro")
    return next(
        s["value"] for s in found["scores"] if (s["benchmark"], s["metric"], s["name"], s["subset"], s["aggregation"]) == place
    )


def plain(folder: Path, model: Path, names: Iterable[str]) -> dict[str, Any]:
    """What lm-eval itself makes of the tasks of a folder."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    results = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(model), "dtype": "float32"},
        device="cpu",
        batch_size=16,
        tasks=list(names),
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        gen_kwargs={"max_gen_toks": 6},
        apply_chat_template=True,
        fewshot_as_multiturn=False,
        bootstrap_iters=0,
    )
    assert results is not None
    return results["results"] | results.get("groups", {})


def compare(found: dict[str, Any], theirs: dict[str, Any]) -> int:
    """The number of equal values; every value that lm-eval gives for something scored here must be equal."""
    compared = 0
    for benchmark in found["benchmarks"]:
        keys = [key for key in theirs[benchmark] if "," in key and "_stderr" not in key]
        filters = list(dict.fromkeys(key.partition(",")[2] for key in keys))
        for key in keys:
            metric, _, read_by = key.partition(",")
            ours = value(found, benchmark, metric_name(metric, read_by, filters))
            assert ours == pytest.approx(theirs[benchmark][key], rel=1e-5, abs=1e-12), (benchmark, key)
            compared += 1
    return compared


def check(cli: Cli, model: Path, folder: Path, data: Path, names: Iterable[str]) -> int:
    asked = list(names)
    found = record(cli("eval", "-m", str(model), "-t", ",".join(asked), *SMALL, "--json"))
    return compare(found, plain(stock.twins(folder, data, asked), model, asked))


@pytest.mark.filterwarnings(*NUMBERS)
def test_lm_evals_own_tasks_have_lm_evals_numbers(cli: Cli, tiny_model: Path, tmp_path: Path, data: Path) -> None:
    assert check(cli, tiny_model, tmp_path / "plain", data, QUICK) == 16


@pytest.mark.slow
@pytest.mark.filterwarnings(*NUMBERS)
def test_all_tasks_that_were_verified_have_lm_evals_numbers(cli: Cli, tiny_model: Path, tmp_path: Path, data: Path) -> None:
    assert check(cli, tiny_model, tmp_path / "plain", data, (*stock.TASKS, "mmlu")) >= 42


# --- a YAML of the user's own, one of each kind ---------------------------------------------------------------------------

SHAPED = {
    "own_choice": """
        output_type: multiple_choice
        doc_to_text: "Q: {{question}}\\nA:"
        doc_to_choice: "{{choices.text}}"
        doc_to_target: "{{choices.label.index(answerKey)}}"
        num_fewshot: 2
        fewshot_split: train
        metric_list: [{metric: acc}, {metric: acc_norm}]
        """,
    "own_answer": """
        output_type: generate_until
        doc_to_text: "Q: {{question}}\\nA:"
        doc_to_target: "{{answerKey}}"
        generation_kwargs: {until: ["Q:"], do_sample: false}
        filter_list:
          - {name: strict-match, filter: [{function: regex, regex_pattern: "is ([A-D])"}, {function: take_first}]}
          - {name: flexible-extract, filter: [{function: regex, regex_pattern: "([A-D])", group_select: -1}, {function: take_first}]}
        metric_list: [{metric: exact_match, ignore_case: true}]
        """,
    "own_next": """
        output_type: loglikelihood
        doc_to_text: "{{question.split(' ')[:-1]|join(' ')}}"
        doc_to_target: "{{' ' + question.split(' ')[-1]}}"
        metric_list: [{metric: perplexity}, {metric: acc}]
        """,
    "own_page": """
        output_type: loglikelihood_rolling
        doc_to_text: ""
        doc_to_target: "{{question}}"
        metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]
        """,
}
GROUP = """
group: own_group
task: [own_choice, own_next]
aggregate_metric_list: [{metric: acc, weight_by_size: true}]
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a task of each output type over files that lie beside its YAML, and a group."""
    from textwrap import dedent

    folder = tmp_path / "home" / "tasks" / "own"
    for split in ("train", "test"):
        stock.write(folder / f"{split}.jsonl", (stock.lettered(i) for i in range(6)))
    for name, text in SHAPED.items():
        files = f"data_files: {{train: train.jsonl, test: test.jsonl}}, cache_dir: {tmp_path / 'datasets'}"
        head = f"task: {name}\ndataset_path: json\ndataset_kwargs: {{{files}}}\ntest_split: test\n"
        (folder / f"{name}.yaml").write_text(head + dedent(text), encoding="utf-8")
    (folder / "own_group.yaml").write_text(GROUP, encoding="utf-8")
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path / "home"))
    return folder


def test_a_yaml_of_each_kind_has_lm_evals_numbers(cli: Cli, tiny_model: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "own_group,own_answer,own_page", *SMALL, "--json"))
    monkeypatch.chdir(own)
    assert compare(found, plain(own, tiny_model, ("own_group", "own_answer", "own_page"))) == 6
    assert value(found, "own_group", "perplexity", "own_next") > 1
    assert found["complete"] is True
    assert {c["task"]: (c["judged"], c["keyed"]) for c in found["coverage"]}["own_page"] == (6, None)


def test_a_group_of_ours_may_name_tasks_of_lm_evals(cli: Cli, tiny_model: Path, data: Path, own: Path) -> None:
    (own / "kept.yaml").write_text("group: kept\ntask: [arc_easy, own_next]\naggregate_metric_list: [{metric: acc}]\n")
    found = record(cli("eval", "-m", str(tiny_model), "-t", "kept", *SMALL, "--json"))
    assert found["benchmarks"] == ["kept"]
    assert {s["name"] for s in found["scores"] if s["scope"] == "dimension"} == {"arc_easy", "own_next"}


def test_changed_functions_and_rows_are_another_run(cli: Cli, tiny_model: Path, own: Path) -> None:
    (own / "words.py").write_text("def ask(doc):\n    return doc['question']\n")
    yaml = own / "own_choice.yaml"
    yaml.write_text(yaml.read_text(encoding="utf-8").replace('"Q: {{question}}\\nA:"', "!function words.ask"))
    command = ("eval", "-m", str(tiny_model), "-t", "own_choice", *SMALL, "--json")
    first = record(cli(*command))
    (own / "words.py").write_text("def ask(doc):\n    return doc['question'].upper()\n")
    second = record(cli(*command))
    stock.write(own / "train.jsonl", (stock.lettered(i) for i in range(5)))
    third = record(cli(*command))
    assert len({first["id"], second["id"], third["id"]}) == 3


# --- what a run of them is ------------------------------------------------------------------------------------------------


def test_mmlu_is_one_benchmark_with_its_subjects_and_parts(cli: Cli, tiny_model: Path, data: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "mmlu", *SMALL, "--json"))
    assert found["benchmarks"] == ["mmlu", "mmlu_stem", "mmlu_other", "mmlu_social_sciences", "mmlu_humanities"]
    of = [s for s in found["scores"] if (s["metric"], s["subset"], s["aggregation"]) == ("acc", "all", "micro")]
    parts = {s["name"]: s["n"] for s in of if s["benchmark"] == "mmlu" and s["scope"] == "dimension"}
    subjects = {s["name"]: s for s in of if s["benchmark"] == "mmlu" and s["scope"] == "topic"}
    assert set(parts) == {"stem", "other", "social sciences", "humanities"}
    assert len(subjects) == 57
    assert sum(parts.values()) == sum(s["n"] for s in subjects.values())
    assert {"anatomy", "virology", "college_physics"} <= set(subjects)
    assert {s["scope"] for s in of if s["benchmark"] == "mmlu_stem"} == {"overall"}
    assert next(s["n"] for s in of if (s["benchmark"], s["scope"]) == ("mmlu", "overall")) == sum(
        s["n"] for s in subjects.values()
    )


def test_a_sample_says_what_was_asked_and_what_is_right(cli: Cli, tiny_model: Path, data: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "arc_easy,mmlu_anatomy,winogrande,lambada_openai", *SMALL, "--json"))
    samples = {name: [r for r in read_samples(load_run(found["id"])) if r.task == name] for name in found["tasks"]}
    arc = samples["arc_easy"][1].sample
    assert arc.id == "arc_easy-1"
    assert arc.question == f"Question: {stock.lettered(1)['question']}\nAnswer:"
    assert arc.options[str(arc.target)] == stock.USES[1]
    assert samples["mmlu_anatomy"][0].sample.options == {letter: letter for letter in "ABCD"}
    assert samples["winogrande"][0].sample.options["1"].endswith("because Ada")
    assert samples["lambada_openai"][0].sample.target == " hammer"
    assert all(r.verdict is None and r.metrics and r.prompt for rows in samples.values() for r in rows)
    assert {s["metric"] for s in found["scores"] if s["benchmark"] == "arc_easy"} == {"acc", "acc_norm", "acc_chance"}
    assert "acc_always_a" in {s["metric"] for s in found["scores"] if s["benchmark"] == "mmlu_anatomy"}


def test_the_same_command_again_asks_nothing_and_other_rows_are_another_run(cli: Cli, tiny_model: Path, data: Path) -> None:
    command = ("eval", "-m", str(tiny_model), "-t", "arc_easy,wikitext", *SMALL, "--json")
    first = record(cli(*command))
    assert record(cli(*command)) == first
    fewer = record(cli(*command, "--limit", "2"))
    assert fewer["usage"]["generated"] == 0
    stock.write(data / "lm_eval/allenai/ai2_arc/ARC-Easy/test.jsonl", (stock.lettered(i) for i in range(3)))
    assert record(cli(*command))["id"] != first["id"]


def test_a_limit_leaves_every_sample_in_its_half(cli: Cli, tiny_model: Path, data: Path) -> None:
    def halves(*more: str) -> dict[str, str]:
        found = record(cli("eval", "-m", str(tiny_model), "-t", "arc_easy", *SMALL, *more, "--json"))
        return {r.sample.hash: r.sample.split for r in read_samples(load_run(found["id"]))}

    limited = halves("--limit", "2")
    assert len(limited) == 2
    assert limited.items() < halves().items()


def test_stored_answers_are_scored_again_without_the_model(cli: Cli, tiny_model: Path, data: Path) -> None:
    first = record(cli("eval", "-m", str(tiny_model), "-t", "arc_easy,gsm8k,wikitext,lambada_openai", *SMALL, "--json"))
    again = record(cli("judge", first["id"], "--json"))
    assert again["scores"] == first["scores"]
    assert again["parent"] == first["id"]
    assert [r.prompt for r in read_samples(load_run(again["id"]))] == [r.prompt for r in read_samples(load_run(first["id"]))]


def test_answers_from_a_file_are_scored(cli: Cli, tmp_path: Path, data: Path) -> None:
    rows = ({"task": "gsm8k", "id": f"gsm8k-{i}", "response": f"#### {2 * i + 7}"} for i in range(3))
    answers = stock.write(tmp_path / "answers.jsonl", rows)
    done = cli("eval", "-m", f"replay:{answers}", "-t", "gsm8k,arc_easy", "--json")
    found = json.loads(done.out)
    assert done.code == 3
    assert value(found, "gsm8k", "exact_match") == 1.0
    assert {c["task"]: c["judged"] for c in found["coverage"]} == {"arc_easy": 0, "gsm8k": 3}


def test_the_record_says_what_made_it(cli: Cli, tiny_model: Path, data: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "gsm8k,arc_easy", *SMALL, "--json"))
    made = found["provenance"]
    assert set(made["data"]) == {"openai/gsm8k/main (local copy)", "allenai/ai2_arc/ARC-Easy (local copy)"}
    assert made["tasks"]["gsm8k"].startswith("3.0@")
    settings = made["generation"]["gsm8k"]
    assert (settings["num_fewshot"], settings["fewshot_as_multiturn"], settings["max_gen_toks"]) == (5, False, 6)
    assert any("examples stand in one user turn (gsm8k)" in note for note in found["notes"])
    spec = json.loads((load_folder(found["id"]) / "spec.json").read_text(encoding="utf-8"))
    assert "lm_eval" in json.dumps(spec)


def load_folder(run: str) -> Path:
    from harness import folders

    return folders.runs_dir() / run


def test_results_and_samples_also_lie_in_lm_evals_layout(cli: Cli, tiny_model: Path, data: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "gsm8k", *SMALL, "--json"))
    folder = load_folder(found["id"])
    results = json.loads(next(folder.glob("lm_eval/*/results_*.json")).read_text(encoding="utf-8"))
    assert set(results["results"]["gsm8k"]) >= {"exact_match,strict-match", "exact_match,flexible-extract"}
    assert len(next(folder.glob("lm_eval/*/samples_gsm8k_*.jsonl")).read_text(encoding="utf-8").splitlines()) == 8


def test_metrics_are_shown_in_their_own_units(cli: Cli, tiny_model: Path, data: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "wikitext,gsm8k", *SMALL, "--json"))
    shown, page = cli("show", "latest"), cli("show", "latest", "--markdown")
    bits = value(found, "wikitext", "bits_per_byte")
    for text in (shown.out, page.out):
        assert f"{bits:.2f}" in text
        assert "bits per byte" in text
        assert "exact match" in text
        assert "the value itself" in " ".join(text.split())
    assert cli("show", "latest", "--worst", "1").out.count("wrong") == 1


# --- endpoints ------------------------------------------------------------------------------------------------------------


def sums(body: dict[str, Any]) -> str:
    """Right in the form asked for, right in another form, wrong."""
    asked = body["messages"][-1]["content"].rpartition("Question:")[2]
    number = next(i for i, thing in enumerate(stock.THINGS) if f"{thing}s" in asked)
    return [f"So #### {2 * number + 7}", f"It is {2 * number + 7}.", "#### 999"][number % 3]


def test_an_answer_is_read_by_each_filter(cli: Cli, loopback: Start, data: Path) -> None:
    server = loopback(answer=sums)
    found = record(cli("eval", "-m", f"{server.base_url}#m", "-t", "gsm8k", "--json"))
    assert value(found, "gsm8k", "exact_match") == 0.5
    assert value(found, "gsm8k", "exact_match_flexible_extract") == 0.75
    assert server.requests[0]["stop"] == ["Question:", "</s>", "<|im_end|>"]
    assert server.requests[0]["max_tokens"] == 256
    assert server.requests[0]["messages"][-1]["content"].count("Question:") == 6


def test_a_request_without_an_answer_leaves_the_score_and_the_run_incomplete(cli: Cli, loopback: Start, data: Path) -> None:
    server = loopback(answer=sums, faults=lambda body, _seen: "content_filter" if sums(body) == "#### 999" else None)
    command = ("eval", "-m", f"{server.base_url}#m", "-t", "gsm8k,triviaqa", "--json")
    stock.write(data / "lm_eval/mandarjoshi/trivia_qa/rc.nocontext/validation.jsonl", [])
    done = cli("eval", "-m", f"{server.base_url}#m", "-t", "gsm8k", "--json")
    found = json.loads(done.out)
    assert done.code == 3
    assert "incomplete: judged gsm8k 3/4" in done.err
    assert value(found, "gsm8k", "exact_match") == pytest.approx(2 / 3)
    server.faults = None
    again = record(cli(*command[:4], "gsm8k", "--json"))
    assert (again["complete"], again["usage"]["generated"], value(again, "gsm8k", "exact_match")) == (True, 1, 0.5)


def test_a_model_that_answers_nothing_has_no_score(cli: Cli, loopback: Start, data: Path) -> None:
    server = loopback(answer=sums, faults=at_rate(1.0, "content_filter"))
    done = cli("eval", "-m", f"{server.base_url}#m", "-t", "gsm8k", "--json")
    found = json.loads(done.out)
    assert done.code == 3
    assert not [s for s in found["scores"] if s["metric"].startswith("exact_match")]
    assert found["coverage"][0]["judged"] == 0


def test_likelihoods_of_an_endpoint_are_refused_before_anything_is_asked(cli: Cli, loopback: Start, data: Path) -> None:
    server = loopback(answer=sums)
    done = cli("eval", "-m", f"{server.base_url}#m", "-t", "gsm8k,arc_easy,wikitext")
    assert done.code == 1
    assert "likelihood tasks (arc_easy, wikitext) need --backend hf or vllm" in done.err
    assert server.requests == []


def test_stop_sequences_that_a_server_does_not_take_are_cut_here(cli: Cli, loopback: Start, own: Path) -> None:
    yaml = own / "own_answer.yaml"
    yaml.write_text(yaml.read_text(encoding="utf-8").replace('["Q:"]', "[a1, a2, a3, a4, STOP]"))
    server = loopback(answer=lambda _body: "It is B STOP C")
    found = record(cli("eval", "-m", f"{server.base_url}#m", "-t", "own_answer", "--json"))
    assert server.requests[0]["stop"] == ["a1", "a2", "a3", "a4"]
    assert {r.response.text for r in read_samples(load_run(found["id"]))} == {"It is B "}
    assert value(found, "own_answer", "exact_match_flexible_extract") == value(found, "own_answer", "exact_match")


# --- names, refusals, missing data ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_names_are_exactly_those_of_lm_evals_index() -> None:
    from lm_eval.tasks import TaskManager

    theirs = TaskManager().task_index
    ours = names_of_lm_eval.index()
    assert ours.files == {name: str(entry.yaml_path) for name, entry in theirs.items() if entry.yaml_path}
    assert {tag: sorted(names) for tag, names in ours.tags.items()} == {
        name: sorted(entry.tags) for name, entry in theirs.items() if not entry.yaml_path
    }


def test_groups_tags_and_groups_inside_groups_expand_to_tasks() -> None:
    known = catalog.read()
    assert len(known.leaves("mmlu")) == 57
    assert known.leaves("ai2_arc") == ("arc_challenge", "arc_easy")
    assert len(known.leaves("mmlu_continuation::stem")) == 19
    assert known.expand(["mmlu", "mmlu_anatomy", "arc_easy", "ai2_arc"]) == ("mmlu", "ai2_arc")
    assert known.benchmarks(["ai2_arc", "demo"]).keys() >= {"arc_easy", "arc_challenge", "demo_skills"}


def test_a_task_of_lm_evals_is_shown_on_demand_only(cli: Cli) -> None:
    row = json.loads(cli("tasks", "mmlu", "--json").out)[0]
    assert (row["kind"], len(row["tasks"])) == ("lm-eval", 57)
    assert "openai/gsm8k/main" in cli("tasks", "gsm8k").out
    assert {row["kind"] for row in json.loads(cli("tasks", "--json").out)} == {"task", "group"}


def test_names_of_ours_are_found_without_a_look_at_lm_evals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_of_lm_eval, "index", lambda: pytest.fail("lm-eval's files were read"))
    assert catalog.read().expand(["demo", "a_eval"]) == ("demo", "a_eval")


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("hellaswagg", "lm-eval has hellaswag"),
        ("humaneval", "task 'humaneval' is not run: it runs code that the model writes"),
        ("mmlu_anatomy_redux_spanish_generative,nosuch", "no task or group named"),
        ("gsm8k_cot_self_consistency", "it asks every question 64 times"),
        ("piqa", "put a copy at $HARNESS_DATA/lm_eval/baber/piqa/<split>.jsonl"),
        ("mmlu_stem", "its data set 'cais/mmlu' (abstract_algebra) cannot be loaded"),
    ],
)
def test_what_cannot_be_run_is_one_line(cli: Cli, tiny_model: Path, tmp_path: Path, task: str, said: str) -> None:
    done = cli("eval", "-m", str(tiny_model), "-t", task)
    lines = [line for line in done.err.splitlines() if line.startswith("harness: ")]
    assert done.code == 2
    assert len(lines) == 1, done.err
    assert said in lines[0]
    assert "unexpected" not in lines[0]
    assert not (tmp_path / "runs" / ".store" / "responses.sqlite").exists()


def test_a_data_set_with_code_of_its_own_is_refused(cli: Cli, tiny_model: Path, own: Path) -> None:
    yaml = own / "own_next.yaml"
    yaml.write_text(yaml.read_text(encoding="utf-8").replace("dataset_kwargs: {", "dataset_kwargs: {trust_remote_code: true, "))
    done = cli("eval", "-m", str(tiny_model), "-t", "own_next")
    assert done.code == 2
    assert "task 'own_next' is not run: its dataset asks to run code of its own (trust_remote_code)" in done.err


def test_a_package_that_a_task_needs_is_named(cli: Cli, tiny_model: Path, own: Path) -> None:
    (own / "words.py").write_text("import no_such_package_at_all\n\ndef ask(doc):\n    return ''\n")
    yaml = own / "own_next.yaml"
    yaml.write_text(yaml.read_text(encoding="utf-8").replace("output_type", "process_results: !function words.ask\noutput_type"))
    done = cli("eval", "-m", str(tiny_model), "-t", "own_next")
    assert done.code == 2
    assert "task 'own_next' needs the Python package 'no_such_package_at_all'" in done.err


def test_too_few_examples_are_one_line(cli: Cli, tiny_model: Path, data: Path) -> None:
    stock.write(data / "lm_eval/openai/gsm8k/main/train.jsonl", (stock.lettered(i) for i in range(2)))
    done = cli("eval", "-m", str(tiny_model), "-t", "gsm8k")
    assert done.code == 2
    assert "task 'gsm8k'" in done.err


def test_a_metric_that_cannot_be_loaded_is_named_before_anything_is_asked(cli: Cli, tiny_model: Path, own: Path) -> None:
    yaml = own / "own_answer.yaml"
    text = yaml.read_text(encoding="utf-8").replace(
        "{metric: exact_match,", "{metric: no_such_metric, aggregation: mean, higher_is_better: true,"
    )
    yaml.write_text(text)
    done = cli("eval", "-m", str(tiny_model), "-t", "own_answer")
    assert done.code == 2
    assert "task 'own_answer' is scored by no_such_metric" in done.err
