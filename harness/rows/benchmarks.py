"""Culture -> every item of its benchmarks and retained tasks, dev and test: what no row may repeat.

The data of retained tasks of lm-eval's may not be here and then cannot be compared with; a benchmark's must be. A mix, made for
one culture, is compared with what that culture measures (`items`). A data set outlives the culture that it was made for, so its
rows are compared with every benchmark of all homes (`registered`); of those that are not the culture's own, the files may be
missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from harness import folders
from harness.catalog import Catalog, Entry, copies, yaml_files
from harness.catalog import read as read_catalog
from harness.data.fetch import DataFile, is_here
from harness.errors import DataError, HarnessError, UsageError
from harness.rows.contamination import BenchmarkItem
from harness.schema import Culture, Message, Sample

TURN: Final = 9
"""Characters of an earlier turn of a dialogue below which it is too common to belong to a benchmark (`你好`)."""


def identity(culture: Culture, known: Catalog) -> dict[str, str]:
    """Task of the culture -> digest of its YAML and of the files beside it: what rows are compared with, without loading it."""
    found = {}
    for name in culture.tasks:
        for leaf in known.leaves(name) if name in known.entries or name in culture.benchmarks else ():
            entry = known.find(leaf)
            digest = hashlib.sha256(entry.digest.encode())
            for file in (*entry.files, *(() if entry.native else copies.files(entry.dataset))):
                digest.update(file.read_bytes())
            found[leaf] = digest.hexdigest()
    return found


@dataclass(frozen=True)
class Items:
    """What rows are compared with."""

    items: list[BenchmarkItem]
    """Task by task, in the order of the culture. An item that stands in two (a retained task inside a group) is there twice."""
    unread: dict[str, str]
    """Retained task of lm-eval's whose data cannot be had -> why."""


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
                if name in culture.benchmarks:
                    raise
                unread[name] = str(error)
    return Items(found, unread)


def _foreign(name: str, known: Catalog) -> list[BenchmarkItem]:
    """Items of a task or group of lm-eval's, as it asks them."""
    return _named(name, _samples([name], known), known)


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


@dataclass(frozen=True)
class Registered:
    """What the rows of a data set are compared with."""

    items: tuple[BenchmarkItem, ...]
    """The culture's own benchmarks first; one that stands in several is named after the first."""
    compared: dict[str, int]
    """Benchmark -> its items."""
    unread: dict[str, str]
    """Benchmark or retained task that cannot be read -> why."""


def registered(culture: Culture) -> Registered:
    """Every item of every benchmark of all homes, and of the tasks that the culture retains.

    Raises:
        DataError: one of the culture's own benchmarks cannot be read, or a task file is broken.
    """
    return _registered(culture.name, culture.tasks, tuple(culture.benchmarks), registered_identity(culture))


def registered_identity(culture: Culture) -> str:
    """SHA-256 over the files that define the benchmarks, which of the published data is here, and local copies of lm-eval's.

    Computed without lm-eval: 0.2 s instead of 4. What a hub cache of another program holds is not seen.
    """
    known, digest = read_catalog(), hashlib.sha256(" ".join(culture.tasks).encode())
    files: set[Path] = set()
    for name in (*_names(culture.tasks, known), *culture.tasks):
        with suppress(UsageError):
            for entry in map(known.find, known.leaves(name)):
                digest.update(f"\n{name} {entry.name} {entry.digest} {_here(entry)}".encode())
                files |= {*entry.files, *copies.files(entry.dataset)}
    for file in sorted(files):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _names(own: Iterable[str], known: Catalog) -> tuple[str, ...]:
    """Benchmarks of the task folders: the culture's own, then the others."""
    first = [name for name in own if name in known.entries]
    return tuple(dict.fromkeys((*first, *known.benchmarks(known.roots()))))


def _here(entry: Entry) -> bool | None:
    """Whether the published file of a task is on this machine; None if it needs none."""
    source = yaml_files.load(entry.path)[0].get("dataset_kwargs") if entry.native else None
    if not isinstance(source, dict) or not {"path", "url", "sha256"} <= set(source):
        return None
    return is_here(DataFile(str(source["path"]), str(source["url"]), str(source["sha256"])))


@lru_cache(maxsize=4)
def _registered(
    culture: str,
    own: tuple[str, ...],
    needed: tuple[str, ...],
    digest: str,  # noqa: ARG001 - for the cache
) -> Registered:
    known = read_catalog()
    native = _names(own, known)
    found: list[BenchmarkItem] = []
    compared: dict[str, int] = {}
    unread: dict[str, str] = {}
    samples = _together(native, known)
    for name in dict.fromkeys((*native, *own)):
        try:
            items = _named(name, samples or _samples([name], known), known) if name in native else _foreign(name, known)
        except HarnessError as error:
            if name in needed or (name in own and name in native):
                raise DataError(
                    f"curation ends here: benchmark '{name}' of culture '{culture}' cannot be read, so no row can be compared "
                    f"with it: {error}"
                ) from error
            unread[name] = str(error).partition(";")[0]  # what to do about it names folders of this machine
        else:
            found += items
            compared[name] = len(items)
    return Registered(tuple(found), compared, unread)


def _together(names: Sequence[str], known: Catalog) -> dict[str, list[Sample]] | None:
    """The samples of all, in half the time that one after the other takes; None if one cannot be read."""
    try:
        return _samples(names, known)
    except HarnessError:
        return None


def _samples(names: Sequence[str], known: Catalog) -> dict[str, list[Sample]]:
    """Task -> its samples, of all tasks under the names."""
    from harness.lm import run

    leaves = list(dict.fromkeys(leaf for name in names for leaf in known.leaves(name)))
    for entry in map(known.find, leaves):
        if entry.objection:
            raise DataError(f"task '{entry.name}' is not loaded: {entry.objection}")
    loaded = run.load(leaves, folders.task_folders(), {}, {}, known.under(names), {})
    return {leaf: loaded.items(leaf) for leaf in loaded.tasks}


def _named(name: str, samples: Mapping[str, list[Sample]], known: Catalog) -> list[BenchmarkItem]:
    """What stands under one name."""
    found = (one for leaf in known.leaves(name) for one in samples[leaf])
    return [BenchmarkItem(name, one.id, (one.question, *_earlier(one.history))) for one in found]
