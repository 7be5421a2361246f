"""Ready -> RunRecord: generate, judge, score, write; or go on with what was begun."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness import notes
from harness.measure.asked import Asked, Watch, fresh_id, spec_of
from harness.measure.prepare import Checked, Ready, check, ready, set_apart
from harness.measure.scores import coverage_of, scores_of, tokens_of
from harness.schema import RunRecord, Usage

if TYPE_CHECKING:
    from harness.lm.run import Outcome
    from harness.runs import RunFolder

COMPLETE_AT: Final = 0.99
"""Judged share of every task above which a run is complete."""


@dataclass(frozen=True)
class Measured:
    """A record and where it lies."""

    record: RunRecord
    folder: Path
    reused: bool
    """The run was finished before: nothing was done."""


def measure(asked: Asked, runs: Path, watch: Watch | None = None) -> Measured:
    """Make or finish the run that was asked.

    Raises:
        HarnessError: Something the user can mend; nothing that was answered or judged before is lost.
    """
    from harness.runs import RunFolder, load_run, run_id

    checked = check(asked, runs)
    spec = spec_of(asked, checked.known, checked.names, checked.identity)
    name = fresh_id(runs, run_id(asked.model.name, checked.names, spec), asked.fresh or asked.judge_again)
    if asked.judge_again:
        set_apart(checked, name)
    with RunFolder.create_or_resume(runs, name, spec) as folder:
        if folder.finished:
            record = load_run(name, runs)
            if record.complete or asked.judge == "none":
                return Measured(record, folder.path, True)
            folder.reopen()
        return Measured(_Run(checked, folder, watch or _silent).go(), folder.path, False)


class _Run:
    """One evaluation in progress."""

    def __init__(self, checked: Checked, folder: RunFolder, watch: Watch) -> None:
        self.checked, self.folder, self.watch = checked, folder, watch
        self.asked, self.known, self.names = checked.asked, checked.known, checked.names
        self.began = time.monotonic()
        self.started = datetime.now(UTC).isoformat(timespec="seconds")

    def go(self) -> RunRecord:
        """Load, generate, judge, score, write."""
        made = ready(self.checked, self.folder.path.parent, self.watch)
        from harness.lm import run as engine

        session = made.session(self.watch)
        outcome = engine.run(made.loaded, made.lm, session, limit=self.asked.limit, chat=made.template.applied)
        self.folder.event("generated", asked_of_model=made.lm.generated)
        return self._finish(made, outcome)

    def _finish(self, made: Ready, outcome: Outcome) -> RunRecord:
        self.watch("writing", 0, 1)
        loaded, judge, template = made.loaded, self.checked.judge, made.template
        for task, rows in sorted(outcome.samples.items()):
            self.folder.write_samples(task, rows)
        keys = loaded.keys()
        results = [result for rows in outcome.samples.values() for result in rows]
        coverage = coverage_of(loaded, outcome.samples, self.known.owners(self.names))
        complete = all(c.share >= COMPLETE_AT for c in coverage)
        record = RunRecord(
            id=self.folder.id,
            model=self.asked.model,
            asked=self.names,
            tasks=tuple(sorted(outcome.samples)),
            benchmarks=tuple(self.known.benchmarks(self.names)),
            scores=tuple(scores_of(self.known, self.names, outcome, self.asked.threshold)),
            coverage=tuple(coverage),
            complete=complete,
            comparable=self.asked.limit is None,
            limit=self.asked.limit,
            notes=(
                *notes.of_keys(keys),
                *notes.of_judge(judge, results),
                *notes.of_extent(self.asked.limit, complete),
                *template.notes(),
                *loaded.notes(template.applied),
                *notes.of_flags(results),
                *notes.of_endpoint("the judge's endpoint", judge),
                *notes.of_endpoint("the model's endpoint", made.backend),
            ),
            tokens=tokens_of(results),
            samples=dict(self.folder.sample_hashes),
            provenance=made.provenance(),
            parent=self.asked.parent,
            usage=Usage(
                started=self.started,
                seconds=round(time.monotonic() - self.began, 3),
                generated=made.lm.generated,
                judged=int(getattr(judge, "asked", 0)),
            ),
        )
        self._write_lm_eval_layout(outcome)
        self.folder.finish(record)
        self.watch("writing", 1, 1)
        return record

    def _write_lm_eval_layout(self, outcome: Outcome) -> None:
        from harness.lm import layout

        model = self.asked.model
        results = outcome.lm_eval | {
            "config": {
                "model": model.backend,
                "model_args": {"pretrained": model.source, **model.args},
                "limit": self.asked.limit,
            },
            "model_name": model.name,
            "date": self.started,
            "total_evaluation_time_seconds": str(round(time.monotonic() - self.began, 3)),
        }
        layout.write(self.folder.path, results, outcome.logged)


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Watch nothing."""
