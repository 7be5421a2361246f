"""trainers/recipes/<name>.toml -> Preset, and what the command line changes of it -> Hyper.

A recipe is data: hyper-parameters in the words of the field, no trainer's own. What cannot be is refused here, once, for every
trainer.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness import folders
from harness.errors import DataError, UsageError, unknown
from harness.schema import Frozen, Hyper
from harness.training.trainers import said

FOLDER: Final = "recipes"
PURE_BF16_FROM: Final = 1e-4
"""Learning rate below which bf16 weights without a master lose most of every AdamW update (1e-5 keeps 8% of it)."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}", re.ASCII)
_SENSE: Final[tuple[tuple[str, str, Callable[[Any], bool]], ...]] = (
    ("epochs", "above 0 and at most 1000", lambda value: 0 < value <= 1000),
    ("instances_per_step", "at least 1", lambda value: value >= 1),
    ("learning_rate", "above 0 and at most 1", lambda value: 0 < value <= 1),
    ("warmup_ratio", "from 0 to 1", lambda value: 0 <= value <= 1),
    ("weight_decay", "from 0 to 1", lambda value: 0 <= value <= 1),
    ("adam_betas", "two numbers from 0 to below 1", lambda value: all(0 <= beta < 1 for beta in value)),
    ("max_grad_norm", "at least 0 (0: no clipping)", lambda value: 0 <= value < math.inf),
    ("max_length", "at least 8", lambda value: value >= 8),
    ("tokens_per_micro_step", "at least 1", lambda value: value >= 1),
    ("recompute_layers", "at least 0, or all, or auto", lambda value: isinstance(value, str) or value >= 0),
    ("processes", "from 1 to 65536", lambda value: 1 <= value <= 65536),
    ("save_steps", "at least 0", lambda value: value >= 0),
    ("keep_checkpoints", "at least 1", lambda value: value >= 1),
)
"""Field, what it must be, whether it is."""


class Preset(Frozen):
    """One recipe file."""

    name: str
    about: str
    hyper: Hyper
    path: str


def recipes(search: tuple[Path, ...] | None = None) -> dict[str, Preset]:
    """All recipes by name.

    Args:
        search: folders that hold a folder `recipes`; by default those of all homes.

    Raises:
        DataError: a file is no recipe, or a name is given twice.
    """
    found: dict[str, Preset] = {}
    for folder in folders.trainer_folders() if search is None else search:
        for file in sorted((folder / FOLDER).glob("*.toml")):
            preset = read(file)
            if preset.name in found:
                raise DataError(f"'{preset.name}' is already a recipe, in {found[preset.name].path}", file=file)
            found[preset.name] = preset
    return dict(sorted(found.items()))


def find_recipe(name: str) -> Preset:
    """The recipe of that name, or of that path to a TOML file.

    Raises:
        UsageError: there is none; near matches and all names are listed.
        DataError: a file is no recipe.
    """
    if name.endswith(".toml"):
        file = Path(name).expanduser()
        if not file.is_file():
            raise UsageError(f"there is no recipe file '{name}'")
        return read(file)
    known = recipes()
    if name not in known:
        raise unknown("recipe", name, known)
    return known[name]


def read(file: Path) -> Preset:
    """One recipe file.

    Raises:
        DataError: it is no TOML, has a field that is not known, or a value that cannot be.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"is not TOML: {error}", file=file) from None
    strange = sorted(content.keys() - {"about", "hyper"})
    if strange or not isinstance(content.get("hyper"), dict) or not isinstance(content.get("about", ""), str):
        what = f"'{strange[0]}' is not known" if strange else "there is no [hyper]"
        raise DataError(f'{what}; a recipe is about = "…" and [hyper]', file=file)
    if not _NAME.fullmatch(file.stem):
        raise DataError("its name must be lower-case letters, digits and . _ -", file=file)
    try:
        hyper = made(content["hyper"])
    except UsageError as error:
        raise DataError(f"hyper.{error}", file=file) from None
    return Preset(name=file.stem, about=content.get("about", ""), hyper=hyper, path=str(file.resolve()))


def with_overrides(hyper: Hyper, overrides: Mapping[str, Any]) -> Hyper:
    """The hyper-parameters with some of them set anew; texts are read as JSON where they are JSON.

    `distributed = none` is one process, unless `processes` is set as well.

    Raises:
        UsageError: a field is unknown, or a value cannot be.
    """
    for name in overrides:
        if name not in Hyper.model_fields:
            raise unknown("field of a recipe", name, Hyper.model_fields)
    changed = {name: _read(value) for name, value in overrides.items()}
    if changed.get("distributed") == "none" and "processes" not in changed:
        changed["processes"] = 1
    return made({**hyper.model_dump(), **changed})


def made(fields: Mapping[str, Any]) -> Hyper:
    """Hyper-parameters that can be.

    Raises:
        UsageError: one line that names the field.
    """
    try:
        hyper = Hyper.model_validate(dict(fields))
    except ValidationError as error:
        raise UsageError(said(error, Hyper)) from None
    for name, sense, holds in _SENSE:
        if not holds(getattr(hyper, name)):
            raise UsageError(f"{name}: must be {sense}, not {getattr(hyper, name)}")
    contradiction = _contradiction(hyper)
    if contradiction:
        raise UsageError(contradiction)
    return hyper


def _contradiction(hyper: Hyper) -> str | None:
    if hyper.distributed == "none" and hyper.processes != 1:
        return f"processes: {hyper.processes} of them need distributed = ddp, zero1, zero2, zero3 or fsdp2"
    if hyper.hostfile and not hyper.distributed.startswith("zero"):
        return "hostfile: several machines need distributed = zero1, zero2 or zero3"
    if hyper.instances_per_step < hyper.processes:
        return f"instances_per_step: {hyper.instances_per_step} are fewer than the {hyper.processes} processes, so some had none"
    if hyper.precision == "bf16" and hyper.learning_rate < PURE_BF16_FROM and not hyper.allow_pure_bf16:
        return (
            f"precision: bf16 without a master loses most of every update at a learning rate of {hyper.learning_rate:g}; "
            "use bf16-master, or allow_pure_bf16 = true"
        )
    return None


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(value, value)
