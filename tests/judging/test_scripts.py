"""Scripts of letters, and what is English among Latin ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judging.scripts import SCRIPTS, looks_english, scripts, share
from harness.judging.text import han_share


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Ĉu ŝi iras?", "eo", 1.0),
        ("هذا 12 كتاب", "ar", 1.0),
        ("这是 ab", "zh", 0.5),
        ("ひらがなカタカナー漢字", "ja", 1.0),
        ("Привет", "ar", 0.0),
        ("สวัสดี", "th", 1.0),
        ("123 !?", "eo", None),
        ("abc", "xx", None),
        ("", "ar", None),
    ],
)
def test_the_share_of_a_languages_script_among_the_letters(text: str, language: str, expected: float | None) -> None:
    assert share(text, language) == expected


@given(st.text(max_size=60))
def test_for_chinese_it_is_nearly_what_zh_share_is_and_always_a_share(text: str) -> None:
    found = share(text, "zh")
    assert found is None or 0 <= found <= 1
    assert (found is None) == (han_share(text) is None)
    for language in ("ar", "eo", "ja"):
        assert (share(text, language) or 0) <= 1


def test_a_language_has_at_least_one_script_and_the_names_are_those_of_unicode() -> None:
    assert all(SCRIPTS.values())
    assert scripts("aя漢あ한ا").keys() == {"LATIN", "CYRILLIC", "HAN", "KANA", "HANGUL", "ARABIC"}


def test_english_is_told_from_other_latin_text_by_its_small_words() -> None:
    assert looks_english("What is the opposite of the word that you can see on the wall?")
    assert not looks_english("Kio estas la malo de la vorto, kiun vi vidas sur la muro?")
    assert not looks_english("Apa lawan kata dari kata yang Anda lihat di dinding itu?")
    assert not looks_english("Was ist das Gegenteil des Wortes, das an der Wand steht?")
    assert not looks_english("the cat")
