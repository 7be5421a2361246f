"""Reply -> what of it may be used, or why it may not: the checks that need nothing but the reply itself.

What a pipeline's steps and the benchmarks say of it is asked elsewhere (`filters`). A reply is never mended beyond the removal of
a reasoning block: one that is cut off, empty, a refusal, or that speaks of itself is asked for again, or not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.judging.refusal_cues import refuses, relents
from harness.judging.text import compatible, strip_reasoning
from harness.rows.contamination import bare
from harness.schema import FinishReason, Response

TRUNCATED: Final = "cut off at the limit of its length"
FILTERED: Final = "refused by the server's filter"
EMPTY: Final = "empty reply"
REFUSED: Final = "refusal"
SAME: Final = "the same as before"
PHRASE: Final = "a phrase that must not be said"
REFUSALS: Final = frozenset({FILTERED, REFUSED})


def visible(reply: Response) -> tuple[str, str]:
    """The text of a reply that there is (`error` is None), and what is wrong with it as such; empty: nothing."""
    text, cut = strip_reasoning(reply.text or "")
    if reply.finish_reason is FinishReason.FILTERED:
        return text, FILTERED
    if reply.finish_reason is FinishReason.LENGTH or cut:
        return text, TRUNCATED
    return text, "" if text else EMPTY


def trouble(text: str, *, before: str, safety: bool, never: Sequence[str]) -> str:
    """What is wrong with an answer's words; empty: nothing.

    Args:
        text: the answer.
        before: the one it replaces; empty where there is none.
        safety: the question is one that may rightly be refused.
        never: phrases that no answer may hold.
    """
    if before and bare(text) == bare(before):
        return SAME
    if phrase := forbidden(text, never):
        return f"{PHRASE}: {phrase}"
    if not safety and refuses(text) and not relents(text):
        return REFUSED
    return ""


def forbidden(text: str, never: Sequence[str]) -> str:
    """The first phrase of a list that a text holds, compared without width, case and white space; empty: none."""
    said = _plain(text)
    return next((phrase for phrase in never if _plain(phrase) in said), "")


def _plain(text: str) -> str:
    return "".join(compatible(text).lower().split())


def kind(why: str) -> str:
    """What troubles are counted by: without their detail."""
    return why.partition(": ")[0]
