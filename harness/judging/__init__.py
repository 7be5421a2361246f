"""Judging: response -> verdict. Answer extraction, rubrics, judges."""

from harness.judging.items import Judge, JudgeItem
from harness.judging.pool import judge_all

__all__ = ["Judge", "JudgeItem", "judge_all"]
