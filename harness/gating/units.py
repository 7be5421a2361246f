"""Baseline × benchmarks -> content hash: unit. What says the same thing twice is one bet, and one item of a test.

Near-duplicates are won or lost together: in clusters of four, counted as independent, they make a 5% test one of 12 to 16%. An
item is compared by all that a model is shown of it, so questions of one stem with other options are not taken for the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from harness.data.near import clusters
from harness.pairs import Run
from harness.schema import Sample


def units(baseline: Run, benchmarks: Iterable[str]) -> dict[str, str]:
    """Content hash -> its unit, for every item of some benchmarks.

    Looked for in each benchmark by itself, over all its items, so that a unit does not depend on which of them a line chooses.
    Items that two benchmarks share belong to one unit in both.

    Args:
        baseline: the run that the candidate is compared with.
        benchmarks: benchmarks, groups or tasks of that run.

    Raises:
        DataError: a sample file is missing or changed.
    """
    found: dict[str, str] = {}
    for name in dict.fromkeys(benchmarks):
        texts = {one.sample.hash: shown(one.sample) for task in baseline.tasks(name) for one in baseline.samples[task].values()}
        _merge(found, clusters(texts))
    return found


def shown(sample: Sample) -> str:
    """What a model is shown of an item: the dialogue before it, the question, and the options that do not stand in it."""
    options = (text for text in sample.options.values() if text not in sample.question)
    return "\n".join([*(turn.content for turn in sample.history), sample.question, *options])


def _merge(found: dict[str, str], more: dict[str, str]) -> None:
    """Add clusters to units; a cluster that holds items of units becomes one with them."""
    members: dict[str, list[str]] = defaultdict(list)
    for item, cluster in more.items():
        members[cluster].append(item)
    for cluster, items in members.items():
        known = {found[item] for item in items if item in found}
        name = min({cluster, *known})
        for item in [one for one, unit in found.items() if unit in known] if known else ():
            found[item] = name
        found |= dict.fromkeys(items, name)
