"""No string of an answer holds 14 characters of any question, and the answer reads the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.keying.ranges import LEAST, as_text
from harness.keying.stretches import Stretches
from harness.schema import KeyAnswer, ProposedText

OTHER = "the quick brown fox has jumped over two lazy dogs"


def test_a_phrase_of_another_question_is_cut_and_reads_the_same() -> None:
    text = "It is the quick brown fox that won."
    cut = Stretches([OTHER]).cut(text)
    assert isinstance(cut, tuple)
    assert len(cut) == 2
    assert "".join(str(part) for part in cut) == text


def test_white_space_does_not_hide_a_phrase() -> None:
    for text in ("thequickbrownfox", "the quick\nbrown  fox", "t h e q u i c k b r o w n f o x"):
        assert isinstance(Stretches([OTHER]).cut(text), tuple)


def test_ranges_and_texts_of_its_own_stay_as_they_are() -> None:
    known = Stretches([OTHER])
    assert known.cut("an answer of its own") == "an answer of its own"
    assert known.cut(((0, 20), " and more")) == ((0, 20), " and more")


def test_the_longest_repetition_is_counted_in_characters() -> None:
    known = Stretches([OTHER])
    assert known.longest(ProposedText(reference="an answer", points=(((0, 40),),))) == 0
    assert known.longest(ProposedText(reference="x", accept=("so: " + OTHER[:20] + "!",))) == 20
    assert known.longest(ProposedText(reference=OTHER + ". " + OTHER)) == len(OTHER)


@given(st.lists(st.text("ab \n", max_size=40), max_size=3), st.lists(st.text("ab \n", max_size=60), min_size=1, max_size=3))
def test_no_string_holds_a_stretch_and_nothing_is_lost(questions: list[str], pieces: list[str]) -> None:
    text = "".join([*pieces, *questions])
    cut = Stretches(questions).cut(text)
    assert as_text(cut, "") == text
    known = {form[i : i + LEAST] for q in questions for form in (q, "".join(q.split())) for i in range(len(form) - LEAST + 1)}
    for part in _strings(cut):
        forms = (part, "".join(part.split()))
        assert not any(form[i : i + LEAST] in known for form in forms for i in range(len(form) - LEAST + 1))


def _strings(answer: KeyAnswer) -> list[str]:
    return [answer] if isinstance(answer, str) else [part for part in answer if isinstance(part, str)]
