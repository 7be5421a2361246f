"""models.toml files -> Alias by name.

Four files may speak: the one shipped here, the user's, the project's and `$HARNESS_MODELS`; later ones win. What they say is
copied into run records, so they may hold no key or token, and only the shipped one may name a function that builds a model.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from harness.errors import DataError, UsageError
from harness.schema import Frozen

Stage = Literal["base", "vocabulary", "knowledge", "safety", "mixed"]

SHIPPED: Final = Path(__file__).with_name("models.toml")
_PLACES: Final = ("hub", "path", "checkpoint", "endpoint", "build")
_WITH_PLACE: Final = ("revision", "model", "backend", "args")
"""Belong to the place: a later file that names another place starts them anew."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECRET_NAME = re.compile(
    r"(.*[_-])?(api[_-]?key|secret|password|passwd|authorization|bearer|credentials?)|((hf|auth|access|api|use_auth|bearer)[_-]?)?token",
    re.I,
)
_SECRET_VALUE = re.compile(r"\b(sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{20,})|^Bearer\s", re.I)


class Alias(Frozen):
    """One table of a models.toml: exactly one place, and what is known about the model there."""

    hub: str | None = None
    """Hub id, `org/name`."""
    path: str | None = None
    """Checkpoint folder; relative to the file that names it."""
    checkpoint: str | None = None
    """Name under the checkpoints folder."""
    endpoint: str | None = None
    """URL of an OpenAI-compatible server."""
    build: str | None = None
    """`module:function` that makes the model at first use."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    model: str | None = None
    """What the endpoint calls the model; by default the alias."""
    backend: Literal["hf", "vllm"] | None = None
    args: dict[str, Any] = Field(default_factory=dict)
    """Arguments for the backend."""
    parent: str | None = None
    stage: Stage | None = None
    about: str = ""
    """One line for the list of models."""

    @property
    def place(self) -> str:
        """Which of hub, path, checkpoint, endpoint and build is set."""
        return next(name for name in _PLACES if getattr(self, name) is not None)


def files() -> tuple[Path, ...]:
    """The models.toml files that exist, weakest first.

    Raises:
        UsageError: `$HARNESS_MODELS` names a file that does not exist.
    """
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    found = [path for path in (SHIPPED, config / "culture-harness" / "models.toml", Path("models.toml")) if path.is_file()]
    named = os.environ.get("HARNESS_MODELS")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UsageError(f"HARNESS_MODELS names '{named}', which is not a file")
        found.append(path)
    return tuple(found)


def read(search: Sequence[Path] | None = None) -> dict[str, Alias]:
    """All aliases, by name.

    Args:
        search: models.toml files, weakest first; by default `files()`.

    Raises:
        DataError: a file is not TOML, names no or several places for a model, holds a secret, or has a field that is not known.
        UsageError: `$HARNESS_MODELS` names a file that does not exist.
    """
    tables: dict[str, dict[str, Any]] = {}
    aliases: dict[str, Alias] = {}
    for file in files() if search is None else search:
        for name, table in _tables(file).items():
            tables[name] = _merged(tables.get(name, {}), table)
            aliases[name] = _alias(file, name, tables[name])
    return aliases


def secret_in(value: Any, name: str = "") -> str | None:
    """The name under which something looks like a key or token, anywhere inside; None if nothing does."""
    if isinstance(value, Mapping):
        return next(filter(None, (secret_in(inner, str(key)) for key, inner in value.items())), None)
    if isinstance(value, list | tuple):
        return next(filter(None, (secret_in(inner, name) for inner in value)), None)
    looks = bool(_SECRET_NAME.fullmatch(name)) or (isinstance(value, str) and bool(_SECRET_VALUE.search(value)))
    return (name or "a value") if looks else None


def _tables(file: Path) -> dict[str, dict[str, Any]]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"is not TOML: {error}", file=file) from None
    return dict(_checked(file, content))


def _checked(file: Path, content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, table in content.items():
        if not isinstance(table, dict):
            raise DataError(f"'{name}' stands outside any table; each model is a table such as [my-model]", file=file)
        if not _NAME.fullmatch(name):
            raise DataError(f"'{name}' cannot name a model: use letters, digits and . _ -", file=file)
        secret = secret_in(table)
        if secret:
            raise DataError(
                f"[{name}] holds '{secret}'; keys and tokens come from the environment, never from this file", file=file
            )
        if "build" in table and file.resolve() != SHIPPED.resolve():
            raise DataError(f"[{name}] has 'build', which only the shipped models.toml may have: it names code to run", file=file)
        if isinstance(table.get("path"), str):
            table["path"] = str(file.resolve().parent / Path(table["path"]).expanduser())
        yield name, table


def _merged(before: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    if any(place in table for place in _PLACES):
        before = {key: value for key, value in before.items() if key not in (*_PLACES, *_WITH_PLACE)}
    return {**before, **table}


def _alias(file: Path, name: str, table: dict[str, Any]) -> Alias:
    places = [place for place in _PLACES if place in table]
    if len(places) != 1:
        what = f"{' and '.join(places)} at once" if places else "no place"
        raise DataError(f"[{name}] has {what}; give exactly one of {', '.join(_PLACES[:-1])}", file=file)
    try:
        return Alias.model_validate(table)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        known = f"; known are {', '.join(Alias.model_fields)}" if detail["type"] == "extra_forbidden" else ""
        raise DataError(f"[{name}] {'.'.join(map(str, detail['loc']))}: {detail['msg']}{known}", file=file) from None
