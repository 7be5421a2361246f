"""Names -> task objects, ours and lm-eval's, without lm-eval's index of 13,986 files.

What is private to lm-eval 0.4.13 and needed for that stands here: its factory, its index entries, its template environment.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from lm_eval import utils as lm_eval_utils
from lm_eval.api.task import ConfigurableTask, Task
from lm_eval.defaults import DEFAULT_MAX_GEN_TOKS, DEFAULT_OTHER_SEED, DEFAULT_RANDOM_SEED
from lm_eval.tasks import TaskManager
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import Entry as LmEvalEntry
from lm_eval.tasks._index import Kind as LmEvalKind

from harness.catalog import Entry
from harness.errors import DataError, HarnessError, UsageError
from harness.lm.stock import Stock, StockTask
from harness.lm.tasks import SampleTask

_TOKEN_WORDS: Final = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""Names for one setting, in lm-eval's order."""


@cache
def _adopted(theirs: type) -> type:
    return StockTask if theirs is ConfigurableTask else type(f"Stock{theirs.__name__}", (Stock, theirs), {})


class _Factory(TaskFactory):  # type: ignore[misc]  # lm-eval is untyped
    """Builds our classes as they are, all others with `Stock` before them."""

    def _load_full_config(self, entry: LmEvalEntry, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
        config: dict[str, Any] = super()._load_full_config(entry, overrides)
        theirs = config.get("class", ConfigurableTask)
        if entry.kind is LmEvalKind.GROUP or issubclass(theirs, SampleTask):
            return config
        metadata = {key: value for key, value in config["metadata"].items() if key not in self._meta}
        return {**config, "class": _adopted(theirs), "metadata": metadata}

    def _build_task(self, entry: LmEvalEntry, overrides: dict[str, Any] | None) -> Task:
        try:
            return super()._build_task(entry, overrides)
        except HarnessError:
            raise
        except ModuleNotFoundError as error:
            extras = "an extra of lm-eval's may have it, as lm-eval[ifeval] or lm-eval[math]"
            raise UsageError(
                f"task '{entry.name}' needs the Python package '{error.name}', which is not installed ({extras})"
            ) from error
        except Exception as error:
            raise DataError(f"task '{entry.name}' cannot be loaded ({_brief(error)})", file=entry.yaml_path) from error


def manager(folders: Iterable[Path], settings: Mapping[str, Any], others: Iterable[Entry]) -> TaskManager:
    """lm-eval's task manager over our folders, which also knows `others` without having read lm-eval's whole index."""
    made = TaskManager(include_path=[str(folder) for folder in folders], include_defaults=False, metadata=dict(settings))
    made._factory = _Factory(meta=dict(settings))
    for entry in others:
        if entry.origin == "lm-eval" and not entry.inline:
            made.task_index.setdefault(entry.name, _theirs(entry))
    return made


def prepare(task: Stock) -> None:
    """Settings that lm-eval's models would fill in by themselves, made visible; metrics that cannot be had, refused.

    Raises:
        DataError: A metric would have to be fetched from the network after all answers are in.
    """
    if task.OUTPUT_TYPE == "generate_until":
        settings = dict(task.config.generation_kwargs or {})
        given = [settings.pop(word) for word in _TOKEN_WORDS if word in settings]
        task.set_config("generation_kwargs", {**settings, "max_gen_toks": int(next(iter(given), DEFAULT_MAX_GEN_TOKS))})
        lacking = [name for name, function in task._metric_fn_list.items() if function is None]
        if lacking and task.config.process_results is None and type(task) is StockTask:
            raise DataError(
                f"task '{task.config.task}' is scored by {', '.join(lacking)}, which cannot be loaded without a network"
            )


def seed() -> None:
    """Seed as lm-eval does: some tasks shuffle their options while they are loaded."""
    random.seed(DEFAULT_RANDOM_SEED)
    np.random.seed(DEFAULT_OTHER_SEED)


@contextmanager
def compiled_templates() -> Iterator[None]:
    """Compile each template once: lm-eval does it anew for every document (1.9 ms against 0.014 ms to fill it in)."""
    environment = lm_eval_utils.env
    before = environment.from_string
    environment.from_string = lru_cache(maxsize=4096)(before)
    try:
        yield
    finally:
        environment.from_string = before


def _theirs(entry: Entry) -> LmEvalEntry:
    if entry.tag:
        return LmEvalEntry(name=entry.name, kind=LmEvalKind.TAG, yaml_path=None, tags=set(entry.children))
    return LmEvalEntry(name=entry.name, kind=LmEvalKind.GROUP if entry.is_group else LmEvalKind.TASK, yaml_path=entry.path)


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
