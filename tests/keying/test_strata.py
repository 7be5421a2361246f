"""Votes -> unanimous, majority, split; and the order in which people see them."""

from __future__ import annotations

from typing import Any

import pytest

from harness.keying.items import Items
from harness.keying.strata import standings
from harness.schema import KeyVote, ProposedText, Sample


def items(*options: str) -> Items:
    made = {
        f"{number:016x}": Sample(
            id=str(number), hash=f"{number:016x}", question="q", dimension="X", options={letter: letter for letter in letters}
        )
        for number, letters in enumerate(options)
    }
    return Items("b", "choice" if options[0] else "text", made, len(made), None)


def votes(number: int, *letters: str | None, **more: Any) -> list[KeyVote]:
    return [
        KeyVote(hash=f"{number:016x}", voter=f"v{i}", family="f", answer=a, unjudged="" if a else "no clear choice", **more)
        for i, a in enumerate(letters)
    ]


def test_only_votes_that_are_all_there_and_all_equal_are_unanimous() -> None:
    cast = [
        *votes(0, "A", "A", "A"),
        *votes(1, "A", "A", "B"),
        *votes(2, "A", "B"),
        *votes(3, "A", "A", None),
        *votes(4, "A", "A", confidence="low"),
    ]
    found = standings(items(*["AB"] * 6), cast)
    assert [one.agreement for one in found.values()] == ["unanimous", "majority", "split", "majority", "majority", "split"]
    assert [one.answer for one in found.values()] == ["A", "A", "A", "A", "A", None]
    reasons = [one.reasons for one in found.values()]
    assert reasons[5] == ("nobody has voted",)
    assert "1 of 3 votes could not be read" in reasons[3]
    assert not any(" A" in reason or " B" in reason for each in reasons for reason in each)


def test_the_most_doubtful_come_first() -> None:
    cast = [*votes(0, "A", "A", "A", "A"), *votes(1, "A", "A", "A", "B"), *votes(2, "A", "A", "B", "B")]
    doubts = [one.doubt for one in standings(items("AB", "AB", "AB"), cast).values()]
    assert doubts[0] < doubts[1] < doubts[2] <= 1


def test_an_item_that_a_voter_was_not_asked_about_is_not_unanimous() -> None:
    def asked(number: int, voter: str, *orders: str) -> list[KeyVote]:
        return [
            KeyVote(hash=f"{number:016x}", voter=voter, family="f", asked="0" * 16, order=order, answer="A") for order in orders
        ]

    cast = [
        *asked(0, "v", "AB", "BA"),
        *asked(1, "v", "AB"),
        *asked(0, "w", "AB"),
        *asked(1, "w", "AB"),
        *asked(2, "v", "AB", "BA"),
    ]
    found = standings(items("AB", "AB", "AB", "ABCD"), cast)
    assert [one.unasked for one in found.values()] == [0, 1, 1, 2]
    assert [one.agreement for one in found.values()] == ["unanimous", "majority", "majority", "split"]
    assert "1 votes are missing" in [*found.values()][1].reasons


def test_strata_are_the_numbers_of_options() -> None:
    found = standings(items("AB", "ABCD"), [*votes(0, "A"), *votes(1, "D")])
    assert [one.stratum for one in found.values()] == ["2 options", "4 options"]


@pytest.mark.parametrize(
    ("agrees", "wanted"), [((), "unanimous"), ((True, True), "unanimous"), ((True, False), "majority"), ((False, False), "split")]
)
def test_a_reference_is_unanimous_if_all_who_saw_it_agree(agrees: tuple[bool, ...], wanted: str) -> None:
    draft = KeyVote(hash=f"{0:016x}", voter="d", family="f", text=ProposedText(reference="r"))
    cast = [draft, *(KeyVote(hash=draft.hash, voter=f"v{i}", family="f", agrees=a) for i, a in enumerate(agrees))]
    (one,) = standings(items(""), cast).values()
    assert (one.agreement, one.text, one.stratum) == (wanted, draft.text, "references")
