"""Catalog × benchmark -> the tasks that are there to be mended, their dimensions, their metrics.

Where the task YAML states no dimensions, what is said of all stands under `*`; the dimensions of lm-eval's own are those of
`Catalog.places`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from harness.catalog import Catalog, Entry, Place

ANY: Final = "*"
"""Stands for every dimension, where the task YAML does not say which there are."""
NO_STANDARD: Final = frozenset({"acc_macro", "rating_macro", "invalid", "unjudged"})
"""Metrics of a task that say nothing of a dimension: copies of others, and trouble counted."""


def mended(catalog: Catalog, benchmark: str, retained: Iterable[str]) -> tuple[str, ...]:
    """The tasks of a benchmark without those that are retained, by themselves or with a group."""
    own = benchmark in catalog.entries
    kept = {leaf for name in retained if name in catalog.entries or not own for leaf in catalog.leaves(name)}
    return tuple(leaf for leaf in catalog.leaves(benchmark) if leaf not in kept)


def places_in(catalog: Catalog, benchmark: str, entries: Iterable[Entry]) -> dict[str, Place]:
    """Task of lm-eval's own among the tasks of a benchmark -> where its samples stand."""
    foreign = {entry.name for entry in entries if entry.origin == "lm-eval"}
    return {leaf: place for leaf, place in catalog.places((benchmark,)).items() if leaf in foreign} if foreign else {}


def dimensions_of(entries: Iterable[Entry], places: Mapping[str, Place] | None = None) -> tuple[str, ...]:
    """Dimensions of tasks, in their order; empty if one of them does not say its own.

    Args:
        entries: tasks.
        places: of those that are lm-eval's own, as `places_in` finds them.
    """
    found = [
        places[entry.name].dimension if places and entry.name in places else entry.metadata.get("dimension") for entry in entries
    ]
    return tuple(dict.fromkeys(str(name) for name in found)) if all(found) else ()


def said_by_lm_eval(metric: str, listed: Iterable[str], entries: Iterable[Entry]) -> bool:
    """Whether a metric may be one of lm-eval's own tasks: their code may give more than they list, by several filters."""
    if any(entry.origin != "lm-eval" for entry in entries):
        return False
    return not listed or any(metric.startswith(f"{name}_") for name in listed)


def metrics_of(entry: Entry) -> frozenset[str]:
    """Metrics that a task's YAML lists."""
    return frozenset(_listed(entry.path))


def _listed(path: Path) -> Iterator[str]:
    """From the file, or else from what it includes (the catalog has read all of them before)."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    config = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - makes nothing but texts, lists and mappings
    if listed := config.get("metric_list"):
        yield from (str(one["metric"]) for one in listed if isinstance(one, dict) and "metric" in one)
        return
    included = config.get("include", [])
    for name in included if isinstance(included, list) else [included]:
        yield from _listed((path.parent / name).resolve())
