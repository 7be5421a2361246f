"""What neither side of a dialogue may say, and what counts as a dialogue in one reply."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from harness import culture as cultures
from harness.refining import grounded
from harness.refining.dialogues import talk_on, wrong_question
from harness.refining.guidance import load
from harness.refining.topics import Topic
from harness.schema import Message

ANSWER = "先看颜色，再闻香气，最后尝一口，三样都好才算合格。"


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("为什么要先看颜色？", ""),
        ("我是一个 AI 吗？", ""),
        ("作为 AI，我没有别的问题。", "out of role: 作为AI"),
        ("长" * 400, "too long for a user's question"),
        ("怎么挑选绿茶", "was said before"),
        (ANSWER.replace("，", " "), "was said before"),
        (f"你说{ANSWER}对吧？", "repeats the answer before it"),
    ],
)
def test_a_user_neither_repeats_nor_answers(says: str, why: str) -> None:
    talk = talk_on(Topic("1", "怎么挑选绿茶？"), 0, 0)
    talk.messages.append(Message(role="assistant", content=ANSWER))
    assert wrong_question(talk, says, load(cultures.load("demo"), "multiturn")) == why


def test_every_copy_of_a_topic_and_every_seed_is_another_dialogue() -> None:
    topic = Topic("1", "怎么挑选绿茶？")
    talks = [talk_on(topic, copy, seed) for copy in (0, 1) for seed in (0, 1)]
    assert [talk.id for talk in talks] == ["1", "1", "1#2", "1#2"]
    assert len({talk.seed for talk in talks}) == 4
    assert talk_on(topic, 1, 1).seed == talks[-1].seed


def told(turns: Sequence[tuple[str, str]]) -> str:
    return json.dumps({"turns": [{"user": user, "assistant": answer} for user, answer in turns]}, ensure_ascii=False)


TWO = (("问一", "答一"), ("问二", "答二"))


@pytest.mark.parametrize("text", [told(TWO), f"```json\n{told(TWO)}\n```", f"好的：\n{told(TWO)}\n以上。"])
def test_words_around_a_dialogue_are_passed_over(text: str) -> None:
    found = grounded.read(text)
    assert not isinstance(found, str)
    assert [(turn.user, turn.assistant) for turn in found] == list(TWO)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("好的，我来写。", "no dialogue in JSON: reply: Input should be a valid dictionary"),
        ('{"turns": [{"user": "问", "assistant": "', "no dialogue in JSON: it is broken"),
        ('{"turns": []}', "no dialogue in JSON: turns: Tuple should have at least 1 item"),
        ('{"turns": [{"user": "问"}]}', "no dialogue in JSON: turns.0.assistant: Field required"),
        (told([("问", " ")]), "no dialogue in JSON: an empty turn"),
        (told([("问", "答"), ("问", "再答")]), "a question was asked twice"),
        (told([("问", "根据资料，它是白茶。")]), "a phrase that must not be said: 根据资料"),
        (told([(f"问{number}", "答") for number in range(9)]), "too many turns: 9 instead of 2"),
        ('{"turns": [{"user": "问", "assistant": "\\ud800"}]}', "no dialogue in JSON"),
        ("[" * 50_000 + "{" * 50_000, "no dialogue in JSON: it is broken"),
        ('{"turns": [{"user": "问", "assistant": ' + "[" * 50_000, "no dialogue in JSON: it is broken"),
    ],
)
def test_what_is_no_dialogue_is_said_to_be_none(text: str, why: str) -> None:
    assert grounded.wrong(text, 2, load(cultures.load("demo"), "grounded")).startswith(why)
