"""trainers/<name>/trainer.toml -> Trainer: how it is launched, which options it takes, what of a recipe it honours.

A trainer is a folder and two JSON files; nothing of it is imported here. All homes are searched, ours by the same door as others.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from harness import folders
from harness.aliases import secret_in
from harness.errors import DataError, TrainerError, UsageError, unknown
from harness.schema import Frozen, Hyper

DESCRIPTION: Final = "trainer.toml"
PLACEHOLDERS: Final = ("python", "folder", "recipe")
"""What `command` may name in braces."""
PACE: Final = ("tokens_per_micro_step", "recompute_layers", "compile", "save_steps", "keep_checkpoints")
"""Fields of Hyper that decide speed and memory, not what is learnt: a preset may set them for a trainer that knows them not."""

MAX_FILE: Final = 1 << 20
"""Bytes of a file that an option names."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_BRACES = re.compile(r"\{(\w+)\}")
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list, tuple),
    "file": (dict,),
}


class TrainerOption(Frozen):
    """One option of a trainer, `--option NAME=VALUE`."""

    type: Literal["str", "int", "float", "bool", "list", "file"]
    """`file`: the user names a file, the trainer gets `{"name": …, "text": …}`, so that a recipe holds all that decides it."""
    default: Any = None
    """Given to the trainer where the user says nothing; without it, nothing is given."""
    about: str = ""
    choices: tuple[Any, ...] = ()
    """The only values there are, if any are named."""
    required: bool = False


class Trainer(Frozen):
    """One trainer's `trainer.toml`, and where it lies."""

    name: str
    about: str
    command: tuple[str, ...]
    """Program and arguments, no shell; `{python}`, `{folder}` and `{recipe}` are filled in."""
    honours: tuple[str, ...] | Literal["all"]
    """Fields of Hyper it obeys."""
    takes: tuple[Literal["messages", "text"], ...] = ("messages",)
    """Rows that it can train on: conversations, plain text."""
    resumable: bool = False
    """Whether the same command goes on where a killed one stopped."""
    python: str | None = None
    """Interpreter of an environment of its own: a path, from the trainer's folder if relative; `~` and `$NAME` are expanded."""
    options: dict[str, TrainerOption] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables, set unless the user has set them."""
    folder: str
    digest: str
    """SHA-256 over the folder."""


def trainers(search: tuple[Path, ...] | None = None) -> dict[str, Trainer]:
    """All trainers by name.

    Args:
        search: folders that hold trainers; by default those of all homes.

    Raises:
        DataError: a trainer.toml is wrong, or a name is given twice.
    """
    found: dict[str, Trainer] = {}
    for file in _descriptions(folders.trainer_folders() if search is None else search):
        trainer = _read(file)
        if trainer.name in found:
            raise DataError(f"'{trainer.name}' is already a trainer, in {found[trainer.name].folder}", file=file)
        found[trainer.name] = trainer
    return dict(sorted(found.items()))


def find_trainer(name: str) -> Trainer:
    """The trainer of that name.

    Raises:
        UsageError: there is none; near matches and all names are listed.
        DataError: a trainer.toml is wrong.
    """
    known = trainers()
    if name not in known:
        raise unknown("trainer", name, known)
    return known[name]


def command(trainer: Trainer, recipe: Path) -> list[str]:
    """The words that start a trainer on a recipe.

    Raises:
        TrainerError: its program is not there.
    """
    filled = {"python": _python(trainer), "folder": trainer.folder, "recipe": str(recipe.resolve())}
    words = [_BRACES.sub(lambda match: filled[match[1]], word) for word in trainer.command]
    if shutil.which(words[0]) is None:
        raise TrainerError(f"trainer '{trainer.name}' cannot start: there is no program '{words[0]}' ({_where(trainer)})")
    return words


def options_for(trainer: Trainer, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a recipe: what was given, as the declared types, and the defaults of the rest. Texts are read by type.

    Raises:
        UsageError: an option is unknown, of another type, none of the choices, missing, or looks like a key or token.
    """
    for name in given:
        if name not in trainer.options:
            raise unknown(f"option of trainer '{trainer.name}'", name, trainer.options)
    values = {name: _typed(trainer, name, value) for name, value in given.items()}
    secret = secret_in(values)
    if secret:
        raise UsageError(f"option '{secret}' looks like a key or token; recipes are kept, so set it in the environment")
    missing = [name for name, option in trainer.options.items() if option.required and name not in values]
    if missing:
        raise UsageError(f"trainer '{trainer.name}' needs --option {missing[0]}=…: {trainer.options[missing[0]].about}")
    defaults = {name: option.default for name, option in trainer.options.items() if option.default is not None}
    return defaults | values


def check_honoured(trainer: Trainer, hyper: Hyper, explicit: Mapping[str, Any], preset: str) -> None:
    """Refuse a recipe that sets what the trainer passes over: it would train something else than was asked.

    Args:
        trainer: who is to train.
        hyper: what is asked.
        explicit: the fields the user set; of the others, those of `PACE` may be passed over.
        preset: name of the recipe.

    Raises:
        UsageError: a field is off its default and the trainer does not honour it.
    """
    if trainer.honours == "all":
        return
    default = Hyper()
    for name in Hyper.model_fields:
        differs = getattr(hyper, name) != getattr(default, name)
        if name in trainer.honours or not differs or (name in PACE and name not in explicit):
            continue
        whose = "--set" if name in explicit else f"recipe '{preset}'"
        value, usual = getattr(hyper, name), getattr(default, name)
        raise UsageError(
            f"trainer '{trainer.name}' does not honour '{name}', which {whose} sets to {value}; "
            f"say --set {name}={json.dumps(usual)}, or use another trainer"
        )


def check_rows_taken(trainer: Trainer, rows: int, texts: int, name: str) -> None:
    """Refuse rows that the trainer cannot read.

    Args:
        trainer: who is to train.
        rows: rows in all.
        texts: of them plain text.
        name: how the rows are called.

    Raises:
        UsageError: some are of a kind that it does not take.
    """
    for kind, there in (("text", texts), ("messages", rows - texts)):
        if there and kind not in trainer.takes:
            what = "plain text" if kind == "text" else "conversations"
            raise UsageError(
                f"trainer '{trainer.name}' takes no rows of {what}, and {there:,} of the {rows:,} rows of '{name}' are; "
                "use another trainer (full_ft takes both)"
            )


def _descriptions(search: tuple[Path, ...]) -> Iterator[Path]:
    for folder in search:
        yield from sorted(folder.glob(f"*/{DESCRIPTION}"))


def _read(file: Path) -> Trainer:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"is not TOML: {error}", file=file) from None
    strange = sorted({"folder", "digest"} & content.keys())
    if strange:
        raise DataError(f"'{strange[0]}' is filled in by the harness", file=file)
    secret = secret_in(content)
    if secret:
        raise DataError(f"holds '{secret}'; keys and tokens come from the environment, never from this file", file=file)
    try:
        trainer = Trainer(**content, folder=str(file.parent.resolve()), digest=folder_digest(file.parent))
    except ValidationError as error:
        raise DataError(said(error, Trainer), file=file) from None
    _check(trainer, file)
    return trainer


def said(error: ValidationError, noun: type[Frozen]) -> str:
    """What pydantic found first, in one line, with the known fields where one is unknown."""
    detail = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, detail["loc"]))
    known = f"; known are {', '.join(noun.model_fields)}" if detail["type"] == "extra_forbidden" and "." not in where else ""
    return f"{where}: {detail['msg']}{known}"


def _check(trainer: Trainer, file: Path) -> None:
    if trainer.name != file.parent.name or not _NAME.fullmatch(trainer.name):
        raise DataError(f"name '{trainer.name}' must be that of the folder, in lower-case letters, digits, _ and -", file=file)
    if not trainer.command:
        raise DataError("command: is empty", file=file)
    named = [name for word in trainer.command for name in _BRACES.findall(word)]
    for name in named:
        if name not in PLACEHOLDERS:
            raise DataError(f"command: {{{name}}} is no placeholder; there are {{python}}, {{folder}} and {{recipe}}", file=file)
    if "recipe" not in named:
        raise DataError("command: must name {recipe}, or the trainer would know nothing", file=file)
    for name in () if trainer.honours == "all" else trainer.honours:
        if name not in Hyper.model_fields:
            raise DataError(f"honours: {unknown('field of a recipe', name, Hyper.model_fields)}", file=file)
    for name, option in trainer.options.items():
        if option.default is not None and not _fits(option, option.default):
            raise DataError(f"options.{name}: default {option.default!r} is no {option.type}", file=file)


def _python(trainer: Trainer) -> str:
    if trainer.python is None:
        return sys.executable
    import os

    path = Path(os.path.expandvars(trainer.python)).expanduser()
    return str(Path(trainer.folder) / path) if path.parent != Path() else str(path)


def _where(trainer: Trainer) -> str:
    what = f"python = {trainer.python!r}" if trainer.python and "{python}" in trainer.command[0] else "command"
    return f"{what} of {Path(trainer.folder) / DESCRIPTION}"


def _typed(trainer: Trainer, name: str, value: Any) -> Any:
    option = trainer.options[name]
    if option.type == "file" and not isinstance(value, dict):
        return _file(name, Path(value).expanduser())
    read = _from_text(option, value) if isinstance(value, str) and option.type != "str" else value
    if not _fits(option, read):
        raise UsageError(f"option '{name}' of trainer '{trainer.name}' is a {option.type}, not '{value}'")
    if option.choices and read not in option.choices:
        raise UsageError(
            f"option '{name}' of trainer '{trainer.name}' is one of {', '.join(map(str, option.choices))}, not '{read}'"
        )
    return list(read) if option.type == "list" else read


def _file(name: str, path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > MAX_FILE:
            raise UsageError(f"option '{name}': '{path}' has more than {MAX_FILE:,} bytes")
        return {"name": path.name, "text": path.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"option '{name}': '{path}' is no text file that can be read ({error})") from None


def _from_text(option: TrainerOption, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if option.type == "list":
            return [part.strip() for part in text.split(",") if part.strip()]
        return {"True": True, "False": False}.get(text, text)


def _fits(option: TrainerOption, value: Any) -> bool:
    if isinstance(value, bool):
        return option.type == "bool"
    return isinstance(value, _TYPES[option.type])


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a trainer's files; caches and hidden folders (an environment) do not count."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if any(part.startswith((".", "__pycache__")) for part in parts) or not file.is_file():
            continue
        content = file.read_bytes()
        digest.update(f"{len(parts)}:{'/'.join(parts)}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()
