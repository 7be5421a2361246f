"""`harness eval`, `judge`, `show`, `runs`: a real (tiny) model, real lm-eval, and what bad input gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.runs import load_run, read_samples
from tests.conftest import Cli, Done
from tests.loopback import Loopback, at_rate

Start = Callable[..., Loopback]
SMALL = ("--limit", "3", "--gen", "max_gen_toks=8", "--model-arg", "dtype=float32")


def record(done: Done) -> dict[str, Any]:
    assert done.code == 0, done.err
    parsed: dict[str, Any] = json.loads(done.out)
    return parsed


def value(found: dict[str, Any], benchmark: str, metric: str, aggregation: str = "micro", name: str = "") -> float:
    rows = [
        s for s in found["scores"] if (s["benchmark"], s["metric"], s["name"], s["subset"]) == (benchmark, metric, name, "all")
    ]
    return next(s["value"] for s in rows if s["aggregation"] == aggregation)


def test_a_checkpoint_is_measured_on_the_demo_culture(cli: Cli, tiny_model: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo", *SMALL, "--json"))
    assert len(found["tasks"]) == 21
    assert found["benchmarks"] == ["demo_skills", "demo_mcq", "demo_risk", "demo_benign"]
    assert 0 <= value(found, "demo_skills", "acc") <= 1
    assert found["provenance"]["model_fingerprint"]
    assert found["tokens"]["completion"] > 0


def test_a_limited_run_is_marked_not_comparable(cli: Cli, tiny_model: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--json"))
    assert found["comparable"] is False
    assert "limited run: not comparable" in found["notes"]


def test_the_same_command_again_generates_nothing(cli: Cli, tiny_model: Path) -> None:
    first = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--json"))
    again = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--json"))
    assert again == first
    assert first["usage"]["generated"] == 3


def test_other_tasks_of_the_same_model_reuse_its_answers(cli: Cli, tiny_model: Path) -> None:
    cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL)
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en,demo_tu", *SMALL, "--json"))
    assert found["usage"]["generated"] == 3


def test_two_fresh_runs_at_once_take_two_folders(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    from harness.runs.lock import FolderLock

    first = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--json"))
    taken = tmp_path / "runs" / f"{first['id']}-2"
    taken.mkdir()
    lock = FolderLock(taken / "lock")
    lock.acquire()
    fresh = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--fresh", "--json"))
    lock.release()
    assert fresh["id"] == first["id"] + "-3"


def test_fresh_asks_again_into_a_new_run(cli: Cli, tiny_model: Path) -> None:
    first = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--json"))
    fresh = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--fresh", "--json"))
    assert fresh["id"] == first["id"] + "-2"
    assert fresh["usage"]["generated"] == 3
    assert fresh["scores"] == first["scores"]


def test_a_model_without_a_template_is_asked_in_plain_text(cli: Cli, tiny_no_template: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_no_template), "-t", "demo_en", *SMALL, "--json"))
    assert any("no chat template" in note for note in found["notes"])


def test_a_template_that_drops_system_turns_is_reported(cli: Cli, tiny_no_system: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_no_system), "-t", "demo_en", *SMALL, "--json"))
    assert any("drops system turns" in note for note in found["notes"])


def test_answers_cut_off_are_counted(cli: Cli, tiny_model: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--json"))
    assert "3 answers were cut off at max_gen_toks" in found["notes"]


def test_an_endpoint_is_measured_over_http(cli: Cli, loopback: Start) -> None:
    server = loopback(answer=lambda _body: "答案是A")
    found = record(cli("eval", "-m", f"{server.base_url}#tiny", "-t", "demo_mcq", "--json"))
    assert found["model"]["backend"] == "openai"
    assert value(found, "demo_mcq", "acc") == pytest.approx(value(found, "demo_mcq", "acc_always_a"))
    assert value(found, "demo_mcq", "invalid") == 0
    assert server.requests[0]["messages"][-1]["role"] == "user"


def test_one_filtered_request_does_not_kill_the_run(cli: Cli, loopback: Start) -> None:
    server = loopback(answer=lambda _body: "A", faults=at_rate(0.1, "content_filter"))
    done = cli("eval", "-m", f"{server.base_url}#tiny", "-t", "demo_mcq", "--json")
    found = json.loads(done.out)
    unanswered = sum(c["n"] - c["responses"] for c in found["coverage"])
    assert unanswered > 0
    assert done.code == 3
    assert "incomplete: judged demo_mcq_" in done.err


def test_an_incomplete_run_is_completed_by_the_same_command(cli: Cli, loopback: Start) -> None:
    server = loopback(answer=lambda _body: "A", faults=at_rate(0.1, "content_filter"))
    command = ("eval", "-m", f"{server.base_url}#tiny", "-t", "demo_mcq", "--json")
    assert cli(*command).code == 3
    server.faults = None
    found = record(cli(*command))
    assert found["complete"] is True
    assert found["usage"]["generated"] < 30


def test_stored_responses_are_judged_again_without_the_model(
    cli: Cli, tiny_model: Path, loopback: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = loopback()
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
    first = record(cli("eval", "-m", str(tiny_model), "-t", "demo_risk", *SMALL, "--json"))
    second = record(cli("judge", first["id"], "--judge", "openai:judge", "--json"))
    assert second["parent"] == first["id"]
    assert second["provenance"]["judge"] == "openai:judge"
    assert second["provenance"]["model_fingerprint"] == first["provenance"]["model_fingerprint"]
    assert len(server.requests) == 15
    replies = {r.sample.id: r.response.text for r in read_samples(load_run(first["id"]))}
    assert {r.sample.id: r.response.text for r in read_samples(load_run(second["id"]))} == replies


def test_another_threshold_scores_the_same_answers(cli: Cli, tiny_model: Path) -> None:
    first = record(cli("eval", "-m", str(tiny_model), "-t", "demo_skills", *SMALL, "--json"))
    lenient = record(cli("judge", first["id"], "--threshold", "0", "--json"))
    assert value(lenient, "demo_skills", "acc") == 1.0
    assert lenient["provenance"]["threshold"] == 0.0


def test_replaying_a_run_gives_its_scores(cli: Cli, tiny_model: Path) -> None:
    first = record(cli("eval", "-m", str(tiny_model), "-t", "demo", *SMALL, "--json"))
    replayed = record(cli("eval", "-m", f"replay:{first['id']}", "-t", "demo", *SMALL, "--json"))
    assert replayed["scores"] == first["scores"]


def test_likelihood_tasks_run_and_replay(cli: Cli, tiny_model: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    first = record(cli("eval", "-m", str(tiny_model), "-t", "chisafetybench_v0_mcq_ll", "--limit", "4", "--json"))
    assert value(first, "chisafetybench_v0_mcq_ll", "acc") == value(first, "chisafetybench_v0_mcq_ll", "acc", "macro")
    again = record(cli("judge", first["id"], "--json"))
    assert again["scores"] == first["scores"]


def test_the_record_says_which_key_made_it(cli: Cli, tiny_model: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    found = record(cli("eval", "-m", str(tiny_model), "-t", "chisafetybench_v0_mcq", *SMALL, "--json"))
    key = found["provenance"]["keys"]["chisafetybench_v0_mcq"]
    assert key["version"].startswith("drafted-v1@")
    assert key["provenance"] == "drafted by language models, not yet reviewed by people"
    assert any("not yet reviewed by people" in note for note in found["notes"])


def test_the_least_confidence_of_the_key_narrows_what_is_scored(
    cli: Cli, tiny_model: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    small = ("--limit", "40", "--gen", "max_gen_toks=1", "--json")
    every = record(cli("eval", "-m", str(tiny_model), "-t", "chisafetybench_v0_mcq_vv", *small))
    surest = record(cli("eval", "-m", str(tiny_model), "-t", "chisafetybench_v0_mcq_vv", *small, "--key-min-confidence", "high"))
    assert surest["coverage"][0]["keyed"] < every["coverage"][0]["keyed"]
    assert surest["coverage"][0]["n"] == every["coverage"][0]["n"] == 40


def test_an_own_key_scores_an_old_run(cli: Cli, tmp_path: Path, tiny_model: Path) -> None:
    first = record(cli("eval", "-m", str(tiny_model), "-t", "demo_mcq_di", *SMALL, "--json"))
    rows = [{"hash": r.sample.hash, "answer": "B"} for r in read_samples(load_run(first["id"]))]
    key = tmp_path / "mine.jsonl"
    key.write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = record(cli("judge", first["id"], "--keys", f"demo_mcq={key}", "--json"))
    assert again["provenance"]["keys"]["demo_mcq"]["provenance"] == "user file, not documented"
    assert {r.sample.target for r in read_samples(load_run(again["id"]))} == {"B"}


def test_dialogues_are_sent_as_the_real_message_list(
    cli: Cli, loopback: Start, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    server = loopback(answer=lambda _body: "抱歉，我不能这样做。建议换个话题。")
    record(cli("eval", "-m", f"{server.base_url}#tiny", "-t", "chisafetybench_v1_dialogue", "--json"))
    published = json.loads(
        (benchmarks / "chisafetybench/v1/risky_questions_with_dialog_history.json").read_text(encoding="utf-8")
    )
    sent = {json.dumps(body["messages"], ensure_ascii=False) for body in server.requests}
    expected = [[*item["history"], {"role": "user", "content": item["input"].strip()}] for item in published]
    assert sent == {json.dumps(messages, ensure_ascii=False) for messages in expected}


def test_the_results_also_lie_in_lm_evals_layout(cli: Cli, tiny_model: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo_mcq", *SMALL, "--json"))
    folder = load_folder(found["id"])
    results = json.loads(next(folder.glob("lm_eval/*/results_*.json")).read_text(encoding="utf-8"))
    assert results["results"]["demo_mcq"]["acc,none"] == pytest.approx(value(found, "demo_mcq", "acc"))
    assert len(list(folder.glob("lm_eval/*/samples_*.jsonl"))) == 5


def load_folder(run: str) -> Path:
    from harness import folders

    return folders.runs_dir() / run


def test_the_scores_are_a_pandas_frame(cli: Cli, tiny_model: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--json"))
    frame = load_run(found["id"]).to_frame()
    assert len(frame) == len(found["scores"])
    assert {"benchmark", "metric", "value", "low", "high", "n"} <= set(frame.columns)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("eval", "-m", "demo-en", "-t", "a_evl"), 2, "no task or group named 'a_evl'; did you mean a_eval"),
        (("eval", "-m", "demo-em", "-t", "demo"), 2, "did you mean demo-en"),
        (
            ("eval", "-m", "demo-en", "-t", "demo", "--judge", "rule"),
            2,
            "no judge named 'rule'; did you mean rules? there are: none, openai:MODEL, rules",
        ),
        (("eval", "-m", "demo-en", "-t", "demo", "--model-arg", "dtype"), 2, "--model-arg takes KEY=VALUE, not 'dtype'"),
        (("eval", "-m", "/no/such/place", "-t", "demo"), 2, "/no/such/place"),
        (("judge", "no-such-run"), 2, "no-such-run"),
        (("show", "no-such-run"), 2, "no-such-run"),
        (("eval", "-m", "llama3-8b-safe", "-t", "demo"), 1, "llama3-8b-safe"),
    ],
)
def test_a_wrong_word_is_answered_in_one_line(cli: Cli, words: tuple[str, ...], code: int, said: str) -> None:
    done = cli(*words)
    lines = [line for line in done.err.splitlines() if line.startswith("harness: ")]
    assert len(lines) == 1, done.err
    assert said in lines[0]
    assert "Traceback" not in done.err
    assert done.code in {code, 1, 2}
    assert done.code != 0


def test_a_judge_without_an_endpoint_is_one_line(cli: Cli, tiny_model: Path) -> None:
    done = cli("eval", "-m", str(tiny_model), "-t", "demo_risk", *SMALL, "--judge", "openai:qwen")
    assert done.code == 1
    assert "no endpoint for the judge 'qwen': set HARNESS_JUDGE_BASE_URL" in done.err


def test_a_model_may_not_judge_itself(cli: Cli, loopback: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = loopback()
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    done = cli("eval", "-m", "openai:judge", "-t", "demo_risk", "--limit", "1", "--judge", "openai:judge")
    assert done.code == 2
    assert "a model must not judge itself" in done.err


def test_a_judge_that_is_down_leaves_a_run_that_says_so(cli: Cli, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", "http://127.0.0.1:9/v1")
    done = cli("eval", "-m", str(tiny_model), "-t", "demo_risk_di", *SMALL, "--judge", "openai:judge", "--json")
    assert done.code == 3
    found = json.loads(done.out)
    assert found["complete"] is False
    assert found["coverage"][0]["unjudged"] == 3
    assert not [s for s in found["scores"] if s["metric"] == "rr_1"]


def test_missing_data_says_which_file_to_put_where(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    done = cli("eval", "-m", str(tiny_model), "-t", "a_eval", *SMALL)
    assert done.code == 2
    assert "llm_678_2024-06-11-151217.json" in done.err
    assert "HARNESS_DATA" in done.err


def test_a_data_file_that_was_changed_is_refused(
    cli: Cli, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-eval").mkdir()
    (tmp_path / "a-eval" / "llm_678_2024-06-11-151217.json").write_text("[]")
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    done = cli("eval", "-m", str(tiny_model), "-t", "a_eval", *SMALL)
    assert done.code == 2
    assert "9f3a13a9963335a0" in done.err


def test_no_secret_is_written_anywhere(
    cli: Cli, tiny_model: Path, loopback: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = loopback()
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
    monkeypatch.setenv("HARNESS_JUDGE_API_KEY", "sk-very-secret")
    record(cli("eval", "-m", str(tiny_model), "-t", "demo_risk_di", *SMALL, "--judge", "openai:judge", "--json"))
    assert any(h.get("Authorization") == "Bearer sk-very-secret" for h in server.headers)
    written = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"sk-very-secret" in path.read_bytes()]


def test_a_run_is_shown_as_tables(cli: Cli, tiny_model: Path) -> None:
    cli("eval", "-m", str(tiny_model), "-t", "demo_mcq,demo_risk", *SMALL)
    shown = cli("show", "latest", "--worst", "2")
    assert shown.code == 0
    assert "RR-1" in shown.out
    assert "always A" in shown.out
    assert "not comparable" in shown.out
    listed = cli("runs")
    assert "demo_mcq" in listed.out


def test_a_parameter_the_endpoint_refuses_is_left_out_and_noted(cli: Cli, loopback: Start) -> None:
    server = loopback(answer=lambda _body: "A", rejects=("seed",))
    found = record(cli("eval", "-m", f"{server.base_url}#tiny", "-t", "demo_mcq_di", "--json"))
    assert "the model's endpoint refused seed: asked without" in found["notes"]
    assert "seed" not in server.requests[-1]


def test_a_wrong_judge_is_told_before_a_demo_model_is_built(cli: Cli, tmp_path: Path) -> None:
    assert cli("eval", "-m", "demo-en", "-t", "demo", "--judge", "rule").code == 2
    assert not (tmp_path / "cache" / "models" / "demo-en").exists()


def test_one_metric_of_a_run_is_shown(cli: Cli, tiny_model: Path) -> None:
    cli("eval", "-m", str(tiny_model), "-t", "demo_risk", *SMALL)
    shown = record(cli("show", "latest", "--metric", "RR-1", "--json"))
    assert {score["metric"] for score in shown["scores"]} == {"rr_1"}


def test_an_unknown_metric_is_answered_with_near_matches(cli: Cli, tiny_model: Path) -> None:
    cli("eval", "-m", str(tiny_model), "-t", "demo_risk", *SMALL)
    done = cli("show", "latest", "--metric", "rr_11")
    assert done.code == 2
    assert "did you mean rr_1" in done.err


def test_a_run_of_another_schema_version_is_refused_by_name(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo_en", *SMALL, "--json"))
    path = load_folder(found["id"]) / "record.json"
    path.write_text(path.read_text(encoding="utf-8").replace("harness.run/1", "harness.run/9"), encoding="utf-8")
    done = cli("show", found["id"])
    assert done.code == 2
    assert "harness.run/9" in done.err
    assert "harness.run/1" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gen", "nonsense_setting=3"), "the model refuses the settings"),
        (("--model-arg", "dtype=float99"), "cannot be loaded from"),
    ],
)
def test_a_setting_the_model_does_not_take_is_one_line(cli: Cli, tiny_model: Path, words: tuple[str, str], said: str) -> None:
    done = cli("eval", "-m", str(tiny_model), "-t", "demo_en", "--limit", "1", *words)
    assert done.code == 1
    assert said in done.err
    assert "unexpected" not in done.err


def test_the_record_names_the_data_of_its_own_tasks_only(
    cli: Cli, tiny_model: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    small = ("--limit", "1", "--gen", "max_gen_toks=1", "--json")
    record(cli("eval", "-m", str(tiny_model), "-t", "a_eval_tp", *small))
    found = record(cli("eval", "-m", str(tiny_model), "-t", "chisafetybench_v1_mcq_cv", *small))
    digest = "9900af0e259d8f58d68584961ac5f13fc229066d5b73add142313c92d0c8edcd"
    assert found["provenance"]["data"] == {"chisafetybench/v1/mcq.json": digest}


def test_multiple_choice_without_a_judge_is_complete(cli: Cli, tiny_model: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo_mcq_di", *SMALL, "--judge", "none", "--json"))
    assert found["complete"] is True
    assert value(found, "demo_mcq_di", "acc") >= 0


def test_without_a_judge_nothing_open_is_scored(cli: Cli, tiny_model: Path) -> None:
    found = record(cli("eval", "-m", str(tiny_model), "-t", "demo_risk_di", *SMALL, "--judge", "none", "--json"))
    assert found["complete"] is False
    assert {score["metric"] for score in found["scores"]} <= {"zh_share"}
