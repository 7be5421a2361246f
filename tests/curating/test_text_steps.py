"""What all steps that read text promise: one ruling a row in order, whatever the text, in time that grows with its length."""

from __future__ import annotations

import re
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.curating.contract import Drop, RowStep
from harness.curating.steps.english_context import EnglishContext, EnglishContextStep
from harness.curating.steps.language import Language, LanguageStep
from harness.curating.steps.length import Length, LengthStep
from harness.curating.steps.normalise import Normalise, NormaliseStep
from harness.curating.steps.repetition import Repetition, RepetitionStep
from harness.curating.steps.self_naming import SelfNaming, SelfNamingStep
from harness.curating.steps.truncation import Truncation, TruncationStep
from harness.schema import DataRow, Message
from tests.curating.made import row

STEPS: Final[dict[str, RowStep]] = {
    "normalise": NormaliseStep(Normalise(use="normalise", punctuation="full", html="unescape")),
    "language": LanguageStep(Language(use="language", traditional="drop", of="turn")),
    "length": LengthStep(Length(use="length", least_reply=3)),
    "truncation": TruncationStep(Truncation(use="truncation", of="each")),
    "repetition": RepetitionStep(Repetition(use="repetition", most_run=0.05)),
    "english_context": EnglishContextStep(EnglishContext(use="english_context")),
    "self_naming": SelfNamingStep(SelfNaming(use="self_naming", mode="strip")),
}
PIECES: Final = (
    *(
        "a",
        " ",
        "\n",
        "（",
        "“a",
        "“a ",
        "`",
        "```\n",
        "~~~ \n",
        "a ",
        "ab,",
        "，",
        "\u0301\u0323",
        "\u200d",
        "\u200b`",
        "\n \n",
        "\r",
        "Ａ",
    ),
    *(
        "1. \n",
        "|a|\n",
        "**",
        "9",
        "http://",
        "&amp;",
        "(note:",
        "for x:",
        "字母A",
        "单词 ",
        "，没有提供",
        "作为一个",
        "我是一个AI",
        "的语言",
    ),
    *("请提供", "我无法", "由于我", "As an AI", "因为", "。“", "模型"),
)
TEXTS: Final = st.lists(st.text(max_size=20) | st.sampled_from(PIECES), max_size=12).map("".join)


def whole(text: str) -> str:
    """As it may stand in a row: without halves of surrogate pairs."""
    return re.sub("[\ud800-\udfff]", "", text)


@pytest.mark.parametrize("name", STEPS)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
@settings(max_examples=60, deadline=None)
def test_a_step_returns_one_ruling_a_row_in_order_and_never_raises(name: str, said: list[tuple[str, str]]) -> None:
    rows = [row(whole(asked), whole(reply), number) for number, (asked, reply) in enumerate(said)]
    ruled = STEPS[name].rule(rows)
    assert len(ruled) == len(rows)
    for before, after in zip(rows, ruled, strict=True):
        if isinstance(after, Drop):
            assert after.row.id == before.id
            assert after.why
            assert 0 <= after.doubt <= 1
        else:
            assert after.id == before.id
            assert after is before or after != before


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", STEPS)
def test_a_hundred_thousand_characters_of_anything_are_soon_read(name: str) -> None:
    """A step that took the square of their number would need minutes for each."""
    for piece in PIECES:
        text = piece * (100_000 // len(piece))
        assert len(STEPS[name].rule([row(f"译{text}x", text)])) == 1


def test_a_row_of_no_turns_is_no_trouble() -> None:
    empty = DataRow(source="made", source_id="1", messages=())
    asked = DataRow(source="made", source_id="2", messages=(Message(role="user", content="问"),))
    for step in STEPS.values():
        assert len(step.rule([empty, asked])) == 2
        assert step.rule([]) == []
