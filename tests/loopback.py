"""A real OpenAI-compatible server on the loopback interface, with faults on demand: the fixture `loopback`.

`loopback(answer=…, latency=…, faults=…)` starts a server on a thread of its own and returns its handle: `base_url`, the
requests it saw, its peak concurrency. `python tests/loopback.py --latency 0.2` runs one as a process (prints its base URL),
for measurements in which the server must not share the client's interpreter.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from aiohttp import web

Fault = Literal[
    "400",
    "401",
    "404",
    "408",
    "429",
    "500",
    "503",
    "redirect",
    "hang",
    "drop",
    "cut",
    "garbage",
    "half_json",
    "bad_gzip",
    "nested",
    "no_choices",
    "null_content",
    "empty",
    "huge",
    "other_language",
    "content_filter",
    "filtered_reply",
    "length",
]
Answer = Callable[[dict[str, Any]], str]
FaultPlan = Callable[[dict[str, Any], int], Fault | None]
"""(request body, how often this very body was seen before) -> what goes wrong."""

CONTENT: dict[str, str | None] = {
    "empty": "",
    "null_content": None,
    "other_language": "The second speaker politely declines and explains why. A reasonable reply overall.",
    "huge": "长" * 4_000_000,
}
"""Faults that are a well-formed reply with such a text."""


def verdict_answer(body: dict[str, Any]) -> str:
    """A judge that obeys: the JSON verdict asked for, with the id found in the prompt and a value that depends on the prompt."""
    prompt = body["messages"][-1]["content"] if len(body["messages"]) < 3 else body["messages"][1]["content"]
    nonce = re.search(r"[0-9a-f]{16}", prompt)
    properties = body.get("response_format", {}).get("json_schema", {}).get("schema", {}).get("properties", {})
    digest = int(hashlib.sha256(prompt.encode()).hexdigest(), 16)
    verdict: dict[str, Any] = {"id": nonce.group() if nonce else ""}
    if "label" in properties:
        labels = properties["label"]["enum"]
        verdict["label"] = labels[digest % len(labels)]
    else:
        verdict["score"] = digest % 101
    return json.dumps({**verdict, "reason": "测试用的理由。"}, ensure_ascii=False)


def embedding(text: str, width: int = 64) -> list[float]:
    """How often each pair of neighbouring characters occurs, by hash: texts with like words have like vectors."""
    counts = [0.0] * width
    for one, other in zip(text, text[1:] or text, strict=False):
        counts[int(hashlib.sha256(f"{min(one, other)}{max(one, other)}".encode()).hexdigest()[:8], 16) % width] += 1
    return counts


def at_rate(rate: float, *faults: Fault, seed: int = 0) -> FaultPlan:
    """Each request fails with probability `rate`; the same for the same body, attempt and seed, whatever the order."""

    def plan(body: dict[str, Any], seen: int) -> Fault | None:
        text = json.dumps([seed, seen, body["messages"]], ensure_ascii=False)
        draw = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        return faults[draw % len(faults)] if draw / 2**64 < rate else None

    return plan


def first(count: int, fault: Fault) -> FaultPlan:
    """The first `count` times that a request is sent it fails; then it succeeds."""
    return lambda body, seen: fault if seen < count else None


def marked(body: dict[str, Any], seen: int) -> Fault | None:
    """A request whose last message holds `FAULT:<name>` fails that way, each time."""
    found = re.search(r"FAULT:(\w+)", body["messages"][-1]["content"])
    return found.group(1) if found else None  # type: ignore[return-value]


@dataclass
class Loopback:
    """A running server."""

    answer: Answer = verdict_answer
    latency: float = 0.0
    """Seconds before each reply."""
    faults: FaultPlan | None = None
    retry_after: str | None = None
    """Header sent with 429 and 503."""
    rejects: Sequence[str] = ()
    """Parameters that this server refuses with a 400."""
    models: Sequence[str] = ("judge",)
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Bodies, in order of arrival."""
    headers: list[dict[str, str]] = field(default_factory=list)
    peak: int = 0
    """Most requests in flight at once."""
    base_url: str = ""
    _now: int = 0
    _seen: Counter[str] = field(default_factory=Counter)
    _hanging: asyncio.Event | None = None

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        body = json.loads(await request.read())
        seen = self._count(body) if self.faults else 0
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        self._now += 1
        self.peak = max(self.peak, self._now)
        try:
            await asyncio.sleep(self.latency)
            refused = [name for name in self.rejects if name in body]
            if refused:
                return _error(
                    400, f"Unsupported parameter: '{refused[0]}' is not supported with this model.", "unsupported_parameter"
                )
            fault = self.faults(body, seen) if self.faults else None
            return await self._fail(request, body, fault) if fault else web.json_response(_completion(body, self.answer(body)))
        finally:
            self._now -= 1

    def _count(self, body: dict[str, Any]) -> int:
        """How often this very body was seen before."""
        key = json.dumps(body["messages"], ensure_ascii=False)
        self._seen[key] += 1
        return self._seen[key] - 1

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/embeddings: faults are planned by the batch as one message."""
        body = json.loads(await request.read())
        body["messages"] = [{"role": "user", "content": "\n".join(body["input"])}]
        seen = self._count(body) if self.faults else 0
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.latency)
        fault = self.faults(body, seen) if self.faults else None
        if fault:
            return await self._fail(request, body, fault)
        data = [{"object": "embedding", "index": i, "embedding": embedding(text)} for i, text in enumerate(body["input"])]
        return web.json_response({"object": "list", "model": body["model"], "data": data[::-1]})

    async def _fail(self, request: web.Request, body: dict[str, Any], fault: Fault) -> web.StreamResponse:
        if fault == "hang":
            assert self._hanging
            await self._hanging.wait()
        if fault in {"drop", "hang"}:
            assert request.transport
            request.transport.abort()
            return web.Response()
        if fault == "cut":
            response = web.StreamResponse(headers={"Content-Length": "5000"})
            await response.prepare(request)
            await response.write(b'{"choices": [')
            assert request.transport
            request.transport.close()
            return response
        if fault in CONTENT:
            return web.json_response(_completion(body, CONTENT[fault]))
        return _failure(fault, body, {"Retry-After": self.retry_after} if self.retry_after else {})

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=64 * 2**20)
        data = {
            "object": "list",
            "data": [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in self.models],
        }

        async def models(_: web.Request) -> web.Response:
            return web.json_response(data)

        app.add_routes(
            [
                web.post("/v1/chat/completions", self.chat),
                web.post("/v1/embeddings", self.embeddings),
                web.get("/v1/models", models),
            ]
        )
        return app

    async def serve(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Listen on a free port until `stop`."""
        self._hanging = asyncio.Event()
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        ready()
        await stop.wait()
        self._hanging.set()
        await runner.cleanup()


def _completion(body: dict[str, Any], text: str | None, finish_reason: str = "stop") -> dict[str, Any]:
    asked = sum(len(message["content"]) for message in body["messages"])
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "logprobs": None,
                "message": {"role": "assistant", "content": text, "refusal": None},
            }
        ],
        "usage": {"prompt_tokens": asked, "completion_tokens": len(text or ""), "total_tokens": asked + len(text or "")},
    }


def _error(status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def _failure(fault: Fault, body: dict[str, Any], headers: dict[str, str]) -> web.Response:
    """Faults that are a plain HTTP response."""
    match fault:
        case "content_filter":
            return _error(400, "The response was filtered due to the content management policy", "content_filter")
        case "filtered_reply":
            return web.json_response(_completion(body, "", "content_filter"))
        case "length":
            return web.json_response(_completion(body, "说到一半", "length"))
        case "garbage":
            return web.Response(body=b"\xff\xfe<html>busy</html>\x00", content_type="text/html")
        case "half_json":
            return web.Response(text='{"choices": [{"message": {"content": "', content_type="application/json")
        case "bad_gzip":
            return web.Response(body=b"no gzip at all", headers={"Content-Encoding": "gzip"})
        case "nested":
            return web.Response(text="[" * 200_000, content_type="application/json")
        case "no_choices":
            return web.json_response({"object": "chat.completion", "choices": []})
        case "redirect":
            return web.Response(status=302, headers={"Location": "/v1/models"})
        case _:
            return _error(int(fault), f"made to fail with {fault}", None, headers if fault in {"429", "503"} else None)


@contextmanager
def serving(**settings: Any) -> Iterator[Loopback]:
    """A server with these fields of `Loopback`, for as long as the block lasts."""
    server = Loopback(**settings)
    ready = threading.Event()
    held: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        held.append((asyncio.get_running_loop(), stop))
        await server.serve(ready.set, stop)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(10), "the loopback server did not start"
    try:
        yield server
    finally:
        loop, stop = held[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def loopback() -> Iterator[Callable[..., Loopback]]:
    """`loopback(**fields of Loopback)` starts a server; all are stopped at the end of the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(serving(**settings))


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    server = Loopback(latency=parser.parse_args().latency)
    server.requests = server.headers = _Forgetful()  # type: ignore[assignment]

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
        await server.serve(lambda: print(server.base_url, flush=True), stop)

    asyncio.run(run())


class _Forgetful(list[Any]):
    """Keeps nothing: a measured server should not grow."""

    def append(self, item: Any) -> None:
        """Do nothing."""


if __name__ == "__main__":
    main()
