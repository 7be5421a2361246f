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

from harness.catalog import Entry, Place
from harness.data.files import read_bytes, sha256
from harness.errors import DataError, HarnessError
from harness.judging.scripts import share
from harness.judging.text import han_share, strip_reasoning
from harness.lm import loading, session, stock_results
from harness.lm.backends import no_likelihoods
from harness.lm.datasets import beside, covering, key_of, sample_of
from harness.lm.flags import flags
from harness.lm.picked import Picked
from harness.lm.stock import LIKELIHOOD, Stock
from harness.lm.stored import StoredLM
from harness.lm.tasks import DEFAULT_LANGUAGE, JudgedTask, LikelihoodTask, SampleTask
from harness.schema import FinishReason, KeyRef, Response, Sample, SampleResult, Verdict, VerdictState
from harness.stats.aggregate import is_alias


@dataclass(frozen=True)
class Loaded:
    """Task objects of one evaluation."""

    tasks: Mapping[str, SampleTask | Stock]
    groups: Mapping[str, Group]

    @property
    def stock(self) -> dict[str, Stock]:
        """Those that lm-eval prompts and scores."""
        return {name: task for name, task in self.tasks.items() if isinstance(task, Stock)}

    def items(self, name: str) -> list[Sample]:
        """All samples of a task, asked or not, in the benchmark's order."""
        task = self.tasks[name]
        return task.samples() if isinstance(task, Stock) else [sample_of(doc) for doc in task.eval_docs]

    def numbers(self) -> dict[str, dict[str, int]]:
        """Task -> sample id -> number of its document."""
        with loading.compiled_templates():
            return {name: {sample.id: number for number, sample in enumerate(self.items(name))} for name in self.tasks}

    def keys(self) -> dict[str, KeyRef]:
        """Benchmark -> the answer key its tasks use."""
        found: dict[str, KeyRef] = {}
        for task in self.tasks.values():
            key = None if isinstance(task, Stock) else key_of(task.settings)
            if key is not None:
                name = str(task.settings.get("benchmark", task.task_name))
                found[name] = key.ref.model_copy(update={"min_confidence": task.settings.get("key_min_confidence")})
        return found

    def rubrics(self) -> dict[str, str]:
        """Rubric name -> content hash."""
        judged = [(name, task) for name, task in self.tasks.items() if isinstance(task, JudgedTask)]
        versions = {version for name, task in judged for version in task.rubrics.used(self.items(name))}
        return dict(version.split("@", 1) for version in sorted(versions))

    def judged_otherwise(self, name: str) -> str:
        """What is added to a task's version where the run chose other rubrics than its YAML: it is another task then."""
        task = self.tasks[name]
        if not isinstance(task, JudgedTask) or covering(task.settings.get("rubric_files"), task.settings) is None:
            return ""
        return f" by {', '.join(sorted(task.rubrics.used(self.items(name))))}"

    def data(self) -> dict[str, str]:
        """Data file or data set -> SHA-256 of everything the tasks were read from."""
        found: dict[str, str] = {}
        for name, task in self.tasks.items():
            if isinstance(task, Stock):
                found |= {k if found.get(k, v) == v else f"{k} ({name})": v for k, v in task.data().items()}
                continue
            source = task.config.dataset_kwargs or {}
            if "sha256" in source:
                found[str(source["path"])] = str(source["sha256"])
            elif "file" in source:
                found[str(source["file"])] = sha256(read_bytes(beside(task.settings, str(source["file"]))))
        return dict(sorted(found.items()))

    def generation(self) -> dict[str, dict[str, Any]]:
        """Task -> generation settings."""
        return {
            name: task.generation() if isinstance(task, Stock) else dict(task.config.generation_kwargs or {})
            for name, task in self.tasks.items()
        }

    def notes(self, chat: bool) -> tuple[str, ...]:
        """What a reader of lm-eval's numbers must know of these."""
        found = [
            f"{name}: no {metric} ({why})"
            for name, task in sorted(self.stock.items())
            for metric, why in sorted(task.troubles.items())
        ]
        shown = sorted(name for name, task in self.stock.items() if task.shots)
        if chat and shown:
            more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
            found.append(
                f"examples stand in one user turn ({', '.join(shown[:3])}{more}): lm-eval's --fewshot_as_multiturn false"
            )
        return tuple(found)


def load(
    names: Sequence[str],
    folders: Sequence[Path],
    settings: Mapping[str, Any],
    generation: Mapping[str, Any],
    others: Sequence[Entry] = (),
    places: Mapping[str, Place] | None = None,
) -> Loaded:
    """Load tasks by name.

    Args:
        names: Tasks and groups that do not overlap.
        folders: Task folders.
        settings: Added to every task's metadata (`key_files`, `key_min_confidence`).
        generation: Overrides of the tasks' generation settings.
        others: What the names stand for; of these, lm-eval's own are made known to it.
        places: Task of lm-eval's -> where its samples stand.

    Raises:
        HarnessError: A data, key or rubric file is missing or broken, or a task's data cannot be had.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    loading.seed()
    manager = loading.manager(folders, settings, others)
    try:
        with loading.compiled_templates():
            loaded = manager.load(list(names))
    except HarnessError:
        raise
    except (ImportError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise DataError(f"tasks {', '.join(names)} cannot be loaded ({type(error).__name__}: {error})") from error
    for name, task in loaded["tasks"].items():
        if isinstance(task, Stock):
            loading.prepare(task)
            place = (places or {}).get(name, Place(name))
            task.dimension, task.topic = place.dimension, place.topic
        if generation and task.OUTPUT_TYPE == "generate_until":
            task.set_config("generation_kwargs", dict(generation), update=True)
        task.set_config("num_fewshot", task.get_config("num_fewshot") or 0)
        task.set_fewshot_seed(seed=1234)
        if isinstance(task, JudgedTask):
            task.check_rubrics()
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
    wholes: tuple[stock_results.Whole, ...] = ()
    """Values that are no mean over samples."""


def batch(
    loaded: Loaded, lm: StoredLM, judging: session.Session, wanted: Mapping[str, Sequence[int]], *, chat: bool
) -> dict[str, list[SampleResult]]:
    """Generate, judge and score some documents of some tasks: what `run` gives for them.

    Args:
        loaded: the tasks.
        lm: the model.
        judging: the judge.
        wanted: task -> numbers of documents, at least one; a document must not be asked for twice.
        chat: whether the chat template is applied.

    Raises:
        HarnessError: The model, the judge or a store cannot be used; single failures are data, not errors.
    """
    tasks = {name: loaded.tasks[name] for name in wanted}
    with session.entered(judging), loading.compiled_templates():
        results = lm_evaluate(
            lm=lm,
            task_dict={"tasks": tasks, "groups": {}},
            samples={name: Picked(numbers) for name, numbers in wanted.items()},
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=chat,
            fewshot_as_multiturn=False,
        )
        logged = results["samples"]
        return {name: _collect(name, task, lm, logged.get(name, ())) for name, task in tasks.items()}


def check_likelihoods(loaded: Loaded, lm: StoredLM) -> None:
    """Refuse tasks that the model cannot be asked.

    Raises:
        ModelError: The model gives no log-likelihoods, and a task wants them.
    """
    asking = sorted(name for name, task in loaded.tasks.items() if task.OUTPUT_TYPE in LIKELIHOOD)
    if asking and not lm.gives_likelihoods:
        raise no_likelihoods(asking)


def run(loaded: Loaded, lm: StoredLM, judging: session.Session, *, limit: int | None, chat: bool) -> Outcome:
    """Generate, judge, score.

    Raises:
        HarnessError: The model, the judge or a store cannot be used, or the model gives no log-likelihoods and a task wants them;
            single failures are data, not errors.
    """
    check_likelihoods(loaded, lm)
    with session.entered(judging), loading.compiled_templates():
        results = lm_evaluate(
            lm=lm,
            task_dict={"tasks": dict(loaded.tasks), "groups": dict(loaded.groups)},
            limit=limit,
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=chat,
            fewshot_as_multiturn=False,
        )
        logged = dict(results.pop("samples", {}))
        samples = {name: _collect(name, task, lm, logged.get(name, ())) for name, task in loaded.tasks.items()}
    wholes = [whole for name, task in loaded.stock.items() for whole in stock_results.wholes(name, task, logged.get(name, ()))]
    wholes += stock_results.group_wholes(loaded.groups, loaded.tasks, results, tuple(wholes))
    return Outcome(samples, dict(results), logged, tuple(wholes))


def _collect(name: str, task: SampleTask | Stock, lm: StoredLM, logged: stock_results.Logged) -> list[SampleResult]:
    if isinstance(task, Stock):
        return stock_results.collect(name, task, lm, logged)
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
                metrics={k: v for k, v in metrics.items() if not is_alias(k)},
                flags=flags(response, visible, cut),
                zh_share=han_share(visible) if task.language == DEFAULT_LANGUAGE else None,
                script_share=share(visible, task.language) if task.language != DEFAULT_LANGUAGE else None,
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
        metrics = {k: v for k, v in task.metrics(sample, verdict).items() if not is_alias(k)}
        response = Response(text=json.dumps(scores), finish_reason=FinishReason.STOP)
        prompt = lm.prompts[name, doc_id]
        collected.append(
            SampleResult(task=name, sample=sample, prompt=prompt, response=response, verdict=verdict, metrics=metrics)
        )
    return collected
