"""Culture -> every item of its benchmarks and of the retained tasks that are ours, dev and test: what no row may repeat."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from harness import folders
from harness.catalog import Catalog
from harness.mixing.contamination import BenchmarkItem
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


def items(culture: Culture, known: Catalog) -> list[BenchmarkItem]:
    """All items, benchmark by benchmark, in the order of the culture.

    An item that stands in two benchmarks (a retained task inside a group) is there twice.

    Raises:
        HarnessError: a benchmark's files are missing or broken: then nothing can be checked against it.
    """
    leaves = tuple((name, known.leaves(name)) for name in culture.tasks if name in known.entries)
    return list(_items(leaves, tuple(sorted(identity(culture, known).items()))))


def unchecked(culture: Culture, known: Catalog) -> tuple[str, ...]:
    """Tasks that are lm-eval's own, whose items are not read."""
    return tuple(name for name in culture.tasks if name not in known.entries)


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
