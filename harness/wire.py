"""Request -> JSON body, and HTTP body -> reply: OpenAI's chat and embeddings formats as servers really speak them. No I/O.

Servers differ in what they refuse, in how they word errors and in where they put a refusal of the content; all of that is
untrusted input, so every function here takes any bytes and raises nothing.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final

from harness.schema import FinishReason, Message

MAX_BODY: Final = 8 * 2**20
"""Bytes of one reply; more is an error of that item."""

INSTEAD: Final = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""Parameters that go by another name on other servers."""

_MAY_GO: Final = ("response_format", "seed", "temperature", "top_p", "max_tokens", "max_completion_tokens")
_FINISH: Final = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.FILTERED,
    "sensitive": FinishReason.FILTERED,
}
_FILTERED: Final = re.compile(
    r"content[ _-]?(?:filter|management policy|policy|exists risk)|data_inspection_failed|inappropriate content|moderation"
    r"|敏感|内容安全|违规",
    re.IGNORECASE,
)
_REFUSED: Final = re.compile(
    r"unsupported|not (?:be )?support|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|forbidden|invalid param"
    r"|extra (?:input|field)|不支持",
    re.IGNORECASE,
)
_TOO_MUCH: Final = re.compile(r"too (?:large|long|many|small)|context|maximum|at most|at least|exceed|must be", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a chat model."""

    messages: Sequence[Message]
    params: Mapping[str, Any] = field(default_factory=dict)
    """Sampling parameters as the protocol names them; None values and an empty `stop` are not sent."""
    response_format: Mapping[str, Any] | None = None
    tag: str = ""
    """The caller's own name for the item; not sent."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What came back."""

    text: str | None = None
    """As generated; None if there was no reply. May be empty, then `error` says so."""
    finish_reason: FinishReason = FinishReason.ERROR
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None
    """One line; None for a usable reply."""
    status: int | None = None
    """HTTP status of the last attempt; None if the server was not reached."""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A batch of texts of which the vectors are wanted."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class EmbeddingReply:
    """What came back."""

    vectors: tuple[tuple[float, ...], ...] = ()
    """One for each text, in their order; empty if there is an error."""
    error: str | None = None
    """One line; None for a usable reply."""
    status: int | None = None
    """HTTP status of the last attempt; None if the server was not reached."""
    attempts: int = 0


def embedding_payload(model: str, request: EmbeddingRequest) -> dict[str, Any]:
    """The JSON body."""
    return {"model": model, "input": list(request.texts), "encoding_format": "float"}


def read_embeddings(body: bytes, wanted: int) -> EmbeddingReply:
    """The vectors in the body of a 200, by their `index`; a body that has not one finite vector for each text is an error."""
    if len(body) > MAX_BODY:
        return EmbeddingReply(error=f"reply of more than {MAX_BODY:,} bytes; send fewer texts at once")
    data = _loads(body)
    listed = _dig(data, "data")
    if not isinstance(listed, list):
        shown = body[:80].decode("utf-8", "replace")
        return EmbeddingReply(error=error_of(body)[1] if _dig(data, "error") else f"not a list of embeddings: {shown!r}")
    found: dict[int, tuple[float, ...]] = {}
    for place, one in enumerate(listed):
        index, vector = _dig(one, "index"), _vector(_dig(one, "embedding"))
        if vector is None:
            return EmbeddingReply(error=f"embedding {place} is no list of numbers")
        found[index if isinstance(index, int) else place] = vector
    if sorted(found) != list(range(wanted)) or len(listed) != wanted or len({len(vector) for vector in found.values()}) > 1:
        return EmbeddingReply(error=f"{len(listed)} embeddings for {wanted} texts, or of different lengths")
    return EmbeddingReply(tuple(found[index] for index in range(wanted)))


def payload(model: str, request: ChatRequest, renamed: Mapping[str, str | None]) -> dict[str, Any]:
    """The JSON body; `renamed` maps a parameter this server refuses to the one sent instead, None for none."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
    }
    for name, value in request.params.items():
        if value is not None and (name != "stop" or value):
            body[name] = value
    if request.response_format is not None:
        body["response_format"] = request.response_format
    for name, instead in renamed.items():
        if name in body:
            value = body.pop(name)
            if instead:
                body.setdefault(instead, value)
    return body


def read_reply(body: bytes) -> ChatReply:
    """The reply in the body of a 200; a body that is none is a reply with `error`."""
    if len(body) > MAX_BODY:
        return ChatReply(error=f"reply of more than {MAX_BODY:,} bytes")
    data = _loads(body)
    message = _dig(data, "choices", 0, "message")
    if not isinstance(message, dict):
        shown = body[:80].decode("utf-8", "replace")
        why = error_of(body)[1] if _dig(data, "error") else f"not a chat completion: {shown!r}"
        return ChatReply(error=why)
    reason = _dig(data, "choices", 0, "finish_reason")
    text = _text(message.get("content"))
    error = None
    if text is None or not text.strip():
        thought = ", only reasoning" if message.get("reasoning_content") or message.get("reasoning") else ""
        error = f"the reply has no content (finish reason: {reason}{thought})"
    return ChatReply(
        text=text,
        finish_reason=_FINISH.get(reason, FinishReason.UNKNOWN) if isinstance(reason, str) else FinishReason.UNKNOWN,
        prompt_tokens=_count(_dig(data, "usage", "prompt_tokens")),
        completion_tokens=_count(_dig(data, "usage", "completion_tokens")),
        error=error,
    )


def error_of(body: bytes) -> tuple[str, str]:
    """Code and message of an error body in any of the usual shapes; the text itself if it is none of them."""
    data = _loads(body)
    inner = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(inner, dict):
        return "", inner if isinstance(inner, str) else body[:2000].decode("utf-8", "replace")
    message = inner.get("message") or inner.get("detail") or inner
    return str(inner.get("code") or inner.get("type") or ""), message if isinstance(message, str) else json.dumps(message)


def is_filtered(body: bytes) -> bool:
    """Whether an error body says that the content, not the request, is what the server refuses."""
    code, message = error_of(body)
    return bool(_FILTERED.search(code) or _FILTERED.search(message))


def refused_parameter(body: bytes, sent: Mapping[str, Any]) -> str | None:
    """The sent parameter that an error body complains about as such (not about its size), or None."""
    code, message = error_of(body)
    candidates = [name for name in _MAY_GO if name in sent]
    named = _dig(_loads(body), "error", "param")
    if named in candidates and _REFUSED.search(f"{code} {message}"):
        return str(named)
    if not _REFUSED.search(message) or _TOO_MUCH.search(message):
        return None
    places = [(match.start(), name) for name in candidates if (match := re.search(rf"(?<!\w){name}(?!\w)", message))]
    return min(places)[1] if places else None


def retry_after(header: str | None) -> float | None:
    """Retry-After as seconds from now: a number or an HTTP date; None if absent or nonsense."""
    if not header:
        return None
    with suppress(ValueError):
        seconds = float(header)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return None


def _loads(body: bytes) -> Any:
    """Parsed JSON, or None for anything else: deep nesting raises RecursionError."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _dig(value: Any, *path: str | int) -> Any:
    """`value[path[0]][path[1]]…`, None where it is not there."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _text(content: Any) -> str | None:
    """Message content: a string, or a list of parts with `text`; None for anything else. Lone surrogates become `?`."""
    if isinstance(content, list):
        content = "".join(part for part in (_dig(item, "text") for item in content) if isinstance(part, str))
    if not isinstance(content, str):
        return None
    return content.encode("utf-8", "replace").decode()


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _vector(value: Any) -> tuple[float, ...] | None:
    """A list of finite numbers that are not all zero."""
    if not isinstance(value, list) or not all(isinstance(part, int | float) and math.isfinite(part) for part in value):
        return None
    return tuple(map(float, value)) if any(value) else None
