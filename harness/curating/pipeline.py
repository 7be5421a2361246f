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
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

from harness import folders
from harness.curating.contract import StepSettings
from harness.curating.steps import settings_of
from harness.data.files import decode, read_bytes
from harness.errors import DataError, UsageError, unknown
from harness.schema import Frozen, Source

FOLDER: Final = "pipelines"


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
        raise DataError(_complaint("", error), file=path) from error
    return Pipeline(
        name=file.name,
        about=file.about,
        culture=file.culture,
        sources=file.sources,
        seed=file.seed,
        steps=tuple(_step(number, table, path) for number, table in enumerate(file.step, 1)),
        folder=str(path.parent),
    )


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
        raise DataError(_complaint(f"{where} ({name}): ", error), file=path) from error


def _complaint(where: str, error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return f"{where}'{name}': {first['msg'].removeprefix('Value error, ')}"


def digest(*parts: str) -> str:
    """SHA-256 of texts, in order."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
