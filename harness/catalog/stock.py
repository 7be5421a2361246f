"""lm-eval's own task files -> Entry by name, read only when a name is asked for that is not ours.

lm-eval parses 13,986 files in 5.5-7.8 s to know its names. A name, a tag and an include stand on lines of their own at the left
margin, so one pass of a regular expression over the same files finds the same names in 0.7 s; a test holds it against lm-eval's
index. Then only the files of the asked task are parsed. Nothing is cached on disk, so nothing there can be out of date.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from harness.catalog.yaml_files import Entry, describe, load
from harness.errors import DataError

_KEY: Final = re.compile(
    rb"""^["']?(task|group|tag|class|include)["']?[ \t]*:[ \t]*(.*?)[ \t]*\r?$((?:\n[ \t]*-[ \t]+.*$)*)""", re.M
)
_ITEM: Final = re.compile(rb"-[ \t]+(.*?)[ \t]*\r?$", re.M)
_COMMENT: Final = re.compile(r"\s+#.*$")
_LEFT_OUT: Final = {"__pycache__", ".ipynb_checkpoints"}


@dataclass
class Index:
    """Every name of lm-eval's own."""

    files: dict[str, str] = field(default_factory=dict)
    """Task or group -> path of its YAML; of several files the first by path, as in lm-eval."""
    tags: dict[str, list[str]] = field(default_factory=dict)
    """Tag -> tasks that carry it."""

    @property
    def names(self) -> list[str]:
        """Tasks, groups and tags."""
        return sorted({*self.files, *self.tags})


def folder() -> Path | None:
    """Where lm-eval's tasks lie; None if it is not installed. Finding it imports nothing."""
    spec = importlib.util.find_spec("lm_eval")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "tasks" if places else None


def lm_eval_version() -> str:
    """The installed release."""
    return version("lm-eval")


@cache
def index() -> Index:
    """The names in lm-eval's own task files."""
    root = folder()
    found = Index()
    for path in _files(root) if root else ():
        keys = _keys(path)
        name = _name(keys)
        if name is None or name in found.files or name in found.tags:
            continue
        found.files[name] = path
        if "group" not in keys or "class" in keys:
            for tag in keys.get("tag", ()):
                if tag not in found.files:
                    found.tags.setdefault(tag, []).append(name)
    return found


def find(name: str) -> Entry | None:
    """The entry of one of lm-eval's names.

    Raises:
        DataError: Its file cannot be read.
    """
    if "::" in name:
        return _inline(name)
    known = index()
    if name in known.files:
        return _entry(name, Path(known.files[name]))
    return _tag(name, sorted(known.tags[name])) if name in known.tags else None


def _files(root: Path) -> list[str]:
    """As text: making 14,000 `Path`s took half of the time."""
    found = []
    for place, inside, files in os.walk(root):
        inside[:] = [name for name in inside if name not in _LEFT_OUT]
        found += [f"{place}/{name}" for name in files if name.endswith(".yaml")]
    return sorted(found)


@cache
def _keys(path: str) -> dict[str, list[str]]:
    """The lines of a file and of what it includes that decide its name: key -> values, local ones winning."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            raw = file.read()
    except OSError:
        return {}
    own: dict[str, list[str]] = {}
    for key, value, items in _KEY.findall(raw):
        own[key.decode()] = [_text(value)] if value else [_text(item) for item in _ITEM.findall(items)]
    merged: dict[str, list[str]] = {}
    for name in own.pop("include", []):
        merged |= _keys(os.path.normpath(f"{path}/../{name}"))
    return merged | own


def _name(keys: Mapping[str, list[str]]) -> str | None:
    """A file with a class is a task, one with `group:` is a group, whatever else it holds."""
    values = keys.get("group" if "group" in keys and "class" not in keys else "task", [])
    return values[0] if len(values) == 1 and values[0] else None


def _text(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if text[:1] in {'"', "'"}:
        return text[1 : text.find(text[0], 1)]
    return _COMMENT.sub("", text)


@cache
def _entry(name: str, path: Path) -> Entry:
    config, digest, code = load(path)
    children = tuple(child for child, _ in _children(name, config)) if "group" in config and "class" not in config else ()
    return describe(name, path, config, digest, code, children=children, origin="lm-eval")


def _tag(name: str, members: list[str]) -> Entry:
    digest = hashlib.sha256("\n".join(members).encode()).hexdigest()
    return Entry(
        name=name,
        alias=name,
        path=folder() or Path(),
        children=tuple(members),
        aggregates=False,
        metadata={},
        output_type="",
        digest=digest,
        files=(),
        origin="lm-eval",
        native=False,
        tag=True,
    )


def _inline(name: str) -> Entry | None:
    """A group written inside another's file: lm-eval calls it `outer::inner`."""
    outer, _, _ = name.rpartition("::")
    parent = find(outer)
    if parent is None:
        return None
    config, digest, _ = load(parent.path)
    inner = _descend(outer.partition("::")[0], config, name)
    if inner is None:
        return None
    children = tuple(child for child, _ in _children(name, inner))
    return describe(name, parent.path, inner, digest, children=children, origin="lm-eval", inline=True)


def _descend(name: str, config: Mapping[str, Any], wanted: str) -> Mapping[str, Any] | None:
    for child, inner in _children(name, config):
        if inner is not None and child == wanted:
            return inner
        if inner is not None and wanted.startswith(f"{child}::"):
            return _descend(child, inner, wanted)
    return None


def _children(name: str, config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Members of a group by name; with a mapping those that are written inside it.

    Raises:
        DataError: A member is a whole task without a file of its own.
    """
    members = config.get("task")
    for item in members if isinstance(members, list) else [members]:
        if isinstance(item, str):
            yield item, None
        elif isinstance(item, dict) and "group" in item:
            known = item["group"] in index().files
            yield (item["group"], None) if known else (f"{name}::{item['group']}", item)
        elif isinstance(item, dict) and isinstance(item.get("task"), str):
            yield item["task"], None
        elif item is not None:
            raise DataError(f"group '{name}' of lm-eval defines tasks inside its own file, which is not supported")
