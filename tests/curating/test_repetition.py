"""Loops, repeated lines and phrases; ordinary replies, lists and verse are no repetition."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.curating.contract import Drop
from harness.curating.steps.repetition import (
    Repetition,
    RepetitionStep,
    duplicate_lines,
    duplicated,
    longest_run,
    suspect,
    top_phrase,
)
from tests.curating.made import WORDS, row

PARAGRAPH = "春天的河边很安静，柳树发了新芽。老人坐在石桥上，看着渔船慢慢地回来。孩子们在稻田旁边放风筝，笑声传得很远。"


def why(reply: str, **bounds: Any) -> str | None:
    [ruled] = RepetitionStep(Repetition(use="repetition", **bounds)).rule([row("问", reply)])
    return ruled.why if isinstance(ruled, Drop) else None


def prose(length: int, seed: int = 0) -> str:
    """Text without repetition to speak of: one to five characters from a wide range between two marks."""
    draw = random.Random(seed)
    text = ""
    while len(text) < length:
        text += "".join(chr(draw.randrange(0x4E00, 0x8000)) for _ in range(draw.randrange(2, 12))) + draw.choice("，。")
    return text[:length]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (PARAGRAPH + "很远" * 40, "the same over and over"),
        (PARAGRAPH + "哈" * 60, "the same over and over"),
        (PARAGRAPH + "我们一起去看茶园，" * 8, "the same over and over"),
        ("\n".join([PARAGRAPH[:20], PARAGRAPH[20:40]] * 3), "repeated lines"),
        (PARAGRAPH + PARAGRAPH, "repeated phrases"),
        ("哈哈哈哈哈哈哈哈哈哈哈哈", "the same over and over"),
        ("".join(f"今天我们去看茶园{one}" for one in WORDS), "one phrase repeated"),
    ],
)
def test_a_reply_that_repeats_itself_is_dropped(reply: str, reason: str) -> None:
    assert why(reply) == reason


@pytest.mark.parametrize(
    "reply",
    [
        PARAGRAPH,
        "\n".join(f"- {one}和{other}：都很常见" for one, other in zip(WORDS, WORDS[3:], strict=False)),
        "```\n" + "x = 1\n" * 50 + "```\n这是代码。",
        "| 名 | 价 |\n|----------|----------|\n| 茶 | 3 |",
        "好好学习，天天向上。",
        "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
        "是",
    ],
)
def test_ordinary_replies_lists_tables_and_code_are_kept(reply: str) -> None:
    assert why(reply) is None


def test_measures_are_shares_of_characters() -> None:
    assert longest_run("abcabcabcx") == 9
    assert longest_run("abcabc") == 0
    assert longest_run("啊" * 10) == 10
    assert duplicate_lines("一二三四\n一二三四\n五六七八\n短\n短") == pytest.approx(1 / 3)
    assert top_phrase("abcdef" * 5) == 1
    assert top_phrase("abcdefabcdef") == 0
    assert duplicated("abcdefghijkl" * 2) == 1
    assert duplicated("短") == 0


def test_bounds_are_settings_and_tighter_ones_look_at_every_reply() -> None:
    reply = PARAGRAPH + "很远" * 6
    assert why(reply) is None
    assert why(reply, most_run=0.1) == "the same over and over"
    assert why(PARAGRAPH + "很远" * 40, most_run=0.9, most_duplicated=0.9, most_phrase=0.9) is None


def test_a_planted_repetition_is_found_in_text_of_any_length() -> None:
    for length in (80, 400, 3_000):
        for seed in range(10):
            text = prose(length, seed)
            assert why(text) is None
            assert why(text + text[:9] * (length // 12)) is not None
            assert why(text + text) is not None


def test_the_line_of_suspicion_falls_with_length() -> None:
    values = [suspect(length) for length in (0, 20, 60, 399, 400, 9_999, 10**6)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 0.9
    assert values[-1] == 0.42


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_measures_are_between_nothing_and_all(text: str) -> None:
    assert 0 <= longest_run(text) <= len(text)
    assert all(0 <= measure(text) <= 1 for measure in (duplicate_lines, top_phrase, duplicated))
    why(text)
