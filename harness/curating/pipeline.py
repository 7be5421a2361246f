"""TOML -> Pipeline: which sources, which steps, in which order.

    name = "alpaca_zh"
    culture = "zh_cn"
    sources = ["alpaca_gpt4_zh", { path = "mine.jsonl", format = "alpaca", licence = "CC0-1.0", name = "mine" }]

    [[step]]
    use = "length"
    least_reply = 2

Presets lie with their culture: `tasks/<culture>/pipelines/<name>.toml`, written `zh_cn/alpaca_zh`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

from harness import folders
from harness.curating.contract import StepSettings
from harness.curating.steps import STEPS, settings_of
from harness.data.files import decode, read_bytes
from harness.errors import DataError, UsageError, unknown
from harness.rows.formats import FORMATS
from harness.rows.guessing import AUTO, guess
from harness.schema import Frozen, Source

FOLDER: Final = "pipelines"
CONTAMINATION: Final = "contamination"
"""The step that no data set goes without."""


class OwnSource(Source):
    """A file that the pipeline names itself; its `path` is relative to the pipeline's file."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")


class _File(Frozen):
    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    about: str = ""
    culture: str
    sources: tuple[str | OwnSource, ...] = Field(min_length=1)
    seed: int = 1234
    step: tuple[dict[str, Any], ...] = ()


class Pipeline(Frozen):
    """What a data set is made by."""

    name: str
    about: str
    culture: str
    sources: tuple[str | OwnSource, ...]
    """Names that the culture declares, or files of the pipeline's own."""
    seed: int
    steps: tuple[StepSettings, ...]
    folder: str
    """Where its file lies."""


def presets() -> dict[str, Path]:
    """`culture folder/name` -> file, of all homes, sorted."""
    found: dict[str, Path] = {}
    for tasks in folders.task_folders():
        for path in tasks.glob(f"*/{FOLDER}/*.toml"):
            found.setdefault(f"{path.parents[1].name}/{path.stem}", path)
    return dict(sorted(found.items()))


def load(name_or_path: str) -> Pipeline:
    """A preset by name, or a file.

    Raises:
        UsageError: there is neither.
        DataError: the file is no pipeline; names what is wrong.
    """
    path = Path(name_or_path).expanduser()
    known = presets()
    if name_or_path in known:
        path = known[name_or_path]
    elif not path.is_file():
        if path.suffix == ".toml":
            raise UsageError(f"there is no pipeline at '{name_or_path}'")
        raise unknown("pipeline", name_or_path, known)
    try:
        table = tomllib.loads(decode(read_bytes(path), path))
        file = _File.model_validate(table)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML: {error}", file=path) from error
    except ValidationError as error:
        raise DataError(_complaint("", error, _File), file=path) from error
    _check_names(file.sources, path)
    return Pipeline(
        name=file.name,
        about=file.about,
        culture=file.culture,
        sources=file.sources,
        seed=file.seed,
        steps=tuple(_step(number, table, path) for number, table in enumerate(file.step, 1)),
        folder=str(path.parent),
    )


def with_sources(pipeline: Pipeline, given: Sequence[str]) -> Pipeline:
    """The same steps on other sources: names that the culture declares, or `FORMAT:PATH`; the format `auto` is guessed.

    Raises:
        UsageError: a `FORMAT:PATH` names no known format, or one is given twice.
        DataError: a format is to be guessed, and the file is not there or of none.
    """
    found: list[str | OwnSource] = []
    for text in given:
        one = _given(text)
        if one in found:
            raise UsageError(f"source '{text}' is given twice")
        found.append(_renamed(one, {other if isinstance(other, str) else other.name for other in found}))
    return pipeline.model_copy(update={"sources": tuple(found)})


def _given(text: str) -> str | OwnSource:
    format_, colon, place = text.partition(":")
    if not colon or format_ == "demo" or "=" in format_:
        if Path(text).expanduser().exists():
            raise UsageError(f"'{text}' is no source but a file; say its format: {AUTO}:{text}, or one of {', '.join(FORMATS)}")
        return text
    if format_ not in (AUTO, *FORMATS):
        raise unknown("format", format_, (AUTO, *FORMATS))
    path = Path(place).expanduser().absolute()
    if format_ == AUTO:
        format_ = guess(path)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", path.stem) or "given"
    return OwnSource.model_validate({"name": name, "path": str(path), "format": format_})


def _renamed(one: str | OwnSource, taken: set[str]) -> str | OwnSource:
    """Files of one name in several folders: rows are named after their source, so the later ones get a number."""
    if isinstance(one, str) or one.name not in taken:
        return one
    number = next(n for n in count(2) if f"{one.name}-{n}" not in taken)
    return one.model_copy(update={"name": f"{one.name}-{number}"})


def with_contamination(pipeline: Pipeline) -> Pipeline:
    """The pipeline, with the comparison against all benchmarks as its last step if it has none: nothing goes without it."""
    if any(step.use == CONTAMINATION for step in pipeline.steps) or CONTAMINATION not in STEPS:
        return pipeline
    step = settings_of(CONTAMINATION).model_validate({"use": CONTAMINATION})
    return pipeline.model_copy(update={"steps": (*pipeline.steps, step)})


def canonical(pipeline: Pipeline) -> str:
    """Its steps as JSON, for the manifest: what `refine` checks new answers with."""
    return json.dumps([step.model_dump(mode="json") for step in pipeline.steps], ensure_ascii=False, sort_keys=True)


def _step(number: int, table: dict[str, Any], path: Path) -> StepSettings:
    where = f"step {number}"
    name = table.get("use")
    if not isinstance(name, str):
        raise DataError(f"{where}: has no 'use'; it names what the step does", file=path)
    try:
        return settings_of(name).model_validate(table)
    except UsageError as error:
        raise DataError(f"{where}: {error}", file=path) from error
    except ValidationError as error:
        raise DataError(_complaint(f"{where} ({name}): ", error, settings_of(name)), file=path) from error


def _complaint(where: str, error: ValidationError, of: type[Frozen]) -> str:
    """The first mistake; of a source, that of the kind which was written: a name, or a table."""
    found = [
        one for one in error.errors() if not (one["loc"][:1] == ("sources",) and one["loc"][2:] == ("str",))
    ] or error.errors()
    first = found[0]
    name = ".".join(str(part) for part in first["loc"] if part != OwnSource.__name__)
    if first["type"] == "extra_forbidden":
        fields = OwnSource.model_fields if first["loc"][0] == "sources" else of.model_fields
        return f"{where}{unknown('setting', name.rpartition('.')[2], fields)}"
    return f"{where}'{name}': {first['msg'].removeprefix('Value error, ')}"


def _check_names(sources: Sequence[str | OwnSource], path: Path) -> None:
    names = [one if isinstance(one, str) else one.name for one in sources]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"'sources': two are named '{twice}'; rows are named after their source, so each needs its own", file=path
        )


def digest(*parts: str) -> str:
    """SHA-256 of texts, in order."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
