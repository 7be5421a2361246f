"""Question text -> stem and lettered options: every typography of the published files, in our own words."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.options import parse_options

YES_NO = {"A": "是", "B": "否"}


@pytest.mark.parametrize(
    ("question", "options"),
    [
        pytest.param("天是蓝的吗？\nA. 是\nB. 否", YES_NO, id="plain"),
        pytest.param("天是蓝的吗？\nA.是\nB.否", YES_NO, id="no blank after the dot"),
        pytest.param("天是蓝的吗？\nA．是\nB．否", YES_NO, id="full-width dot"),
        pytest.param("天是蓝的吗？\nA .是\nB .否", YES_NO, id="blank before the dot"),
        pytest.param("天是蓝的吗？\nA、是\nB、否", YES_NO, id="ideographic comma"),
        pytest.param("天是蓝的吗？\nA：是\nB：否", YES_NO, id="full-width colon"),
        pytest.param("天是蓝的吗？\nA)是\nB）否", YES_NO, id="brackets"),
        pytest.param("天是蓝的吗？\nA,是\nB，否", YES_NO, id="commas"),
        pytest.param("天是蓝的吗？\nA、是 B、否", YES_NO, id="two on one line"),
        pytest.param("天是蓝的吗？" + " " * 34 + "A. 是\nB. 否", YES_NO, id="first label behind a run of blanks"),
        pytest.param("天是蓝的吗？\n A.  是\n  B.  否", YES_NO, id="leading and double blanks"),
        pytest.param("天是蓝的吗？\u00a0\nA.\u00a0是\nB.\u00a0否\u00a0", YES_NO, id="NBSP"),
        pytest.param("天是蓝的吗？\n\u3000A.\u3000是\n\u3000B.\u3000否", YES_NO, id="ideographic blanks"),
        pytest.param("天是蓝的吗？\r\nA. 是\r\nB. 否\r\n", YES_NO, id="CRLF"),
        pytest.param("天是蓝的吗？\nA. 是\n\nB. 否\n\n", YES_NO, id="blank lines"),
        pytest.param('天是""蓝""的吗？""\nA. 是\nB. 否', YES_NO, id="CSV residue"),
        pytest.param(
            "谁最小？\nA. 老人\nB. 成人\nC儿童\nD. 学生", {"A": "老人", "B": "成人", "C": "儿童", "D": "学生"}, id="no dot"
        ),
        pytest.param("选。\nA. 甲\nB. 乙\nC. 甲", {"A": "甲", "B": "乙", "C": "甲"}, id="identical options"),
        pytest.param("选。\n1. 水\n2. 火\nA. 1、2\nB. 2", {"A": "1、2", "B": "2"}, id="numbered statements"),
        pytest.param("选。\nA.\nB. 乙", {"A": "", "B": "乙"}, id="empty option"),
    ],
)
def test_options_are_found_in_every_published_typography(question: str, options: dict[str, str]) -> None:
    assert parse_options(question).options == options


def test_the_stem_is_the_text_before_the_first_label() -> None:
    assert parse_options(" 天\u00a0是蓝的吗？\n\nA. 是\nB. 否").stem == "天 是蓝的吗？"


def test_firms_named_by_letters_are_no_labels() -> None:
    parsed = parse_options("A公司告了B公司，C公司作证。\nD公司旁听。对吗？\nA. 是\nB. 否")
    assert parsed.options == YES_NO
    assert parsed.stem.endswith("对吗？")


def test_of_two_equally_long_runs_the_last_one_holds_the_options() -> None:
    parsed = parse_options("A：你好。\nB：再见。\n他们有礼貌吗？\nA. 是\nB. 否")
    assert parsed.options == YES_NO
    assert parsed.stem.startswith("A：你好")


def test_the_longest_run_wins_over_a_later_shorter_one() -> None:
    assert list(parse_options("选。\nA. 甲\nB. 乙\nC. 丙\n注：\nA. 无").options) == ["A", "B", "C"]


@pytest.mark.parametrize(
    "question", ["", "天是蓝的吗？", "选。\nA. 只有一个", "B. 没有\nC. 第一个", "a. 小写\nb. 字母", "选：\nA\nB"]
)
def test_a_text_without_two_options_has_none_and_is_all_stem(question: str) -> None:
    parsed = parse_options(question)
    assert parsed.options == {}
    assert parsed.stem == question.strip()


WORDS = st.text(alphabet="天地玄黄宇宙洪荒，。0123456789abc", min_size=1, max_size=12)
STYLES = st.sampled_from(["\n{}. ", "\n{}.", "\n{}．", "\n{} .", "\n{}、", "  {}）", "\n\n {}:\u00a0", "\n\u3000{}："])


@given(WORDS, st.lists(WORDS, min_size=2, max_size=8), STYLES)
def test_options_written_in_any_style_come_back(stem: str, texts: list[str], style: str) -> None:
    written = "".join(style.format(letter) + text for letter, text in zip(string.ascii_uppercase, texts, strict=False))
    parsed = parse_options(stem + written)
    assert list(parsed.options) == list(string.ascii_uppercase[: len(texts)])
    assert list(parsed.options.values()) == texts
    assert parsed.stem == stem


@given(st.text(alphabet="ABCD.、 \n\u00a0甲乙1"))
def test_any_text_gives_letters_from_a_on_without_a_gap(text: str) -> None:
    letters = list(parse_options(text).options)
    assert letters == list(string.ascii_uppercase[: len(letters)])
    assert len(letters) != 1


@pytest.mark.parametrize("unit", ["A. ", "A.B. ", "A. B. C. ", " A", "\n", "A" + " " * 9])
def test_a_hostile_text_of_a_megabyte_takes_seconds_not_hours(unit: str) -> None:
    started = time.process_time()
    parse_options(unit * (1_000_000 // len(unit)))
    assert time.process_time() - started < 20
