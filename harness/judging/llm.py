"""Rubric × items × endpoint -> verdicts: a language model as judge.

All rubrics of a run share one pool, so the pool never drains at the border between tasks. Each verdict is written to the cache
as it arrives. A reply that is no verdict is asked once more, with what was wrong with it; then the item is `unjudged`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from harness.endpoint import ChatReply, ChatRequest, Endpoint, ask_many
from harness.judging.cache import VerdictCache, verdict_key
from harness.judging.contract import Parsed, parse, response_format
from harness.judging.items import JudgeItem
from harness.judging.rubric import Rubric, nonce_of, render, render_again
from harness.schema import FinishReason, Message, Verdict, VerdictState

Progress = Callable[[int], None]
Batch = tuple[Rubric, Sequence[JudgeItem]]

_LONGEST_ECHO = 2_000


@dataclass(frozen=True, slots=True)
class _Case:
    """One distinct item under one rubric, ready to be asked."""

    key: str
    rubric: Rubric
    item: JudgeItem
    nonce: str

    @property
    def quoted(self) -> str:
        """Everything in the prompt that the judge did not write and the rubric did not either."""
        item = self.item
        turns = [turn.content for turn in item.history]
        return "\n".join([item.question, item.response, item.reference or "", *item.accept, *item.points, *turns])


class _Prompts(Sequence[ChatRequest]):
    """The requests of some cases, each rendered when its turn comes: the first is sent at once, and no run holds all of them."""

    def __init__(self, cases: Sequence[_Case], params: Mapping[str, float]) -> None:
        self.cases = cases
        self.params = params
        self.formats = {
            rubric.version: response_format(rubric) for rubric in {case.rubric.version: case.rubric for case in cases}.values()
        }

    def __len__(self) -> int:
        return len(self.cases)

    @overload
    def __getitem__(self, index: int) -> ChatRequest: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ChatRequest]: ...
    def __getitem__(self, index: int | slice) -> ChatRequest | Sequence[ChatRequest]:
        if isinstance(index, slice):
            return _Prompts(self.cases[index], self.params)
        case = self.cases[index]
        return ChatRequest(render(case.rubric, case.item, case.nonce), self.params, self.formats[case.rubric.version], case.key)


class OpenAIJudge:
    """Asks a chat model; compare `endpoint.base_url` and `endpoint.model` to be sure that it is not the model under test."""

    indicative = False

    def __init__(
        self, endpoint: Endpoint, cache: VerdictCache | None = None, *, temperature: float = 0.0, max_tokens: int = 2048
    ) -> None:
        self.endpoint = endpoint
        self.cache = cache
        self.id = f"openai:{endpoint.model}"
        self.params = {"temperature": temperature, "max_tokens": max_tokens}
        self.turn = ""
        """Name of a pass of its own, whose verdicts are cached apart: the same judge, asked again."""
        self.asked = 0
        """Requests sent so far, re-asks included; the other verdicts came from the cache."""
        self.prompt_tokens = 0
        self.completion_tokens = 0

    @property
    def fingerprint(self) -> str:
        """All of the judge that can change a verdict; part of the cache key."""
        settings = " ".join(f"{name}={value:g}" for name, value in sorted(self.params.items()))
        turn = f" turn={self.turn}" if self.turn else ""
        return f"{self.id} {self.endpoint.host} {settings}{turn}"

    def judge(self, rubric: Rubric, items: Sequence[JudgeItem], progress: Progress | None = None) -> list[Verdict]:
        """One verdict per item, in order; see `judge_batches`."""
        return self.judge_batches([(rubric, items)], progress)[0]

    def judge_batches(self, batches: Sequence[Batch], progress: Progress | None = None) -> list[list[Verdict]]:
        """Verdicts for several rubrics in one pool, in the order of `batches`. Equal items are asked once.

        Raises:
            DataError: the cache cannot be read or written.
        """
        keyed = [[self._case(rubric, item) for item in items] for rubric, items in batches]
        copies: dict[str, int] = {}
        cases: dict[str, _Case] = {}
        for case in (case for batch in keyed for case in batch):
            copies[case.key] = copies.get(case.key, 0) + 1
            cases[case.key] = case

        def done(keys: Iterable[str]) -> None:
            if progress is not None:
                progress(sum(copies[key] for key in keys))

        verdicts = self.cache.get(list(cases)) if self.cache else {}
        if verdicts:
            done(verdicts)
        self._ask([case for key, case in cases.items() if key not in verdicts], verdicts, done)
        return [[verdicts[case.key] for case in batch] for batch in keyed]

    def _case(self, rubric: Rubric, item: JudgeItem) -> _Case:
        content = item.model_dump_json()
        return _Case(verdict_key(self.fingerprint, rubric.version, content), rubric, item, nonce_of(rubric, content))

    def _ask(self, cases: Sequence[_Case], verdicts: dict[str, Verdict], done: Callable[[Iterable[str]], None]) -> None:
        """Two rounds at most; fills `verdicts`."""
        prompts = _Prompts(cases, self.params)
        failed: list[tuple[_Case, ChatRequest]] = []

        def settle(case: _Case, parsed: Parsed) -> None:
            verdicts[case.key] = verdict = self._verdict(case.rubric, parsed)
            if self.cache is not None:
                self.cache.put(case.key, verdict)
            done([case.key])

        def first(index: int, reply: ChatReply) -> None:
            parsed = _read(reply, cases[index])
            if reply.error is None and parsed.state is not VerdictState.OK:
                failed.append((cases[index], self._again(cases[index], prompts[index], reply, parsed)))
            else:
                settle(cases[index], parsed)

        try:
            self._send(prompts, first)
            self._send(
                [request for _, request in failed], lambda index, reply: settle(failed[index][0], _read(reply, failed[index][0]))
            )
        finally:
            if self.cache is not None:
                self.cache.flush()

    def _again(self, case: _Case, request: ChatRequest, reply: ChatReply, parsed: Parsed) -> ChatRequest:
        """The same conversation with the useless reply and what was wrong with it."""
        said = Message(role="assistant", content=(reply.text or "")[:_LONGEST_ECHO])
        complaint = render_again(case.rubric, case.item, case.nonce, parsed.reason)
        return ChatRequest((*request.messages, said, complaint), request.params, request.response_format, request.tag)

    def _send(self, requests: Sequence[ChatRequest], on_reply: Callable[[int, ChatReply], None]) -> None:
        def count(index: int, reply: ChatReply) -> None:
            self.asked += 1
            self.prompt_tokens += reply.prompt_tokens or 0
            self.completion_tokens += reply.completion_tokens or 0
            on_reply(index, reply)

        ask_many(self.endpoint, requests, count)

    def _verdict(self, rubric: Rubric, parsed: Parsed) -> Verdict:
        return Verdict(
            state=parsed.state,
            label=parsed.label,
            degree=parsed.degree,
            score=parsed.score,
            reason=parsed.reason,
            judge=self.id,
            rubric=rubric.version,
        )


def _read(reply: ChatReply, case: _Case) -> Parsed:
    """The verdict in a reply; a failed request is `unjudged` with its error."""
    if reply.error is not None:
        return Parsed(VerdictState.UNJUDGED, reason=reply.error)
    complete = reply.finish_reason is not FinishReason.LENGTH
    return parse(reply.text, case.rubric, case.nonce, quoted=case.quoted, complete=complete)
