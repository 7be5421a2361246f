"""Reply -> the phrases in which it speaks of itself as a language model: whose habits the rows would teach."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

PHRASES: Final = (
    "作为AI语言模型",
    "作为一个AI",
    "作为一名AI",
    "作为人工智能",
    "作为一个人工智能",
    "作为一名人工智能",
    "我是AI",
    "我是一个AI",
    "我是人工智能",
    "我是一个人工智能",
    "我是一个语言模型",
    "大型语言模型",
    "OpenAI",
    "ChatGPT",
    "GPT模型",
    "GPT-4",
    "文心一言",
    "通义千问",
    "Claude",
    "as an AI language model",
    "as an AI",
    "I am an AI",
    "知识截止",
    "截至2021年",
    "截至我的知识",
)
"""Compared without case and white space; the longest that fits counts."""

_FOUND: Final = re.compile("|".join(re.escape(one.replace(" ", "").lower()) for one in sorted(PHRASES, key=len, reverse=True)))
_NAMES: Final = {one.replace(" ", "").lower(): one for one in PHRASES}


def phrases_in(reply: str) -> Iterator[str]:
    """Those that occur, as listed; one that occurs twice comes twice."""
    for found in _FOUND.finditer("".join(reply.split()).lower()):
        yield _NAMES[found.group()]
