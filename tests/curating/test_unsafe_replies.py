"""Unsafe replies of safety sources: flagged by rules, dropped by a judge; what could not be judged is never taken for unsafe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import culture
from harness.curating.contract import Context, Drop
from harness.curating.steps.unsafe_replies import UnsafeReplies, UnsafeStep
from harness.errors import DataError, JudgeError, UsageError
from harness.schema import Culture, DataRow, Message
from harness.verbs.curate import curate
from tests.curating import made
from tests.loopback import Loopback

Start = Callable[..., Loopback]
LABELS = {"危险": "不拒绝且给出风险回复", "平常": "不拒绝且给出无害回复"}

REFUSED = made.row("怎样撬开邻居家的门锁？", "抱歉，我不能帮助你撬别人家的锁，这是违法的行为。", 1, source="safe")
GIVEN = made.row(
    "怎样撬开邻居家的门锁？", "当然可以，撬开邻居家的门锁步骤如下：第一步，准备工具。第二步，插入门锁。", 2, source="safe"
)
RUDE = made.row("我今天很难过", "你这个白痴，谁管你。", 3, source="safe")
QUOTED = made.row("别人骂我，我该怎么办？", "有人说“白痴”这样的话是不对的，你可以找老师谈谈。", 4, source="safe")
OTHER = GIVEN.model_copy(update={"source": "stories"})
HIJACKED = GIVEN.model_copy(update={"category": "Goal_Hijacking"})


@pytest.fixture
def wanted() -> Culture:
    """The culture that has a rubric and words."""
    return culture.load("zh_cn")


def step(wanted: Culture, folder: Path, **settings: object) -> tuple[UnsafeStep, list[str]]:
    asked = UnsafeReplies.model_validate({"use": "unsafe_replies", "sources": ["safe"], **settings})
    context = Context(wanted, folder, 1, [])
    asked.prepare(context)
    asked.identity(context)
    return asked.build(context), context.notes


def whys(rulings: list[DataRow | Drop]) -> list[str | None]:
    return [one.why if isinstance(one, Drop) else None for one in rulings]


def test_rules_find_compliance_and_abuse_in_safety_sources_only(wanted: Culture, tmp_path: Path) -> None:
    work, notes = step(wanted, tmp_path)
    rows = [REFUSED, GIVEN, RUDE, QUOTED, OTHER]
    found = work.rule(rows)
    assert whys(found) == [None, "unsafe reply", "abusive reply", None, None]
    assert [found[0], found[3], found[4]] == [REFUSED, QUOTED, OTHER]
    assert "form and not content" in notes[0]


def test_rules_flag_and_a_judge_drops_unless_told_otherwise() -> None:
    def action(**settings: str) -> str:
        return UnsafeReplies.model_validate({"use": "unsafe_replies", **settings}).action

    assert action() == "flag"
    assert action(judge="openai:m") == "drop"
    assert action(judge="openai:m", action="flag") == "flag"
    assert action(action="drop") == "drop"


def test_goal_hijacking_is_flagged_dropped_or_judged_like_any_other(wanted: Culture, tmp_path: Path) -> None:
    for setting, expected in (
        ("flag", ("goal hijacking", "flag")),
        ("drop", ("goal hijacking", "drop")),
        ("judge", ("unsafe reply", None)),
    ):
        (one,) = step(wanted, tmp_path, goal_hijacking=setting)[0].rule([HIJACKED])
        assert isinstance(one, Drop)
        assert (one.why, one.action) == expected


def test_sources_are_by_default_those_that_teach_safety(wanted: Culture) -> None:
    asked = UnsafeReplies(use="unsafe_replies")
    assert {"safety_prompts_typical", "safety_prompts_attack"} <= asked.looked_at(wanted)
    assert "refgpt_zh" not in asked.looked_at(wanted)


def test_every_reply_of_a_dialogue_is_looked_at(wanted: Culture, tmp_path: Path) -> None:
    turns = [*GIVEN.messages, Message(role="user", content="谢谢"), Message(role="assistant", content="不客气。")]
    (found,) = step(wanted, tmp_path)[0].rule([GIVEN.model_copy(update={"messages": tuple(turns)})])
    assert isinstance(found, Drop)


def verdict(body: dict[str, Any]) -> str:
    """Calls a reply unsafe that says 危险."""
    prompt = body["messages"][1]["content"]
    nonce = re.search(r"[0-9a-f]{16}", prompt)
    assert nonce
    reply = re.search(r"<B 的回复 \w+>\n(.*?)\n</B", prompt, re.S)
    assert reply
    label = LABELS["危险" if "危险" in reply[1] else "平常"]
    return json.dumps({"id": nonce.group(), "label": label, "reason": "测试"}, ensure_ascii=False)


def safe_rows() -> list[DataRow]:
    return [
        made.row("甲", "平常的话", 1, source="safe"),
        made.row("乙", "危险的话", 2, source="safe"),
        made.row("丙", "危险的话", 3, source="safe"),
        made.row("丁", "危险的话", 4, source="stories"),
    ]


def test_a_judge_drops_degree_0_and_what_it_cannot_judge_is_flagged(
    wanted: Culture, tmp_path: Path, loopback: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = loopback(answer=verdict, faults=lambda body, seen: "garbage" if "丙" in body["messages"][1]["content"] else None)
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
    work, notes = step(wanted, tmp_path, judge="openai:judge")
    rows = safe_rows()
    found = work.rule(rows)
    assert whys(found) == [None, "unsafe reply", "unjudged", None]
    assert isinstance(found[2], Drop)
    assert found[2].action == "flag"
    assert notes == []
    asked = len(server.requests)
    assert whys(step(wanted, tmp_path, judge="openai:judge")[0].rule(rows[:2])) == [None, "unsafe reply"]
    assert len(server.requests) == asked, "verdicts come from the cache"


def test_the_chain_keeps_what_was_not_judged_and_counts_it(
    tmp_path: Path, loopback: Start, monkeypatch: pytest.MonkeyPatch, wanted: Culture
) -> None:
    server = loopback(answer=verdict, faults=lambda body, seen: "garbage" if "丙" in body["messages"][1]["content"] else None)
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
    rubric = Path(wanted.folder) / "pipelines/rubrics/unsafe_reply.toml"
    records = [
        {"instruction": asked, "input": "", "output": said}
        for asked, said in (("甲", "平常的话"), ("乙", "危险的话"), ("丙", "危险的话"))
    ]
    body = f'use = "unsafe_replies"\nsources = ["made"]\njudge = "openai:judge"\nrubric = "{rubric}"'
    path = made.pipeline(tmp_path / "p.toml", made.jsonl(tmp_path / "rows.jsonl", records), [body])
    data = curate(path, tmp_path / "out", workers=1)
    assert data.steps[1].reasons == {"unjudged": 1, "unsafe reply": 1}
    assert (data.rows, data.steps[1].dropped, data.steps[1].changed) == (2, 1, 1)
    kept = [json.loads(line) for line in (tmp_path / "out/rows.jsonl").read_text().splitlines()]
    assert [any(flag.startswith("unjudged") for flag in one.get("flags", {})) for one in kept] == [False, True]


def test_a_judge_without_an_endpoint_and_one_that_does_not_exist_are_named_at_once(wanted: Culture, tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="no endpoint"):
        step(wanted, tmp_path, judge="openai:m")
    with pytest.raises(UsageError, match="leave the step out"):
        step(wanted, tmp_path, judge="none")
    with pytest.raises(UsageError, match="no judge named"):
        step(wanted, tmp_path, judge="oracle")


def test_a_rubric_that_calls_nothing_unsafe_is_refused(wanted: Culture, tmp_path: Path) -> None:
    rubric = (Path(wanted.folder) / "pipelines/rubrics/unsafe_reply.toml").read_text().replace("= 0", "= 1")
    (tmp_path / "mild.toml").write_text(rubric)
    with pytest.raises(DataError, match="no label has degree 0"):
        UnsafeReplies(use="unsafe_replies", judge="openai:m", rubric=str(tmp_path / "mild.toml")).identity(
            Context(wanted, tmp_path, 1, [])
        )


def test_other_words_or_another_rubric_run_the_step_again(wanted: Culture, tmp_path: Path) -> None:
    context = Context(wanted, tmp_path, 1, [])
    (tmp_path / "words.txt").write_text("# none\n坏东西\n")
    usual, own = UnsafeReplies(use="unsafe_replies"), UnsafeReplies(use="unsafe_replies", words=str(tmp_path / "words.txt"))
    assert own.identity(context) == "坏东西" != usual.identity(context)
    assert "unsafe_reply@" in UnsafeReplies(use="unsafe_replies", judge="openai:m").identity(context)
