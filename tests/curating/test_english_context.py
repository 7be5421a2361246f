"""Every rule of the table finds its examples and nothing that looks similar; translation and code pass; people can look first."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.curating import words
from harness.curating.contract import Drop
from harness.curating.steps.english_context import TABLE, EnglishContext, EnglishContextStep
from harness.schema import DataRow, Message
from tests.curating.made import row
from tests.rows.test_contamination import training

RULES = words.table(TABLE)


def drop(question: str, **settings: Any) -> Drop | None:
    [ruled] = EnglishContextStep(EnglishContext(use="english_context", **settings)).rule([row(question, "答。")])
    return ruled if isinstance(ruled, Drop) else None


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.rule.name)
def test_a_rule_finds_its_examples_and_passes_over_the_others(one: words.Compiled) -> None:
    assert [text for text in one.rule.examples if one.search(text) is None] == []
    assert [text for text in one.rule.others if one.search(text) is not None] == []


def test_what_one_rule_passes_over_no_other_rule_finds() -> None:
    found = {text: name.why for one in RULES for text in one.rule.others if (name := drop(text)) is not None}
    assert found == {}


def test_names_of_rules_are_given_once() -> None:
    assert len({one.rule.name for one in RULES}) == len(RULES)


@pytest.mark.parametrize(
    "question",
    [
        "把下面的句子翻译成英文：他每天早上喝茶。",
        "Translate into Chinese: 翻译 The tea is hot.",
        "“tea”用中文怎么说？",
        "用Python写一个函数，判断英文单词是不是回文。",
        "什么是“machine learning”？请用中文解释它的定义。",
        "比较iPhone和Android手机的优缺点。",
        "介绍美国的政治制度。",
        "写一个关于春天的句子。",
        "成语“画龙点睛”是什么意思？",
        "请写一首五言绝句。",
    ],
)
def test_translation_code_and_ordinary_questions_pass(question: str) -> None:
    assert drop(question) is None


def test_the_first_rule_that_finds_something_says_why_and_how_sure_it_is() -> None:
    found = drop("分析这句话的语法：The bird sings.")
    assert found is not None
    assert (found.why, found.detail, found.doubt) == ("grammar of English words", "语法", 0.9)


def test_rules_can_be_left_out_by_name_or_by_doubt() -> None:
    question = "设计一张感恩节优惠券。"
    assert drop(question) is not None
    assert drop(question, least_doubt=0.7) is None
    assert drop(question, without=("forms and customs of the United States",)) is None
    with pytest.raises(ValidationError, match="did you mean spelling"):
        EnglishContext(use="english_context", without=("speling",))


def test_only_the_first_question_counts_and_code_blocks_do_not() -> None:
    said = [("user", "说说茶"), ("assistant", "好。"), ("user", "“tea”的复数形式是什么？"), ("assistant", "茶。")]
    turns = tuple(Message(role=role, content=text) for role, text in said)  # type: ignore[arg-type]
    dialogue = DataRow(source="made", source_id="1", messages=turns)
    assert EnglishContextStep(EnglishContext(use="english_context")).rule([dialogue]) == [dialogue]
    assert drop("这段文字的语法对吗？\n```\nthe bird sings a song\n```") is None


def test_in_the_published_sample_it_finds_what_people_found() -> None:
    """All 1000 questions were read: 32 are found, 31 of them are about English; of 450 Chinese questions none is found."""
    import json

    step = EnglishContextStep(EnglishContext(use="english_context"))
    asked = [f"{one['instruction']}\n{one['input']}" for one in json.loads(training("alpaca_zh_demo.json").read_text("utf-8"))]
    ruled = step.rule([row(question, "答。", number) for number, question in enumerate(asked)])
    found = {int(one.row.source_id) for one in ruled if isinstance(one, Drop)}
    assert {126, 134, 273, 354, 517, 538, 600, 605, 692, 790, 836, 919, 941} <= found
    assert len(found) == 32
    chinese = [one["Question"] for one in json.loads(training("HalluQA.json").read_text("utf-8"))]
    assert not any(isinstance(one, Drop) for one in step.rule([row(question, "答。") for question in chinese]))
