"""Replies that speak of their writer, or only ask for what is missing; and what is left when a clause is taken away."""

from __future__ import annotations

from typing import Any

import pytest

from harness.curating import words
from harness.curating.contract import Drop
from harness.curating.steps.self_naming import TABLE, SelfNaming, SelfNamingStep, stripped
from harness.schema import DataRow
from tests.curating.made import row
from tests.rows.test_contamination import training

RULES = words.table(TABLE)


def one(question: str, reply: str, **settings: Any) -> DataRow | Drop:
    [ruled] = SelfNamingStep(SelfNaming(use="self_naming", **settings)).rule([row(question, reply)])
    return ruled


def why(question: str, reply: str, **settings: Any) -> str | None:
    ruled = one(question, reply, **settings)
    return ruled.why if isinstance(ruled, Drop) else None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule.name)
def test_a_rule_finds_its_examples_and_passes_over_the_others(rule: words.Compiled) -> None:
    assert [text for text in rule.rule.examples if rule.search(text) is None] == []
    assert [text for text in rule.rule.others if rule.search(text) is not None] == []


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("我是由OpenAI训练的语言模型。", "calls itself a product"),
        ("作为一个AI语言模型，我没有家乡。", "calls itself a language model"),
        ("抱歉，作为一个 AI 助手，我不能吃饭。", "calls itself a language model"),
        ("很抱歉，您没有提供需要改写的句子。", "asks for what is missing"),
        ("对不起，我无法看到图片。", "cannot see or make it"),
        ("茶树喜欢温暖湿润的地方。", None),
        ("语言模型根据上文预测下一个词。", None),
        ("作为一名老师，我会先听学生说。", None),
    ],
)
def test_each_kind_has_its_reason(reply: str, reason: str | None) -> None:
    assert why("说说你的看法", reply) == reason


def test_who_is_asked_what_it_is_may_say_so_but_not_by_a_products_name() -> None:
    assert why("你是谁？", "我是一个人工智能助手。") is None
    assert why("你是谁？", "我是一个人工智能助手。", spare_identity=False) == "calls itself a language model"
    assert why("你是谁？", "我是ChatGPT。") == "calls itself a product"


def test_only_the_kinds_that_are_named_are_looked_for() -> None:
    reply = "作为一个AI语言模型，我没有家乡。"
    assert why("家乡在哪里", reply, what=("product",)) is None
    assert why("家乡在哪里", reply, what=("persona",)) is not None


def test_a_request_at_the_end_of_a_long_answer_is_a_friendly_word() -> None:
    answer = "茶树喜欢温暖湿润的地方，" * 20
    assert why("说说茶", answer + "请提供更多信息，以便我帮助您。") is None
    assert why("说说茶", "请提供更多信息，以便我帮助您。") is not None


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ("作为一个AI语言模型，我没有真正的家乡，不过我知道杭州。", "我没有真正的家乡，不过我知道杭州。"),
        ("很抱歉，作为一个人工智能助手，我不能告诉你怎样伤害别人。", "很抱歉，我不能告诉你怎样伤害别人。"),
        ("由于我是一个大型语言模型，所以我不知道今天的天气如何。", "我不知道今天的天气如何。"),
        ("对不起，但作为AI，我不能支持这样的做法。", "对不起，我不能支持这样的做法。"),
        ("As an AI language model, i do not sleep at all.", "I do not sleep at all."),
        ("作为一个AI语言模型，好。", "作为一个AI语言模型，好。"),
        ("作为一名老师，我会先听学生说他们的想法。", "作为一名老师，我会先听学生说他们的想法。"),
        ("茶很好喝。作为一个AI语言模型，我没有喝过。", "茶很好喝。作为一个AI语言模型，我没有喝过。"),
    ],
)
def test_only_a_leading_clause_is_taken_away_and_only_if_something_is_left(reply: str, left: str) -> None:
    assert stripped(reply) == left
    assert stripped(left) == left


def test_stripping_keeps_the_row_and_still_drops_what_names_itself_later() -> None:
    kept = one("怎样偷车？", "很抱歉，作为一个人工智能助手，我不能告诉你怎样偷车。", mode="strip")
    assert isinstance(kept, DataRow)
    assert kept.messages[1].content == "很抱歉，我不能告诉你怎样偷车。"
    assert why("说说茶", "茶很好喝。作为一个AI语言模型，我没有喝过。", mode="strip") == "calls itself a language model"


def test_a_row_that_needs_nothing_is_the_same_object() -> None:
    given = row("说说茶", "茶很好喝。")
    assert SelfNamingStep(SelfNaming(use="self_naming", mode="strip")).rule([given])[0] is given


def test_in_the_published_sample_it_finds_what_people_found() -> None:
    """All replies with such words were read once: of 72 that an earlier table found, 70 were right, as counted by hand."""
    import json

    records = json.loads(training("alpaca_zh_demo.json").read_text("utf-8"))
    rows = [row(f"{one['instruction']}\n{one['input']}", one["output"], number) for number, one in enumerate(records)]
    found = {int(one.row.source_id) for one in SelfNamingStep(SelfNaming(use="self_naming")).rule(rows) if isinstance(one, Drop)}
    assert {3, 53, 101, 142, 169, 224, 402, 470, 584, 759, 857, 964} <= found
    assert not {113, 162, 201, 276, 286, 463, 560, 633} & found
    assert 65 <= len(found) <= 80
    stripping = SelfNamingStep(SelfNaming(use="self_naming", mode="strip")).rule(rows)
    assert sum(isinstance(one, Drop) for one in stripping) < 50
