"""What of a reply may be used, and whether an answer rests on its reference."""

from __future__ import annotations

import pytest

from harness.refining.grounding import LEAST_SUPPORT, made_up, support
from harness.refining.replies import kind, trouble, visible
from harness.refining.tokens import tokens
from harness.schema import FinishReason, Response


def reply(text: str, reason: FinishReason = FinishReason.STOP) -> Response:
    return Response(text=text, finish_reason=reason)


def test_reasoning_is_not_part_of_an_answer() -> None:
    assert visible(reply("<think>先想一想</think>\n\n放在阴凉处。")) == ("放在阴凉处。", "")
    assert visible(reply("<think>还没想完"))[1] == "cut off at the limit of its length"
    assert visible(reply("<think>想完了</think> \n"))[1] == "empty reply"


@pytest.mark.parametrize(
    ("reason", "why"),
    [(FinishReason.LENGTH, "cut off at the limit of its length"), (FinishReason.FILTERED, "refused by the server's filter")],
)
def test_how_a_reply_ended_decides_before_what_it_says(reason: FinishReason, why: str) -> None:
    assert visible(reply("放在阴凉处。", reason))[1] == why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("放在阴凉干燥处。", ""),
        ("放在阴凉处！", "the same as before"),
        ("作为 ＡＩ 助手，我建议放在阴凉干燥处。", "a phrase that must not be said: 作为AI"),
        ("很抱歉，我无法回答这个问题。", "refusal"),
    ],
)
def test_an_answer_is_looked_at_for_what_no_answer_should_be(text: str, why: str) -> None:
    assert trouble(text, before="放在阴凉处。", safety=False, never=("作为AI",)) == why


def test_a_risky_question_may_be_refused() -> None:
    assert trouble("很抱歉，我不能帮助做这件事。", before="", safety=True, never=()) == ""


def test_troubles_are_counted_without_their_detail() -> None:
    assert kind("a phrase that must not be said: 作为AI") == "a phrase that must not be said"


REFERENCE = "白毫银针产于福建福鼎，1796年前后创制，茶园约21万亩，年产量三千二百吨。"


def test_an_answer_that_retells_the_reference_is_supported_and_another_is_not() -> None:
    assert support("它产于福建福鼎，1796年前后创制。", REFERENCE) > 0.7
    assert support("建议提前预订酒店，并准备好雨具。", REFERENCE) < LEAST_SUPPORT
    assert support("", REFERENCE) == 1.0


@pytest.mark.parametrize(
    ("answer", "question", "found"),
    [
        ("约21万亩，1796年创制。", "", ()),
        ("约35万亩。", "", ("350000",)),
        ("年产3200吨。", "", ()),
        ("有两点：一是产地，二是工艺。", "", ()),
        ("1. 产地\n2. 工艺", "", ()),
        ("三百五十吨。", "", ("350",)),
        ("2024年还没有数据。", "2024年产多少？", ()),
        ("占50%。", "", ("0.5",)),
    ],
)
def test_numbers_that_nobody_gave_are_found(answer: str, question: str, found: tuple[str, ...]) -> None:
    assert made_up(answer, question, REFERENCE) == found


def test_tokens_are_counted_by_script() -> None:
    assert tokens("") == 0
    assert tokens("保存茶叶") == 4
    assert tokens("keep the tea dry") == 4
    assert 5 <= tokens("保存茶叶 tea") <= 6
