"""A data set of the hub -> its copy in a folder, for machines that cannot or must not download.

    $HARNESS_DATA/lm_eval/<dataset_path>/[<dataset_name>/]<split>.jsonl|json|csv|parquet

`<dataset_path>` and `<dataset_name>` are those of the task's YAML (`harness tasks NAME` shows them), `<split>` is the name of the
split; `test-00000-of-00002.parquet` is a part of one. A whole download of a hub repository works too: its README says which file
is what. Only these four kinds of file are read, as data: nothing in such a folder is ever executed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import datasets
import yaml

from harness.catalog.copies import BUILDERS, FOLDER, KINDS
from harness.errors import DataError

_PART: Final = re.compile(r"-\d{5}-of-\d{5}$")
_FRONT: Final = re.compile(r"\A---\n(.*?)\n---", re.S)


def read(root: Path, part: str | None, kwargs: Mapping[str, Any], asked: str | None) -> Any:
    """A `DatasetDict` of the copy in `root`.

    Args:
        root: the folder of the copy (`harness.catalog.copies.place`).
        part: `dataset_name` of the task.
        kwargs: its `dataset_kwargs`; `data_dir` and `data_files` are looked for in `root`.
        asked: the split that is evaluated. A folder's only file is that split, whatever its name.

    Raises:
        DataError: A file cannot be read as what its name says, or the split is not there.
    """
    found = _named(root, kwargs) or _described(root, part) or _by_name(_folder(root, part, kwargs))
    if asked and asked not in found and len(found) == 1 and len(next(iter(found.values()))) == 1:
        found = {asked: next(iter(found.values()))}
    if asked and asked not in found:
        there = ", ".join(sorted(found)) or "none"
        raise DataError(f"no split '{asked}' (a file {asked}.jsonl, .json, .csv or .parquet); splits there: {there}", file=root)
    return datasets.DatasetDict({split: _join([_table(file) for file in paths]) for split, paths in found.items()})


def beside(kwargs: dict[str, Any] | None, source: Any) -> dict[str, Any] | None:
    """`data_files` with what lies beside the task's YAML in place of names that lm-eval would look for where it was started."""
    if not kwargs or "data_files" not in kwargs or not source:
        return kwargs

    def absolute(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: absolute(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [absolute(inner) for inner in value]
        file = Path(str(source)).parent / str(value)
        return str(file) if file.is_file() else value

    return {**kwargs, "data_files": absolute(kwargs["data_files"])}


def missing(task: str, path: str | None, part: str | None, error: Exception) -> DataError:
    """One line for data that cannot be had: what, why, and the two ways to bring it."""
    offline = [name for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE") if os.environ.get(name, "0") not in {"", "0"}]
    what = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    named = f"'{path}'{f' ({part})' if part else ''}"
    where = (
        f"$HARNESS_DATA/{FOLDER}/{path}{f'/{part}' if part else ''}/<split>.jsonl"
        if path not in BUILDERS
        else "beside the task's YAML"
    )
    told = f" {' and '.join(offline)} {'is' if len(offline) == 1 else 'are'} set;" if offline else ""
    return DataError(
        f"task '{task}': its data set {named} cannot be loaded ({what});{told} put a copy at {where}, "
        "or download it once with a network (HF_DATASETS_CACHE says where it is kept)"
    )


def _folder(root: Path, part: str | None, kwargs: Mapping[str, Any]) -> Path:
    base = root / str(kwargs.get("data_dir", "."))
    places = [base / part, base / "data" / part, base / part / "data"] if part else []
    return next((one for one in (*places, base / "data", base) if one.is_dir() and any(_data_files(one))), base)


def _data_files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.iterdir()) if file.suffix in KINDS and file.is_file())


def _by_name(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in _data_files(folder) if folder.is_dir() else ():
        found.setdefault(_PART.sub("", file.stem), []).append(file)
    return found


def _named(root: Path, kwargs: Mapping[str, Any]) -> dict[str, list[Path]]:
    """The `data_files` of the task itself."""
    names = kwargs.get("data_files")
    splits = names if isinstance(names, dict) else {"train": names} if names else {}
    return {str(split): _glob(root, patterns) for split, patterns in splits.items()}


def _described(root: Path, part: str | None) -> dict[str, list[Path]]:
    """What the README of a hub repository says of a part's files."""
    readme = root / "README.md"
    front = _FRONT.match(readme.read_text(encoding="utf-8", errors="replace")) if readme.is_file() else None
    try:
        card = yaml.safe_load(front[1]) if front else None
    except yaml.YAMLError:
        return {}
    configs = card.get("configs") if isinstance(card, dict) else None
    for config in configs if isinstance(configs, list) else ():
        if config.get("config_name", "default") == (part or "default") or (part is None and config.get("default")):
            named = config.get("data_files")
            lines = named if isinstance(named, list) else [{"split": "train", "path": named}]
            return {line["split"]: _glob(root, line["path"]) for line in lines if isinstance(line, dict)}
    return {}


def _glob(root: Path, patterns: str | Sequence[str]) -> list[Path]:
    wanted = [patterns] if isinstance(patterns, str) else [str(pattern) for pattern in patterns]
    if any(pattern.startswith("/") or ".." in pattern for pattern in wanted):
        raise DataError(f"names files outside of it: {', '.join(wanted)}", file=root)
    found = sorted({file for pattern in wanted for file in root.glob(pattern) if file.suffix in KINDS})
    if not found:
        raise DataError(f"no file {', '.join(wanted)}", file=root)
    return found


def _join(tables: list[Any]) -> Any:
    return tables[0] if len(tables) == 1 else datasets.concatenate_datasets(tables)


def _table(file: Path) -> Any:
    try:
        if file.suffix == ".parquet":
            import pyarrow.parquet  # type: ignore[import-untyped]

            return datasets.Dataset(datasets.table.InMemoryTable(pyarrow.parquet.read_table(file)))
        return datasets.Dataset.from_list(_rows(file))
    except DataError:
        raise
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"cannot be read as {file.suffix[1:]} ({' '.join(str(error).split())[:200]})", file=file) from error


def _rows(file: Path) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text)))
    if file.suffix == ".json" and text.lstrip().startswith("["):
        return list(json.loads(text))
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise DataError(f"not JSON ({error})", file=file, line=number) from None
    return rows
