"""Text -> about how many tokens: enough to know beforehand whether something costs cents or hundreds.

One a Han character and one for four others. Byte-pair encodings trained on much Chinese take fewer (0.6-0.7 a character),
those trained on English take more (1-2), so this is a middle, not a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from harness.endpoint import ChatRequest
from harness.judging.text import compatible

_OTHERS: Final = 4
_FRAME: Final = 4
"""Tokens around each message."""


def tokens(text: str) -> int:
    """About how many tokens a text has."""
    wide = sum("\u2e80" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or char >= "\U00020000" for char in compatible(text))
    return wide + -(-(len(text) - wide) // _OTHERS) if text else 0


def prompt_tokens(requests: Iterable[ChatRequest]) -> int:
    """About how many tokens some requests have."""
    return sum(_FRAME + tokens(turn.content) for request in requests for turn in request.messages)


def mean_length(texts: Sequence[str]) -> float | None:
    """Mean length in characters; None of none."""
    return sum(map(len, texts)) / len(texts) if texts else None
