"""`--judge` -> Judge: `rules` (offline, indicative), `openai:<model>` (any OpenAI-compatible endpoint), `none`."""

from __future__ import annotations

from pathlib import Path

from harness.errors import unknown
from harness.judging.items import Judge

KINDS = ("rules", "openai:MODEL", "none")


def make_judge(spec: str, *, cache: Path | None = None, concurrency: int = 64, timeout: float = 120.0) -> Judge | None:
    """The judge named by `spec`; None for `none`.

    Args:
        spec: See `KINDS`.
        cache: SQLite file of verdicts; None asks every time.
        concurrency: Requests in flight at once.
        timeout: Seconds for one request.

    Raises:
        UsageError: There is no such kind of judge.
        JudgeError: The endpoint is not configured (`$HARNESS_JUDGE_BASE_URL` or `$OPENAI_BASE_URL`).
    """
    kind, _, model = spec.partition(":")
    if kind == "none" and not model:
        return None
    if kind == "rules" and not model:
        from harness.judging.rules import RulesJudge

        return RulesJudge()
    if kind == "openai" and model:
        from harness.endpoint import resolve
        from harness.judging.cache import VerdictCache
        from harness.judging.llm import OpenAIJudge

        endpoint = resolve(model, role="judge", concurrency=concurrency, timeout=timeout)
        return OpenAIJudge(endpoint, VerdictCache(cache) if cache else None)
    raise unknown("judge", spec, KINDS)
