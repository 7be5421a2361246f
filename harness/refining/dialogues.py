"""Topics × two sides -> dialogues: a model asks, a model answers, turn by turn (arXiv 2304.07854, section 3).

The first question sets the topic; after it the user's side writes what a person might say next, until as many turns as wanted
are there or it says that it is done. All dialogues go on together, one turn of all in one pool. A dialogue ends with an answer,
always: a question that got none is taken back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from harness.endpoint import ChatRequest
from harness.judging.refusal_cues import refuses
from harness.refining.asking import TRIES, Check, Settled, settle
from harness.refining.guidance import Guidance, transcript
from harness.refining.replies import forbidden, kind, trouble
from harness.refining.topics import Topic
from harness.refining.writing import Watch, Writer
from harness.rows.contamination import bare, grams
from harness.schema import Message

DONE: Final = "<END>"
"""What the user's side says when nothing is left to ask."""
LONGEST_QUESTION: Final = 300
"""Characters; a longer one is no question but an answer."""
COPIED: Final = 0.6
"""Share of a question's 8-grams in the answer before it from which on it repeats it."""
FULL: Final = "turns"
SATISFIED: Final = "user is done"
REFUSES: Final = "refusal"
OFF_TOPIC: Final = "follow-up shares no word with the dialogue"
_SHORT: Final = 8
"""Characters below which a follow-up (`为什么？`) need not share any."""


@dataclass
class Talk:
    """A dialogue on its way."""

    id: str
    topic: Topic
    seed: int
    messages: list[Message]
    ended: str = ""
    """How; empty while it goes on."""
    waiting: str = ""
    """What went wrong, where an endpoint gave no reply: then it has not ended."""
    flags: dict[str, float] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return not self.ended and not self.waiting

    @property
    def answers(self) -> int:
        """Of the assistant, so far."""
        return sum(turn.role == "assistant" for turn in self.messages)

    def flag(self, why: str, turn: int, doubt: float) -> None:
        """Mark it as doubtful, by its worst turn."""
        if not any(name.startswith(f"{why} (") for name in self.flags):
            self.flags[f"{why} (turn {turn})"] = doubt


def talk_on(topic: Topic, copy: int, seed: int) -> Talk:
    """A dialogue that has only its first question. Another copy of it, or another seed, becomes another dialogue."""
    name = topic.id if copy == 0 else f"{topic.id}#{copy + 1}"
    drawn = int(hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()[:7], 16)
    return Talk(name, topic, drawn, [Message(role="user", content=topic.text)])


def converse(
    talks: Sequence[Talk],
    user: Writer,
    assistant: Writer,
    guidance: Guidance,
    *,
    turns: int,
    tries: int = TRIES,
    watch: Watch | None = None,
) -> None:
    """Let every dialogue go on to its end; changes `talks`.

    Args:
        talks: each with its first question.
        user: who writes the questions after it.
        assistant: who answers.
        guidance: of `multiturn`.
        turns: answers of a dialogue, at most.
        tries: replies that are read before one is given up.
        watch: called with (done, all) of each round.

    Raises:
        DataError: replies cannot be stored.
    """
    for turn in range(1, turns + 1):
        _all(talks, assistant, partial(_to_answer, guidance), _answers, guidance, "assistant_again", tries, watch, _answered)
        for talk in talks:
            if talk.open and turn == turns:
                talk.ended = FULL
        _all(talks, user, partial(_to_ask, guidance), _questions, guidance, "user_again", tries, watch, _asked)


def _all(
    talks: Sequence[Talk],
    writer: Writer,
    request: Callable[[Talk], ChatRequest],
    check: Callable[[Sequence[Talk], Guidance], Check],
    guidance: Guidance,
    again: str,
    tries: int,
    watch: Watch | None,
    take: Callable[[Talk, Settled], None],
) -> None:
    """One turn of one side, in all dialogues that go on."""
    going = [talk for talk in talks if talk.open]
    complain = partial(_complaint, guidance, again)
    found = settle(writer, [request(talk) for talk in going], check(going, guidance), complain, tries=tries, watch=watch)
    for talk, one in zip(going, found, strict=True):
        take(talk, one)


def _complaint(guidance: Guidance, section: str, why: str) -> str:
    return guidance.fill(section, why=why)


def _to_answer(guidance: Guidance, talk: Talk) -> ChatRequest:
    system = Message(role="system", content=guidance.fill("assistant"))
    return ChatRequest((system, *talk.messages), {"seed": talk.seed}, tag=talk.id)


def _to_ask(guidance: Guidance, talk: Talk) -> ChatRequest:
    said = transcript([(turn.role, turn.content) for turn in talk.messages])
    system = Message(role="system", content=guidance.fill("user", done=DONE))
    asked = Message(role="user", content=guidance.fill("dialogue", dialogue=said))
    return ChatRequest((system, asked), {"seed": talk.seed}, tag=talk.id)


def _answers(going: Sequence[Talk], guidance: Guidance) -> Check:
    def check(answers: Sequence[tuple[int, str]]) -> list[str]:
        return [_wrong_answer(going[which], text, guidance) for which, text in answers]

    return check


def _wrong_answer(talk: Talk, text: str, guidance: Guidance) -> str:
    before = next((turn.content for turn in talk.messages if turn.role == "assistant" and bare(turn.content) == bare(text)), "")
    return trouble(text, before=before, safety=True, never=guidance.never)


def _questions(going: Sequence[Talk], guidance: Guidance) -> Check:
    def check(answers: Sequence[tuple[int, str]]) -> list[str]:
        return ["" if DONE in text else wrong_question(going[which], text, guidance) for which, text in answers]

    return check


def wrong_question(talk: Talk, text: str, guidance: Guidance) -> str:
    """Why this is nothing that a user would say next; empty: it may be."""
    if len(text) > LONGEST_QUESTION:
        return "too long for a user's question"
    if phrase := forbidden(text, guidance.never):
        return f"out of role: {phrase}"
    said = bare(text)
    if any(bare(turn.content) == said for turn in talk.messages):
        return "was said before"
    pieces = grams(said, 8)
    if pieces and len(pieces & grams(bare(talk.messages[-1].content), 8)) >= COPIED * len(pieces):
        return "repeats the answer before it"
    return ""


def _answered(talk: Talk, one: Settled) -> None:
    if one.state == "accepted":
        talk.messages.append(Message(role="assistant", content=one.text))
        if refuses(one.text):
            talk.flag(REFUSES, talk.answers, 0.6)
        return
    if one.state == "waiting":
        talk.waiting = one.why
        return
    talk.messages.pop()
    talk.ended = f"assistant: {kind(one.why)}"


def _asked(talk: Talk, one: Settled) -> None:
    if one.state == "waiting":
        talk.waiting = one.why
    elif one.state == "unaccepted":
        talk.ended = f"user: {kind(one.why)}"
    elif DONE in one.text:
        talk.ended = SATISFIED
    else:
        if _is_off_topic(talk, one.text):
            talk.flag(OFF_TOPIC, talk.answers + 1, 0.6)
        talk.messages.append(Message(role="user", content=one.text))


def _is_off_topic(talk: Talk, text: str) -> bool:
    said = bare(text)
    return len(said) >= _SHORT and not grams(said, 2) & grams(bare("".join(turn.content for turn in talk.messages)), 2)
