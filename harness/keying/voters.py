"""`SPEC@FAMILY` -> a voter; voter × questions -> votes, each kept as it arrives: a rerun asks only for what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import models
from harness.endpoint import ChatReply, ChatRequest, Endpoint, ask_many, resolve
from harness.errors import ModelError, UsageError
from harness.keying import asking
from harness.keying.asking import Asked
from harness.keying.items import Items
from harness.keying.strata import draft
from harness.keying.work import BATCH, Work
from harness.schema import KeyVote, ModelRef

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Voter:
    """One model that votes."""

    name: str
    family: str
    ref: ModelRef
    concurrency: int = 32

    def endpoint(self) -> Endpoint:
        """Where it is asked.

        Raises:
            ModelError: no address, or a value out of range.
        """
        name = str(self.ref.args.get("model", self.ref.name))
        return resolve(name, role="model", base_url=self.ref.source, concurrency=self.concurrency)


def voter(text: str, *, base_url: str | None = None, concurrency: int = 32) -> Voter:
    """`openai:MODEL@FAMILY`, `URL#MODEL@FAMILY`, or an alias, folder or hub id with `@FAMILY`.

    Raises:
        UsageError: no family, or nothing goes by that name.
        ModelError: the model is not there.
    """
    spec, at, family = text.strip().rpartition("@")
    if not at or not spec or not family or "/" in family:
        raise UsageError(
            f"a voter is MODEL@FAMILY, such as openai:gpt-x@gpt, not '{text}': models of one family share their errors"
        )
    ref = models.resolve(spec, base_url=base_url if spec.startswith("openai:") else None)
    if ref.backend == "replay":
        raise UsageError("a replay answers the items as they stand; a voter must see their options in several orders")
    return Voter(str(ref.args.get("model", ref.name)) if ref.backend == "openai" else ref.name, family, ref, concurrency)


@dataclass
class Tally:
    """What asking came to."""

    asked: int = 0
    kept: int = 0
    """Votes that were there already."""
    unjudged: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    """Why -> votes."""


def ask(work: Work, one: Voter, *, orders: int = asking.LEAST_ORDERS, watch: Watch | None = None) -> Tally:
    """Ask a voter whatever it has not answered yet.

    Votes that could not be read are kept as such: the same model would say the same. Requests that failed are asked again.

    Raises:
        ModelError: nothing could be asked.
        DataError: votes could not be written; those before are kept.
    """
    votes = work.votes()
    have = {(v.hash, v.order, v.asked) for v in votes if v.voter == one.name and not v.unjudged.startswith(FAILED)}
    todo = list(_questions(work.items, votes, one, orders))
    missing = [question for question in todo if (question.sample.hash, question.order, question.digest) not in have]
    tally = Tally(kept=len(todo) - len(missing))
    keeper = _Keeper(work, one, tally, watch, len(todo))
    try:
        if missing:
            _ask_endpoint(one, missing, keeper) if one.ref.backend == "openai" else _ask_local(one, missing, keeper)
    finally:
        keeper.flush()
    if tally.asked and tally.failures.get(FAILED, 0) == tally.asked:
        raise ModelError(f"voter '{one.name}' gave no reply at all: {keeper.last}")
    return tally


FAILED = "failed"
"""`unjudged` of a request that may do better another time. What the server wrote may quote the item, so it is not kept."""


class _Keeper:
    """Turns replies into votes and keeps them, a few at a time."""

    def __init__(self, work: Work, one: Voter, tally: Tally, watch: Watch | None, total: int) -> None:
        self.work, self.voter, self.tally, self.watch, self.total = work, one, tally, watch, total
        self.waiting: list[KeyVote] = []
        self.last = ""

    def take(self, question: Asked, text: str | None, error: str | None) -> None:
        """One reply."""
        self.last = error or self.last
        read = asking.read_choice if self.work.items.kind == "choice" else asking.read_text
        vote = read(question, text, self.voter.name, self.voter.family, FAILED if error else "")
        self.tally.asked += 1
        if vote.unjudged:
            self.tally.unjudged += 1
            why = vote.unjudged.split(" (")[0]
            self.tally.failures[why] = self.tally.failures.get(why, 0) + 1
        self.waiting.append(vote)
        if len(self.waiting) >= BATCH:
            self.flush()
        if self.watch is not None:
            self.watch(self.voter.name, self.tally.kept + self.tally.asked, self.total)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self.waiting = self.waiting, []
        self.work.append(waiting)


def _questions(items: Items, votes: Sequence[KeyVote], one: Voter, wanted: int) -> Iterator[Asked]:
    if items.kind == "choice":
        for name, sample in items.by_hash.items():
            for order in asking.orders(items.options(name), wanted):
                yield asking.choice(sample, order)
        return
    cast: dict[str, list[KeyVote]] = {}
    for vote in votes:
        cast.setdefault(vote.hash, []).append(vote)
    for name, sample in items.by_hash.items():
        there = cast.get(name, [])
        own = any(vote.voter == one.name and vote.text is not None and vote.agrees is None for vote in there)
        yield asking.text(sample, None if own else draft(there))


def _ask_endpoint(one: Voter, missing: Sequence[Asked], keeper: _Keeper) -> None:
    kind = keeper.work.items.kind
    params = {**asking.PARAMS, "max_tokens": asking.TOKENS[kind]}
    form = asking.TEXT_FORMAT if kind == "text" else None
    requests = [ChatRequest(question.messages, params, form) for question in missing]

    def take(index: int, reply: ChatReply) -> None:
        keeper.take(missing[index], reply.text, reply.error)

    ask_many(one.endpoint(), requests, take)


def _ask_local(one: Voter, missing: Sequence[Asked], keeper: _Keeper) -> None:
    from harness import folders
    from harness.lm.prompting import prompt_many

    models.build(one.ref)
    tokens = asking.TOKENS[keeper.work.items.kind]
    prompt_many(
        one.ref,
        [question.messages for question in missing],
        tokens,
        lambda index, reply: keeper.take(missing[index], reply.text, reply.error),
        runs=Path(folders.runs_dir(None)),
    )
