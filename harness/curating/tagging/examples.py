"""Labelled questions -> what a classifier is trained on: the culture's own examples, and rows that are tagged already.

`tasks/<culture>/tags/*.jsonl`, one `{"label": "a_eval/TU", "kind": "tu-spelling", "text": "…"}` a line. A label is a subject or
`none`; examples of one kind are phrased alike, so that a test which holds some of them out holds out all of the kind.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from harness.culture import ANY
from harness.curating.tagging.subjects import NONE, Subject
from harness.curating.tagging.telling import asked
from harness.data.files import decode, parse_json, read_bytes
from harness.errors import DataError, UsageError, unknown
from harness.rows import dataset, sources
from harness.rows.reading import read_rows
from harness.schema import Culture, DataRow, Frozen

FOLDER: Final = "tags"


class Example(Frozen):
    """A question and what it is about."""

    label: str
    """A subject, or `none`."""
    kind: str
    """Examples of one kind are phrased alike."""
    text: str = Field(min_length=1)


@dataclass(frozen=True)
class Taught:
    """Where examples come from, and what identifies them."""

    files: tuple[Path, ...]
    train: tuple[str, ...]
    digest: str


def examples_of(culture: Culture) -> tuple[Path, ...]:
    """The culture's own files, sorted."""
    return tuple(sorted((Path(culture.folder) / FOLDER).glob("*.jsonl")))


def taught(culture: Culture, train: Sequence[str]) -> Taught:
    """What a classifier of this culture is trained on.

    Args:
        culture: whose examples they are.
        train: sources of the culture whose categories say what they teach, or folders of data sets with tags.

    Raises:
        UsageError: something in `train` is neither.
        DataError: a file cannot be read.
    """
    files = examples_of(culture)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    for name in train:
        if name in culture.sources:
            if not culture.sources[name].areas:
                raise UsageError(f"train: source '{name}' declares no areas, so its rows are no examples")
            digests.append(sources.identities(culture, [name])[name])
        elif (Path(name) / dataset.MANIFEST).is_file():
            digests.append(dataset.read_dataset(Path(name)).rows_sha256)
        else:
            raise unknown("source or data set to train on", name, culture.sources)
    return Taught(files, tuple(train), hashlib.sha256("\x1f".join(digests).encode()).hexdigest())


def read_examples(found: Taught, culture: Culture, known: Mapping[str, Subject], most: int) -> list[Example]:
    """All of them; of each label at most `most` of each entry of `train`, chosen by hash.

    Raises:
        DataError: a line is no example, or its label is none of the culture's.
    """
    examples = [one for path in found.files for one in _of_file(path, known)]
    for name in found.train:
        examples += _of_rows(_tagged(name, culture), known, most)
    return examples


def _of_file(path: Path, known: Mapping[str, Subject]) -> Iterator[Example]:
    for line, text in enumerate(decode(read_bytes(path), path).splitlines(), 1):
        try:
            one = Example.model_validate(parse_json(text, path, line))
        except ValidationError as error:
            first = error.errors()[0]
            raise DataError(f"no example: {'.'.join(map(str, first['loc']))}: {first['msg']}", file=path, line=line) from error
        if one.label != NONE and one.label not in known:
            raise DataError(str(unknown("label", one.label, {*known, NONE})), file=path, line=line)
        yield one


def _tagged(name: str, culture: Culture) -> Iterator[DataRow]:
    """Rows with their areas."""
    if name not in culture.sources:
        yield from (row for row in dataset.read_rows(Path(name)) if row.areas)
        return
    source = culture.sources[name]
    for row in read_rows(name, source, sources.find(culture, name)):
        if isinstance(row, DataRow):
            areas = source.areas.get(row.category, source.areas.get(ANY, ()))
            if areas:
                yield row.model_copy(update={"areas": areas})


def _of_rows(rows: Iterable[DataRow], known: Mapping[str, Subject], most: int) -> list[Example]:
    """Rows of exactly one subject; those with the smallest hashes stay."""
    by_areas = {area: subject.name for subject in known.values() for area in subject.areas}
    kept: dict[str, list[tuple[int, str, str]]] = {}
    for row in rows:
        labels = {by_areas.get(area, "") for area in row.areas}
        text = asked(row)
        if len(labels) != 1 or not (label := labels.pop()) or not text.strip():
            continue
        heap = kept.setdefault(label, [])
        entry = (-int.from_bytes(hashlib.sha256(row.id.encode()).digest()[:8], "big"), row.id, text)
        heapq.heappush(heap, entry)
        if len(heap) > most:
            heapq.heappop(heap)
    return [Example(label=label, kind=name, text=text) for label in sorted(kept) for _, name, text in sorted(kept[label])]
