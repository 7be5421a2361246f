"""Sample files -> `datasets.Dataset`, for the `custom_dataset:` line of a task YAML.

lm-eval calls `f(**metadata, **dataset_kwargs)`. `metadata` holds the YAML's own metadata, what the run adds (`--metadata`, our
`--keys`) and `config_source`, the YAML's path; paths in a YAML are relative to it. Unknown keywords are swallowed because
lm-eval also passes all model arguments. Each row carries the whole `Sample` as JSON (`sample`) beside the plain columns that
prompt templates and lm-eval's logs want: Arrow would merge the option letters of all rows into one struct.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import datasets
from pydantic import ValidationError

from harness.data import readers
from harness.data.fetch import DataFile, locate
from harness.data.files import decode, read_bytes
from harness.data.hashing import assign_splits, content_hash
from harness.data.keys import Key, apply_key, load_key
from harness.data.taxonomy import load_taxonomy
from harness.errors import DataError, unknown
from harness.schema import Sample

Splits = dict[str, datasets.Dataset]

READERS = {
    "a_eval": readers.a_eval,
    "belle": readers.belle,
    "chisafetybench_mcq": readers.chisafetybench_mcq,
    "chisafetybench_refusal": readers.chisafetybench_refusal,
    "chisafetybench_dialogue": readers.chisafetybench_dialogue,
}


def dataset(samples: Iterable[Sample]) -> Splits:
    """Samples as lm-eval's `test` split, one row each; `sample_of` is the way back."""
    return {"test": _table(tuple(sample.model_dump_json() for sample in samples))}


@lru_cache(maxsize=64)
def _table(samples: tuple[str, ...]) -> datasets.Dataset:
    """The same rows once a process: every command that loads a task makes its table, 5 ms each, and none changes it."""
    rows = [
        {
            "id": s.id,
            "question": s.question,
            "dimension": s.dimension,
            "topic": s.topic or "",
            "level": s.level or "",
            "choices": list(s.options),
            "target": s.target or "",
            "gold": list(s.options).index(s.target) if s.target in s.options else -1,
            "sample": text,
        }
        for text, s in ((text, Sample.model_validate_json(text)) for text in samples)
    ]
    return datasets.Dataset.from_list(rows)


def sample_of(doc: Mapping[str, Any]) -> Sample:
    """The Sample behind a row."""
    return Sample.model_validate_json(doc["sample"])


def sample_behind(request: Any) -> Sample:
    """The Sample that a request asks: put on it by `harness.lm.stock`, or the row itself."""
    own: Sample | None = getattr(request, "sample", None)
    return own or sample_of(request.doc)


def published(
    *,
    reader: str,
    taxonomy: str,
    path: str,
    url: str,
    sha256: str,
    dimension: str,
    keyed_only: bool = False,
    **settings: Any,
) -> Splits:
    """One dimension of a published data file, with the answer key applied.

    Args:
        reader: Name in `READERS`.
        taxonomy: Label map of the benchmark, relative to the YAML.
        path: Name under `$HARNESS_DATA` and the cache.
        url: Pinned address to download it from.
        sha256: What the file must hash to.
        dimension: Code of the dimension to keep.
        keyed_only: Drop samples without a usable key (likelihood tasks need a target).
        **settings: The YAML's `keys:`, and what the run adds (see `key_of`).

    Raises:
        DataError: The file, its taxonomy or its key is missing or not what it should be.
    """
    if reader not in READERS:
        raise unknown("reader", reader, READERS)
    file = locate(DataFile(path=path, url=url, sha256=sha256))
    return _finish(list(_read(reader, file, sha256, beside(settings, taxonomy))), dimension, keyed_only, settings)


def jsonl(*, file: str, dimension: str | None = None, keyed_only: bool = False, **settings: Any) -> Splits:
    """A user's own benchmark: one JSON object a line with fields of `Sample`; only `question` and `dimension` must be there.

    `about` is for those who read the file, and is left out.

    Raises:
        DataError: A line is not such an object (file and line are named).
    """
    where = beside(settings, file)
    samples = assign_splits(
        [_own_sample(where, n, line) for n, line in enumerate(decode(read_bytes(where), where).split("\n"), 1) if line.strip()]
    )
    return _finish(samples, dimension, keyed_only, settings)


def demo(*, part: str, dimension: str | None = None, size: str = "full", **settings: Any) -> Splits:
    """Held-out items of the demo world (`harness.demo`)."""
    from harness.demo.benchmark import read

    return _finish(read(part, "small" if size == "small" else "full"), dimension, False, settings)


def key_of(settings: Mapping[str, Any]) -> Key | None:
    """The answer key a task is scored with: the run's `key_files` (benchmark or task name -> path) before the YAML's `keys:`."""
    chosen = covering(settings.get("key_files"), settings)
    if chosen is not None:
        return _load_key(Path(chosen))
    return _load_key(beside(settings, settings["keys"])) if settings.get("keys") else None


def covering(chosen: Mapping[str, str] | None, settings: Mapping[str, Any]) -> str | None:
    """What a run's choices (benchmark, its family or '' for all -> choice) say of a task; of several the nearest one."""
    found = {name: value for name, value in dict(chosen or {}).items() if _covers(name, settings)}
    return found[max(found, key=len)] if found else None


def beside(settings: Mapping[str, Any], name: str) -> Path:
    """A path written in a YAML: absolute, or relative to that YAML."""
    path = Path(name).expanduser()
    return path if path.is_absolute() else Path(str(settings.get("config_source", "."))).parent / path


@cache
def _read(reader: str, file: Path, sha256: str, taxonomy: Path) -> tuple[Sample, ...]:  # noqa: ARG001 - the hash is for the cache
    """Each file is read once, not once a dimension: 21 tasks took 6 s to load, now 1.5 s."""
    return tuple(READERS[reader](file, load_taxonomy(taxonomy)))


@cache
def _key(path: Path, changed: int) -> Key:  # noqa: ARG001 - the time of change is for the cache
    return load_key(path)


def _load_key(path: Path) -> Key:
    try:
        return _key(path, path.stat().st_mtime_ns)
    except OSError:
        return load_key(path)


def _covers(name: str, settings: Mapping[str, Any]) -> bool:
    benchmark = str(settings.get("benchmark", ""))
    return name in {"", benchmark} or benchmark.startswith(f"{name}_")


def _finish(samples: list[Sample], dimension: str | None, keyed_only: bool, settings: Mapping[str, Any]) -> Splits:
    kept = [s for s in samples if dimension in {None, s.dimension}]
    if not kept:
        raise DataError(f"no sample of dimension '{dimension}'; there are: {', '.join(sorted({s.dimension for s in samples}))}")
    key = key_of(settings)
    if key is not None:
        kept = apply_key(kept, key, settings.get("key_min_confidence"))
    return dataset(s for s in kept if s.target is not None or not keyed_only)


def _own_sample(path: Path, number: int, line: str) -> Sample:
    try:
        row = json.loads(line)
        row.pop("about", None)
        question = row["question"].strip()
        return Sample.model_validate({"id": str(number), "hash": content_hash(question), **row, "question": question})
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        text = error.errors()[0] if isinstance(error, ValidationError) else error
        raise DataError(f"not a sample with 'question' and 'dimension' ({text})", file=path, line=number) from None
