"""How far a review is, and how far people agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from harness.report.review import show_review
from harness.reviewing.status import status
from harness.schema import ReviewStatus
from tests.reviewing.made import question, review, row, said


def text_of(found: ReviewStatus) -> str:
    console = Console(width=120)
    with console.capture() as shown:
        console.print(show_review(found))
    return shown.get()


def test_agreement_is_that_of_first_words_before_anybody_adjudicated(tmp_path: Path) -> None:
    made = review(tmp_path, [question(number) for number in range(10)], people=2)
    for number in range(10):
        made.append(said(made, f"q/{number}", "label", "ann", label="AB"[number % 2], seconds=2.0))
        made.append(said(made, f"q/{number}", "label", "bo", label="A" if number == 9 else "AB"[number % 2], seconds=4.0))
    made.append(said(made, "q/9", "label", "cy", label="B", round="adjudication"))
    found = status(made)
    assert found.states == {"open": 0, "split": 0, "agreed": 9, "adjudicated": 1}
    assert found.actions == {"A": 5, "B": 5}
    (pair,) = found.pairs
    assert (pair.one, pair.other, pair.items, pair.raw) == ("ann", "bo", 10, 0.9)
    assert pair.kappa == pytest.approx(0.8)
    assert pair.interval.low < 0.9 < pair.interval.high
    assert found.alpha is not None
    assert [(one.name, one.decided, one.seconds) for one in found.people] == [("ann", 10, 2.0), ("bo", 10, 4.0), ("cy", 1, None)]


def test_who_settles_what_he_had_decided_himself_is_counted(tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(3)], people=2)
    for number in range(3):
        made.append(said(made, f"src/{number}", "accept", "ann"))
        made.append(said(made, f"src/{number}", "reject", "bo"))
    made.append(said(made, "src/0", "reject", "cy", round="adjudication"))
    assert status(made).own == 0
    made.append(said(made, "src/1", "accept", "ann", round="adjudication"))
    made.append(said(made, "src/2", "accept", "bo", round="adjudication"))
    made.append(said(made, "src/2", "withdraw", "bo", round="adjudication"))
    found = status(made)
    assert found.own == 1
    assert "1 item settled by somebody who was one of those who differed" in text_of(found)


def test_people_who_said_one_word_only_have_no_kappa(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1)], people=2)
    made.append(said(made, "src/1", "accept", "ann"))
    made.append(said(made, "src/1", "accept", "bo"))
    found = status(made)
    assert (found.pairs[0].raw, found.pairs[0].kappa, found.alpha) == (1.0, None, None)


def test_nothing_decided_is_no_agreement(tmp_path: Path) -> None:
    found = status(review(tmp_path, [row(1)]))
    assert (found.pairs, found.people, found.alpha, found.decisions) == ((), (), None, 0)


def test_decisions_on_another_text_are_counted_apart(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1)])
    made.append(said(made, "src/1"))
    path = tmp_path / "decisions.jsonl"
    path.write_text(path.read_text("utf-8").replace(made.items["src/1"].digest, "0" * 16), "utf-8")
    found = status(made)
    assert (found.stale, found.states["open"]) == (1, 1)
