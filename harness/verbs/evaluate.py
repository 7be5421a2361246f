"""Model × tasks -> RunRecord."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from harness import folders
from harness.measure import Asked, Watch, measure
from harness.schema import Confidence, RunRecord


def evaluate(
    model: str,
    tasks: Sequence[str],
    *,
    judge: str = "rules",
    threshold: float = 90.0,
    limit: int | None = None,
    backend: Literal["hf", "vllm", "openai", "replay"] | None = None,
    base_url: str | None = None,
    model_args: Mapping[str, Any] | None = None,
    key_files: Mapping[str, str] | None = None,
    key_min_confidence: Confidence | None = None,
    rubrics: Mapping[str, str] | None = None,
    generation: Mapping[str, Any] | None = None,
    chat_template: Literal["auto", "none"] = "auto",
    batch_size: int | None = None,
    concurrency: int = 32,
    judge_concurrency: int = 64,
    seed: int = 1234,
    fresh: bool = False,
    runs: Path | None = None,
    watch: Watch | None = None,
) -> RunRecord:
    """Evaluate a model, or go on with an evaluation that was interrupted.

    Args:
        model: Alias, checkpoint name, path, hub id, `openai:NAME`, `URL#NAME` or `replay:RUN|JSONL`.
        tasks: Tasks, groups or patterns.
        judge: `rules`, `openai:MODEL` or `none`.
        threshold: ACC of judged scores is the share that reach it (0-100).
        limit: First N samples of each task; marks the run not comparable.
        backend: For a path or hub id: hf (default) or vllm.
        base_url: Endpoint of an `openai:` model.
        model_args: Backend arguments, e.g. `{"dtype": "float32"}`.
        key_files: Benchmark -> own answer key file; '' for all.
        key_min_confidence: Score only samples whose key is at least this sure.
        rubrics: Benchmark -> name of one of its other rubrics (`upstream`) or the path of a rubric file; '' for all that have it.
        generation: Overrides of generation settings, e.g. `{"max_gen_toks": 64}`.
        chat_template: `none` sends plain text.
        batch_size: Sequences a batch (hf).
        concurrency: Requests in flight to an endpoint under test.
        judge_concurrency: Requests in flight to the judge.
        seed: Sent to endpoints; part of the run's identity.
        fresh: Ask again, into a new run, even where answers are stored.
        runs: Where runs are kept; default `$HARNESS_RUNS` or `./runs`.
        watch: Called with (stage, done, total).

    Raises:
        HarnessError: With one line that says what to mend.
    """
    from harness.models import resolve

    root = folders.runs_dir(runs)
    asked = Asked(
        model=resolve(model, backend=backend, base_url=base_url, model_args=dict(model_args or {}), runs=root),
        tasks=tuple(tasks),
        judge=judge,
        threshold=threshold,
        limit=limit,
        key_files=dict(key_files or {}),
        key_min_confidence=key_min_confidence,
        rubrics=dict(rubrics or {}),
        generation=dict(generation or {}),
        chat_template=chat_template,
        seed=seed,
        batch_size=batch_size,
        concurrency=concurrency,
        judge_concurrency=judge_concurrency,
        fresh=fresh,
    )
    return measure(asked, root, watch).record
