"""DataRow -> what steps read of it: questions, replies, and texts without their code blocks.

A code block stands between two lines that begin with three or more backticks or tildes (CommonMark 4.5); one that nothing closes
goes on to the end. Every function is linear in the length of its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from harness.schema import DataRow

INVISIBLE: Final = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\U000e0000-\U000e007f"
)
"""Characters that nobody sees, as the inside of a regular expression's class: controls but tab and newline, marks of direction,
zero-width blanks, tags. The joiners U+200C and U+200D are not among them: emoji and Indic scripts need them."""
BLANK: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f"
"""Blanks that are no plain blank, likewise; the full-width one (U+3000) indents Chinese paragraphs and is none of them."""
_GAP: Final = rf"[ \t\u3000\u200c\u200d{BLANK}{INVISIBLE}]*"
_FENCE: Final = re.compile(
    rf"^{_GAP}(?P<fence>(?:[`\u1fef]{_GAP}){{3,}}|(?:~{_GAP}){{3,}})(?P<info>[^\n`\u1fef]*)$", re.MULTILINE
)
"""Seen through invisible characters, so that removing them makes no new one; U+1FEF is a backtick after NFC."""


def replies(row: DataRow) -> list[str]:
    """What the assistant says, in order."""
    return [turn.content for turn in row.messages if turn.role == "assistant"]


def questions(row: DataRow) -> str:
    """What the system and the user say, a line each."""
    return "\n".join(turn.content for turn in row.messages if turn.role != "assistant")


def pieces(text: str) -> Iterator[tuple[bool, str]]:
    """(is code, piece) in order; together they are the text. A block has its fences, without the last line's end."""
    if not _may_hold_code(text):
        yield False, text
        return
    start, opened = 0, ""
    for line in _FENCE.finditer(text):
        mark, length = _mark(line["fence"])
        if not opened:
            if line.start() > start:
                yield False, text[start : line.start()]
            start, opened = line.start(), mark * length
        elif mark == opened[0] and length >= len(opened) and not line["info"].strip():
            yield True, text[start : line.end()]
            start, opened = line.end(), ""
    if start < len(text):
        yield bool(opened), text[start:]


def _may_hold_code(text: str) -> bool:
    """Whether it has a line that begins a block; most texts have not one of the three marks."""
    return ("`" in text or "~" in text or "\u1fef" in text) and _FENCE.search(text) is not None


def _mark(fence: str) -> tuple[str, int]:
    """Its character, and how many of them."""
    tildes = fence.count("~")
    return ("~", tildes) if tildes else ("`", fence.count("`") + fence.count("\u1fef"))


def open_fence(text: str) -> bool:
    """Whether its last code block is not closed."""
    if not _may_hold_code(text):
        return False
    last = list(pieces(text))[-1]
    return last[0] and len(_FENCE.findall(last[1])) < 2


def without_code(text: str) -> str:
    """The text without its code blocks."""
    if not _may_hold_code(text):
        return text
    return "".join(piece for code, piece in pieces(text) if not code)


def saying(row: DataRow, contents: Sequence[str]) -> DataRow:
    """The row with other texts, one a turn; the same object where they are the same."""
    if all(turn.content == content for turn, content in zip(row.messages, contents, strict=True)):
        return row
    turns = tuple(
        turn if turn.content == content else turn.model_copy(update={"content": content})
        for turn, content in zip(row.messages, contents, strict=True)
    )
    return row.model_copy(update={"messages": turns})
