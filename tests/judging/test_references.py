"""Comparing with a reference: what counts as given, what does not, lists, shared characters, and linear time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import folders
from harness.data import readers
from harness.data.keys import apply_key, load_key
from harness.data.taxonomy import load_taxonomy
from harness.judging.references import character_f1, compare, forms, list_items
from harness.judging.results import final_numbers
from harness.judging.text import normalise

RIGHT: list[tuple[str, tuple[str, ...], str]] = [
    ("差评", (), "这条评论是差评。"),
    ("差评", (), "表面上是好评，实际上是讽刺，因此是差评。"),
    ("好评", ("正面评价",), "正面"),
    ("是", (), "是的，因为……"),
    ("是", (), "是。"),
    ("不对", (), "不对。"),
    ("对", (), "对，17大于9。"),
    ("不确定", (), "不确定"),
    ("能", ("可以",), "能。"),
    ("高", ("较高",), "较高"),
    ("57个", ("57",), "一共有57个。"),
    ("57个", ("57",), "20+37=57"),
    ("57个", ("57",), "五十七个"),
    ("57个", ("57",), "58个，不对，是57个"),
    ("12", (), "12"),
    ("12", (), "答案是12。"),
    ("12", (), "3×4=12，所以一共有12个苹果。"),
    ("1200", (), "1,200元"),
    ("0.8", ("80%", "4/5"), "4/5"),
    ("0.8", ("80%",), "概率为80%"),
    ("3/4", ("0.75",), "\\frac{3}{4}"),
    ("3/4", ("0.75",), "$$x=\\boxed{\\frac{3}{4}}$$"),
    ("{2,7}", (), "{2, 7}"),
    ("(0,1)", (), "所以取值范围是(0, 1)。"),
    ("-1<x<5/2", (), "-1 < x < 5/2"),
    ("3x+y-5=0", (), "因此切线方程为 $3x+y-5=0$"),
    ("2^301", ("2^{301}",), "答案：$2^{301}$"),
    ("5+√2", ("√2+5",), "5+\\sqrt{2}"),
    ("C", ("C 梅花",), "C"),
    ("C", ("C 梅花",), "答案：C"),
    ("C", ("C 梅花",), "梅花"),
    ("D（看见彩虹）", ("D",), "D看见彩虹"),
    ("矛盾", (), "矛盾"),
    ("矛盾", (), "这两句话之间存在矛盾关系。"),
    ("没有因果关系", ("没有", "没有关系"), "没有。"),
    ("翻译工具", ("译文工具",), "应该使用翻译工具。"),
    ("老舍（人名）", ("老舍",), "人名：老舍"),
    ("红楼梦", (), "《红楼梦》"),
    ("曹雪芹", (), "红楼梦的作者是曹雪芹。"),
    ("包装差", (), "应该分为“包装差”类。"),
    (
        "She gave me two apples for the trip.",
        (),
        "Here is the corrected sentence: She gave me two apples for the trip.",
    ),
    ("black horse", (), "Black horse."),
    ("BAC", (), "BAC"),
    ("画蛇添足", (), "画蛇添足"),
    ("6月1日，钓鱼", (), "6月1日，钓鱼"),
]

WRONG: list[tuple[str, tuple[str, ...], str]] = [
    ("差评", (), "好评"),
    ("差评", (), "虽然看起来像好评，但这是差评。"),
    ("好评", (), "不是好评"),
    ("好评", (), "好评或差评"),
    ("好评", (), "负面"),
    ("是", (), "不是"),
    ("不是", (), "是"),
    ("否", (), "是否"),
    ("是", (), "是否"),
    ("对", (), "不对"),
    ("不对", (), "对"),
    ("对", (), "对于这个问题"),
    ("是", (), "不确定"),
    ("能", (), "不能"),
    ("高", (), "不高"),
    ("57个", ("57",), "157个"),
    ("12", (), "3×5=15"),
    ("{2,7}", (), "27"),
    ("(0,1)", (), "[0,1]"),
    ("C", ("C 梅花",), "B"),
    ("D", (), "A和D"),
    ("矛盾", (), "蕴含"),
    ("矛盾", (), "并不矛盾"),
    ("矛盾", (), "蕴含、矛盾、中性"),
    ("蕴含", (), "没有蕴含关系"),
    ("没有因果关系", ("没有", "没有关系"), "有"),
    ("有因果关系（句1导致句2）", ("有",), "没有因果关系"),
    ("翻译工具", (), "翻译工具、闹钟工具、记账工具"),
    ("翻译工具", (), "不应使用翻译工具，应使用闹钟工具"),
    ("曹雪芹", (), "不是曹雪芹"),
    ("包装差", (), "标签有“味道差、包装差、物流差”，应选物流差"),
    ("She gave me two apples for the trip.", (), "She give me two apples for the trip."),
    ("We understand Sam's message.", (), "We understandSam's message."),
    ("black horse", (), "blackhorse"),
    ("horse", (), "seahorse"),
    ("BAC", (), "BCA"),
    ("差评", (), ""),
    ("差评", (), "这条评论很长。"),
    ("12", (), "12和13"),
    ("5小时", ("5",), "从5点到8点，一共3小时"),
    ("都江堰", (), "不是都江堰"),
    ("都江堰", (), "长江、都江堰、黄河"),
    ("NER", (), "GENERAL"),
]


@pytest.mark.parametrize(("reference", "accept", "answer"), RIGHT)
def test_an_answer_that_gives_the_reference_scores_100(reference: str, accept: tuple[str, ...], answer: str) -> None:
    assert compare(answer, reference, "exact", accept)[0] == 100.0


@pytest.mark.parametrize(("reference", "accept", "answer"), WRONG)
def test_an_answer_that_only_looks_like_the_reference_scores_0(reference: str, accept: tuple[str, ...], answer: str) -> None:
    assert compare(answer, reference, "exact", accept)[0] == 0.0


@pytest.mark.parametrize(
    ("reference", "answer", "score"),
    [
        ("园艺、摄影、旅行", "摄影、园艺、旅行", 100),
        ("园艺、摄影、旅行", "摄影、园艺", 66.66666666666667),
        ("园艺、摄影、旅行", "园艺、摄影、旅行、体育、财经、美食", 50),
        ("园艺、摄影、旅行", "标签为：旅行、园艺、摄影", 100),
        ("我（代词）爱（动词）家（名词）", "我/代词 爱/动词 家/名词", 100),
        ("我（代词）爱（动词）家（名词）", "我（代词）爱（名词）家（名词）", 66.66666666666667),
        ("事件一：钓鱼；地点：湖边", "他在湖边钓鱼", 100.0),
        ("猫、狗", "鱼", 0.0),
        ("猫、狗", "猫", 50.0),
        ("（实体｜属性｜值）\n手表｜颜色｜黑色\n手表｜价格｜三百元", "手表的颜色是黑色", 60.0),
    ],
)
def test_a_list_scores_the_share_of_its_items(reference: str, answer: str, score: float) -> None:
    assert compare(answer, reference, "set")[0] == pytest.approx(score)


def test_copying_every_label_does_not_score_a_full_list() -> None:
    assert compare("甲类、乙类、丙类、丁类、戊类、己类", "甲类、丙类", "set")[0] == pytest.approx(100 * 2 / 6)


def test_an_open_answer_scores_its_shared_characters() -> None:
    assert compare("今天天气很好", "今天天气很好。", "open") == (100.0, "character F1")
    assert compare("今天", "今天天气", "open")[0] == pytest.approx(200 * 2 / 6)
    assert compare("乙", "甲", "open")[0] == 0.0


def test_an_open_answer_takes_its_best_form() -> None:
    assert compare("早上好", "您好", "open", ("早上好",))[0] == 100.0


def test_character_f1_is_symmetric_and_counts_repeats() -> None:
    assert character_f1("好好", "好") == character_f1("好", "好好") == pytest.approx(200 / 3)


def test_without_a_kind_short_references_are_exact_and_long_ones_open() -> None:
    assert compare("好评如潮", "好评如云")[0] == 0.0
    assert compare("这是一段比较长的参考答案吧", "这是一段比较长的参考答案呢")[0] > 90


@pytest.mark.parametrize(("answer", "reason"), [("", "empty"), ("。", "no visible answer"), ("<think>差评", "no visible answer")])
def test_no_visible_answer_scores_0_and_says_so(answer: str, reason: str) -> None:
    assert compare(answer, "差评", "exact") == (0.0, reason)


def test_reasoning_is_not_the_answer() -> None:
    assert compare("<think>也许是好评</think>差评", "差评", "exact")[0] == 100.0
    assert compare("<think>也许是差评</think>好评", "差评", "exact")[0] == 0.0


def test_an_empty_reference_gives_nothing() -> None:
    assert compare("差评", "  ", "exact") == (0.0, "empty reference")


def test_a_remark_in_brackets_is_no_part_of_an_exact_answer() -> None:
    assert forms("洛阳（地名）", without_remarks=True) == ("洛阳（地名）", "洛阳")
    assert forms("(0,1)", without_remarks=True) == ("(0,1)",)
    assert forms("猫（动物）、狗（动物）") == ("猫（动物）、狗（动物）",)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("猫、狗；鸟，鱼", ("猫", "狗", "鸟", "鱼")),
        ("1. 猫\n2. 狗", ("猫", "狗")),
        ("（实体｜值）\n手表｜黑色", ("手表", "黑色")),
        ("我（代词）爱（动词）家（名词）", ("我代词", "爱动词", "家名词")),
        ("标签：猫、猫", ("猫",)),
        ("", ()),
    ],
)
def test_lists_are_split_into_items(text: str, items: tuple[str, ...]) -> None:
    assert list_items(text) == items


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("3+4=7", ["7"]),
        ("先算3×4=12，再加5，所以一共有17个。", ["17"]),
        ("答案：1,200元", ["1200"]),
        ("\\boxed{42}，其中40是整数部分", ["42"]),
        ("有3个，也有4个", []),
        ("我们得到\n7", ["7"]),
        ("The total is 15.", ["15"]),
        ("没有", []),
    ],
)
def test_the_result_of_a_solution_is_found(answer: str, values: list[str]) -> None:
    assert list(map(str, final_numbers(answer))) == values


HOSTILE = [
    "A ",
    "所以A，",
    "（A",
    "词（名词）",
    "、",
    "1=",
    "答案1",
    "\\boxed{A}",
    "<",
    "不是",
    "差评",
    "好评差评",
    "\n",
    "甲、",
    "(",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_takes_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    for reference, kind in (
        ("差评", "exact"),
        ("57个", "exact"),
        ("C（某某）", "exact"),
        ("(0,1)", "exact"),
        ("甲、乙", "set"),
        ("长" * 20, "open"),
    ):
        compare(text, reference, kind)  # type: ignore[arg-type]
    assert time.process_time() - start < 20


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.text(max_size=20), st.sampled_from(["exact", "set", "open", None]))
def test_any_pair_of_texts_scores_between_0_and_100(answer: str, reference: str, kind: str | None) -> None:
    score, reason = compare(answer, reference, kind)  # type: ignore[arg-type]
    assert 0.0 <= score <= 100.0
    assert reason


def test_every_drafted_reference_agrees_with_itself_and_its_equals(benchmarks: Path) -> None:
    """Each reference, alone and in bold, and each equally right form scores full marks against its own key."""
    home = folders.home() / "tasks" / "zh_cn" / "a_eval"
    samples = readers.a_eval(benchmarks / "a-eval" / "llm_678_2024-06-11-151217.json", load_taxonomy(home / "taxonomy.json"))
    low = []
    for sample in apply_key(samples, load_key(home / "keys" / "drafted-v1.jsonl")):
        assert sample.target is not None
        answers = [sample.target, f"**{sample.target}**", f"{sample.target}。"]
        answers += sample.accept if sample.target_kind == "exact" else ()
        scores = [compare(answer, sample.target, sample.target_kind, sample.accept)[0] for answer in answers]
        low += [(sample.id, answer) for answer, score in zip(answers, scores, strict=True) if score < 100]
    assert low == []


def test_the_reference_of_another_question_rarely_agrees() -> None:
    """Short verdicts are shared by many questions; where the forms differ in words, they must not agree."""
    pairs = [
        ("矛盾", "蕴含"),
        ("差评", "好评"),
        ("57个", "40个"),
        ("翻译工具", "日历工具"),
        ("洛阳", "峨眉山"),
        ("D", "C"),
        ("(0,1)", "[0,1]"),
    ]
    assert [pair for pair in pairs if compare(pair[1], pair[0], "exact")[0] or compare(pair[0], pair[1], "exact")[0]] == []


def test_equality_is_that_of_normalised_texts() -> None:
    assert normalise("《红楼梦》。") == normalise("红楼梦")
    assert compare("《红楼梦》。", "红楼梦", "exact") == (100.0, "equal")
