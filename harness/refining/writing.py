"""Chat requests × endpoint -> replies, each paid for once: the writer of answers and dialogues.

The same client, retries and breaker as the judge's (`harness.endpoint`), and the same store as the responses of models under
test: a reply is on disk before the next one is asked for, so that neither Ctrl-C nor a kill loses one. A request that failed is
not stored, and is asked again by the same command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness import folders
from harness.endpoint import ChatReply, ChatRequest, Endpoint, ask_many, resolve
from harness.errors import UsageError
from harness.lm.store import ResponseStore, request_key
from harness.schema import FinishReason, RequestCounts, Response

KIND: Final = "openai:"
STORE: Final = "replies.sqlite"

Watch = Callable[[int, int], None]
"""(requests done, requests of this round)."""


def endpoint_of(spec: str, **limits: Any) -> Endpoint:
    """`openai:MODEL` (address from HARNESS_WRITER_BASE_URL, else OPENAI_BASE_URL) or `URL#MODEL`.

    Args:
        spec: which model.
        limits: of `harness.endpoint.resolve`: `concurrency`, `timeout`, `max_retries`.

    Raises:
        UsageError: it is neither.
        ModelError: there is no address.
    """
    url, hash_, name = spec.rpartition("#")
    if hash_ and url.startswith(("http://", "https://")):
        return resolve(name, role="writer", base_url=url, **limits)
    if not spec.startswith(KIND):
        raise UsageError(f"a model that writes is openai:MODEL or URL#MODEL, not '{spec}'")
    return resolve(spec.removeprefix(KIND), role="writer", **limits)


def store_path() -> Path:
    """Where replies are kept, of all data sets."""
    return folders.cache_dir() / STORE


@dataclass
class Writer:
    """One model, and what it has cost so far."""

    endpoint: Endpoint
    store: ResponseStore
    params: Mapping[str, Any]
    """Sampling parameters of every request."""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """Its name."""
        return self.endpoint.model

    @property
    def spent(self) -> RequestCounts:
        """What was asked, and what it cost."""
        return RequestCounts(**self.counts)

    def key(self, request: ChatRequest) -> str:
        """All that can change the reply: model, server, parameters, messages, format."""
        asked = [turn.model_dump() for turn in request.messages]
        return request_key(f"openai:{self.model} {self.endpoint.host}", "chat", [asked, request.params, request.response_format])

    def stored(self, requests: Sequence[ChatRequest]) -> int:
        """How many of them have been answered before."""
        return len(self.store.get(self.key(self._complete(request)) for request in requests))

    def ask(self, requests: Sequence[ChatRequest], watch: Watch | None = None) -> list[Response]:
        """A reply for each, in order; equal requests are asked once. A failed one has no text but an `error`.

        Raises:
            DataError: the store cannot be read or written.
        """
        complete = [self._complete(request) for request in requests]
        keys = [self.key(request) for request in complete]
        todo = dict(zip(keys, complete, strict=True))
        found = self.store.get(keys)
        self._count(requests=len(todo), stored=len(found))
        for reply in found.values():
            self._count_tokens("", reply)
        waiting = [key for key in todo if key not in found]
        done = len(found)

        def keep(index: int, reply: ChatReply) -> None:
            nonlocal done
            found[waiting[index]] = response = _response(reply)
            self.store.put({waiting[index]: response})
            self._count(asked=1)
            for which in ("", "spent_"):
                self._count_tokens(which, response)
            done += 1
            if watch is not None:
                watch(done, len(todo))

        ask_many(self.endpoint, [todo[key] for key in waiting], keep)
        return [found[key] for key in keys]

    def _complete(self, request: ChatRequest) -> ChatRequest:
        return ChatRequest(request.messages, {**self.params, **request.params}, request.response_format, request.tag)

    def _count(self, **more: int) -> None:
        for name, number in more.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def _count_tokens(self, which: str, reply: Response) -> None:
        self._count(
            **{f"{which}prompt_tokens": reply.prompt_tokens or 0, f"{which}completion_tokens": reply.completion_tokens or 0}
        )


def together(writers: Sequence[Writer]) -> RequestCounts:
    """What several writers were asked, and cost."""
    total: dict[str, int] = {}
    for writer in writers:
        for name, number in writer.counts.items():
            total[name] = total.get(name, 0) + number
    return RequestCounts(**total)


def _response(reply: ChatReply) -> Response:
    """A reply as it is stored. What the server's filter refused is a reply too, an empty one: asking again changes nothing."""
    filtered = reply.finish_reason is FinishReason.FILTERED
    answered = reply.error is None or filtered or reply.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}
    text = reply.text or "" if answered else None
    return Response(
        text=text,
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        error=None if text is not None else reply.error or "no reply",
    )
