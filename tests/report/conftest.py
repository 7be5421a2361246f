from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from harness.schema import KeyRef, ModelRef, RunRecord, Score
from tests.runs.made import coverage, provenance, record, scores, share

Render = Callable[..., str]


@pytest.fixture
def render() -> Render:
    """A renderable as the text of a terminal so and so wide."""

    def text(renderable: RenderableType, width: int = 120, *, color: bool = False) -> str:
        console = Console(file=StringIO(), width=width, highlight=False, force_terminal=color)
        console.print(renderable)
        return console.file.getvalue()  # type: ignore[attr-defined]

    return text


@pytest.fixture
def full() -> RunRecord:
    """A run of three benchmarks: judged scores, multiple choice with baselines, refusal."""
    skill = {"TU": (87, 186), "TP": (7, 50)}
    choice = {"DI": (506, 1114), "VV": (323, 399), "SR": (25, 39)}
    found: list[Score] = scores("a_eval", "acc", skill)
    found += scores("a_eval", "unjudged", {"TU": (0, 186), "TP": (0, 50)})
    found += scores("a_eval", "zh_share", {"TU": (180, 186), "TP": (50, 50)})
    found += [share("a_eval", "overall", "", "acc", 60, 101, subset="high_confidence")]
    found += [share("a_eval", "topic", name, "acc", 10, 26) for name in ("短文本分类", "语义解析")]
    found += [share("a_eval", "level", name, "acc", 20, 90) for name in ("hard", "easy", "medium")]
    found += scores("mcq", "acc", choice)
    found += scores("mcq", "invalid", {name: (2 if name == "VV" else 0, n) for name, (_, n) in choice.items()})
    for metric, rate in (("acc_always_a", 0.3), ("acc_always_b", 0.62), ("acc_chance", 0.41)):
        part = {name: (round(n * rate), n) for name, (_, n) in choice.items()}
        found += [score.model_copy(update={"interval": None}) for score in scores("mcq", metric, part)]
    for metric, di, vv in (("rr_1", 26, 216), ("rr_2", 8, 186), ("hr", 3, 0)):
        found += scores("refusal", metric, {"DI": (di, 196), "VV": (vv, 266)})
    key = KeyRef(version="drafted-v1@3fa9c1d2", provenance="drafted by models", reviewed=False, min_confidence="medium")
    return record(
        "llama3-8b-safe-all-9f2c11ab",
        model=ModelRef(name="llama3-8b-safe", backend="hf", source="checkpoints/safe", parent="llama3-8b-kg", stage="safety"),
        benchmarks=("a_eval", "mcq", "refusal"),
        scores=tuple(found),
        coverage=(
            coverage("a_eval_tu", "a_eval", 186, keyed=150, contested=12, judged=184, unjudged=2),
            coverage("a_eval_tp", "a_eval", 50, responses=49, judged=49),
            coverage("mcq_di", "mcq", 1552, invalid=2),
        ),
        provenance=provenance(keys={"a_eval": key}),
        notes=("judged by rules: indicative only",),
    )
