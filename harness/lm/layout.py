"""lm-eval's results -> `lm_eval/<model>/results_<time>.json` and `samples_<task>_<time>.jsonl`, as lm-eval itself leaves them.

lm-eval's own EvaluationTracker writes them, so tools that read its folders read ours. It swallows every error with a warning,
changes what it is given, and gives a model it cannot find a random name; here is where that ends.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import DataError
from harness.runs.write import naming

FOLDER = "lm_eval"


def write(folder: Path, results: Mapping[str, Any], samples: Mapping[str, Sequence[Mapping[str, Any]]] | None) -> Path:
    """Write both kinds of file and return the folder they lie in; an older `lm_eval/` is replaced whole.

    Args:
        folder: the run's folder.
        results: lm-eval's EvalResults with `config` (`model`, `model_args`); `model_name`, if it is not to be guessed from them;
            and, if known, `system_instruction`, `chat_template`, `fewshot_as_multiturn`, `total_evaluation_time_seconds`.
        samples: task -> lm-eval's logged samples, or None.

    Raises:
        DataError: a file could not be written.
    """
    from lm_eval.loggers import EvaluationTracker

    place = folder / FOLDER
    temp = folder / f".{FOLDER}.{os.getpid()}.tmp"
    shutil.rmtree(temp, ignore_errors=True)
    tracker = EvaluationTracker(output_path=str(temp))
    _describe(tracker.general_config_tracker, results)
    own = {task: [dict(sample) for sample in rows] for task, rows in (samples or {}).items()}
    with naming(place), _failures() as failures:
        tracker.save_results_aggregated({k: v for k, v in results.items() if k != "samples"}, own or None)
        for task, rows in own.items():
            tracker.save_results_samples(task, rows)
        if failures.messages:
            shutil.rmtree(temp, ignore_errors=True)
            raise DataError(f"cannot be written ({failures.messages[0]}); mend that and run the same command again", file=place)
        shutil.rmtree(place, ignore_errors=True)
        temp.rename(place)
    return place / str(tracker.general_config_tracker.model_name_sanitized)


def _describe(tracker: Any, results: Mapping[str, Any]) -> None:
    """Fill in what lm-eval's command line knows from its arguments."""
    from lm_eval.utils import sanitize_model_name

    config = results.get("config") or {}
    tracker.log_experiment_args(
        model_source=str(config.get("model", "")),
        model_args=config.get("model_args") or "",
        system_instruction=results.get("system_instruction"),
        chat_template=results.get("chat_template"),
        fewshot_as_multiturn=bool(results.get("fewshot_as_multiturn", False)),
    )
    if results.get("model_name"):
        tracker.model_name = str(results["model_name"])
        tracker.model_name_sanitized = sanitize_model_name(tracker.model_name).lstrip(".") or "model"
    seconds = results.get("total_evaluation_time_seconds")
    if seconds is not None:
        tracker.start_time = time.perf_counter() - float(seconds)


class _Failures(logging.Handler):
    """Keeps what the tracker only logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.messages: list[str] = []
        self._failed = False

    def emit(self, record: logging.LogRecord) -> None:
        """The tracker logs `Could not save …` as a warning, then the exception at level info."""
        if self._failed:
            self.messages.append(record.getMessage())
        self._failed = record.levelno == logging.WARNING and record.getMessage().startswith("Could not save")


@contextmanager
def _failures() -> Iterator[_Failures]:
    logger = logging.getLogger("lm_eval.loggers.evaluation_tracker")
    failures, level, propagate = _Failures(), logger.level, logger.propagate
    logger.addHandler(failures)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield failures
    finally:
        logger.removeHandler(failures)
        logger.setLevel(level)
        logger.propagate = propagate
