"""Training file -> dialogues: one function a format, strict about what a record is, lenient about what it says.

A record of another shape ends the reading with file and line: the file is not what the culture says it is. A record of the right
shape that teaches nothing (no question, no reply, a reply in the wrong language) is handed on with its trouble, to be counted
and left out. A dialogue that ends with the user loses that turn; blank lines around a turn go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from harness.errors import DataError
from harness.judging.text import han_share
from harness.rows.streaming import grouped, records
from harness.schema import Message, Role

EMPTY: Final = "empty reply"
NO_QUESTION: Final = "no question"
NOT_ALTERNATING: Final = "turns do not alternate"
BROKEN: Final = "broken text"
ENGLISH: Final = "English reply"
HIJACKED: Final = "goal hijacking"

SPEAKERS: Final[Mapping[str, Role]] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "system": "system",
}
"""Who speaks in a ShareGPT file -> role."""
_HALF: Final = re.compile("[\ud800-\udfff]")
"""Half a surrogate pair, which no file can hold."""
OTHER_LANGUAGE: Final = 0.2
"""Share of Han characters among the letters of a reply below which it counts as English."""


@dataclass(frozen=True)
class Read:
    """One record of a training file."""

    id: str
    """Which record: its line, or its number in its list, or the file's own id."""
    messages: tuple[Message, ...]
    trouble: str | None = None
    """Why it teaches nothing."""


def alpaca(path: Path) -> Iterator[Read]:
    """`{instruction, input, output}`, optionally `system` and `history` (pairs of question and answer). Ids are lines.

    The input goes below the instruction.

    Raises:
        DataError: a record is not so (all readers).
    """
    for line, value in records(path):
        record = _Record(path, line, value)
        asked = [record.text("instruction"), record.text("input", "")]
        system = record.text("system", "")
        turns: list[tuple[Role, str]] = [("system", system)] if system else []
        for pair in record.entries("history", []):
            if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(said, str) for said in pair):
                raise record.wrong("'history' is not a list of pairs [question, answer]")
            turns += [("user", pair[0]), ("assistant", pair[1])]
        yield _read(str(line), [*turns, ("user", "\n".join(filter(str.strip, asked))), ("assistant", record.text("output"))])


def messages(path: Path) -> Iterator[Read]:
    """`{messages: [{role, content}, …]}` with the roles system, user and assistant. Ids are lines."""
    for line, value in records(path):
        record = _Record(path, line, value)
        yield _read(str(line), record.turns("messages", "role", "content", {role: role for role in get_args(Role)}))


def sharegpt(path: Path) -> Iterator[Read]:
    """`{conversations: [{from, value}, …]}`, speakers as in `SPEAKERS`. Ids are lines.

    Pieces of long conversations begin with the assistant: those turns go.
    """
    for line, value in records(path):
        record = _Record(path, line, value)
        turns = record.turns("conversations", "from", "value", SPEAKERS)
        system = [turn for turn in turns[:1] if turn[0] == "system"]
        rest = turns[len(system) :]
        while rest and rest[0][0] == "assistant":
            rest = rest[1:]
        yield _read(str(line), [*system, *rest])


def halluqa(path: Path) -> Iterator[Read]:
    """HalluQA: `Question` with `Best Answer1`. Ids are the file's `question_id`, else lines.

    It is an evaluation set: who trains on it cannot measure hallucination with it.
    """
    for line, value in records(path):
        record = _Record(path, line, value)
        number = value.get("question_id", line) if isinstance(value, dict) else line
        yield _read(str(number), [("user", record.text("Question")), ("assistant", record.text("Best Answer1"))])


def safety_prompts(path: Path) -> Iterator[Read]:
    """Safety-Prompts: `{type: [{prompt, response, type}, …], …}`. Ids are `type/number`, from 1.

    Replies to goal hijacking are often unsafe, and some replies are English: both are left out.
    """
    counted: dict[str, int] = {}
    for line, kind, value in grouped(path):
        counted[kind] = counted.get(kind, 0) + 1
        record = _Record(path, line, value)
        prompt, reply = record.text("prompt"), record.text("response")
        read = _read(f"{kind}/{counted[kind]}", [("user", prompt), ("assistant", reply)])
        kinds = {kind.lower(), record.text("type", "").lower()}
        trouble = read.trouble or (HIJACKED if "goal_hijacking" in kinds else ENGLISH if _english(reply) else None)
        yield Read(read.id, read.messages, trouble)


READERS: Final[Mapping[str, Callable[[Path], Iterator[Read]]]] = {
    "alpaca": alpaca,
    "messages": messages,
    "sharegpt": sharegpt,
    "halluqa": halluqa,
    "safety_prompts": safety_prompts,
}


@dataclass(frozen=True)
class _Record:
    """A JSON value and where it stands; every complaint names file and line."""

    file: Path
    line: int
    value: Any

    def wrong(self, what: str) -> DataError:
        return DataError(what, file=self.file, line=self.line)

    def text(self, key: str, default: str | None = None) -> str:
        """A string field; `default` where it is absent or null."""
        found = self._field(key, default)
        if not isinstance(found, str):
            raise self.wrong(f"'{key}' is not a text")
        return found

    def entries(self, key: str, default: list[Any] | None = None) -> list[Any]:
        """A list field; `default` where it is absent or null."""
        found = self._field(key, default)
        if not isinstance(found, list):
            raise self.wrong(f"'{key}' is not a list")
        return found

    def turns(self, key: str, who: str, what: str, roles: Mapping[str, Role]) -> list[tuple[Role, str]]:
        """(role, text) of each turn."""
        turns = []
        for turn in self.entries(key):
            inner = _Record(self.file, self.line, turn)
            speaker = inner.text(who)
            if speaker not in roles:
                raise self.wrong(f"'{who}' is '{speaker[:40]}', not one of {', '.join(roles)}")
            turns.append((roles[speaker], inner.text(what)))
        return turns

    def _field(self, key: str, default: Any) -> Any:
        if not isinstance(self.value, dict):
            raise self.wrong("not an object")
        found = self.value.get(key)
        if found is None and default is None:
            have = ", ".join(str(name)[:40] for name in list(self.value)[:8]) or "nothing"
            raise self.wrong(f"has no '{key}'; it has {have}")
        return default if found is None else found


def _read(name: str, turns: list[tuple[Role, str]]) -> Read:
    """A dialogue in order, without the user's last word."""
    said = [(role, text.strip("\r\n").rstrip()) for role, text in turns]
    while said and said[-1][0] != "assistant":
        said.pop()
    if any(_HALF.search(text) for _, text in said):
        return Read(name, (), BROKEN)
    return Read(name, tuple(Message(role=role, content=text) for role, text in said), _trouble(said))


def _trouble(said: list[tuple[Role, str]]) -> str | None:
    roles = [role for role, _ in said if role != "system"]
    if not said:
        return EMPTY
    if any(not text.strip() for role, text in said if role == "assistant"):
        return EMPTY
    if any(not text.strip() for role, text in said if role == "user") or roles[0] != "user":
        return NO_QUESTION
    if any(role == "system" for role, _ in said[1:]) or roles != ["user", "assistant"] * (len(roles) // 2):
        return NOT_ALTERNATING
    return None


def _english(reply: str) -> bool:
    share = han_share(reply)
    return share is not None and share < OTHER_LANGUAGE
