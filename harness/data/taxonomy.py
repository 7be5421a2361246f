"""A data file's area and category labels -> (dimension code, topic). One `taxonomy.json` in each benchmark's task folder.

Upstream spells one category several ways (with and without a final 内容, 侵犯 and 侵害), and the refusal file gives no area at
all. So every spelling that occurs is listed, and nothing is guessed: a label that is not listed is an error, because a silently
added category would shift every macro average.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError, model_validator

from harness.data.files import read_json
from harness.errors import DataError
from harness.schema import Frozen


class Topic(Frozen):
    """A sub-category."""

    code: str
    """Ours, e.g. `DI-3`; the order is that of the benchmark's own figure."""
    zh: str
    """Canonical spelling; becomes `Sample.topic`."""
    en: str
    """English name as in the benchmark's figures; unlike `zh` not unique ("Others")."""
    labels: tuple[str, ...]
    """Every spelling in the data files."""
    counts: dict[str, int]
    """Short name of a data file (`Taxonomy.files`) -> items; a file without any is absent."""


class Dimension(Frozen):
    """An area: a handful of topics under one code."""

    code: str
    """The papers' code, e.g. `DI`; becomes `Sample.dimension`."""
    zh: str
    en: str
    labels: tuple[str, ...]
    counts: dict[str, int]
    topics: tuple[Topic, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Dimension:
        total: Counter[str] = Counter()
        for topic in self.topics:
            total.update(topic.counts)
        if dict(total) != self.counts:
            raise ValueError(f"counts of {self.code} are {self.counts}, those of its topics add up to {dict(total)}")
        return self


class Taxonomy(Frozen):
    """The whole tree of one benchmark."""

    schema_version: Literal["harness.taxonomy/1"]
    files: dict[str, str]
    """Short name -> path of the data file, as in `DataFile.path`."""
    pooled_labels: tuple[str, ...] = ()
    """Area labels that say nothing: the dimension is then that of the topic."""
    dimensions: tuple[Dimension, ...]

    @model_validator(mode="after")
    def _unambiguous(self) -> Taxonomy:
        areas = [label for d in self.dimensions for label in d.labels] + list(self.pooled_labels)
        topics = [topic for d in self.dimensions for topic in d.topics]
        _unique("area label", areas)
        _unique("topic label", [label for topic in topics for label in topic.labels])
        _unique("code", [d.code for d in self.dimensions] + [topic.code for topic in topics])
        _unique("topic name", [topic.zh for topic in topics])
        strange = {name for d in self.dimensions for name in d.counts} - self.files.keys()
        if strange:
            raise ValueError(f"counts name files that 'files' lacks: {', '.join(sorted(strange))}")
        return self


@dataclass(frozen=True)
class Place:
    """Where an item belongs."""

    dimension: str
    """Code."""
    topic: str
    """Canonical Chinese name."""
    topic_en: str


def load_taxonomy(path: Path) -> Taxonomy:
    """Read a `taxonomy.json`.

    Raises:
        DataError: missing, not JSON, not a taxonomy, ambiguous, or with counts that do not add up.
    """
    raw = read_json(path)
    try:
        return Taxonomy.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "taxonomy"
        raise DataError(f"not a taxonomy: {where}: {first['msg']}", file=path) from error


def place(taxonomy: Taxonomy, area: str, topic: str) -> Place:
    """Find the dimension and topic that two labels of a data file mean. Labels must match a listed spelling exactly.

    Raises:
        DataError: a label is not listed (near matches are named), or the topic belongs to another area than the one given. It
            names no file: the reader that knows the place adds it.
    """
    home, found = _topic(taxonomy, topic)
    if area not in taxonomy.pooled_labels:
        stated = next((d for d in taxonomy.dimensions if area in d.labels), None)
        if stated is None:
            raise _unknown("area", area, [*taxonomy.pooled_labels, *(label for d in taxonomy.dimensions for label in d.labels)])
        if stated is not home:
            raise DataError(f"category '{topic}' belongs to {home.code} {home.zh}, not to area '{area}' ({stated.code})")
    return Place(dimension=home.code, topic=found.zh, topic_en=found.en)


def _topic(taxonomy: Taxonomy, label: str) -> tuple[Dimension, Topic]:
    for dimension, topic in _topics(taxonomy):
        if label in topic.labels:
            return dimension, topic
    raise _unknown("category", label, [known for _, topic in _topics(taxonomy) for known in topic.labels])


def _topics(taxonomy: Taxonomy) -> Iterator[tuple[Dimension, Topic]]:
    for dimension in taxonomy.dimensions:
        for topic in dimension.topics:
            yield dimension, topic


def _unknown(kind: str, label: str, known: list[str]) -> DataError:
    near = difflib.get_close_matches(label[:100], known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
    return DataError(f"unknown {kind} label '{label[:100]}'; {hint}")


def _unique(what: str, names: Iterable[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"{what} stands twice: {', '.join(twice)}")
