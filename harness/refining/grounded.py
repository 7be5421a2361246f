"""References × writer -> dialogues that rest on them, after RefGPT (arXiv 2305.14994): one reply holds a whole dialogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from pydantic import Field, ValidationError

from harness.endpoint import ChatRequest
from harness.refining.asking import TRIES, Settled, settle
from harness.refining.dialogues import FULL, Talk
from harness.refining.grounding import LEAST_SUPPORT, made_up, support
from harness.refining.guidance import Guidance
from harness.refining.replies import PHRASE, forbidden, kind
from harness.refining.writing import Watch, Writer
from harness.schema import Frozen, Message

FEWER: Final = "fewer turns"
UNSUPPORTED: Final = "not in the reference"
NUMBER: Final = "number not in the reference"
FORMAT: Final[dict[str, Any]] = {
    "type": "json_schema",
    "json_schema": {
        "name": "dialogue",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "turns": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"user": {"type": "string"}, "assistant": {"type": "string"}},
                        "required": ["user", "assistant"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["turns"],
            "additionalProperties": False,
        },
    },
}


class _Turn(Frozen):
    user: str = Field(min_length=1)
    assistant: str = Field(min_length=1)


class _Dialogue(Frozen):
    turns: tuple[_Turn, ...] = Field(min_length=1)


def request(talk: Talk, guidance: Guidance, turns: int) -> ChatRequest:
    """What is asked for one reference."""
    asked = guidance.fill("reference", reference=talk.topic.text, turns=str(turns))
    messages = (Message(role="system", content=guidance.fill("system")), Message(role="user", content=asked))
    return ChatRequest(messages, {"seed": talk.seed}, FORMAT, talk.id)


def tell(
    talks: Sequence[Talk], writer: Writer, guidance: Guidance, *, turns: int, tries: int = TRIES, watch: Watch | None = None
) -> None:
    """Write a dialogue on each reference; changes `talks`, whose topics are the references.

    Raises:
        DataError: replies cannot be stored.
    """

    def check(answers: Sequence[tuple[int, str]]) -> list[str]:
        return [wrong(text, turns, guidance) for _, text in answers]

    requests = [request(talk, guidance, turns) for talk in talks]
    again = partial(_complaint, guidance)
    for talk, one in zip(talks, settle(writer, requests, check, again, tries=tries, watch=watch), strict=True):
        _take(talk, one, turns)


def _complaint(guidance: Guidance, why: str) -> str:
    return guidance.fill("again", why=why)


def wrong(text: str, turns: int, guidance: Guidance) -> str:
    """Why a reply is no dialogue of so many turns; empty: it is one."""
    found = read(text)
    if isinstance(found, str):
        return found
    if len(found) > turns:
        return f"too many turns: {len(found)} instead of {turns}"
    phrase = next((phrase for turn in found if (phrase := forbidden(turn.assistant, guidance.never))), "")
    return f"{PHRASE}: {phrase}" if phrase else ""


def read(text: str) -> tuple[_Turn, ...] | str:
    """The turns of a reply, or what is wrong with it. A code fence or a word around the JSON object is passed over."""
    start = text.find("{")
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text, start) if start >= 0 else (None, 0)
        turns = _Dialogue.model_validate(value).turns
    except (ValueError, RecursionError) as error:
        return f"no dialogue in JSON: {_first(error)}"
    turns = tuple(_Turn.model_construct(user=turn.user.strip(), assistant=turn.assistant.strip()) for turn in turns)
    if any(not turn.user or not turn.assistant for turn in turns):
        return "no dialogue in JSON: an empty turn"
    if len({turn.user for turn in turns}) < len(turns):
        return "a question was asked twice"
    return turns


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc']) or 'reply'}: {first['msg']}"
    return "it is broken"


def _take(talk: Talk, one: Settled, turns: int) -> None:
    if one.state == "waiting":
        talk.waiting = one.why
        return
    found = read(one.text)
    if one.state == "unaccepted" or isinstance(found, str):
        talk.ended, talk.messages = f"assistant: {kind(one.why)}", []
        return
    talk.ended = FULL if len(found) == turns else FEWER
    talk.messages = []
    for turn in found:
        talk.messages += [Message(role="user", content=turn.user), Message(role="assistant", content=turn.assistant)]
    _flag(talk, found)


def _flag(talk: Talk, turns: Sequence[_Turn]) -> None:
    """Answers that do not seem to rest on the reference."""
    reference, asked = talk.topic.text, ""
    for number, turn in enumerate(turns, 1):
        asked += turn.user + "\n"
        if (share := support(turn.assistant, reference)) < LEAST_SUPPORT:
            talk.flag(UNSUPPORTED, number, round(1 - share, 3))
        if made_up(turn.assistant, asked, reference):
            talk.flag(NUMBER, number, 0.9)
