"""Culture -> every item of its benchmarks and retained tasks, dev and test: what no row may repeat.

The data of lm-eval's own tasks may not be here and then cannot be compared with; a benchmark's must be.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from harness import folders
from harness.catalog import Catalog
from harness.errors import HarnessError
from harness.rows.contamination import BenchmarkItem
from harness.schema import Culture, Message

TURN: Final = 9
"""Characters of an earlier turn of a dialogue below which it is too common to belong to a benchmark (`你好`)."""


def identity(culture: Culture, known: Catalog) -> dict[str, str]:
    """Task of the culture -> digest of its YAML and of the files beside it: what rows are compared with, without loading it."""
    found = {}
    for name in culture.tasks:
        for leaf in known.leaves(name) if name in known.entries else ():
            entry = known.find(leaf)
            digest = hashlib.sha256(entry.digest.encode())
            for file in entry.files:
                digest.update(file.read_bytes())
            found[leaf] = digest.hexdigest()
    return found


@dataclass(frozen=True)
class Items:
    """What rows are compared with."""

    items: list[BenchmarkItem]
    """Task by task, in the order of the culture. An item that stands in two (a retained task inside a group) is there twice."""
    unread: dict[str, str]
    """Task of lm-eval's whose data cannot be had -> why."""


def items(culture: Culture, known: Catalog) -> Items:
    """All items.

    Raises:
        HarnessError: a benchmark's files are missing or broken: then nothing can be checked against it.
    """
    leaves = tuple((name, known.leaves(name)) for name in culture.tasks if name in known.entries)
    found = list(_items(leaves, tuple(sorted(identity(culture, known).items()))))
    unread = {}
    for name in culture.tasks:
        if name not in known.entries:
            try:
                found += _foreign(name, known)
            except HarnessError as error:
                unread[name] = str(error)
    return Items(found, unread)


def _foreign(name: str, known: Catalog) -> list[BenchmarkItem]:
    """Items of a task or group of lm-eval's, as it asks them."""
    from harness.lm import run

    loaded = run.load([name], folders.task_folders(), {}, {}, known.under([name]), {})
    return [BenchmarkItem(name, sample.id, (sample.question,), None) for leaf in loaded.tasks for sample in loaded.items(leaf)]


@lru_cache(maxsize=4)
def _items(
    leaves: tuple[tuple[str, tuple[str, ...]], ...],
    digests: tuple[tuple[str, str], ...],  # noqa: ARG001 - for the cache: two stages of one adaptation ask for the same items
) -> tuple[BenchmarkItem, ...]:
    from harness.lm import run
    from harness.lm.datasets import demo, sample_of

    asked = sorted({leaf for _, found in leaves for leaf in found})
    tasks = run.load(asked, folders.task_folders(), {}, {}).tasks
    found = []
    for name, those in leaves:
        for leaf in those:
            generator = "demo" if tasks[leaf].config.custom_dataset is demo else None
            for sample in map(sample_of, tasks[leaf].eval_docs):
                found.append(BenchmarkItem(name, sample.id, (sample.question, *_earlier(sample.history)), generator))
    return tuple(found)


def _earlier(history: tuple[Message, ...]) -> tuple[str, ...]:
    return tuple(turn.content for turn in history if len(turn.content) >= TURN)
