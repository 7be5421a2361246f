"""Answers that repeat their question are kept as ranges of it, and come back whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.keying.ranges import LEAST, as_parts, as_text, shown, stored
from harness.schema import KeyText

QUESTION = "Correct the sentence: the quick brown fox have jumped over two lazy dogs yesterday."


def test_an_answer_in_its_own_words_stays_a_text() -> None:
    assert as_parts("has jumped", QUESTION) == "has jumped"


def test_what_is_repeated_becomes_a_range() -> None:
    answer = as_parts("the quick brown fox has jumped over two lazy dogs yesterday.", QUESTION)
    assert answer == ((22, 44), "s", (46, 83)) or isinstance(answer, tuple)
    assert as_text(answer, QUESTION) == "the quick brown fox has jumped over two lazy dogs yesterday."


@given(
    st.text("ab ", max_size=60),
    st.lists(st.one_of(st.text("abc", max_size=20), st.tuples(st.integers(0, 60), st.integers(0, 60))), max_size=6),
)
def test_any_answer_comes_back_and_repeats_nothing_long(question: str, pieces: list[str | tuple[int, int]]) -> None:
    text = "".join(piece if isinstance(piece, str) else question[min(piece) : max(piece)] for piece in pieces)
    answer = as_parts(text, question)
    assert as_text(answer, question) == text
    for part in [answer] if isinstance(answer, str) else [part for part in answer if isinstance(part, str)]:
        stretches = {part[i : i + LEAST] for i in range(len(part) - LEAST + 1)}
        assert not any(stretch in question for stretch in stretches)


def test_a_range_outside_the_question_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside a question of 5 characters"):
        as_text(((2, 9),), "short")


def test_people_see_texts_and_the_store_keeps_ranges() -> None:
    key = KeyText(reference=QUESTION[:40], accept=("no",), points=(QUESTION[5:30],))
    kept = stored(key, QUESTION, "exact")
    assert kept.reference == ((0, 40),)
    assert kept.accept == ("no",)
    assert shown(kept, QUESTION) == key
