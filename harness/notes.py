"""What a reader must know before trusting a number of a run: one line each, kept in the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from harness.report.text import count, one_line
from harness.schema import KeyRef, SampleResult, VerdictState

if TYPE_CHECKING:
    from harness.judging.items import Judge

_REASON: Final = 100
"""Columns of a reason: it may hold what an endpoint said."""
FLAGS = {
    "truncated_prompt": "prompts were longer than the model takes and lost their beginning",
    "cut_reasoning": "answers end inside their reasoning (raise max_gen_toks)",
    "cut_off": "answers were cut off at max_gen_toks",
    "error": "samples got no answer",
}
"""Flag of a sample -> what it means, behind the number of samples that have it."""


def of_keys(keys: Mapping[str, KeyRef]) -> tuple[str, ...]:
    """Answer keys that nobody has reviewed."""
    return tuple(sorted({f"answer key {ref.version} ({ref.provenance})" for ref in keys.values() if not ref.reviewed}))


def of_judge(judge: Judge | None, results: list[SampleResult]) -> tuple[str, ...]:
    """A judge that only indicates, or none at all."""
    if judge is None:
        return ("not judged (--judge none): only extracted answers are scored",)
    if judge.indicative and any(r.verdict is not None and r.verdict.rubric is not None for r in results):
        left = sum(r.response.text is not None and "unjudged" in r.metrics and bool(r.metrics["unjudged"]) for r in results)
        unrated = (f"{left} replies without a reference are not rated: rules cannot, a model judge can",) if left else ()
        return ("judged by rules: indicative only; use --judge openai:MODEL for scores to rely on", *unrated)
    return () if judge.indicative else _of_unjudged(results)


def _of_unjudged(results: list[SampleResult]) -> tuple[str, ...]:
    """Why a model judge's replies were no verdicts: the reason given most often."""
    verdicts = (result.verdict for result in results if result.verdict is not None and result.verdict.rubric is not None)
    reasons = Counter(one_line(one.reason, _REASON) or "no reason" for one in verdicts if one.state is VerdictState.UNJUDGED)
    if not reasons:
        return ()
    most, n = min(reasons.items(), key=lambda item: (-item[1], item[0]))
    often = "" if len(reasons) == 1 else f", most often ({n})"
    return (f"{count(reasons.total(), 'reply', 'replies')} unjudged{often}: {most}",)


def of_extent(limit: int | None, complete: bool) -> tuple[str, ...]:
    """Runs that are not whole."""
    limited = ("limited run: not comparable",) if limit is not None else ()
    return limited if complete else (*limited, "incomplete: fewer than 99% of some task's samples are judged")


def of_flags(results: list[SampleResult]) -> tuple[str, ...]:
    """Trouble seen in single samples, counted."""
    counts = {flag: sum(flag in result.flags for result in results) for flag in FLAGS}
    return tuple(f"{n} {FLAGS[flag]}" for flag, n in counts.items() if n)


def of_endpoint(who: str, asked: Any) -> tuple[str, ...]:
    """Parameters that a server would not take, so that they were left out."""
    left_out = getattr(getattr(asked, "endpoint", None), "left_out", ())
    return (f"{who} refused {', '.join(sorted(left_out))}: asked without",) if left_out else ()
