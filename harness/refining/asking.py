"""Requests × writer × checks -> settled answers: what cannot be used is asked for once more, with what was wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.endpoint import ChatRequest
from harness.refining.replies import visible
from harness.refining.writing import Watch, Writer
from harness.schema import AnswerState, Message

TRIES: Final = 2
"""Replies that are read of one request before it is given up."""
_LONGEST_ECHO: Final = 2_000
"""Characters of a useless reply that the model is shown again."""

Check = Callable[[Sequence[tuple[int, str]]], Sequence[str]]
"""(which request, its answer) of several -> what is wrong with each; empty: nothing."""


@dataclass(frozen=True)
class Settled:
    """What became of one request."""

    state: AnswerState
    text: str = ""
    """The last answer that was read, usable or not."""
    why: str = ""
    attempts: int = 1


def settle(
    writer: Writer,
    requests: Sequence[ChatRequest],
    check: Check,
    again: Callable[[str], str],
    *,
    tries: int = TRIES,
    watch: Watch | None = None,
) -> list[Settled]:
    """Ask everything, check what comes back, and ask again what cannot be used.

    Args:
        writer: who is asked.
        requests: what.
        check: sees all answers of one round at once, those that are cut off, empty or filtered excepted.
        again: what was wrong -> what the model is told of it.
        tries: replies that are read of one request, at least 1.
        watch: called with (done, all) of each round.

    Returns:
        One for each request, in order. `waiting`: the endpoint gave no reply.

    Raises:
        DataError: replies cannot be stored.
    """
    settled: dict[int, Settled] = {}
    todo = dict(enumerate(requests))
    for attempt in range(1, tries + 1):
        found = _round(writer, todo, check, attempt, watch)
        settled |= found
        bad = {which: one for which, one in found.items() if one.state == "unaccepted"}
        todo = {which: _asked_again(todo[which], one, again) for which, one in bad.items()}
        if not todo:
            break
    return [settled[which] for which in range(len(requests))]


def _round(writer: Writer, todo: dict[int, ChatRequest], check: Check, attempt: int, watch: Watch | None) -> dict[int, Settled]:
    replies = dict(zip(todo, writer.ask(list(todo.values()), watch), strict=True))
    found = {which: Settled("waiting", "", reply.error or "", attempt) for which, reply in replies.items() if reply.text is None}
    read = {which: visible(reply) for which, reply in replies.items() if which not in found}
    good = [(which, text) for which, (text, wrong) in read.items() if not wrong]
    wrongs = {which: wrong for which, (_, wrong) in read.items() if wrong}
    wrongs |= dict(zip((which for which, _ in good), check(good), strict=True))
    for which, (text, _) in read.items():
        found[which] = Settled("unaccepted" if wrongs[which] else "accepted", text, wrongs[which], attempt)
    return found


def _asked_again(request: ChatRequest, one: Settled, again: Callable[[str], str]) -> ChatRequest:
    """The same conversation with the useless answer and what was wrong with it."""
    said = Message(role="assistant", content=one.text[:_LONGEST_ECHO] or "……")
    told = Message(role="user", content=again(one.why))
    return ChatRequest((*request.messages, said, told), request.params, request.response_format, request.tag)
