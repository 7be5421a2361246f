"""harness refine, as typed, against a real server: decisions of people, new answers, checks, going on, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.curating.tagging import asking, guessing
from tests.conftest import Cli
from tests.loopback import Loopback, first
from tests.refining.made import (
    GOOD,
    LENGTH,
    dataset,
    decide,
    dropped_of,
    everything_in,
    flagged,
    refined_of,
    review,
    row,
    rows_of,
    said,
    scripted,
)

Start = Callable[..., Loopback]
KEY = "sk-test-0123456789"
LONG = "".join(chr(0x4E00 + 37 * number % 5000) for number in range(330))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


@pytest.fixture
def serving(loopback: Start, monkeypatch: pytest.MonkeyPatch) -> Start:
    def start(**settings: Any) -> Loopback:
        server = loopback(**{"answer": scripted({}), **settings})
        monkeypatch.setenv("HARNESS_WRITER_BASE_URL", server.base_url)
        monkeypatch.setenv("HARNESS_WRITER_API_KEY", KEY)
        return server

    return start


def report(done: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_what_people_decided_is_done_and_what_they_flagged_is_answered_again(
    cli: Cli, serving: Start, old: Path, new: Path
) -> None:
    rows = [flagged(1), row(2), row(3), row(4), row(5), row(6, answer="这一行没有人看过，也没有疑点。")]
    opened = review(old / "review", dataset(old, rows), rows[:5])
    decide(opened, "tea/1", "accept")
    decide(opened, "tea/2", "edit", messages=said("怎么保存茶叶？", "放在阴凉干燥处，密封保存。"))
    decide(opened, "tea/3", "reject")
    decide(opened, "tea/4", "flag", note="答得太短")
    server = serving()
    done = cli("refine", str(old), "-o", str(new), "--with", "openai:writer", "--json")
    assert done.code == 0, done.err
    found, kept = report(done), rows_of(new)
    assert found["people"] == {"accepted": 1, "edited": 1, "rejected": 1, "flagged": 1, "open": 1, "split": 0, "stale": 0}
    assert list(kept) == ["tea/1", "tea/2", "tea/4", "tea/5", "tea/6"]
    assert kept["tea/1"].flags == {}
    assert kept["tea/2"].messages[1].content == "放在阴凉干燥处，密封保存。"
    assert kept["tea/2"].origin == "edited"
    assert (kept["tea/4"].messages[1].content, kept["tea/4"].origin) == (GOOD, "refined:writer")
    assert kept["tea/5"] == rows[4]
    assert dropped_of(new)["tea/3"]["why"] == "rejected by people"
    assert len(server.requests) == 1
    line = refined_of(new)["tea/4"]
    assert (line.before, line.after, line.reasons, line.state) == (("嗯。",), (GOOD,), ("答得太短",), "accepted")
    made = found["dataset"]
    assert (made["parent"], made["made_by"], made["rows"], made["dropped"]) == (
        json.loads((old / "dataset.json").read_text())["digest"],
        "refine openai:writer",
        5,
        1,
    )


def refined(cli: Cli, old: Path, new: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """`harness refine` as a report."""
    done = cli("refine", str(old), "-o", str(new), "--with", "openai:writer", "--json", *words)
    assert done.code == code, done.err
    return report(done)


def test_rows_that_rules_doubt_enough_are_answered_again(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(1, 0.9), flagged(2, 0.4), row(3)])
    server = serving()
    found = refined(cli, old, new)
    assert (found["asked_rows"], found["accepted"], found["changed"], found["reasons"]) == (1, 1, 1, {"repetition": 1})
    assert {name: one.origin for name, one in rows_of(new).items()} == {"tea/1": "refined:writer", "tea/2": "", "tea/3": ""}
    assert rows_of(new)["tea/1"].flags == {}
    assert rows_of(new)["tea/2"].flags == {"repetition (0.4)": 0.4}
    prompt = server.requests[0]["messages"]
    assert "直接给出结果" in prompt[0]["content"]
    for part in ("请说说第1种茶叶怎么保存。", "<草稿>\n嗯。\n</草稿>", "repetition (0.4)"):
        assert part in prompt[1]["content"]
    assert (found["characters_before"], found["characters_after"]) == (2.0, float(len(GOOD)))


def test_a_doubtful_tag_is_no_reason_for_another_answer(cli: Cli, old: Path, new: Path) -> None:
    rows = [row(number, flags={name: 0.9}) for number, name in enumerate((guessing.UNSURE, asking.UNTOLD))]
    dataset(old, rows)
    found = refined(cli, old, new)
    assert (found["asked_rows"], found["dataset"]["rows"]) == (0, 2)
    assert [one.flags for one in rows_of(new).values()] == [one.flags for one in rows]


def test_what_chooses_whose_word_counts(cli: Cli, serving: Start, old: Path, tmp_path: Path) -> None:
    rows = [flagged(1), row(2)]
    opened = review(tmp_path / "said", dataset(old, rows), rows[1:])
    decide(opened, "tea/2", "flag")
    serving()
    asked = {
        what: refined(cli, old, tmp_path / what, "--what", what, "--review", str(tmp_path / "said"))["reasons"]
        for what in ("flagged", "rules", "all")
    }
    assert asked == {"flagged": {"people": 1}, "rules": {"repetition": 1}, "all": {"people": 1, "repetition": 1}}


def test_people_who_are_not_of_one_mind_leave_a_row_as_it_is(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    rows = [flagged(1), flagged(2), flagged(3)]
    opened = review(old / "review", dataset(old, rows), rows, people=2)
    decide(opened, "tea/1", "accept", "ann")
    decide(opened, "tea/1", "reject", "bo")
    decide(opened, "tea/2", "flag", "ann")
    serving()
    found = refined(cli, old, new)
    assert (found["people"]["split"], found["people"]["open"]) == (1, 2)
    assert {name: one.origin for name, one in rows_of(new).items()} == {"tea/1": "", "tea/2": "", "tea/3": "refined:writer"}


def test_an_answer_that_cannot_be_used_is_asked_for_once_more_with_the_reason(
    cli: Cli, serving: Start, old: Path, new: Path
) -> None:
    dataset(old, [flagged(1), flagged(2)])
    server = serving(answer=scripted({"第1种": ["作为 AI，我建议放在阴凉处。", GOOD], "第2种": "嗯。"}))
    found = refined(cli, old, new)
    assert found["unaccepted"] == {"the same as before": 1}
    assert (found["accepted"], found["kept_old"]) == (1, 1)
    assert refined_of(new)["tea/1"].attempts == 2
    again = [
        body["messages"] for body in server.requests if len(body["messages"]) == 4 and "第1种" in body["messages"][1]["content"]
    ]
    assert again[0][2]["content"] == "作为 AI，我建议放在阴凉处。"
    assert "作为AI" in again[0][3]["content"]
    assert rows_of(new)["tea/2"].messages[1].content == "嗯。"
    assert rows_of(new)["tea/2"].flags


def test_new_answers_go_through_the_steps_that_made_the_data_set(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(1), flagged(2)])
    serving(answer=scripted({"第1种": "长" * 400, "第2种": ["好。", GOOD]}))
    found = refined(cli, old, new)
    assert found["unaccepted"] == {"too long": 1}
    assert refined_of(new)["tea/1"].why == "too long: 413 characters"
    assert rows_of(new)["tea/2"].messages[1].content == GOOD
    assert "new answers were checked by: length, language, repetition, self_naming" in found["dataset"]["steps"][1]["notes"]
    assert found["dataset"]["pipeline"] == LENGTH


def test_a_step_that_only_flags_marks_the_new_answer(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(1)], LENGTH.replace('"drop"', '"flag"'))
    serving(answer=scripted({}, LONG))
    assert refined(cli, old, new)["accepted"] == 1
    assert list(rows_of(new)["tea/1"].flags) == [f"too long ({len(LONG) + 13} characters)"]


def test_an_answer_that_repeats_a_benchmark_is_not_used_and_written_nowhere(
    cli: Cli, serving: Start, old: Path, new: Path
) -> None:
    from harness import culture, folders
    from harness.catalog import read
    from harness.rows.benchmarks import items

    texts = [one.texts[0] for one in items(culture.load("demo"), read(folders.task_folders())).items]
    item = next(text for text in texts if len(text) > 30 and "\n" not in text)
    dataset(old, [flagged(1), flagged(2)])
    serving(answer=scripted({"第1种": f"可以这样想：{item}"}))
    found = refined(cli, old, new)
    assert found["unaccepted"] == {"in a benchmark": 1}
    assert refined_of(new)["tea/1"].before == refined_of(new)["tea/1"].after == ()
    assert item.encode() not in everything_in(new)


def test_an_edit_that_repeats_a_benchmark_is_dropped_without_its_text(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    from harness import culture, folders
    from harness.catalog import read
    from harness.rows.benchmarks import items

    item = next(one for one in items(culture.load("demo"), read(folders.task_folders())).items if len(one.texts[0]) > 30)
    rows = [row(1), row(2)]
    opened = review(old / "review", dataset(old, rows), rows)
    decide(opened, "tea/1", "edit", messages=said(item.texts[0], "这是一个回答。"))
    done = cli("refine", str(old), "-o", str(new), "--json")
    assert done.code == 0, done.err
    assert list(rows_of(new)) == ["tea/2"]
    assert "row" not in dropped_of(new)["tea/1"]
    assert report(done)["dataset"]["contamination"][item.benchmark] == 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("content_filter", "refused by the server's filter"),
        ("filtered_reply", "refused by the server's filter"),
        ("length", "cut off at the limit of its length"),
        ("empty", "empty reply"),
        ("null_content", "empty reply"),
    ],
)
def test_a_reply_that_is_no_answer_is_not_accepted(cli: Cli, serving: Start, old: Path, new: Path, fault: Any, why: str) -> None:
    dataset(old, [flagged(1), flagged(2)])
    serving(faults=lambda body, seen: fault if "第1种" in body["messages"][1]["content"] else None)
    found = refined(cli, old, new)
    assert (found["unaccepted"], found["accepted"], found["waiting"]) == ({why: 1}, 1, {})
    assert rows_of(new)["tea/1"].messages[1].content == "嗯。"
    assert found["refusals"] == ("filter" in why)


@pytest.mark.parametrize("fault", ["429", "500", "hang", "garbage", "no_choices"])
def test_a_failure_is_no_answer_and_the_same_command_goes_on(cli: Cli, serving: Start, old: Path, new: Path, fault: Any) -> None:
    dataset(old, [flagged(1), flagged(2)])
    server = serving(faults=lambda body, seen: fault if "第1种" in body["messages"][1]["content"] else None)
    done = cli("refine", str(old), "-o", str(new), "--with", "openai:writer", "--retries", "0", "--timeout", "1", "--json")
    assert done.code == 3
    assert "1 of 2 rows have no reply yet" in done.err
    assert len(done.err.splitlines()) == 1
    assert not (new / "dataset.json").exists()
    assert refined_of(new)["tea/1"].state == "waiting"
    server.faults = None
    found = refined(cli, old, new)
    assert (found["accepted"], found["requests"]["asked"], found["requests"]["stored"]) == (2, 1, 1)


def test_a_server_that_is_not_there_is_named_and_nothing_is_lost(cli: Cli, old: Path, new: Path) -> None:
    dataset(old, [flagged(1), flagged(2)])
    done = cli("refine", str(old), "-o", str(new), "--with", "http://127.0.0.1:9#writer", "--retries", "0")
    assert done.code == 3
    assert "2 of 2 rows have no reply yet: 127.0.0.1:9: cannot connect" in done.err


def test_a_passing_failure_is_tried_again(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(1)])
    server = serving(faults=first(1, "429"), retry_after="0")
    assert refined(cli, old, new)["accepted"] == 1
    assert len(server.requests) == 2


def test_one_row_of_many_may_wait_and_is_kept_or_dropped_as_asked(
    cli: Cli, serving: Start, old: Path, new: Path, tmp_path: Path
) -> None:
    dataset(old, [flagged(number) for number in range(100, 220)])
    serving(faults=lambda body, seen: "400" if "第150种" in body["messages"][1]["content"] else None)
    found = refined(cli, old, new)
    assert (found["accepted"], sum(found["waiting"].values()), found["kept_old"]) == (119, 1, 1)
    assert rows_of(new)["tea/150"].messages[1].content == "嗯。"
    found = refined(cli, old, tmp_path / "less", "--drop-unrefined")
    assert (found["set_aside"], dropped_of(tmp_path / "less")["tea/150"]["why"]) == (1, "not answered")
    assert dropped_of(tmp_path / "less")["tea/150"]["row"]["messages"][1]["content"] == "嗯。"


def test_a_row_that_people_flagged_never_stays_as_it_was(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    rows = [row(1), row(2)]
    opened = review(old / "review", dataset(old, rows), rows[:1])
    decide(opened, "tea/1", "flag", note="不对")
    serving(answer=scripted({}, "很抱歉，我无法回答这个问题。"))
    found = refined(cli, old, new)
    assert (found["unaccepted"], found["refusals"], found["set_aside"]) == ({"refusal": 1}, 1, 1)
    assert list(rows_of(new)) == ["tea/2"]
    assert dropped_of(new)["tea/1"]["why"] == "answer not accepted: refusal"


def test_a_risky_question_may_be_refused_and_is_asked_with_other_guidance(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(1, areas=("demo_risk/DI",)), flagged(2, areas=("demo_skills/TU",))])
    server = serving(answer=scripted({}, "很抱歉，我不能帮助做这件事，因为它会伤害别人；可以求助专业人员。"))
    found = refined(cli, old, new)
    assert (found["accepted"], found["unaccepted"]) == (1, {"refusal": 1})
    told = {body["messages"][1]["content"][:20]: body["messages"][0]["content"] for body in server.requests}
    assert sum("有害的要求要明确拒绝" in text for text in told.values()) == 1


def test_all_replies_of_a_dialogue_are_written_in_order_on_top_of_the_new_ones(
    cli: Cli, serving: Start, old: Path, new: Path
) -> None:
    turns = said("茶叶怎么放？", "随便放。", "为什么？", "不知道。")
    dataset(old, [row(1, messages=turns, flags={"short": 1.0})])
    server = serving(answer=scripted({"为什么？": "因为茶叶怕潮，也怕光。"}, "放在阴凉干燥的地方。"))
    assert refined(cli, old, new, "--replies", "all")["accepted"] == 1
    assert [turn.content for turn in rows_of(new)["tea/1"].messages] == [
        "茶叶怎么放？",
        "放在阴凉干燥的地方。",
        "为什么？",
        "因为茶叶怕潮，也怕光。",
    ]
    assert "放在阴凉干燥的地方。" in server.requests[1]["messages"][1]["content"]
    line = refined_of(new)["tea/1"]
    assert (line.turns, line.before, line.after) == (
        (1, 3),
        ("随便放。", "不知道。"),
        ("放在阴凉干燥的地方。", "因为茶叶怕潮，也怕光。"),
    )


def test_the_last_reply_alone_is_written_anew_by_default(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [row(1, messages=said("茶叶怎么放？", "随便放。", "为什么？", "不知道。"), flags={"short": 1.0})])
    serving()
    refined(cli, old, new)
    assert [turn.content for turn in rows_of(new)["tea/1"].messages][1::2] == ["随便放。", GOOD]


def test_with_a_limit_the_most_doubtful_go_first_and_people_before_rules(
    cli: Cli, serving: Start, old: Path, new: Path, tmp_path: Path
) -> None:
    rows = [flagged(1, 0.6), flagged(2, 0.9), row(3), row(4)]
    opened = review(old / "review", dataset(old, rows), rows[2:])
    decide(opened, "tea/3", "flag")
    decide(opened, "tea/4", "flag")
    serving()
    found = refined(cli, old, new, "--max-rows", "1")
    assert (found["asked_rows"], found["left"]) == (1, 3)
    kept = rows_of(new)
    assert {name: one.origin for name, one in kept.items()} == {"tea/1": "", "tea/2": "", "tea/3": "refined:writer", "tea/4": ""}
    assert max(kept["tea/4"].flags.values()) == 1.0
    again = refined(cli, new, tmp_path / "newer", "--max-rows", "2")
    assert again["reasons"]["repetition"] == 2
    assert {name for name, one in rows_of(tmp_path / "newer").items() if one.origin} == {"tea/2", "tea/3", "tea/4"}


def test_the_same_request_gives_the_same_bytes_and_asks_nothing_twice(
    cli: Cli, serving: Start, old: Path, tmp_path: Path
) -> None:
    dataset(old, [flagged(number) for number in range(12)])
    server = serving(answer=scripted({"第3种": "嗯。"}))
    first_time = refined(cli, old, tmp_path / "a")
    asked = len(server.requests)
    second_time = refined(cli, old, tmp_path / "b")
    refined(cli, old, tmp_path / "a")
    assert len(server.requests) == asked == first_time["requests"]["asked"] == 13
    assert second_time["requests"]["stored"] == 13
    assert second_time["requests"]["spent_completion_tokens"] == 0
    assert second_time["requests"]["completion_tokens"] == first_time["requests"]["spent_completion_tokens"] > 0
    for name in ("rows.jsonl", "dropped.jsonl", "refined.jsonl", "dataset.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def goes_on(cli: Cli, server: Loopback, old: Path, new: Path) -> None:
    """After a run of forty rows was ended in the middle."""
    assert not (new / "dataset.json").exists()
    server.latency, server.faults = 0, None
    found = refined(cli, old, new)
    assert found["accepted"] == 40
    assert found["requests"]["stored"] >= 10
    seen = [json.dumps(body["messages"]) for body in server.requests]
    assert len(set(seen)) == 40
    assert len(seen) <= 40 + 2


def test_a_run_that_was_killed_goes_on_and_asks_nothing_twice(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(number) for number in range(100, 140)])
    server = serving(latency=0.05)
    words = ["refine", str(old), "-o", str(new), "--with", "openai:writer", "--concurrency", "2"]
    with subprocess.Popen([sys.executable, "-m", "harness", *words], stderr=subprocess.DEVNULL, env=os.environ) as process:
        deadline = time.monotonic() + 60
        while len(server.requests) < 12:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    goes_on(cli, server, old, new)


def test_a_run_that_was_interrupted_says_so_goes_on_and_asks_nothing_twice(
    cli: Cli, serving: Start, old: Path, new: Path
) -> None:
    dataset(old, [flagged(number) for number in range(100, 140)])
    server, to_press = serving(latency=0.05), ["Ctrl-C"]

    def interrupt(body: dict[str, Any], seen: int) -> None:
        if len(server.requests) >= 12 and to_press:
            to_press.clear()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    server.faults = interrupt
    done = cli("refine", str(old), "-o", str(new), "--with", "openai:writer", "--concurrency", "2")
    assert done.code == 130
    assert "nothing that was answered is lost, the same command goes on" in done.err
    goes_on(cli, server, old, new)


def test_a_dry_run_asks_and_writes_nothing_and_needs_no_endpoint(cli: Cli, old: Path, new: Path) -> None:
    dataset(old, [flagged(1), flagged(2), row(3)])
    done = cli("refine", str(old), "-o", str(new), "--dry-run", "--json")
    assert done.code == 0, done.err
    forecast = report(done)["forecast"]
    assert forecast["requests"] == 2
    assert forecast["stored"] is None
    assert 100 < forecast["prompt_tokens"] < 600
    assert forecast["completion_tokens_most"] == 2 * 2048
    assert not new.exists()
    assert "this is a dry run" in cli("refine", str(old), "-o", str(new), "--dry-run").out


def test_a_dry_run_knows_what_was_answered_before(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(1), flagged(2)])
    server = serving()
    refined(cli, old, new, "--max-rows", "1")
    assert refined(cli, old, new, "--dry-run")["forecast"]["stored"] == 1
    assert len(server.requests) == 1


def test_where_nothing_falls_short_nothing_is_asked(cli: Cli, old: Path, new: Path) -> None:
    dataset(old, [row(1), row(2)])
    done = cli("refine", str(old), "-o", str(new))
    assert done.code == 0, done.err
    assert "2 rows: none is to be answered again, nothing was asked" in done.out
    assert (old / "rows.jsonl").read_bytes() == (new / "rows.jsonl").read_bytes()


def test_the_report_says_what_was_done_in_a_few_lines(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(1), row(2, flags={"[red]odd[/red]": 1.0})])
    serving()
    out = cli("refine", str(old), "-o", str(new), "--with", "openai:writer").out
    for part in (
        "2 rows, 2 to be answered again",
        "[red]odd[/red] 1, repetition 1",
        "2, of which 2 say something else",
        "2 requests now",
    ):
        assert part in out


def test_the_key_is_in_no_file(cli: Cli, serving: Start, old: Path, new: Path, tmp_path: Path) -> None:
    dataset(old, [flagged(1), flagged(2)])
    server = serving(answer=scripted({}), faults=lambda body, seen: "401" if "第1种" in body["messages"][1]["content"] else None)
    done = cli("refine", str(old), "-o", str(new), "--with", "openai:writer")
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in done.out + done.err
    assert KEY.encode() not in everything_in(tmp_path)


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["--with", "openai:w"], 1, "no endpoint for the writer 'w': set HARNESS_WRITER_BASE_URL (or OPENAI_BASE_URL)"),
        ([], 2, "1 rows are to be answered again; say by which model: --with openai:MODEL"),
        (["--with", "gpt"], 2, "a model that writes is openai:MODEL or URL#MODEL, not 'gpt'"),
        (["--with", "ftp://x#y"], 2, "a model that writes is"),
        (["--with", "openai:w", "--guidance", "nowhere.md"], 2, "there is no guidance at 'nowhere.md'"),
        (["--with", "openai:w", "--review", "nowhere"], 2, "holds no review"),
    ],
)
def test_what_is_wrong_with_a_command_is_one_line(cli: Cli, old: Path, new: Path, words: list[str], code: int, line: str) -> None:
    dataset(old, [flagged(1)])
    done = cli("refine", str(old), "-o", str(new), *words)
    assert done.code == code
    assert line in done.err
    assert len(done.err.splitlines()) == 1
    assert not new.exists()


def test_folders_that_are_not_what_they_should_be_are_named(cli: Cli, old: Path, new: Path, tmp_path: Path) -> None:
    done = cli("refine", str(old), "-o", str(new))
    assert (done.code, "is no data set" in done.err) == (2, True)
    made = dataset(old, [row(1)])
    assert "a data set is never changed" in cli("refine", str(old), "-o", str(old)).err
    dataset(tmp_path / "other", [row(2)])
    done = cli("refine", str(old), "-o", str(tmp_path / "other"))
    assert (done.code, "holds another data set (curate tea)" in done.err) == (2, True)
    review(tmp_path / "said", made.model_copy(update={"digest": "0" * 64}), [row(1)])
    done = cli("refine", str(old), "-o", str(new), "--review", str(tmp_path / "said"))
    assert (done.code, "is a review of dataset:0000" in done.err) == (2, True)
    (old / "rows.jsonl").write_text('{"source": 1}\n', encoding="utf-8")
    done = cli("refine", str(old), "-o", str(new))
    assert (done.code, "rows.jsonl:1: not a row" in done.err) == (2, True)


def test_a_manifest_whose_steps_are_not_known_any_more_says_so(cli: Cli, serving: Start, old: Path, new: Path) -> None:
    dataset(old, [flagged(1)], json.dumps([{"use": "gone", "action": "drop"}, *json.loads(LENGTH)]))
    serving()
    notes = refined(cli, old, new)["dataset"]["steps"][1]["notes"]
    assert "step 'gone' is not known here: new answers are not checked by it" in notes
    dataset(old, [flagged(1)], "[1]")
    assert "names its steps in no form known here" in cli("refine", str(old), "-o", str(new / "x"), "--with", "openai:w").err


def test_a_decision_about_another_text_is_not_one_about_this_row(cli: Cli, old: Path, new: Path) -> None:
    made = dataset(old, [row(1)])
    opened = review(old / "review", made, [row(1, answer="另一个回答。")])
    decide(opened, "tea/1", "reject")
    done = cli("refine", str(old), "-o", str(new), "--json")
    assert report(done)["people"]["stale"] == 1
    assert list(rows_of(new)) == ["tea/1"]


def test_own_guidance_is_what_the_model_is_told(cli: Cli, serving: Start, old: Path, new: Path, tmp_path: Path) -> None:
    dataset(old, [flagged(1)])
    own = tmp_path / "own.md"
    own.write_text("只用一句话回答。\n", encoding="utf-8")
    server = serving()
    refined(cli, old, new, "--guidance", str(own))
    assert server.requests[0]["messages"][0]["content"] == "只用一句话回答。"


def test_from_a_source_to_a_refined_data_set_by_commands_alone(
    cli: Cli, serving: Start, old: Path, new: Path, tmp_path: Path
) -> None:
    lines = [
        {"instruction": "怎么保存绿茶？", "input": "", "output": "作为一个AI语言模型，我建议把绿茶密封好，放在阴凉干燥的地方。"},
        {"instruction": "怎么挑选柚子？", "input": "", "output": "挑表皮细腻、拿在手里发沉的柚子，一般水分更足。"},
    ]
    (tmp_path / "tea.jsonl").write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")
    (tmp_path / "tea.toml").write_text(
        'name = "tea"\nculture = "demo"\nsources = [{ name = "tea", path = "tea.jsonl", format = "alpaca", licence = "CC0-1.0" }]\n'
        '[[step]]\nuse = "self_naming"\naction = "flag"\n',
        encoding="utf-8",
    )
    done = cli("curate", str(tmp_path / "tea.toml"), "-o", str(old), "--workers", "1")
    assert done.code == 0, done.err
    serving(answer=scripted({}, "把绿茶密封好，放在阴凉干燥的地方，喝之前再取出来。"))
    found = refined(cli, old, new)
    assert (found["asked_rows"], found["accepted"]) == (1, 1)
    kept = list(rows_of(new).values())
    assert [one.origin for one in kept] == ["refined:writer", ""]
    assert kept[0].flags == {}
    assert "self_naming" in found["dataset"]["pipeline"]
