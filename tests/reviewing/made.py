"""Reviews for tests: rows, labels and references in our own words, and a server of them on a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.reviewing.page import Served
from harness.reviewing.store import Review, create
from harness.schema import Action, Decision, KeyText, Message, ReviewItem

ASKED = ("春节有哪些习俗？", "怎样写好一封信？", "泰山和华山哪座更高？", "端午节为什么吃粽子？")
SAID = ("贴春联、吃年夜饭、拜年。", "先想好要说什么，再动笔。", "华山更高。", "为了纪念屈原。")


def turns(*texts: str) -> tuple[Message, ...]:
    """User and assistant by turns."""
    return tuple(Message(role="assistant" if place % 2 else "user", content=text) for place, text in enumerate(texts))


def row(number: int, *said: str, **fields: Any) -> ReviewItem:
    """A row of training data; number 0 is the most doubtful."""
    made = {
        "id": f"src/{number}",
        "digest": "",
        "kind": "row",
        "messages": turns(*(said or (ASKED[number % 4], SAID[number % 4]))),
        "about": f"{'ab'[number % 2]} · chat",
        "doubt": max(0.0, 0.9 - number / 100),
    }
    return ReviewItem(**{**made, **fields})


def question(number: int, **fields: Any) -> ReviewItem:
    """An answer to be labelled; what the voters proposed must stay hidden."""
    made = {
        "id": f"q/{number}",
        "digest": "",
        "kind": "label",
        "messages": turns(ASKED[number % 4]),
        "response": SAID[number % 4],
        "labels": ("A", "B", "C", "invalid"),
        "options": {"A": "甲", "B": "乙", "C": "丙"},
        "proposal": KeyText(reference="SECRET-PROPOSAL"),
        "stratum": "SECRET-STRATUM",
        "doubt": 0.5,
    }
    return ReviewItem(**{**made, **fields})


def reference(number: int) -> ReviewItem:
    """A reference answer to be checked."""
    proposal = KeyText(reference=SAID[number % 4], accept=("同义",), points=("要点",))
    return ReviewItem(id=f"k/{number}", digest="", kind="text", messages=turns(ASKED[number % 4]), proposal=proposal)


def review(folder: Path, items: Sequence[ReviewItem], **options: Any) -> Review:
    """A review of these items."""
    create(folder, items, title="a review", of="test:1", kind=items[0].kind, **options)
    return Review(folder)


def said(of: Review, item_: str, action_: Action = "accept", who: str = "ann", **fields: Any) -> Decision:
    """A decision on an item as it is."""
    made = {
        "item": item_,
        "digest": of.items[item_].digest,
        "annotator": who,
        "at": "2026-01-01T00:00:00+00:00",
        "action": action_,
    }
    return Decision(**{**made, **fields})


@contextmanager
def served(folder: Path, *people: str, adjudicate: bool = False, port: int = 0) -> Iterator[Served]:
    """The page of a review, on a thread of its own."""
    page = Served(folder, people or ("ann",), adjudicate=adjudicate, port=port)
    thread = threading.Thread(target=page.run)
    thread.start()
    try:
        yield page
    finally:
        page.stop()
        thread.join(20)
        assert not thread.is_alive()
