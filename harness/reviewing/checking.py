"""A decision that somebody sent × the item -> the decision as it is kept, or why it cannot be one.

The page, a spreadsheet and another program all come through here, so that whoever reads a review later need not doubt a line.
"""

from __future__ import annotations

import math
import re
from typing import Final

from harness.errors import UsageError
from harness.schema import Decision, KeyText, Message, ReviewItem, ReviewKind

ACTIONS: Final[dict[ReviewKind, tuple[str, ...]]] = {
    "row": ("accept", "edit", "reject", "flag", "withdraw"),
    "label": ("label", "flag", "withdraw"),
    "text": ("accept", "edit", "reject", "flag", "withdraw"),
}
LONGEST_NOTE: Final = 10_000
LONGEST_NAME: Final = 60
_HALF: Final = re.compile("[\ud800-\udfff]")
_DAY: Final = 86_400.0


class StaleItem(UsageError):
    """What was decided on is not what the review holds now."""


def sound(decision: Decision, item: ReviewItem) -> Decision:
    """The decision, with line ends made plain; an edit that changes nothing is an acceptance.

    Raises:
        StaleItem: the item has changed since it was shown.
        UsageError: it does not fit the item; says what would.
    """
    if item.digest != decision.digest:
        raise StaleItem(f"item '{item.id}' is not what was decided on; load the page again")
    if decision.action not in ACTIONS[item.kind]:
        raise UsageError(
            f"'{decision.action}' is no answer to an item of kind '{item.kind}'; there are {', '.join(ACTIONS[item.kind])}"
        )
    annotator_name(decision.annotator)
    if (decision.action == "label") != (decision.label is not None):
        raise UsageError("a label goes with the action 'label', and only with it")
    if decision.label is not None and decision.label not in item.labels:
        raise UsageError(f"'{decision.label[:40]}' is not one of {', '.join(item.labels) or 'no labels'}")
    if len(decision.note) > LONGEST_NOTE:
        raise UsageError(f"a note has at most {LONGEST_NOTE:,} characters")
    kept = decision.model_copy(
        update={"note": plain(decision.note).strip(), "seconds": _timed(decision.seconds), **_edited(decision, item)}
    )
    if any(_HALF.search(text) for text in _texts(kept)):
        raise UsageError("a text holds half a character (a lone surrogate), which no file can hold")
    return kept


def annotator_name(name: str) -> str:
    """The name, without white space around it.

    Raises:
        UsageError: it is empty, too long, or not printable.
    """
    found = name.strip()
    if not found or len(found) > LONGEST_NAME or not found.isprintable():
        raise UsageError(f"an annotator's name has 1 to {LONGEST_NAME} printable characters; got '{name[:LONGEST_NAME]}'")
    return found


def plain(text: str) -> str:
    """Line ends as one character, none at the end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip()


def proposed(item: ReviewItem) -> KeyText:
    """What an editor of a reference begins with."""
    return item.proposal or KeyText(reference="")


def _edited(decision: Decision, item: ReviewItem) -> dict[str, object]:
    if decision.action != "edit":
        if decision.messages is not None or decision.text is not None:
            raise UsageError(f"an edited text goes with the action 'edit', not with '{decision.action}'")
        return {}
    if item.kind == "row":
        if decision.messages is None or decision.text is not None:
            raise UsageError("an edited row has its turns in 'messages'")
        turns = tuple(Message(role=turn.role, content=plain(turn.content)) for turn in decision.messages)
        _check_turns(turns)
        same = turns == tuple(Message(role=turn.role, content=plain(turn.content)) for turn in item.messages)
        return {"action": "accept", "messages": None} if same else {"messages": turns}
    if decision.text is None or decision.messages is not None:
        raise UsageError("an edited reference has its parts in 'text'")
    text = _plain_text(decision.text)
    if not text.reference:
        raise UsageError("a reference cannot be empty; reject it instead")
    same = item.proposal is not None and text == _plain_text(item.proposal)
    return {"action": "accept", "text": None} if same else {"text": text}


def _check_turns(turns: tuple[Message, ...]) -> None:
    roles = [turn.role for turn in turns]
    said = roles[1:] if roles[:1] == ["system"] else roles
    if not said or said != ["user", "assistant"] * (len(said) // 2):
        raise UsageError("turns alternate between user and assistant and end with the assistant's")
    if any(not turn.content.strip() for turn in turns):
        raise UsageError("a turn cannot be empty; reject the row instead")


def _plain_text(text: KeyText) -> KeyText:
    return KeyText(
        reference=plain(text.reference).strip(),
        accept=tuple(filter(None, (plain(form).strip() for form in text.accept))),
        points=tuple(filter(None, (plain(point).strip() for point in text.points))),
    )


def _timed(seconds: float | None) -> float | None:
    if seconds is None or not math.isfinite(seconds) or not 0 <= seconds <= _DAY:
        return None
    return round(seconds, 1)


def _texts(decision: Decision) -> list[str]:
    text = decision.text
    return [
        decision.annotator,
        decision.note,
        *(turn.content for turn in decision.messages or ()),
        *((text.reference, *text.accept, *text.points) if text else ()),
    ]
