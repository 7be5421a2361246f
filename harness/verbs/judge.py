"""RunRecord -> RunRecord: the same responses under another judge, threshold or answer key, without the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness import folders
from harness.measure import Asked, Watch, measure
from harness.runs import load_run
from harness.schema import Confidence, RunRecord


def judge(
    run: str,
    *,
    judge: str,
    threshold: float | None = None,
    key_files: Mapping[str, str] | None = None,
    key_min_confidence: Confidence | None = None,
    rubrics: Mapping[str, str] | None = None,
    judge_concurrency: int = 64,
    fresh: bool = False,
    runs: Path | None = None,
    watch: Watch | None = None,
) -> RunRecord:
    """Score the stored responses of a finished run again, as a new run whose `parent` is the old one.

    Args:
        run: Run id, unique prefix, path, or `latest`.
        judge: `rules`, `openai:MODEL` or `none`.
        threshold: Default: the run's own.
        key_files: Benchmark -> own answer key file; '' for all.
        key_min_confidence: Score only samples whose key is at least this sure.
        rubrics: Benchmark -> name of one of its other rubrics (`upstream`) or the path of a rubric file; '' for all that have it.
        judge_concurrency: Requests in flight.
        fresh: Ask the judge again, into a new run, even where its verdicts are cached: a second pass.
        runs: Where runs are kept.
        watch: Called with (stage, done, total).

    Raises:
        HarnessError: With one line that says what to mend.
    """
    root = folders.runs_dir(runs)
    old = load_run(run, root)
    asked = Asked(
        model=old.model.model_copy(update={"backend": "replay", "source": old.id, "args": {}, "build": None}),
        tasks=old.asked,
        judge=judge,
        threshold=old.provenance.threshold if threshold is None else threshold,
        limit=old.limit,
        key_files=dict(key_files or {}),
        key_min_confidence=key_min_confidence,
        rubrics=dict(rubrics or {}),
        seed=old.provenance.seed,
        parent=old.id,
        fingerprint=old.provenance.model_fingerprint,
        made=old.provenance,
        judge_concurrency=judge_concurrency,
        judge_again=fresh,
    )
    return measure(asked, root, watch).record
