"""What voters are shown, and how their letters are turned back."""

from __future__ import annotations

import pytest

from harness.data.hashing import content_hash
from harness.keying import asking
from harness.schema import ProposedText, Sample

TWO = {"A": "yes", "B": "no"}
FOUR = {"A": "one", "B": "two", "C": "three", "D": "four"}


def item(options: dict[str, str], question: str = "Is it so?") -> Sample:
    whole = "\n".join([question, *(f"{letter}. {text}" for letter, text in options.items())])
    return Sample(id="1", hash=content_hash(whole), question=whole, dimension="X", options=options)


def test_two_options_are_shown_swapped_and_turned_round() -> None:
    assert asking.orders("AB") == ("AB", "BA", "=BA")
    shown = [asking.choice(item(TWO), order).messages[-1].content for order in asking.orders("AB")]
    assert shown[0].endswith("Is it so?\nA. yes\nB. no")
    assert shown[1].endswith("Is it so?\nA. no\nB. yes")
    assert shown[2].endswith("Is it so?\nB. no\nA. yes")


def test_each_letter_of_four_stands_in_several_places() -> None:
    found = asking.orders("ABCD", 5)
    assert len(set(found)) == 5
    assert found[:2] == ("ABCD", "DCBA")
    assert all(len({order.index(letter) for order in found}) >= 3 for letter in "ABCD")


@pytest.mark.parametrize(
    ("options", "order", "reply", "own"),
    [
        (TWO, "AB", "A", "A"),
        (TWO, "BA", "A", "B"),
        (TWO, "BA", "The answer is B.", "A"),
        (TWO, "=BA", "B", "B"),
        (FOUR, "DCBA", "A", "D"),
        (FOUR, "BCDA", "D", "A"),
    ],
)
def test_a_letter_is_turned_back_into_the_items_own(options: dict[str, str], order: str, reply: str, own: str) -> None:
    vote = asking.read_choice(asking.choice(item(options), order), reply, "v", "f")
    assert (vote.answer, vote.unjudged, vote.order) == (own, "", order)


def test_an_option_named_by_its_text_counts_in_any_order() -> None:
    for order in asking.orders("AB"):
        assert asking.read_choice(asking.choice(item(TWO), order), "no", "v", "f").answer == "B"


@pytest.mark.parametrize("reply", ["", "A or B, who knows", "<think>hm"])
def test_a_reply_without_one_choice_is_no_vote(reply: str) -> None:
    vote = asking.read_choice(asking.choice(item(TWO), "AB"), reply, "v", "f")
    assert vote.answer is None
    assert vote.unjudged.startswith("no clear choice")


def test_a_voter_proposes_a_reference_as_json() -> None:
    sample = Sample(id="1", hash="0" * 16, question="Name the capital of the small island state.", dimension="X")
    asked = asking.text(sample, None)
    vote = asking.read_text(asked, 'Sure: {"reference": " Port ", "accept": ["port", "port"], "kind": "exact"}', "v", "f")
    assert vote.text == ProposedText(reference="Port", accept=("port",), kind="exact")
    assert vote.agrees is None


def test_a_voter_agrees_with_the_draft_or_gives_its_own() -> None:
    sample = Sample(id="1", hash="0" * 16, question="Name the capital of the small island state.", dimension="X")
    asked = asking.text(sample, ProposedText(reference="Port", accept=(((0, 8),),)))
    assert "Port" in asked.messages[-1].content
    assert "also right: Name the" in asked.messages[-1].content
    yes = asking.read_text(asked, '{"reference": "Port", "agree": true}', "v", "f")
    no = asking.read_text(asked, '{"reference": "Bay", "agree": false}', "v", "f")
    assert (yes.agrees, yes.text) == (True, None)
    assert (no.agrees, no.text) == (False, ProposedText(reference="Bay", kind="open"))


@pytest.mark.parametrize("reply", ["Port", "{", '{"reference": ""}', '{"reference": "Port"}', "[" * 9000, "{" * 20000])
def test_a_reply_in_another_form_is_no_vote(reply: str) -> None:
    sample = Sample(id="1", hash="0" * 16, question="Name it.", dimension="X")
    vote = asking.read_text(asking.text(sample, ProposedText(reference="Port")), reply, "v", "f")
    assert vote.unjudged == "no answer in the form asked for"
