"""Training file -> dialogues: one function a format, strict about what a record is, lenient about what it says.

There are two ways through a file. `READERS` are strict: a record of another shape ends the reading with file and line, for the
file is not what the culture says it is (mixing). `salvaged` goes on: such a record, and every stretch that is no JSON, is handed
on with its trouble (curation). Either way a record of the right shape that teaches nothing (no question, no reply, a reply in the
wrong language) is handed on with its trouble, to be counted and left out. A dialogue that ends with the user loses that turn;
blank lines around a turn go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from harness.judging.text import han_share
from harness.rows.records import Record, Turn, WrongShape, word
from harness.rows.scanner import Broken
from harness.rows.streaming import grouped, records, salvage
from harness.schema import DataRow, Message, Role

EMPTY: Final = "empty reply"
NO_QUESTION: Final = "no question"
NOT_ALTERNATING: Final = "turns do not alternate"
BROKEN: Final = "broken text"
ENGLISH: Final = "English reply"
HIJACKED: Final = "goal hijacking"
SHAPE: Final = "another shape"

ROLES: Final[Mapping[str, Role]] = {role: role for role in get_args(Role)} | {"developer": "system"}
"""Who speaks in a file of OpenAI's -> role."""
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
LANGUAGES: Final[Mapping[str, str]] = {"chinese": "zh", "cn": "zh", "zh-cn": "zh", "english": "en"}
_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")
"""Half a surrogate pair, which no file can hold, and NUL, which no text has."""
OTHER_LANGUAGE: Final = 0.2
"""Share of Han characters among the letters of a reply below which it counts as English."""
_TURN: Final = re.compile(r"(?:^|\n)(Human|Assistant):")
_REFGPT_TURN: Final = re.compile(
    r"(?:^|\n)[ \t]*(human|assistant)(?:[(（][^()（）\n]{1,10}[)）])?[ \t]*[:：]"
    r"|<(human|assistant) ?\d{0,3}>[ \t]*[:：]?",
    re.IGNORECASE,
)
_CHAT_MARK: Final = re.compile(r"</?(?:start_chat|end_chat|chat)>")


@dataclass(frozen=True, slots=True)
class Read:
    """One record of a training file."""

    id: str
    """Which record: its line, or its number in its list, or the file's own id."""
    messages: tuple[Message, ...]
    trouble: str | None = None
    """Why it teaches nothing."""
    detail: str = ""
    """What exactly is wrong with it."""
    category: str = ""
    reference: str | None = None
    language: str = ""
    row: DataRow | None = None
    """The whole row, where the file holds rows."""


@dataclass(frozen=True)
class Format:
    """How the records of a format are found in a file, and what one says."""

    read: Callable[[Record], Read]
    keys: frozenset[str]
    """A record has at least one of them, an object inside a record none."""
    grouped: bool = False
    """An object of lists."""


def alpaca(record: Record) -> Read:
    """`{instruction, input, output}`, optionally `system` and `history` (pairs of question and answer). Ids are lines.

    The input goes below the instruction. BELLE's first files say `target` for `output`; its seed tasks have both texts in the one
    entry of `instances`.

    Raises:
        WrongShape: a record is not so (all formats).
    """
    at = record
    if isinstance(record.value, dict) and "instances" in record.value and "output" not in record.value:
        entries = record.entries("instances")
        if len(entries) != 1:
            raise record.wrong(f"'instances' has {len(entries)} entries, not one")
        at = Record(record.file, record.line, entries[0], record.id)
    asked = [record.text("instruction"), at.text("input", "")]
    system = record.text("system", "")
    turns: list[Turn] = [("system", system)] if system else []
    for pair in record.entries("history", []):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(said, str) for said in pair):
            raise record.wrong("'history' is not a list of pairs [question, answer]")
        turns += [("user", pair[0]), ("assistant", pair[1])]
    reply = at.text(at.first_of("output", "target"))
    turns += [("user", "\n".join(filter(str.strip, asked))), ("assistant", reply)]
    return _read(record.id, turns, category=record.word("category"))


def messages(record: Record) -> Read:
    """`{messages: [{role, content}, …]}` with the roles system (or developer), user and assistant. Ids are lines.

    A content may be a list of text parts, as in OpenAI's fine-tuning files.
    """
    return _read(record.id, record.turns("messages", "role", "content", ROLES), category=record.word("category"))


def sharegpt(record: Record) -> Read:
    """`{conversations: [{from, value}, …]}` (or `items`), speakers as in `SPEAKERS`. Ids are lines.

    Pieces of long conversations begin with the assistant: those turns go.
    """
    key = "items" if isinstance(record.value, dict) and "items" in record.value else "conversations"
    turns = record.turns(key if record.first_of("conversations", key) == key else "conversations", "from", "value", SPEAKERS)
    system = [turn for turn in turns[:1] if turn[0] == "system"]
    rest = turns[len(system) :]
    while rest and rest[0][0] == "assistant":
        rest = rest[1:]
    return _read(record.id, [*system, *rest], category=record.word("category"))


def halluqa(record: Record) -> Read:
    """HalluQA: `Question` with `Best Answer1`. Ids are the file's `question_id`, else lines.

    It is an evaluation set: who trains on it cannot measure hallucination with it.
    """
    number = record.value.get("question_id", record.id) if isinstance(record.value, dict) else record.id
    turns: list[Turn] = [("user", record.text("Question")), ("assistant", record.text("Best Answer1"))]
    return _read(word(str(number)), turns, category=record.word("Category"))


def safety_prompts(record: Record) -> Read:
    """Safety-Prompts: `{type: [{prompt, response, type}, …], …}`. Ids are `type/number`, from 1.

    Replies to goal hijacking are often unsafe, and some replies are English: both are left out.
    """
    prompt, reply, own = record.text("prompt"), record.text("response"), word(record.text("type", ""))
    kind = word(record.group) or own
    read = _read(record.id, [("user", prompt), ("assistant", reply)], category=kind)
    if read.trouble is not None:
        return read
    hijacked = "goal_hijacking" in (kind.lower(), own.lower())
    trouble = HIJACKED if hijacked else ENGLISH if _english(reply) else None
    return replace(read, trouble=trouble) if trouble else read


def belle_multiturn(record: Record) -> Read:
    """BELLE's multi-turn chats: `instruction` is `Human:…` and `Assistant:` by turns, `output` the last reply. Ids are lines.

    Turns are split where a line begins so, and nowhere else: people write these words too. An instruction that does not begin
    with `Human:` is one question.
    """
    said, reply = record.text("instruction").lstrip("\r\n "), record.text(record.first_of("output", "target"))
    marks = list(_TURN.finditer(said))
    if not marks or marks[0].start() > 0 or marks[0][1] != "Human":
        return _read(record.id, [("user", said), ("assistant", reply)])
    ends = [*(mark.start() for mark in marks[1:]), len(said)]
    turns: list[Turn] = [
        ("user" if mark[1] == "Human" else "assistant", said[mark.end() : end].strip(" "))
        for mark, end in zip(marks, ends, strict=True)
    ]
    if turns[-1][0] == "assistant" and not turns[-1][1].strip():
        turns.pop()
    return _read(record.id, [*turns, ("assistant", reply.strip(" "))])


def refgpt(record: Record) -> Read:
    """RefGPT (first named RedGPT): `{reference, dialogue}`, in its later release also `language` and `type`. Ids are lines.

    The dialogue is one text in which lines begin with `Human:` or `Assistant:` (also `HUMAN`, `Human(用户)`, a full-width colon,
    or the generator's own `<Human 1>:`), or a list of turns `{role, content}` or `{from, value}`. The reference is not part of
    what is asked: a row trains to recall it.
    """
    key = record.first_of("dialogue", "Dialogue", "conversations", "messages")
    said = record.field(key, None)
    turns = _told(record, said) if isinstance(said, str) else _listed(record, key)
    reference = record.text(record.first_of("reference", "Reference"), "").strip()
    language = record.word("language").lower()
    return _read(
        record.id,
        turns,
        category=record.word("type"),
        reference=None if _UNFIT.search(reference) else reference or None,
        language=LANGUAGES.get(language, language),
    )


def _told(record: Record, said: str) -> list[Turn]:
    said = _CHAT_MARK.sub("", said).strip()
    marks = list(_REFGPT_TURN.finditer(said))
    if not marks or said[: marks[0].start()].strip():
        raise record.wrong("'dialogue' does not begin with 'Human:'; its turns cannot be told apart")
    ends = [*(mark.start() for mark in marks[1:]), len(said)]
    return [
        ("user" if (mark[1] or mark[2]).lower() == "human" else "assistant", said[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    ]


def _listed(record: Record, key: str) -> list[Turn]:
    turns = record.entries(key)
    if turns and all(isinstance(turn, str) for turn in turns):
        return _told(record, "\n".join(turns))
    either = ("from", "value") if turns and isinstance(turns[0], dict) and "from" in turns[0] else ("role", "content")
    return record.turns(key, *either, SPEAKERS)


def rows(record: Record) -> Read:
    """Rows of a data set of ours (`rows.jsonl`). They keep source, id, licence, areas and all else; ids here are `source/id`."""
    try:
        row = DataRow.model_validate(record.value)
    except ValidationError as error:
        first = error.errors()[0]
        raise record.wrong(f"no row: '{'.'.join(map(str, first['loc']))}': {first['msg']}") from error
    trouble = _trouble([(turn.role, turn.content) for turn in row.messages])
    return Read(row.id, row.messages, trouble, "", row.category, row.reference, row.language, row)


FORMATS: Final[Mapping[str, Format]] = {
    "alpaca": Format(alpaca, frozenset({"instruction"})),
    "messages": Format(messages, frozenset({"messages"})),
    "sharegpt": Format(sharegpt, frozenset({"conversations", "items"})),
    "halluqa": Format(halluqa, frozenset({"Question", "question_id"})),
    "safety_prompts": Format(safety_prompts, frozenset({"prompt", "response"}), grouped=True),
    "refgpt": Format(refgpt, frozenset({"dialogue", "Dialogue", "reference", "Reference", "conversations", "messages"})),
    "belle_multiturn": Format(belle_multiturn, frozenset({"instruction"})),
    "rows": Format(rows, frozenset({"source_id"})),
}


def strict(name: str, path: Path) -> Iterator[Read]:
    """Every record of a file of this format.

    Raises:
        DataError: the file cannot be read, is no JSON, or a record is of another shape; names the line.
    """
    form = FORMATS[name]
    found: Iterator[tuple[int, str, Any]]
    found = grouped(path) if form.grouped else ((line, "", value) for line, value in records(path))
    for record in _placed(path, found):
        yield form.read(record)


def salvaged(name: str, path: Path) -> Iterator[Read]:
    """Every record, and in its place every stretch that is none; `trouble` and `detail` say why. Ids of those are lines.

    Raises:
        DataError: the file cannot be read, or is as a whole something else than UTF-8 JSON.
    """
    form = FORMATS[name]
    for record in _placed(path, salvage(path, form.keys, groups=form.grouped)):
        if isinstance(record.value, Broken):
            yield Read(record.id, (), record.value.why, record.value.detail)
            continue
        try:
            read = form.read(record)
        except WrongShape as error:
            read = Read(record.id, (), SHAPE, error.what)
        yield read


READERS: Final[Mapping[str, Callable[[Path], Iterator[Read]]]] = {name: partial(strict, name) for name in FORMATS}
"""Format -> its strict reader."""


def _placed(path: Path, found: Iterator[tuple[int, str, Any]]) -> Iterator[Record]:
    """Ids of records: their line; of the second and later of a line, which a list on one line has, `line.number`."""
    counted: dict[str, int] = {}
    last = beside = 0
    for line, group, value in found:
        if not group:
            last, beside = line, beside + 1 if line == last else 1
            yield Record(path, line, value, str(line) if beside == 1 else f"{line}.{beside}")
            continue
        counted[group] = counted.get(group, 0) + 1
        yield Record(path, line, value, f"{word(group)}/{counted[group]}", group)


def _read(name: str, turns: list[Turn], *, category: str = "", reference: str | None = None, language: str = "") -> Read:
    """A dialogue in order, without the user's last word."""
    said = [(role, text.strip("\r\n").rstrip()) for role, text in turns]
    while said and said[-1][0] != "assistant":
        said.pop()
    if any(_UNFIT.search(text) for _, text in said):
        return Read(name, (), BROKEN, "half a character (a lone surrogate) or a NUL", category, reference, language)
    found = tuple([Message(role=role, content=text) for role, text in said])
    return Read(name, found, _trouble(said), "", category, reference, language)


def _trouble(said: list[Turn]) -> str | None:
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
