"""An edited conversation or reference <-> the one text that a cell or a form field of another program holds.

Most edits are of the last reply, and then the text is that reply. Any other is a list of turns, as JSON.
"""

from __future__ import annotations

import json

from pydantic import TypeAdapter, ValidationError

from harness.errors import UsageError
from harness.reviewing.checking import plain
from harness.schema import Decision, KeyText, Message, ReviewItem

_TURNS = TypeAdapter(tuple[Message, ...])


def as_text(decision: Decision, item: ReviewItem) -> str:
    """The edit of a row as one text; of a reference, the reference."""
    if decision.text is not None:
        return decision.text.reference
    if decision.messages is None:
        return ""
    *before, last = decision.messages
    same = [plain(turn.content) for turn in before] == [plain(turn.content) for turn in item.messages[:-1]]
    if same and len(decision.messages) == len(item.messages) and not _is_list(last.content):
        return last.content
    return json.dumps([turn.model_dump() for turn in decision.messages], ensure_ascii=False)


def turns(text: str, item: ReviewItem) -> tuple[Message, ...]:
    """What `as_text` made, as turns: a JSON list of turns, or else the last reply.

    Raises:
        UsageError: a list that is none of turns.
    """
    if not _is_list(text):
        return (*item.messages[:-1], Message(role="assistant", content=text))
    try:
        return _TURNS.validate_json(text)
    except ValidationError as error:
        raise UsageError(f"a list, but not of turns with role and content: {error.errors()[0]['msg']}") from error


def key_text(reference: str, accept: str, points: str) -> KeyText:
    """A reference with its other forms and points, one a line."""
    return KeyText(reference=reference, accept=lines(accept), points=lines(points))


def lines(text: str) -> tuple[str, ...]:
    """Lines that are not empty."""
    return tuple(filter(None, (line.strip() for line in plain(text).split("\n"))))


def _is_list(text: str) -> bool:
    return text.lstrip().startswith('[{"')
