"""Baseline × benchmarks -> content hash: unit. What says the same thing twice is one bet, and one item of a test.

Near-duplicates are won or lost together: in clusters of four, counted as independent, they make a 5% test one of 12 to 16%. An
item is compared by all that a model is shown of it, so questions of one stem with other options are not taken for the same; nor
are those of one form, of which there are many (`CROWD`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from harness.data.near import clusters
from harness.pairs import Run
from harness.schema import Sample

CROWD: Final = 50
"""Different items that hang together, above which it is their form. The largest cluster of real duplicates seen has 31."""


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
    for tasks in _widest({name: frozenset(baseline.tasks(name)) for name in benchmarks}):
        texts = {one.sample.hash: shown(one.sample) for task in sorted(tasks) for one in baseline.samples[task].values()}
        _merge(found, clusters(texts, crowd=CROWD))
    return found


def _widest(tasks: Mapping[str, frozenset[str]]) -> list[frozenset[str]]:
    """Without those that are part of another: what is near in a part is near in the whole."""
    different = list(dict.fromkeys(tasks.values()))
    return [one for one in different if not any(one < other for other in different)]


def shown(sample: Sample) -> str:
    """What a model is shown of an item: the dialogue before it, the question, and the options that do not stand in it."""
    options = (text for text in sample.options.values() if text not in sample.question)
    return "\n".join([*(turn.content for turn in sample.history), sample.question, *options])


def _merge(found: dict[str, str], more: dict[str, str]) -> None:
    """Add clusters to units; a cluster that holds items of units becomes one with them."""
    members, new = _members(found), _members(more)
    for cluster, items in new.items():
        known = {found[item] for item in items if item in found}
        name = min({cluster, *known})
        together = {*items, *(item for unit in known for item in members.pop(unit))}
        members[name] = [*together]
        found |= dict.fromkeys(together, name)


def _members(units: dict[str, str]) -> dict[str, list[str]]:
    """Unit -> its items."""
    members: dict[str, list[str]] = defaultdict(list)
    for item, unit in units.items():
        members[unit].append(item)
    return members
