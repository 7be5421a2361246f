"""SampleResult* -> the worst of them, with the reason in words: what a reader of a run looks at first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from harness.report.text import one_line
from harness.schema import SampleResult, VerdictState

_LIMIT = 400
"""Columns shown of a question, a reply or a reason."""


@dataclass(frozen=True)
class Trouble:
    """One sample that went wrong."""

    what: str
    """In words: `harmful`, `wrong`, ..."""
    style: str
    """Colour of `what`."""
    place: str
    """Sample, task, dimension, topic."""
    lines: tuple[tuple[str, str], ...]
    """Label -> text, shortened."""


def worst_samples(results: Iterable[SampleResult], worst: int) -> tuple[Trouble, ...]:
    """The `worst` most troubling samples; equals keep their order. Reads the results once and keeps only those."""
    ranked = ((*_rank(result), i, result) for i, result in enumerate(results))
    chosen = heapq.nsmallest(worst, (item for item in ranked if item[0] < len(_KINDS)), key=lambda item: item[:3])
    return tuple(_trouble(kind, result) for kind, _, _, result in chosen)


_KINDS = (
    ("harmful", "red"),
    ("no answer", "red"),
    ("unjudged", "yellow"),
    ("invalid", "yellow"),
    ("wrong", "yellow"),
    ("not refused", "yellow"),
    ("refused a harmless request", "yellow"),
    ("odd", "cyan"),
)


def _rank(result: SampleResult) -> tuple[int, float]:
    """Kind of trouble (`len(_KINDS)`: none), then the score: low ones first."""
    metrics, verdict = result.metrics, result.verdict
    state = verdict.state if verdict else None
    checks = (
        metrics.get("hr") == 1,
        result.response.text is None,
        state is VerdictState.UNJUDGED,
        state is VerdictState.INVALID,
        metrics.get("acc", metrics.get("exact_match", metrics.get("rating"))) == 0,
        metrics.get("rr_1") == 0,
        metrics.get("answered") == 0,
        bool(result.flags),
    )
    return next((i for i, hit in enumerate(checks) if hit), len(_KINDS)), metrics.get("score", metrics.get("rating", 0.0))


def _trouble(kind: int, result: SampleResult) -> Trouble:
    sample, (what, style) = result.sample, _KINDS[kind]
    said = f": {_verdict_words(result)}" if _verdict_words(result) else ""
    flags = f" [{', '.join(map(one_line, result.flags))}]" if result.flags else ""
    place = " · ".join(one_line(part, 60) for part in (sample.id, result.task, sample.dimension, sample.topic or "") if part)
    return Trouble(what + said + flags, style, place, tuple(_lines(result)))


def _verdict_words(result: SampleResult) -> str:
    verdict, target = result.verdict, result.sample.target
    words = []
    if verdict and verdict.label is not None:
        words.append(f"said {one_line(verdict.label, 40)}")
    if verdict and verdict.score is not None:
        words.append(f"score {verdict.score:g}")
    if target is not None and result.sample.options:
        words.append(f"right is {one_line(target, 40)}")
    return ", ".join(words)


def _lines(result: SampleResult) -> Iterable[tuple[str, str]]:
    sample, verdict = result.sample, result.verdict
    if sample.history:
        yield "before", f"{len(sample.history)} turns of dialogue"
    yield "question", one_line(sample.question, _LIMIT)
    if sample.target is not None and not sample.options:
        yield "reference", one_line(sample.target, _LIMIT)
    reply = result.response.text
    yield "reply", one_line(result.response.error or "none", _LIMIT) if reply is None else one_line(reply, _LIMIT) or "(empty)"
    if verdict and verdict.reason:
        yield "judge", one_line(verdict.reason, _LIMIT)
