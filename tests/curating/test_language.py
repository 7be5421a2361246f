"""Shares of scripts, who is spared, and what is written into the row."""

from __future__ import annotations

from typing import Any

import pytest

from harness.curating.contract import Drop
from harness.curating.steps.language import Language, LanguageStep, Letters, is_traditional, language_of, letters
from harness.schema import DataRow
from tests.curating.made import row

ENGLISH = "The weather in the city is fine today and you can walk to the park with your dog."
CHINESE = "今天城里天气很好，可以带着狗去公园散步。"


def why(question: str, reply: str, **settings: Any) -> str | None:
    [ruled] = LanguageStep(Language(use="language", **settings)).rule([row(question, reply)])
    return ruled.why if isinstance(ruled, Drop) else None


def test_letters_are_counted_without_code_addresses_digits_and_marks() -> None:
    assert letters("你好 abc，123！\n```\nprint(1)\n```\nhttps://example.org/path 世界") == Letters(4, 3, 0)
    assert letters("Привет 한국 ひ") == Letters(0, 0, 9)
    assert letters("12，34。") == Letters(0, 0, 0)


def test_an_english_reply_to_a_chinese_question_is_dropped() -> None:
    assert why("今天天气怎么样？", ENGLISH) == "too little Chinese"
    assert why("今天天气怎么样？", CHINESE) is None


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("把这句话翻译成英文：今天天气很好，适合去公园。", ENGLISH),
        ("用英语写一句关于天气的话。", ENGLISH),
        ("写一个Python函数，返回两个数的和。", "def add(first, second):\n    return first + second\n\nprint(add(1, 2))"),
        ("给出乙醇的化学式和名称", "CH3CH2OH, ethanol, ethyl alcohol"),
        ("列出四个品牌的名字", "Northwind, Contoso, Fabrikam, Litware"),
        ("下面这段话是谁说的？ To be or not to be, that is the question", "William Shakespeare, in Hamlet"),
        ("iPhone是哪家公司的？", "Apple Inc."),
        ("3加4等于几？", "7"),
    ],
)
def test_who_asks_for_another_language_code_or_names_is_spared(question: str, reply: str) -> None:
    assert why(question, reply) is None


def test_english_sentences_are_no_answer_to_a_question_about_code_in_chinese() -> None:
    assert why("解释这个函数的作用。", ENGLISH) == "too little Chinese"


def test_nobody_is_spared_where_that_is_asked_for() -> None:
    assert why("把这句话翻译成英文：天气很好。", ENGLISH, spare="nothing") == "too little Chinese"
    code = "def add(first, second):\n    return first + second\n\nprint(add(1, 2))"
    assert why("写一个Python函数。", code, spare="nothing") == "too little Chinese"


def test_code_can_be_spared_without_translations() -> None:
    code = "def add(first, second):\n    return first + second\n\nprint(add(1, 2))"
    assert why("写一个Python函数。", code, spare="code") is None
    assert why("把这句话翻译成英文：天气很好。", ENGLISH, spare="code") == "too little Chinese"
    assert why("说说这句话： The tea on the table is hot and good", "It is a sentence of English.", spare="code") is not None


def test_which_turns_are_looked_at_is_a_setting() -> None:
    question, reply = f"请读一读：{ENGLISH}", CHINESE
    assert why(question, reply, of="reply", spare="nothing") is None
    assert why(question, reply, of="turn", spare="nothing") == "too little Chinese"
    assert why(question, reply, of="conversation", spare="nothing", least_han=0.2) is None
    assert why(question, reply, of="conversation", spare="nothing", least_han=0.5) == "too little Chinese"


def test_another_script_is_another_reason() -> None:
    assert why("你好吗？", "Сегодня хорошая погода, пойдём в парк.") == "another script"
    assert why("你好吗？", "きょうはいいてんきですね、こうえんへいきましょう") == "another script"


def test_english_can_be_what_is_expected() -> None:
    assert why("How is the weather?", ENGLISH, expect="en") is None
    assert why("How is the weather?", CHINESE, expect="en") == "too little Latin script"


def test_traditional_characters_are_dropped_only_on_demand_and_not_where_they_were_asked_for() -> None:
    text = "這個時候我們應該開始學習，因為機會難得。"
    assert is_traditional(text)
    assert not is_traditional("这个时候我们应该开始学习，因为机会难得。")
    assert why("说说学习", text) is None
    assert why("说说学习", text, traditional="drop") == "traditional characters"
    assert why("用繁体字说说学习", text, traditional="drop") is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (CHINESE, "zh"),
        (ENGLISH, "en"),
        ("今日はとても良い天気ですね。散歩に行きましょう。", "ja"),
        ("오늘은 날씨가 좋습니다", "ko"),
        ("Сегодня хорошо", "ru"),
        ("Heute scheint die Sonne über Berlin", ""),
        ("42", ""),
        ("", ""),
    ],
)
def test_a_language_is_named_by_script_and_small_words(text: str, language: str) -> None:
    assert language_of(text) == language


def test_the_row_learns_its_language_where_the_source_does_not_say_it() -> None:
    rows = [row("问", CHINESE), row("问", CHINESE, 2, language="zh-Hans"), row("问", "42", 3)]
    ruled = LanguageStep(Language(use="language")).rule(rows)
    assert [one.language for one in ruled if isinstance(one, DataRow)] == ["zh", "zh-Hans", ""]
    assert ruled[1] is rows[1]
    assert ruled[2] is rows[2]


def test_the_further_from_the_bound_the_surer() -> None:
    step = LanguageStep(Language(use="language", least_han=0.5))
    little, none = step.rule([row("说说", "天气很好很好 weather is fine today"), row("说说", "weather is fine today my friend")])
    assert isinstance(little, Drop)
    assert isinstance(none, Drop)
    assert little.doubt < none.doubt <= 1


@pytest.mark.parametrize(
    ("expect", "reply", "expected"),
    [
        ("ar", "الطقس جميل اليوم في المدينة", None),
        ("ar", ENGLISH, "another script"),
        ("ar", CHINESE, "another script"),
        ("ru", "Сегодня в городе хорошая погода", None),
        ("eo", "La vetero en la urbo estas bela hodiaŭ", None),
        ("eo", CHINESE, "another script"),
    ],
)
def test_of_any_other_language_the_script_is_looked_at(expect: str, reply: str, expected: str | None) -> None:
    assert why("?", reply, expect=expect) == expected


def test_a_language_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no language 'xx' is known here"):
        Language(use="language", expect="xx")
