"""Tasks × backend × judge -> SampleResults, by lm-eval's own `evaluate()`.

`simple_evaluate` would add 1.3 s of subprocess calls for environment facts that `provenance` collects anyway, and cannot be told
to leave its 13,986 built-in tasks unread; so tasks are loaded and evaluated here directly.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.api.group import Group
from lm_eval.evaluator import evaluate as lm_evaluate
from lm_eval.tasks import TaskManager

from harness.data.files import read_bytes, sha256
from harness.errors import DataError, HarnessError, UsageError
from harness.judging.text import han_share, strip_reasoning
from harness.lm import session
from harness.lm.datasets import beside, key_of, sample_of
from harness.lm.stored import StoredLM
from harness.lm.tasks import JudgedTask, LikelihoodTask, SampleTask
from harness.schema import FinishReason, KeyRef, Response, SampleResult, Verdict, VerdictState


@dataclass(frozen=True)
class Loaded:
    """Task objects of one evaluation."""

    tasks: Mapping[str, SampleTask]
    groups: Mapping[str, Group]

    def keys(self) -> dict[str, KeyRef]:
        """Benchmark -> the answer key its tasks use."""
        found: dict[str, KeyRef] = {}
        for task in self.tasks.values():
            key = key_of(task.settings)
            if key is not None:
                name = str(task.settings.get("benchmark", task.task_name))
                found[name] = key.ref.model_copy(update={"min_confidence": task.settings.get("key_min_confidence")})
        return found

    def rubrics(self) -> dict[str, str]:
        """Rubric name -> content hash."""
        versions = {task.rubric.version for task in self.tasks.values() if isinstance(task, JudgedTask)}
        return dict(version.split("@", 1) for version in sorted(versions))

    def data(self) -> dict[str, str]:
        """Data file -> SHA-256 of everything the tasks were read from."""
        found: dict[str, str] = {}
        for task in self.tasks.values():
            source = task.config.dataset_kwargs or {}
            if "sha256" in source:
                found[str(source["path"])] = str(source["sha256"])
            elif "file" in source:
                found[str(source["file"])] = sha256(read_bytes(beside(task.settings, str(source["file"]))))
        return dict(sorted(found.items()))

    def generation(self) -> dict[str, dict[str, Any]]:
        """Task -> generation settings."""
        return {name: dict(task.config.generation_kwargs or {}) for name, task in self.tasks.items()}


def load(names: Sequence[str], folders: Sequence[Path], settings: Mapping[str, Any], generation: Mapping[str, Any]) -> Loaded:
    """Load tasks by name.

    Args:
        names: Tasks and groups that do not overlap.
        folders: Task folders.
        settings: Added to every task's metadata (`key_files`, `key_min_confidence`).
        generation: Overrides of the tasks' generation settings.

    Raises:
        HarnessError: A data, key or rubric file is missing or broken.
        UsageError: A task is not one of `harness.lm.tasks`.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = TaskManager(include_path=[str(folder) for folder in folders], include_defaults=False, metadata=dict(settings))
    try:
        loaded = manager.load(list(names))
    except HarnessError:
        raise
    except (ImportError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise DataError(f"tasks {', '.join(names)} cannot be loaded ({type(error).__name__}: {error})") from error
    for name, task in loaded["tasks"].items():
        if not isinstance(task, SampleTask):
            raise UsageError(f"task '{name}' has class {type(task).__name__}; harness eval runs the classes of harness.lm.tasks")
        if generation and task.OUTPUT_TYPE == "generate_until":
            task.set_config("generation_kwargs", dict(generation), update=True)
        task.set_config("num_fewshot", task.get_config("num_fewshot") or 0)
        task.set_fewshot_seed(seed=1234)
        if isinstance(task, JudgedTask):
            _ = task.rubric
    return Loaded(loaded["tasks"], loaded.get("groups", {}))


@dataclass(frozen=True)
class Outcome:
    """What an evaluation gave."""

    samples: Mapping[str, list[SampleResult]]
    """Task -> results in the benchmark's order."""
    lm_eval: dict[str, Any]
    """lm-eval's own results, without the per-sample logs."""
    logged: dict[str, list[dict[str, Any]]]
    """lm-eval's per-sample logs."""


def run(loaded: Loaded, lm: StoredLM, judging: session.Session, *, limit: int | None, chat: bool) -> Outcome:
    """Generate, judge, score.

    Raises:
        HarnessError: The model, the judge or a store cannot be used; single failures are data, not errors.
    """
    with session.entered(judging):
        results = lm_evaluate(
            lm=lm,
            task_dict={"tasks": dict(loaded.tasks), "groups": dict(loaded.groups)},
            limit=limit,
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=chat,
        )
    logged = dict(results.pop("samples", {}))
    return Outcome({name: _collect(name, task, lm) for name, task in loaded.tasks.items()}, dict(results), logged)


def _collect(name: str, task: SampleTask, lm: StoredLM) -> list[SampleResult]:
    if isinstance(task, LikelihoodTask):
        return _likelihood(name, task, lm)
    verdicts: Sequence[Verdict | None] = task.verdicts or [None] * len(task.instances)
    collected = []
    for instance, verdict in zip(task.instances, verdicts, strict=True):
        response = lm.responses[name, instance.doc_id, instance.idx]
        sample = sample_of(instance.doc)
        metrics = {} if verdict is None else task.metrics(sample, verdict)
        visible, cut = strip_reasoning(response.text or "")
        collected.append(
            SampleResult(
                task=name,
                sample=sample,
                prompt=lm.prompts[name, instance.doc_id],
                response=response,
                verdict=verdict,
                metrics={k: v for k, v in metrics.items() if k != "acc_macro"},
                flags=_flags(response, visible, cut),
                zh_share=han_share(visible),
            )
        )
    return collected


def _likelihood(name: str, task: LikelihoodTask, lm: StoredLM) -> list[SampleResult]:
    values: dict[int, dict[str, float]] = {}
    for instance in task.instances:
        values.setdefault(instance.doc_id, {})[instance.doc["choices"][instance.idx]] = float(instance.resps[0][0])
    collected = []
    for (doc_id, scores), (sample, letter) in zip(values.items(), task.letters(), strict=True):
        verdict = Verdict(state=VerdictState.OK, label=letter, judge="likelihood@1", reason="highest log-likelihood")
        metrics = {k: v for k, v in task.metrics(sample, verdict).items() if k != "acc_macro"}
        response = Response(text=json.dumps(scores), finish_reason=FinishReason.STOP)
        prompt = lm.prompts[name, doc_id]
        collected.append(
            SampleResult(task=name, sample=sample, prompt=prompt, response=response, verdict=verdict, metrics=metrics)
        )
    return collected


def _flags(response: Response, visible: str, cut_reasoning: bool) -> tuple[str, ...]:
    if response.text is None:
        return ("error",)
    seen = {
        "cut_reasoning": cut_reasoning,
        "cut_off": response.finish_reason is FinishReason.LENGTH,
        "empty": not visible.strip(),
        "truncated_prompt": response.truncated_prompt,
    }
    return tuple(sorted(flag for flag, yes in seen.items() if yes))
