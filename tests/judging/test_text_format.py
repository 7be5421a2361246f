"""Rubrics that want free text: what is sent, which scores are read from it, and which are somebody else's words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError
from harness.folders import home
from harness.judging.cache import verdict_key
from harness.judging.contract import parse, response_format
from harness.judging.items import JudgeItem
from harness.judging.llm import OpenAIJudge
from harness.judging.prompts import load_rubrics
from harness.judging.rubric import Rubric, load_rubric, nonce_of, render, render_again
from harness.judging.rules import RulesJudge
from harness.schema import VerdictState
from tests.loopback import serving

ZH = home() / "tasks" / "zh_cn"
TEXT = Rubric(
    name="page", kind="score", language="zh", format="text", low=0, high=1, user="{{ question }}{{ response }}", version="page@0"
)
FILE = """
name = "page"
kind = "score"
language = "zh"
format = "text"
low = 0
high = 1
user = "{{ prompt }}：{{ response }}"
[prompts]
path = "own/prompts.json"
url = "https://example.org/prompts.json"
sha256 = "SHA"
"""
PROMPTS = [{"class": "Closed\u00a0QA", "prompt": '看材料 {{ 1 }} "引号" 😀'}, {"class": "math", "prompt": "看结果"}]


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("得分: 0.8\n理由：结果正确，步骤 3 多余。", 0.8),
        ("得分：1分。\n理由：与标准答案一致。", 1.0),
        ("得分:0", 0.0),
        ("根据标准答案，模型回答的得分为0.35。", 0.35),
        ("**得分：** 0.9/1", 0.9),
        ("评分: 0.5 分\n答案：2 是对的。", 0.5),
        ("0.7", 0.7),
        ('{"score": 0.25}', 0.25),
    ],
)
def test_a_score_in_the_form_asked_for_is_read(reply: str, score: float) -> None:
    parsed = parse(reply, TEXT, "0" * 16, quoted="1 加 0.8 是多少？答案：0.5，0.7，0.35，0.9，0.25")
    assert (parsed.state, parsed.score) == (VerdictState.OK, score)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("得分: 1.5", "none of the rubric's: 0 to 1"),
        ("得分: 8/10", "none of the rubric's: 0 to 1"),
        ("得分: 85", "none of the rubric's: 0 to 1"),
        ("得分: 80%", "holds no score"),
        ("得分: 0.8 到 0.9", "holds no score"),
        ("得分: 0.8。若步骤完整，得分为 1。", "2 different scores"),
        ("答案：1", "holds no score"),
        ("回答得不错。", "holds no score"),
    ],
)
def test_any_other_reply_is_no_score(reply: str, why: str) -> None:
    parsed = parse(reply, TEXT, "0" * 16)
    assert (parsed.state, parsed.score, why in parsed.reason) == (VerdictState.UNJUDGED, None, True), parsed.reason


def test_a_score_that_the_judged_text_gives_itself_is_not_the_judges() -> None:
    parsed = parse("模型写道：得分: 1", TEXT, "0" * 16, quoted="答\n得分: 1")
    assert parsed.state is VerdictState.UNJUDGED
    assert parse("得分: 0", TEXT, "0" * 16, quoted="答\n得分: 1").score == 0


def test_nothing_but_the_users_turn_is_sent_and_a_useless_reply_is_asked_about_once() -> None:
    said = iter(["不好说。", "得分: 0.4"])
    with serving(answer=lambda body: next(said)) as server:
        from harness.endpoint import Endpoint

        judge = OpenAIJudge(Endpoint(base_url=server.base_url, model="judge"))
        (verdict,) = judge.judge(TEXT, [JudgeItem(question="问", response="答")])
    assert verdict.score == 0.4
    first, second = server.requests
    assert first["messages"] == [{"role": "user", "content": "问答"}]
    assert not any("response_format" in body for body in server.requests)
    assert [turn["role"] for turn in second["messages"]] == ["user", "assistant", "user"]
    assert "one verdict only" in second["messages"][-1]["content"]


def published(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Any], text: str = FILE) -> Path:
    """A rubric file whose prompts lie in a data folder."""
    raw = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    (folder / "own").mkdir()
    (folder / "own" / "prompts.json").write_bytes(raw)
    monkeypatch.setenv("HARNESS_DATA", str(folder))
    file = folder / "page.toml"
    file.write_text(text.replace("SHA", hashlib.sha256(raw).hexdigest()), encoding="utf-8")
    return file


def test_each_class_gets_its_published_prompt_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_rubrics(published(tmp_path, monkeypatch, PROMPTS))
    assert list(found) == ["closed qa", "math"]
    assert {rubric.name for rubric in found.values()} == {"page_closed_qa", "page_math"}
    (turn,) = render(found["closed qa"], JudgeItem(question="问", response="{{ 答 }}"), "0" * 16)
    assert turn.content == '看材料 {{ 1 }} "引号" 😀：{{ 答 }}'


@pytest.mark.parametrize(
    ("rows", "text", "message"),
    [
        ([*PROMPTS, {"class": "MATH", "prompt": "再看"}], FILE, "class of line 3 is 'math' a second time"),
        ([{"class": "math"}], FILE, "line 1 has no 'prompt'"),
        (["x"], FILE, "line 1 is not an object but a string"),
        (PROMPTS, FILE.replace("{{ prompt }}", ""), "user: the template must use 'prompt'"),
        (PROMPTS, FILE.replace('url = "https://example.org/prompts.json"\n', ""), "must say path, url and sha256"),
        (PROMPTS, FILE.replace("SHA", "0" * 64), "wrong file: SHA-256 is"),
        (PROMPTS, FILE.replace("high = 1", "high = 0"), "low < high"),
        (PROMPTS, FILE.replace('format = "text"', 'format = "json"'), 'needs format = "text"'),
        (PROMPTS, FILE.replace('format = "text"', 'format = "prose"'), "format: Input should be 'json' or 'text'"),
    ],
)
def test_prompts_that_are_not_as_described_are_refused(
    rows: list[Any], text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = published(tmp_path, monkeypatch, rows, text)
    with pytest.raises(DataError) as caught:
        load_rubrics(file)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("path", "version", "digest"),
    [
        ("a_eval/rubrics/score.toml", "score@aa7cf1dd", "42b44469e13f4cae63980d5021a80a40b23c3e26cdaffe212645537fc09e5deb"),
        (
            "chisafetybench/rubrics/refusal.toml",
            "refusal@951324f5",
            "26a66dbfbb6c4ff0aa77c1efb15fc1f1af293cf7d9277bfa3274f123205be57c",
        ),
    ],
)
def test_what_a_json_rubric_sends_and_how_its_verdicts_are_cached_stays_as_it_was(path: str, version: str, digest: str) -> None:
    """Taken before there was a text format: another digest means that every verdict paid for so far is asked again."""
    rubric = load_rubric(ZH / path)
    item = JudgeItem(question="一加一等于几？", response="二。", reference="2", reference_kind="exact")
    content = item.model_dump_json()
    nonce = nonce_of(rubric, content)
    turns = [*render(rubric, item, nonce), render_again(rubric, item, nonce, "x")]
    sent = [*(turn.model_dump() for turn in turns), response_format(rubric), verdict_key("j", rubric.version, content)]
    assert rubric.version == version
    assert hashlib.sha256(json.dumps(sent, ensure_ascii=False, sort_keys=True).encode()).hexdigest() == digest


@pytest.mark.parametrize(("low", "high", "right", "wrong"), [(0, 1, 1.0, 0.0), (1, 5, 5.0, 1.0), (0, 100, 100.0, 0.0)])
def test_the_rules_judge_stays_in_the_rubrics_range(low: float, high: float, right: float, wrong: float) -> None:
    rubric = TEXT.model_copy(update={"low": low, "high": high})
    items = [JudgeItem(question="q", response=text, reference="七", reference_kind="exact") for text in ("七", "八")]
    verdicts = RulesJudge().judge(rubric, items)
    assert [verdict.score for verdict in verdicts] == [right, wrong]
    assert [rubric.share(verdict.score or 0.0) for verdict in verdicts] == [1.0, 0.0]


def test_every_bundled_rubric_of_belle_works_and_shows_a_reference_only_where_its_class_has_one() -> None:
    for path in sorted((ZH / "belle" / "rubrics").glob("*.toml")):
        if path.stem == "upstream":
            continue
        rubric = load_rubric(path)
        assert (rubric.name, rubric.low, rubric.high, rubric.format) == (f"belle_{path.stem}", 0, 1, "json")
        item = JudgeItem(question="问题在此", response="回答在此", reference="参考在此")
        user = render(rubric, item, "0" * 16)[1].content
        assert "问题在此" in user
        assert "回答在此" in user
        assert ("参考在此" in user) == (path.stem not in {"rewrite", "generation", "brainstorming"})
