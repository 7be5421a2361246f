"""harness generate, as typed, against a real server: two sides of a dialogue, texts to rest on, going on, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.loopback import Loopback
from tests.refining.made import dataset, dropped_of, everything_in, row, rows_of

Start = Callable[..., Loopback]
KEY = "sk-test-0123456789"
LICENCE = ("--licence", "CC0-1.0", "--culture", "demo")


def both_sides(body: dict[str, Any]) -> str:
    """Asks and answers, each time something new that holds on to what was said."""
    last = body["messages"][-1]["content"]
    if "请写出用户的下一句话" in last:
        return f"再问第{last.count('<assistant>') + 1}件事：茶叶还要注意什么？"
    return f"这是第{sum(turn['role'] == 'assistant' for turn in body['messages']) + 1}个回答，说的是{last[:6]}。"


@pytest.fixture
def serving(loopback: Start, monkeypatch: pytest.MonkeyPatch) -> Start:
    def start(**settings: Any) -> Loopback:
        server = loopback(**{"answer": both_sides, **settings})
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        return server

    return start


@pytest.fixture
def topics(tmp_path: Path) -> Path:
    path = tmp_path / "topics.txt"
    path.write_text("怎么保存绿茶？\n\n怎么挑选柚子？\n怎么保存绿茶？\n", encoding="utf-8")
    return path


def test_a_model_plays_both_sides_and_ends_with_an_answer(cli: Cli, serving: Start, topics: Path, tmp_path: Path) -> None:
    server = serving()
    done = cli(
        "generate",
        "multiturn",
        "--topics",
        str(topics),
        "-o",
        str(tmp_path / "new"),
        "--with",
        "openai:w",
        "--turns",
        "3",
        "--json",
        *LICENCE,
    )
    assert done.code == 0, done.err
    found, rows = json.loads(done.out), rows_of(tmp_path / "new")
    assert [[turn.role for turn in one.messages] for one in rows.values()] == [["user", "assistant"] * 3] * 2
    assert [one.messages[0].content for one in rows.values()] == ["怎么保存绿茶？", "怎么挑选柚子？"]
    assert {(one.origin, one.licence, one.language) for one in rows.values()} == {("generated:w", "CC0-1.0", "zh")}
    assert found["ends"] == {"turns": 2}
    assert found["dropped"] == {"said before": 1}
    assert len(server.requests) == found["requests"]["asked"] == 2 * 5
    assert found["dataset"]["contamination"]["demo_skills"] == 0


def made(cli: Cli, new: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """`harness generate` as a report."""
    done = cli("generate", *words, "-o", str(new), "--with", "openai:w", "--json", *LICENCE)
    assert done.code == code, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_finished_set_of_dialogues_is_not_replaced_by_one_of_other_topics_or_settings(
    cli: Cli, serving: Start, topics: Path, tmp_path: Path
) -> None:
    server = serving()
    words = ["generate", "multiturn", "-o", str(tmp_path / "new"), "--with", "openai:w", "--turns", "2", *LICENCE]
    assert cli(*words, "--topics", str(topics)).code == 0
    before, asked = (tmp_path / "new" / "rows.jsonl").read_bytes(), len(server.requests)
    assert cli(*words, "--topics", str(topics)).code == 0
    other = tmp_path / "other.txt"
    other.write_text("怎么修自行车？\n", encoding="utf-8")
    for said in (["--topics", str(other)], ["--topics", str(topics), "--turns", "3"]):
        done = cli(*words, *said)
        assert done.code == 2
        assert "holds dialogues of other topics or settings" in done.err
    assert ((tmp_path / "new" / "rows.jsonl").read_bytes(), len(server.requests)) == (before, asked)


def test_a_name_that_would_not_do_as_one_of_a_source_is_refused(cli: Cli, topics: Path, tmp_path: Path) -> None:
    done = cli("generate", "multiturn", "--topics", str(topics), "-o", str(tmp_path / "new"), "--name", "../a b", *LICENCE)
    assert done.code == 2
    assert "not '../a b' (--name)" in done.err


def is_user(body: dict[str, Any]) -> bool:
    return "请写出用户的下一句话" in body["messages"][1]["content"]


def test_the_user_sees_the_dialogue_and_the_assistant_sees_chat_turns(
    cli: Cli, serving: Start, topics: Path, tmp_path: Path
) -> None:
    server = serving()
    made(cli, tmp_path / "new", "multiturn", "--topics", str(topics), "--turns", "2", "--rows", "1")
    first, second, third = (body["messages"] for body in server.requests)
    assert [turn["role"] for turn in first] == ["system", "user"]
    assert "<user>\n怎么保存绿茶？\n</user>\n<assistant>\n这是第1个回答" in second[1]["content"]
    assert "<END>" in second[0]["content"]
    assert [turn["role"] for turn in third] == ["system", "user", "assistant", "user"]


def test_a_user_who_is_done_ends_the_dialogue_early(cli: Cli, serving: Start, topics: Path, tmp_path: Path) -> None:
    serving(answer=lambda body: "<END>" if is_user(body) and "怎么挑选" in body["messages"][1]["content"] else both_sides(body))
    found = made(cli, tmp_path / "new", "multiturn", "--topics", str(topics), "--turns", "3")
    assert found["ends"] == {"turns": 1, "user is done": 1}
    assert [len(one.messages) for one in rows_of(tmp_path / "new").values()] == [6, 2]


def test_a_user_out_of_role_is_asked_again_and_then_the_dialogue_ends_with_the_answer(
    cli: Cli, serving: Start, topics: Path, tmp_path: Path
) -> None:
    server = serving(answer=lambda body: "作为 AI，我没有别的问题。" if is_user(body) else both_sides(body))
    found = made(cli, tmp_path / "new", "multiturn", "--topics", str(topics), "--rows", "1")
    assert found["ends"] == {"user: out of role": 1}
    assert [turn.role for turn in rows_of(tmp_path / "new")["multiturn/1"].messages] == ["user", "assistant"]
    assert len(server.requests) == 3


def test_a_follow_up_about_something_else_and_a_refusal_are_flagged(
    cli: Cli, serving: Start, topics: Path, tmp_path: Path
) -> None:
    def answer(body: dict[str, Any]) -> str:
        if is_user(body):
            return "火车票哪里能够退掉呀"
        return "很抱歉，我无法回答这个问题。" if len(body["messages"]) > 2 else "放在阴凉处即可。"

    serving(answer=answer)
    found = made(cli, tmp_path / "new", "multiturn", "--topics", str(topics), "--turns", "2", "--rows", "1")
    assert set(rows_of(tmp_path / "new")["multiturn/1"].flags) == {
        "follow-up shares no word with the dialogue (turn 2)",
        "refusal (turn 2)",
    }
    assert found["flagged"] == 1


def test_two_models_may_take_the_two_sides(cli: Cli, serving: Start, topics: Path, tmp_path: Path) -> None:
    server = serving()
    made(cli, tmp_path / "new", "multiturn", "--topics", str(topics), "--turns", "2", "--assistant", "openai:other")
    assert {body["model"] for body in server.requests if is_user(body)} == {"w"}
    assert {body["model"] for body in server.requests if not is_user(body)} == {"other"}
    assert rows_of(tmp_path / "new")["multiturn/1"].origin == "generated:w+other"


def test_more_dialogues_than_topics_are_other_dialogues(cli: Cli, serving: Start, topics: Path, tmp_path: Path) -> None:
    server = serving()
    made(cli, tmp_path / "new", "multiturn", "--topics", str(topics), "--turns", "1", "--rows", "5")
    assert list(rows_of(tmp_path / "new")) == [f"multiturn/{name}" for name in ("1", "3", "1#2", "3#2", "1#3")]
    assert len({body["seed"] for body in server.requests}) == 5


def test_first_questions_of_a_data_set_are_topics_and_keep_what_is_known_of_them(
    cli: Cli, serving: Start, tmp_path: Path
) -> None:
    old = [row(1, areas=("demo_skills/TU",), licence="CC-BY-4.0", category="tea"), row(2), row(3)]
    parent = dataset(tmp_path / "old", old)
    serving(answer=lambda body: "第1个回答太长了。" * 60 if "第2种" in str(body["messages"]) else both_sides(body))
    found = made(cli, tmp_path / "new", "multiturn", "--topics", str(tmp_path / "old"), "--turns", "1", "--name", "more")
    rows = rows_of(tmp_path / "new")
    assert set(rows) == {"more/tea/1", "more/tea/3"}
    one = rows["more/tea/1"]
    assert (one.areas, one.category, one.licence) == (("demo_skills/TU",), "tea", "CC0-1.0 AND CC-BY-4.0")
    assert dropped_of(tmp_path / "new")["more/tea/2"]["why"] == "too long"
    assert (found["dataset"]["parent"], found["dataset"]["pipeline"]) == (parent.digest, parent.pipeline)


def test_a_topic_out_of_a_benchmark_is_not_even_asked(cli: Cli, serving: Start, tmp_path: Path) -> None:
    from harness import culture, folders
    from harness.catalog import read
    from harness.rows.benchmarks import items

    texts = [one.texts[0] for one in items(culture.load("demo"), read(folders.task_folders())).items]
    item = next(text for text in texts if len(text) > 30 and "\n" not in text)
    (tmp_path / "t.txt").write_text(f"{item}\n怎么保存绿茶？\n", encoding="utf-8")
    server = serving()
    found = made(cli, tmp_path / "new", "multiturn", "--topics", str(tmp_path / "t.txt"), "--turns", "1")
    assert list(found["dropped"]) == [
        f"in a benchmark: {name}" for name, number in found["dataset"]["contamination"].items() if number
    ]
    assert sum(found["dataset"]["contamination"].values()) == 1
    assert item.encode() not in everything_in(tmp_path / "new")
    assert item not in json.dumps(server.requests, ensure_ascii=False)


def test_dialogues_that_wait_go_on_where_they_stopped(cli: Cli, serving: Start, topics: Path, tmp_path: Path) -> None:
    server = serving(faults=lambda body, seen: "500" if len(body["messages"]) == 4 and "柚子" in str(body["messages"]) else None)
    words = ("multiturn", "--topics", str(topics), "--turns", "3")
    done = cli("generate", *words, "-o", str(tmp_path / "new"), "--with", "openai:w", "--retries", "0", *LICENCE)
    assert done.code == 3
    assert "1 of 2 dialogues wait for a reply: HTTP 500" in done.err
    assert not (tmp_path / "new" / "dataset.json").exists()
    server.faults, before = None, len(server.requests)
    found = made(cli, tmp_path / "new", *words)
    assert (found["written"], found["requests"]["stored"], found["requests"]["asked"]) == (2, 7, 3)
    assert len(server.requests) == before + 3
    asked = made(cli, tmp_path / "again", *words)["requests"]
    assert (asked["asked"], asked["stored"]) == (0, 10)
    for name in ("rows.jsonl", "dropped.jsonl", "dataset.json"):
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_dialogues_that_got_no_reply_may_be_left_out(cli: Cli, serving: Start, topics: Path, tmp_path: Path) -> None:
    serving(faults=lambda body, seen: "400" if "柚子" in str(body["messages"]) else None)
    found = made(cli, tmp_path / "new", "multiturn", "--topics", str(topics), "--drop-unanswered")
    assert (found["written"], found["dropped"]) == (1, {"not answered": 1, "said before": 1})


REFERENCE = (
    "白毫银针是一种白茶，产于福建福鼎和政和。它只用肥壮的单芽制成，采摘期在三月下旬到四月上旬，2011年时当地茶园约有21万亩。"
)


def told(*turns: tuple[str, str]) -> str:
    return json.dumps({"turns": [{"user": user, "assistant": assistant} for user, assistant in turns]}, ensure_ascii=False)


GROUNDED = told(
    ("白毫银针是什么茶？", "它是一种白茶，产于福建福鼎和政和，只用肥壮的单芽制成。"),
    ("什么时候采摘？", "采摘期在三月下旬到四月上旬。"),
)


@pytest.fixture
def references(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text(f"{REFERENCE}\n\n太短。\n", encoding="utf-8")
    return path


def test_a_dialogue_rests_on_its_reference_and_keeps_it(cli: Cli, serving: Start, references: Path, tmp_path: Path) -> None:
    server = serving(answer=lambda body: f"```json\n{GROUNDED}\n```")
    found = made(cli, tmp_path / "new", "grounded", "--references", str(references), "--turns", "2")
    one = rows_of(tmp_path / "new")["grounded/1"]
    assert (one.reference, one.flags, len(one.messages)) == (REFERENCE, {}, 4)
    assert (found["written"], found["replies"], found["dropped"]) == (1, 2, {"reference too short": 1})
    assert server.requests[0]["response_format"]["json_schema"]["schema"]["required"] == ["turns"]
    assert REFERENCE in server.requests[0]["messages"][1]["content"]


def test_answers_that_do_not_seem_to_rest_on_it_are_flagged(cli: Cli, serving: Start, references: Path, tmp_path: Path) -> None:
    turns = [("亩数呢？", "当地茶园约有35万亩。"), ("怎么去那里？", "可以先乘坐高铁，再转公共汽车前往景区游玩。")]
    serving(answer=lambda body: told(*turns))
    made(cli, tmp_path / "new", "grounded", "--references", str(references), "--turns", "2")
    assert set(rows_of(tmp_path / "new")["grounded/1"].flags) == {
        "number not in the reference (turn 1)",
        "not in the reference (turn 2)",
    }


def test_a_reply_that_is_no_dialogue_is_asked_for_again(cli: Cli, serving: Start, references: Path, tmp_path: Path) -> None:
    server = serving(answer=lambda body: told(("问", "根据资料，它是白茶。")) if len(body["messages"]) == 2 else GROUNDED)
    assert made(cli, tmp_path / "new", "grounded", "--references", str(references), "--turns", "2")["written"] == 1
    assert "根据资料" in server.requests[1]["messages"][-1]["content"]


def test_a_server_without_structured_replies_is_asked_without(cli: Cli, serving: Start, references: Path, tmp_path: Path) -> None:
    serving(answer=lambda body: GROUNDED, rejects=("response_format", "seed"))
    assert made(cli, tmp_path / "new", "grounded", "--references", str(references))["ends"] == {"fewer turns": 1}


def test_references_may_be_json_lines_with_their_own_licence(cli: Cli, serving: Start, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({"id": "yz", "text": REFERENCE, "licence": "CC-BY-SA-4.0"}) + "\n", encoding="utf-8")
    serving(answer=lambda body: GROUNDED)
    made(cli, tmp_path / "new", "grounded", "--references", str(path))
    assert rows_of(tmp_path / "new")["grounded/yz"].licence == "CC0-1.0 AND CC-BY-SA-4.0"
    path.write_text('{"title": "x"}\n', encoding="utf-8")
    done = cli("generate", "grounded", "--references", str(path), "-o", str(tmp_path / "x"), "--with", "openai:w", *LICENCE)
    assert (done.code, "r.jsonl:1: has no text under 'reference' or 'text'" in done.err) == (2, True)


@pytest.mark.parametrize("kind", ["multiturn", "grounded"])
def test_a_dry_run_counts_and_asks_nothing(cli: Cli, topics: Path, references: Path, tmp_path: Path, kind: str) -> None:
    source = ("--topics", str(topics)) if kind == "multiturn" else ("--references", str(references))
    done = cli("generate", kind, *source, "-o", str(tmp_path / "new"), "--turns", "3", "--dry-run", *LICENCE)
    assert done.code == 0, done.err
    assert re.search(r"requests +10" if kind == "multiturn" else r"requests +1;", done.out)
    assert "this is a dry run" in done.out
    assert not (tmp_path / "new").exists()


def test_files_of_topics_that_are_none_are_named(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"

    def said(content: bytes) -> tuple[int, str]:
        path.write_bytes(content)
        done = cli("generate", "multiturn", "--topics", str(path), "-o", str(tmp_path / "new"), "--with", "openai:w", *LICENCE)
        assert len(done.err.splitlines()) == 1
        return done.code, done.err

    assert said(b"")[0] == 2
    assert "holds no topic; write one opening question a line" in said(b"\n \n")[1]
    assert "t.txt:2: not UTF-8" in said("好\n".encode() + "怎么".encode("gbk"))[1]
    assert "topic too long: 1" in said(b"x" * 3000)[1]
    path.unlink()
    done = cli("generate", "multiturn", "--topics", str(path), "-o", str(tmp_path / "new"), *LICENCE)
    assert (done.code, "there is no file and no data set at" in done.err) == (2, True)


def test_what_is_missing_is_one_line(cli: Cli, topics: Path, tmp_path: Path) -> None:
    words = ("generate", "multiturn", "--topics", str(topics), "-o", str(tmp_path / "new"))
    assert cli(*words).code == 2
    done = cli(*words, *LICENCE)
    assert (done.code, "say which model writes: --with openai:MODEL" in done.err) == (2, True)
    done = cli(*words, "--with", "openai:w", *LICENCE)
    assert (done.code, "no endpoint for the writer 'w'" in done.err) == (1, True)
    done = cli(*words, "--with", "openai:w", "--licence", " ", "--culture", "demo")
    assert (done.code, "--licence TERMS" in done.err) == (2, True)


def test_the_key_is_in_no_file(cli: Cli, serving: Start, topics: Path, tmp_path: Path) -> None:
    server = serving()
    made(cli, tmp_path / "new", "multiturn", "--topics", str(topics), "--turns", "1")
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in everything_in(tmp_path)
