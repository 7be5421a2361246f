"""Made-up sample results, and the published tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.schema import Response, Sample, SampleResult, Verdict

MakeResult = Callable[..., SampleResult]
PUBLISHED = Path(__file__).parents[2] / "leaderboards" / "published" / "results.json"


@pytest.fixture
def make_result() -> MakeResult:
    """A result with the metrics given; everything else has a plain value."""
    numbers = count(1)

    def make(
        metrics: dict[str, float] | None = None,
        *,
        text: str | None = "a reply",
        verdict: Verdict | None = None,
        zh_share: float | None = None,
        **sample: Any,
    ) -> SampleResult:
        number = next(numbers)
        fields = {"id": f"item-{number}", "hash": f"{number:08x}", "question": "Is water wet?", "dimension": "DI", **sample}
        return SampleResult(
            task="demo_task",
            sample=Sample(**fields),
            prompt="Is water wet?",
            response=Response(text=text),
            verdict=verdict,
            metrics=metrics or {},
            zh_share=zh_share,
        )

    return make


@pytest.fixture(scope="session")
def published() -> dict[str, Any]:
    """The published results as parsed JSON."""
    parsed: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return parsed
