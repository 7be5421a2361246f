"""Rows that fall short × writer -> new answers, each with what stood there before: by rounds, a whole round in one pool.

A reply is answered anew from what was said before it. With several in one row they are written in order, each on top of the new
ones before it; the filters see the row when its last one is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from harness.endpoint import ChatRequest
from harness.refining.asking import TRIES, Settled, settle
from harness.refining.filters import Filters
from harness.refining.guidance import Guidance, transcript
from harness.refining.replies import trouble
from harness.refining.writing import Watch, Writer
from harness.rows.contamination import bare
from harness.schema import Culture, DataRow, Message, RefinedRow

Turns = Literal["last", "all"]


@dataclass(frozen=True)
class Job:
    """One row that is to be answered again."""

    place: int
    """Of the row in its data set, from 0."""
    row: DataRow
    by: Literal["people", "rules"]
    reasons: tuple[str, ...]
    turns: tuple[int, ...]
    """Which messages are to be written anew."""
    safety: bool
    """Whether its question may rightly be refused."""


@dataclass(frozen=True)
class Answered:
    """A job and what came of it."""

    job: Job
    line: RefinedRow
    row: DataRow | None
    """The new row, as the filters leave it; None unless the answer was accepted."""
    repeats: bool = False
    """The answer repeats a benchmark."""

    @property
    def changed(self) -> bool:
        """Whether it is accepted, and its text differs from before by more than marks and blanks."""
        return self.row is not None and list(map(bare, self.line.before)) != list(map(bare, self.line.after))


def replies_of(row: DataRow, turns: Turns) -> tuple[int, ...]:
    """Places of the assistant's messages that are to be written anew."""
    places = tuple(place for place, turn in enumerate(row.messages) if turn.role == "assistant")
    return places if turns == "all" else places[-1:]


def is_safety(row: DataRow, culture: Culture) -> bool:
    """Whether a row teaches safety: by its areas, else by what its source is declared for."""
    safe = {name for name, one in culture.benchmarks.items() if one.stage == "safety"}
    if row.areas:
        return any(area.partition("/")[0] in safe for area in row.areas)
    teaches = {name for name, one in culture.benchmarks.items() for sources in one.sources.values() if row.source in sources}
    return bool(teaches) and teaches <= safe


_NOTHING_YET: Final = Settled("accepted")


@dataclass
class _Work:
    """One job on its way."""

    job: Job
    messages: list[Message]
    done: int = 0
    """Turns that are written."""
    last: Settled = _NOTHING_YET
    attempts: int = 0
    hit: bool = False
    row: DataRow | None = None
    texts: list[str] = field(default_factory=list)

    @property
    def turn(self) -> int:
        return self.job.turns[self.done]

    @property
    def is_last(self) -> bool:
        return self.done == len(self.job.turns) - 1

    @property
    def open(self) -> bool:
        return self.done < len(self.job.turns) and self.last.state == "accepted"

    def with_answer(self, text: str) -> DataRow:
        """The row as it would be."""
        messages = [*self.messages]
        messages[self.turn] = Message(role="assistant", content=text)
        return self.job.row.model_copy(update={"messages": tuple(messages), "flags": {}})


def prompt(job: Job, messages: Sequence[Message], turn: int, guidance: Guidance) -> ChatRequest:
    """What the model is asked for one reply: the guidance, the dialogue before it, and the answer that falls short."""
    system = guidance.fill("system")
    if job.safety:
        system += "\n\n" + guidance.fill("safety")
    said = [(one.role, one.content) for one in messages[:turn]]
    parts = [guidance.fill("dialogue", dialogue=transcript(said))]
    if job.row.reference:
        parts.append(guidance.fill("reference", reference=job.row.reference))
    parts.append(guidance.fill("draft", draft=messages[turn].content))
    if job.reasons:
        parts.append(guidance.fill("reason", reason="；".join(job.reasons)))
    turns = (Message(role="system", content=system), Message(role="user", content="\n\n".join(parts)))
    return ChatRequest(turns, tag=job.row.id)


def first_requests(jobs: Sequence[Job], guidance: Guidance) -> list[ChatRequest]:
    """What is asked first of each row."""
    return [prompt(job, job.row.messages, job.turns[0], guidance) for job in jobs]


def answer_again(
    jobs: Sequence[Job],
    writer: Writer,
    guidance: Guidance,
    filters: Filters,
    *,
    tries: int = TRIES,
    watch: Watch | None = None,
) -> list[Answered]:
    """Answer every job; in order.

    Raises:
        DataError: replies cannot be stored.
    """
    works = [_Work(job, list(job.row.messages)) for job in jobs]
    while going := [work for work in works if work.open]:
        requests = [prompt(work.job, work.messages, work.turn, guidance) for work in going]
        check = partial(_check, going, guidance, filters)
        again = partial(_again, guidance)
        for work, one in zip(going, settle(writer, requests, check, again, tries=tries, watch=watch), strict=True):
            _take(work, one)
    return [_answered(work, writer.model) for work in works]


def _again(guidance: Guidance, why: str) -> str:
    return guidance.fill("again", why=why)


def _check(going: Sequence[_Work], guidance: Guidance, filters: Filters, answers: Sequence[tuple[int, str]]) -> list[str]:
    found = [_own_trouble(going[which], text, guidance) for which, text in answers]
    whole = [i for i, (which, _) in enumerate(answers) if not found[i] and going[which].is_last]
    rows = [going[answers[i][0]].with_answer(answers[i][1]) for i in whole]
    new = [_new_words(row, going[answers[i][0]].job) for i, row in zip(whole, rows, strict=True)]
    for i, one in zip(whole, filters.check(rows, new), strict=True):
        work = going[answers[i][0]]
        work.row, work.hit = one.row, one.hit is not None
        found[i] = one.said
    return found


def _new_words(row: DataRow, job: Job) -> DataRow:
    """What of a row is written anew: all of it, or the last question and its answer."""
    last = job.turns[-1]
    if len(job.turns) > 1 or last < 1:
        return row
    return row.model_copy(update={"messages": row.messages[last - 1 : last + 1]})


def _own_trouble(work: _Work, text: str, guidance: Guidance) -> str:
    before = work.job.row.messages[work.turn].content
    work.row, work.hit = None, False
    return trouble(text, before=before, safety=work.job.safety, never=guidance.never)


def _take(work: _Work, one: Settled) -> None:
    work.attempts += one.attempts
    work.last = one
    if one.text:
        work.texts = [*work.texts[: work.done], one.text]
    if one.state == "accepted":
        work.messages[work.turn] = Message(role="assistant", content=one.text)
        work.done += 1


def _answered(work: _Work, model: str) -> Answered:
    job, last = work.job, work.last
    new = work.row if last.state == "accepted" else None
    after = tuple(work.texts) if new is None else tuple(new.messages[turn].content for turn in job.turns)
    line = RefinedRow(
        id=job.row.id,
        by=job.by,
        reasons=job.reasons,
        model=model,
        turns=job.turns,
        before=() if work.hit else tuple(job.row.messages[turn].content for turn in job.turns),
        after=() if work.hit else after,
        state=last.state,
        why=last.why,
        attempts=work.attempts,
    )
    return Answered(job, line, new and new.model_copy(update={"origin": f"refined:{model}"}), work.hit)
