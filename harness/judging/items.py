"""What a judge is given, and what a judge is: the seam between task classes and all judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from harness.schema import Frozen, Message, Verdict

if TYPE_CHECKING:
    from harness.judging.rubric import Rubric


class JudgeItem(Frozen):
    """One response to judge, with everything that judging it needs."""

    question: str
    """The last user turn."""
    response: str
    """Raw text as generated."""
    history: tuple[Message, ...] = ()
    """Turns before `question`."""
    reference: str | None = None
    reference_kind: Literal["exact", "set", "open"] | None = None
    accept: tuple[str, ...] = ()
    """Equally right forms of `reference`."""
    points: tuple[str, ...] = ()
    """What full marks need."""


class Judge(Protocol):
    """Anything that turns responses into verdicts. It never raises for one item: that is an `unjudged` verdict."""

    @property
    def id(self) -> str:
        """As stored in every verdict, e.g. `rules@1` or `openai:qwen2.5-72b-instruct`."""
        ...

    @property
    def indicative(self) -> bool:
        """True if its verdicts only point a direction and must not carry a claim."""
        ...

    def judge(self, rubric: Rubric, items: Sequence[JudgeItem], progress: Callable[[int], None] | None = None) -> list[Verdict]:
        """One verdict per item, in order.

        `progress` is called with the number of verdicts that have just become ready; the calls add up to `len(items)`.
        """
        ...
