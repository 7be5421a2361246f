"""Text tools: the visible part of a reply, script share, comparable form, numbers, and linear time."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judging.text import compatible, han_share, normalise, numbers, strip_reasoning


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("<think>先想想</think>答案是B", "答案是B"),
        ("<think>\n先想想\n</think>\n\n答案是B\n", "答案是B"),
        ("<THINK>x</THINK>B", "B"),
        ("<thinking>x</thinking>B", "B"),
        ("<reasoning>x</reasoning>B", "B"),
        ('<think time="3">x</think>B', "B"),
        ("<think></think>B", "B"),
        ("◁think▷x◁/think▷B", "B"),
        ("<|begin_of_thought|>x<|end_of_thought|>B", "B"),
        ("【思考】x【/思考】B", "B"),
        ("【思考过程】x【思考结束】B", "B"),
        ("【思考】x【答案】B", "【答案】B"),
        ("先想想，应该是B。</think>B", "B"),
        ("<think>a</think>一<think>b</think>二", "一二"),
        ("<think>a<think>b</think>B", "B"),
        ("没有推理的回答", "没有推理的回答"),
        ("可以用<think>标签写出思考", "可以用<think>标签写出思考"),
        ("1 < 2，2 > 1", "1 < 2，2 > 1"),
        ("【答案】B", "【答案】B"),
        ("", ""),
    ],
)
def test_closed_reasoning_is_taken_out(text: str, visible: str) -> None:
    assert strip_reasoning(text) == (visible, False)


@pytest.mark.parametrize(
    "text", ["<think>还没想完", "<think>", "  <think>\nx", "<think>a</think><think>b", "好的。\n<think>还没想完", "【思考】也许"]
)
def test_cut_off_reasoning_leaves_no_answer(text: str) -> None:
    assert strip_reasoning(text) == ("", True)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("中文", 1.0),
        ("abc", 0.0),
        ("中a", 0.5),
        ("中文，2024！", 1.0),
        ("Qwen 是模型", 3 / 7),
        ("かな漢字", 0.5),
        ("㐀𠀀", 1.0),
        ("人々", 1.0),
    ],
)
def test_han_share_counts_letters_only(text: str, share: float) -> None:
    assert han_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "123", "！？…", " \n", "😀"])
def test_a_text_without_letters_has_no_han_share(text: str) -> None:
    assert han_share(text) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("差评。", "差评"),
        ("《红楼梦》", "红楼梦"),
        ("Ｂ．否", "b.否"),
        ("It's  a dog!", "it's a DOG"),
        ("don’t", "don't"),
        ("１，２３４", "1234"),
        ("{2, 7}", "{2,7}"),
        ("24、68", "24，68"),
        ("**粗体**", "粗体"),
        ("一 二\n三", "一二三"),
        ("−2", "-2"),
        ("x²", "x^2"),
        ("well-known", "well known"),
        ("①④", "14"),
    ],
)
def test_texts_that_differ_in_dress_only_are_equal(left: str, right: str) -> None:
    assert normalise(left) == normalise(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("3.5", "35"),
        ("{2,7}", "27"),
        ("-2", "2"),
        ("1/2", "12"),
        ("3-5", "35"),
        ("80%", "80"),
        ("红马", "红色的马"),
        ("black horse", "blackhorse"),
        ("it's", "its"),
        ("x<3", "x>3"),
        ("3:5", "3.5"),
        ("是", "不是"),
    ],
)
def test_texts_that_differ_in_meaning_stay_apart(left: str, right: str) -> None:
    assert normalise(left) != normalise(right)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_normalising_drops_white_space_at_the_edges(text: str) -> None:
    assert normalise(text) == normalise(f"  {text}\n")
    assert normalise(text) == normalise(text).strip()


def test_full_width_text_becomes_ascii() -> None:
    assert compatible("（Ｂ）：１２") == "(B):12"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("共1,200元", [1200]),
        ("3.5", [Fraction(7, 2)]),
        ("答案是-2", [-2]),
        ("x = -2", [-2]),
        ("3-5", [3, 5]),
        ("3+4=7", [3, 4, 7]),
        ("31/250", [Fraction(31, 250)]),
        ("\\frac{3}{4}", [Fraction(3, 4)]),
        ("80%", [Fraction(4, 5)]),
        ("８０％", [Fraction(4, 5)]),
        ("1.5万", [15000]),
        ("3亿", [300_000_000]),
        ("5千克", [5]),
        ("5千", [5000]),
        ("三百二十个", [320]),
        ("两千零五", [2005]),
        ("二零二三年", [2023]),
        ("一亿三千万", [130_000_000]),
        ("十五", [15]),
        ("十万零五百", [100_500]),
        ("三十八万四千", [384_000]),
        ("三点一四", [Fraction(157, 50)]),
        ("百分之五十", [Fraction(1, 2)]),
        ("三分之二", [Fraction(2, 3)]),
        ("负三", [-3]),
        ("三千克", [3]),
        ("一共五个", [5]),
        ("一共12个，和题意一致", [12]),
        ("1/0", [1]),
        ("2023年5月1日", [2023, 5, 1]),
        ("", []),
        ("没有数字", []),
    ],
)
def test_numbers_are_read_exactly(text: str, values: list[Fraction | int]) -> None:
    assert list(numbers(text)) == values


@pytest.mark.parametrize("text", ["统一的想法", "十分好", "一样", "万一", "千万别去", "唯一", "之一", "H2O", "x2", "9" * 50])
def test_words_and_names_are_no_numbers(text: str) -> None:
    assert numbers(text) == ()


@settings(max_examples=200, deadline=None)
@given(st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6))
def test_every_fraction_is_read_back(value: Fraction) -> None:
    assert numbers(f"答案是{value}。") == (value,)


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0, max_value=10**9))
def test_thousands_separators_change_nothing(value: int) -> None:
    assert numbers(f"{value:,}") == numbers(str(value)) == (value,)
    assert normalise(f"{value:,}元") == normalise(f"{value}元")


HOSTILE = [
    "好",
    "a b ",
    "1,",
    "<think>",
    "<think ",
    "一",
    "\u0301\u0323",
    "…",
    "1,111",
    "\ufdfa",
    "9",
    "【思考】</think>",
    "- ",
    "1 ",
    "\\frac{",
    "“",
    "百分之",
]
TOOLS: list[Callable[[str], object]] = [strip_reasoning, han_share, normalise, numbers]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_takes_linear_time(tool: Callable[[str], object], unit: str) -> None:
    """Under a second on an idle machine (0.5 s at worst); the bound is loose because test machines are busy."""
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    tool(text)
    assert time.process_time() - start < 5


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_taken(text: str) -> None:
    visible, cut = strip_reasoning(text)
    assert not cut or visible == ""
    share = han_share(text)
    assert share is None or 0 <= share <= 1
    assert all(isinstance(value, Fraction) for value in numbers(text))
