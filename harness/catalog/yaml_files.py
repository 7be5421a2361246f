"""One task YAML -> Entry, without importing lm-eval and without running anything that the file names.

The YAML is the manifest; this module only reads it. lm-eval drops a file that does not parse at debug level, so that a task is
just not there; here such a file is an error that names it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from harness.errors import DataError

Origin = Literal["harness", "lm-eval"]

MAX_NAME = 200
"""A longer string in a YAML is no file name."""
NATIVE: Final = "harness.lm.tasks."
"""Where our own task classes are; a task without one of them is lm-eval's to prompt and score."""


class Function(str):
    """The text behind `!function`."""

    __slots__ = ()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader is optional
    """YAML with `!function` left as text: nothing is imported while listing."""


_Loader.add_constructor("!function", lambda loader, node: Function(loader.construct_scalar(node)))


@dataclass(frozen=True)
class Entry:
    """One task or group that can be asked for."""

    name: str
    alias: str
    path: Path
    """Its YAML file; for a tag the folder of lm-eval's tasks."""
    children: tuple[str, ...]
    """Members of a group; empty for a task."""
    aggregates: bool
    """Whether a group has scores of its own."""
    metadata: Mapping[str, Any]
    output_type: str
    digest: str
    """SHA-256 over the YAML and what it includes."""
    files: tuple[Path, ...]
    """Files beside the YAML that it names: key, rubric, taxonomy, samples, functions."""
    origin: Origin = "harness"
    native: bool = True
    """One of our own task classes prompts and scores it; else lm-eval does."""
    tag: bool = False
    """Only a word for several tasks."""
    inline: bool = False
    """A group that is written inside another group's file."""
    dataset: str = ""
    """`dataset_path`."""
    part: str = ""
    """`dataset_name`."""
    objection: str = ""
    """Why it is never run; empty where nothing speaks against it."""

    @property
    def is_group(self) -> bool:
        """Whether this stands for other entries."""
        return bool(self.children)

    @property
    def kind(self) -> str:
        """`task` or `group` of a task folder, or `lm-eval`."""
        return "lm-eval" if self.origin == "lm-eval" else "group" if self.is_group else "task"


def load(path: Path, seen: tuple[Path, ...] = ()) -> tuple[dict[str, Any], str, tuple[Path, ...]]:
    """The merged mapping (local keys win, as in lm-eval), a digest of all bytes read, and the Python files it names.

    Raises:
        DataError: It or a file it includes cannot be read, is not YAML, or includes itself.
    """
    if path in seen:
        raise DataError("includes itself", file=path)
    raw, config = _parse(path)
    digest, code, merged = hashlib.sha256(raw), set(_code(path, config)), dict[str, Any]()
    includes = config.pop("include", [])
    for name in includes if isinstance(includes, list) else [includes]:
        included, inner, named = load((path.parent / str(name)).resolve(), (*seen, path))
        merged |= {key: value for key, value in included.items() if key != "task_list"}
        digest.update(inner.encode())
        code.update(named)
    return merged | config, digest.hexdigest(), tuple(sorted(code))


def _parse(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        raw = path.read_bytes()
        config = _parsed(raw)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=path) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or error
        raise DataError(f"not YAML ({problem})", file=path, line=mark.line + 1 if mark else None) from None
    if not isinstance(config, dict):
        raise DataError("not a YAML mapping", file=path)
    return raw, dict(config)


@lru_cache(maxsize=1024)
def _parsed(raw: bytes) -> Any:
    """Once for the same bytes: a command reads the task folders two to four times, 0.1 s each. To be changed by nobody."""
    return yaml.load(raw, Loader=_Loader)  # noqa: S506 - a SafeLoader


def own_entry(path: Path) -> Entry:
    """The entry of a file in a task folder: a task, or a group that lists names.

    Raises:
        DataError: It is neither.
    """
    config, digest, code = load(path)
    group, task = config.get("group"), config.get("task")
    if isinstance(group, str) and isinstance(task, list) and all(isinstance(child, str) for child in task):
        return describe(group, path, config, digest, code, children=tuple(task))
    if isinstance(task, str) and "group" not in config:
        return describe(task, path, config, digest, code)
    raise DataError("neither a task (task: NAME) nor a group (group: NAME, task: [NAMES])", file=path)


def describe(
    name: str,
    path: Path,
    config: Mapping[str, Any],
    digest: str,
    code: tuple[Path, ...] = (),
    *,
    children: tuple[str, ...] = (),
    origin: Origin = "harness",
    inline: bool = False,
) -> Entry:
    """An entry from a merged mapping."""
    metadata = config.get("metadata")
    return Entry(
        name=name,
        alias=str(config.get("group_alias") or config.get("task_alias") or name),
        path=path,
        children=children,
        aggregates=bool(config.get("aggregate_metric_list")),
        metadata=metadata if isinstance(metadata, dict) else {},
        output_type=str(config.get("output_type", "")),
        digest=digest,
        files=tuple(sorted({*code, *_named_files(path, config)})),
        origin=origin,
        native=str(config.get("class", "")).startswith(NATIVE),
        inline=inline,
        dataset=str(config.get("dataset_path") or ""),
        part=str(config.get("dataset_name") or ""),
        objection="" if children else _objection(config),
    )


def _objection(config: Mapping[str, Any]) -> str:
    kwargs, repeats = config.get("dataset_kwargs") or {}, config.get("repeats", 1)
    if config.get("unsafe_code"):
        return "it runs code that the model writes (unsafe_code)"
    if isinstance(kwargs, dict) and kwargs.get("trust_remote_code"):
        return "its dataset asks to run code of its own (trust_remote_code)"
    if config.get("doc_to_image") or config.get("doc_to_audio"):
        return "it shows pictures or plays sound"
    return "" if repeats == 1 else f"it asks every question {repeats} times (repeats)"


def _code(path: Path, config: Mapping[str, Any]) -> Iterator[Path]:
    """The files beside a YAML in which lm-eval finds its functions."""
    for value in _values(config):
        if isinstance(value, Function):
            file = path.parent / f"{value.rpartition('.')[0].replace('.', '/')}.py"
            if file.is_file():
                yield file.resolve()


def _named_files(path: Path, config: Mapping[str, Any]) -> Iterator[Path]:
    for value in _values([config.get("dataset_kwargs"), config.get("metadata")]):
        if isinstance(value, str) and 0 < len(value) < MAX_NAME and (path.parent / value).is_file():
            yield (path.parent / value).resolve()


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _values(inner)
    else:
        yield value
