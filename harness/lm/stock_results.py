"""lm-eval's per-sample logs and our stored responses -> SampleResults, and scores that are no mean over samples.

Names of metrics: by the first filter of the task a metric keeps its name (`exact_match`), by any other it is followed by the
filter's (`exact_match_flexible_extract`). A name that means something else here gets `task_` before it.

A metric goes with the samples where it is their mean. Others (perplexity, BLEU, F1 over a corpus) exist only over many samples:
lm-eval's own aggregation is asked for them, over all samples and over each half.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from lm_eval.api.group import Group
from lm_eval.api.instance import Instance

from harness.judging.text import han_share, strip_reasoning
from harness.lm.flags import flags
from harness.lm.stock import Stock
from harness.lm.stored import StoredLM
from harness.schema import FinishReason, Response, SampleResult

Logged = Sequence[Mapping[str, Any]]
"""lm-eval's logged samples of one task: one a document and filter."""

TAKEN: Final = frozenset(
    {
        "score",
        "rating",
        "acc_macro",
        "rating_macro",
        "invalid",
        "unjudged",
        "rr_1",
        "rr_2",
        "hr",
        "answered",
        "zh_share",
        "script_share",
    }
)
"""Names with a meaning of their own in a run."""
_ODD: Final = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Whole:
    """A metric that exists only over many samples."""

    name: str
    """Task or group."""
    metric: str
    subset: Literal["all", "dev", "test"]
    value: float
    n: int


def metric_name(metric: str, filter_name: str, filters: Sequence[str]) -> str:
    """A metric by one of the task's filters, as it is called in a run."""
    plain = f"task_{metric}" if metric in TAKEN or metric.startswith(("acc_always_", "acc_chance")) else metric
    return plain if filter_name == filters[0] else f"{plain}_{_ODD.sub('_', filter_name).strip('_')}"


def collect(name: str, task: Stock, lm: StoredLM, logged: Logged) -> list[SampleResult]:
    """One result a document, in the benchmark's order."""
    values = _values(task, logged)
    by_doc: dict[int, list[Instance]] = {}
    for instance in task.instances:
        by_doc.setdefault(instance.doc_id, []).append(instance)
    collected = []
    for doc_id, instances in by_doc.items():
        response = _response(name, instances, lm)
        spoken = instances[0].request_type == "generate_until"
        visible, cut = strip_reasoning((response.text or "") if spoken else "")
        collected.append(
            SampleResult(
                task=name,
                sample=instances[0].sample,
                prompt=lm.prompts[name, doc_id],
                response=response,
                verdict=None,
                metrics=values.get(doc_id, {}),
                flags=flags(response, visible, cut) if spoken or response.text is None else (),
                zh_share=han_share(visible) if spoken else None,
            )
        )
    return collected


def wholes(name: str, task: Stock, logged: Logged) -> Iterator[Whole]:
    """Metrics of a task that are no mean over its samples; one without a finite value goes to the task's `troubles`."""
    samples = {instance.doc_id: instance.sample for instance in task.instances}
    for (metric, filter_name), items in _columns(logged).items():
        if _is_mean(task, metric, items):
            continue
        for subset in ("all", "dev", "test"):
            part = [value for doc_id, value in items if subset in ("all", samples[doc_id].split)]
            value = float(task.aggregation()[metric](part)) if part else math.nan
            if math.isfinite(value):
                yield Whole(name, metric_name(metric, filter_name, task.filters), subset, value, len(part))
            elif subset == "all":
                task.troubles.setdefault(metric, f"its value is {value}")


def group_wholes(
    groups: Mapping[str, Group], tasks: Mapping[str, Any], results: Mapping[str, Any], known: Iterable[Whole]
) -> Iterator[Whole]:
    """What lm-eval's groups make of such metrics, by its own aggregation."""
    found = list(known)
    for name, group in groups.items():
        leaves = [task.task_name for task in group.get_all_tasks() if isinstance(tasks.get(task.task_name), Stock)]
        row = results.get("groups", {}).get(name, {})
        for key, value in row.items():
            metric, _, filter_name = key.partition(",")
            under = [w for w in found if w.name in leaves and w.subset == "all"]
            here = [w for w in under if w.metric == metric_name(metric, filter_name, tasks[w.name].filters)]
            if here and isinstance(value, float) and math.isfinite(value):
                yield Whole(name, here[0].metric, "all", value, sum(w.n for w in here))


def _columns(logged: Logged) -> dict[tuple[str, str], list[tuple[int, Any]]]:
    """(metric, filter) -> (document, value), as lm-eval aggregates them."""
    found: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for row in logged:
        for metric in row["metrics"]:
            found.setdefault((metric, row["filter"]), []).append((row["doc_id"], row[metric]))
    return found


def _values(task: Stock, logged: Logged) -> dict[int, dict[str, float]]:
    values: dict[int, dict[str, float]] = {}
    for (metric, filter_name), items in _columns(logged).items():
        if _is_mean(task, metric, items):
            for doc_id, value in items:
                values.setdefault(doc_id, {})[metric_name(metric, filter_name, task.filters)] = float(value)
    return values


def _is_mean(task: Stock, metric: str, items: Sequence[tuple[int, Any]]) -> bool:
    return task.averages(metric) and all(_is_number(value) for _, value in items)


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, str | list | tuple | dict) and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _response(name: str, instances: Sequence[Instance], lm: StoredLM) -> Response:
    """The generated text, or all log-likelihoods of a document as one JSON list."""
    ordered = sorted(instances, key=lambda one: int(one.idx))
    parts = [lm.responses[name, one.doc_id, one.idx] for one in ordered]
    lost = next((part for part in parts if part.text is None), None)
    if ordered[0].request_type == "generate_until" or lost is not None:
        return lost or parts[0]
    return Response(text=json.dumps([json.loads(str(part.text)) for part in parts]), finish_reason=FinishReason.STOP)
