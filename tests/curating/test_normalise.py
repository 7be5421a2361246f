"""What typing would not have made goes, what Chinese text means by its marks stays, and once is enough."""

from __future__ import annotations

import builtins
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.curating.contract import Drop
from harness.curating.prose import open_fence, pieces, without_code
from harness.curating.steps.normalise import Normalise, NormaliseStep
from harness.errors import UsageError
from harness.schema import DataRow
from tests.curating.made import row

FENCES = "```\n"
TRICKY = st.text(
    st.sampled_from(
        "`~ \t\n\r\u00a0\u200b\u200c\u200d\ufeff\u3000，,。！Ａ１ａｶﾞ⼀ﬁ𝐀e\u0301\u0323ｅ中文👨\u1fef\u2028\u0085\ud83d&;lt½²…～"
    ),
    max_size=60,
)


def step(**given_settings: Any) -> NormaliseStep:
    settings_ = Normalise(use="normalise", **given_settings)
    return NormaliseStep(settings_, settings_._converter())


def one(text: str, **given_settings: Any) -> str:
    return step(**given_settings).text(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("你好，世界！真的吗？（是的）：“好”。", "你好，世界！真的吗？（是的）：“好”。"),
        ("Ａｌｐｈａ１２３号", "Alpha123号"),
        ("……等等…", "……等等…"),
        ("x²＋½，25℃，10㎡，①第一", "x²＋½，25℃，10㎡，①第一"),
        ("价格￥５，约～", "价格￥5，约～"),
        ("ﾃｽﾄ ｶﾞ", "テスト ガ"),
        ("⼀⼆", "一二"),
        ("ﬁle 𝐀𝐁", "file AB"),
        ("cafe\u0301", "café"),
        ("甲\u00a0乙\u2003丙", "甲 乙 丙"),
        ("甲\u200b乙\ufeff\u00ad丙\u202e\x07", "甲乙丙"),
        ("　　从前，有座山。", "　　从前，有座山。"),
        ("一\r\n二\r三\u2028四\x85五", "一\n二\n三\n四\n五"),
        ("一\n\n\n\n二", "一\n\n二"),
        ("一  \n二\t\n三  ", "一\n二\n三"),
        ("\n\n  \n  缩进的一行\n", "  缩进的一行"),
        ("家\u200d人👨\u200d👩\u200d👧क्\u200dष", "家人👨\u200d👩\u200d👧क्\u200dष"),
    ],
)
def test_each_character_gets_the_form_one_would_type(text: str, wanted: str) -> None:
    assert one(text) == wanted


@pytest.mark.parametrize(
    ("given_settings", "wanted"),
    [
        ({"width": "half"}, "AB12,(好)!｀～ x"),
        ({"width": "keep"}, "Ａ\uff2212，（好）！｀～　x"),
        ({"form": "keep"}, "Ａ\uff2212，（好）！｀～　x"),
    ],
)
def test_width_is_a_matter_of_settings(given_settings: dict[str, str], wanted: str) -> None:
    assert one("Ａ\uff2212，（好）！｀～　x", **given_settings) == wanted


def test_half_width_marks_between_chinese_characters_can_become_full_width() -> None:
    text = "你好,世界! 3,500元, x,y; 真的吗?"
    assert one(text, punctuation="full") == "你好，世界! 3,500元, x,y; 真的吗？"
    assert one(text) == text


def test_code_blocks_keep_all_but_their_line_ends() -> None:
    code = 'ｓ = "　Ａ\u200b\u00a0"   \n\n\n\nprint(ｓ)'
    text = f"说明：Ａ\n\n\n{FENCES}{code}\n```\nＢ"
    assert one(text) == f"说明：A\n\n{FENCES}{code}\n```\nB"
    assert one(f"Ａ\n{FENCES}Ａ\r\nＢ") == f"A\n{FENCES}Ａ\nＢ"


def test_blocks_are_found_as_markdown_finds_them() -> None:
    text = "一\n````md\n```\n内\n```\n````\n二\n~~~\n三\n```\n~~~\n四 ```x``` 五"
    assert [piece for code, piece in pieces(text) if code] == ["````md\n```\n内\n```\n````", "~~~\n三\n```\n~~~"]
    assert without_code(text) == "一\n\n二\n\n四 ```x``` 五"
    assert not open_fence(text)
    assert open_fence("一\n```python\nx = 1")
    assert not open_fence("没有代码")


def test_html_is_unescaped_where_that_is_asked_for() -> None:
    assert one("a &lt; b &amp;&amp; c\n```\n&quot;x&quot;\n```", html="unescape") == 'a < b && c\n```\n"x"\n```'
    assert one("a &lt; b") == "a &lt; b"


def test_simplified_characters_by_opencc_unless_the_question_asks_for_traditional_ones() -> None:
    pytest.importorskip("opencc")
    rows = [row("介绍一下軟件", "軟件是電腦的程序。\n```\n電腦\n```"), row("请翻译成繁体：软件", "軟件")]
    ruled = step(opencc="t2s").rule(rows)
    assert isinstance(ruled[0], DataRow)
    assert [turn.content for turn in ruled[0].messages] == ["介绍一下软件", "软件是电脑的程序。\n```\n電腦\n```"]
    assert ruled[1] is rows[1]


def test_a_machine_without_opencc_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "opencc":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"opencc = \"t2s\" needs OpenCC: pip install 'culture-harness\[data\]'"):
        step(opencc="t2s")


def test_an_unknown_conversion_is_refused() -> None:
    with pytest.raises(ValidationError, match="s2t"):
        Normalise.model_validate({"use": "normalise", "opencc": "x2y"})


def test_a_row_that_needs_nothing_is_the_same_object_and_one_that_does_keeps_the_rest() -> None:
    rows = [row("问", "答。", category="Insult"), row("问", "答\u200b。", 2, category="Insult", reference="Ａ")]
    ruled = step().rule(rows)
    assert ruled[0] is rows[0]
    assert ruled[1] == row("问", "答。", 2, category="Insult", reference="A")


def test_a_turn_of_invisible_characters_is_no_turn() -> None:
    ruled = step().rule([row("问", "\u200b \ufeff")])
    assert isinstance(ruled[0], Drop)
    assert ruled[0].why == "nothing visible in a turn"


@given(st.text(max_size=80) | TRICKY)
@example("~\u200b~\u200b~\nＡ\n~~~\nＡ")
@example("``\u1fef\nＡ")
@example("e\u200b\u0301")
@example("\u0344" * 70)
@settings(max_examples=120, deadline=None)
def test_twice_is_once(text: str) -> None:
    for given_settings in ({}, {"width": "half", "punctuation": "full"}, {"form": "NFC"}):
        once = one(text, **given_settings)
        assert one(once, **given_settings) == once
        assert unicodedata.is_normalized("NFC", without_code(once)) or len(once) >= 64


@given(st.text(st.characters() | st.sampled_from("中文09 \u200b\u3000，"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_characters_and_digits_are_never_lost(text: str) -> None:
    plain = [char for char in text if "一" <= char <= "龥" or char in "09"]
    found = iter(one(text))
    assert all(char in found for char in plain)


def test_a_long_run_of_marks_is_cut_not_sorted_for_minutes(tmp_path: Path) -> None:
    text = "e" + "\u0301\u0323" * 50_000
    assert len(one(text)) < 40
