"""Judge × batches -> verdicts: several rubrics at once, in one pool where the judge has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from harness.judging.items import Judge, JudgeItem
from harness.judging.rubric import Rubric
from harness.schema import Verdict


@runtime_checkable
class PooledJudge(Protocol):
    """A judge that mixes several rubrics in one pool of requests."""

    def judge_batches(
        self, batches: Sequence[tuple[Rubric, Sequence[JudgeItem]]], progress: Callable[[int], None] | None = None
    ) -> list[list[Verdict]]:
        """One list of verdicts per batch, in order."""
        ...


def judge_all(
    judge: Judge, batches: Sequence[tuple[Rubric, Sequence[JudgeItem]]], progress: Callable[[int], None] | None = None
) -> list[list[Verdict]]:
    """Judge several batches, each under its own rubric; `progress` as in `Judge.judge`."""
    if isinstance(judge, PooledJudge):
        return judge.judge_batches(batches, progress)
    return [judge.judge(rubric, items, progress) for rubric, items in batches]
