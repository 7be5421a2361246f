"""recipe.json -> Recipe, checked: everything this trainer may know.

The file is the contract with whoever launches the trainer, so nothing is imported from there: the nouns are written again, and
what this trainer does not know is refused rather than passed over, because an ignored setting trains another model than the
one that was asked for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from ft_fault import Fault

SCHEMA: Final = "harness.recipe/1"
PURE_BF16_FLOOR: Final = 1e-4
"""Learning rate below which bf16 weights without a master drop most of every update (AdamW steps of 1e-5 keep 8% of it)."""
OPTIONS: Final = ("deepspeed",)
"""Keys that `options` may have. `deepspeed`: a JSON file whose tables are merged into DeepSpeed's configuration."""

_SHARDED_BY_DEEPSPEED: Final = ("zero1", "zero2", "zero3")


@dataclass(frozen=True)
class Hyper:
    """What decides the trained weights."""

    epochs: float
    instances_per_step: int
    learning_rate: float
    schedule: Literal["cosine", "linear", "constant"]
    warmup_ratio: float
    weight_decay: float
    adam_betas: tuple[float, float]
    max_grad_norm: float
    max_length: int
    precision: Literal["fp32", "bf16-master", "bf16-mixed", "bf16"]
    tf32: bool
    packing: Literal["step", "dataset", "none"]
    tokens_per_micro_step: int
    recompute_layers: int | Literal["all", "auto"]
    distributed: Literal["none", "ddp", "zero1", "zero2", "zero3", "fsdp2"]
    processes: int
    hostfile: str | None
    compile: bool
    save_steps: int
    keep_checkpoints: int
    allow_pure_bf16: bool
    trainable: Literal["all", "embeddings"] = "all"
    """embeddings: see `ft_freeze`."""

    @property
    def zero_stage(self) -> int:
        """DeepSpeed's stage; 0 without DeepSpeed."""
        return int(self.distributed[-1]) if self.distributed in _SHARDED_BY_DEEPSPEED else 0


@dataclass(frozen=True)
class Recipe:
    """One training: what is trained, on which rows, into which folder, how."""

    trainer: str
    preset: str
    name: str
    stage: str
    base: str
    rows: str
    rows_sha256: str
    work: str
    out: str
    seed: int
    hyper: Hyper
    options: dict[str, Any] = field(default_factory=dict)
    schema_version: str = SCHEMA

    @property
    def work_folder(self) -> Path:
        """Where logs and checkpoints go."""
        return Path(self.work)


def read(file: Path) -> Recipe:
    """The recipe in `file`.

    Raises:
        Fault: `recipe` if it cannot be read, is of another schema, or asks for what this trainer cannot do; `precision` for
            bf16 without a master at a learning rate that would lose the update.
    """
    try:
        said = json.loads(file.read_bytes())
    except OSError as error:
        raise Fault("recipe", f"{file}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise Fault("recipe", f"{file}: is not JSON ({error})") from None
    if not isinstance(said, dict) or said.get("schema_version") != SCHEMA:
        found = said.get("schema_version") if isinstance(said, dict) else None
        raise Fault("recipe", f"{file}: schema_version is {found!r}; this trainer reads {SCHEMA!r}")
    recipe = _parsed(Recipe, said, str(file))
    _check(recipe, file)
    return recipe


def work_in(file: Path) -> Path | None:
    """The work folder that a recipe names, though it may be wrong in all else; None if there is none."""
    try:
        work = Path(json.loads(file.read_bytes())["work"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return work if work.is_dir() else None


def check_rows(recipe: Recipe) -> None:
    """The rows are there, and are the ones the recipe was written for.

    Raises:
        Fault: `data`.
    """
    try:
        with Path(recipe.rows).open("rb") as rows:
            found = hashlib.file_digest(rows, "sha256").hexdigest()
    except OSError as error:
        raise Fault("data", f"{recipe.rows}: the rows cannot be read ({error.strerror})") from None
    if found != recipe.rows_sha256:
        raise Fault(
            "data", f"{recipe.rows}: the rows changed: sha256 is {found}, the recipe was written for {recipe.rows_sha256}"
        )


def rows(recipe: Recipe) -> list[dict[str, Any]]:
    """The rows, in the order of the file.

    Raises:
        Fault: `data` for a line that is not a row.
    """
    found = []
    with Path(recipe.rows).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                found.append(_row(line, recipe.rows, number))
    if not found:
        raise Fault("data", f"{recipe.rows}: there is no row in it")
    return found


def deepspeed_options(recipe: Recipe) -> dict[str, Any]:
    """What the recipe adds to DeepSpeed's configuration.

    Raises:
        Fault: `recipe` if its file is not a JSON object.
    """
    file = recipe.options.get("deepspeed")
    if file is None:
        return {}
    try:
        said = json.loads(file["text"])
    except (KeyError, TypeError, ValueError) as error:
        raise Fault("recipe", f"option deepspeed must be a JSON file, as its name and text ({error})") from None
    if not isinstance(said, dict):
        raise Fault("recipe", f"option deepspeed: {file.get('name')} must hold an object")
    return said


def _row(line: str, file: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if "text" in row and "messages" not in row:
            return _text_row(row, file, number)
        messages = row["messages"]
        good = bool(messages) and all(isinstance(m["role"], str) and isinstance(m["content"], str) for m in messages)
    except (ValueError, KeyError, TypeError) as error:
        raise Fault(
            "data", f'{file}:{number}: a row is {{"messages": [{{"role", "content"}}, …]}} or {{"text": …}} ({error})'
        ) from None
    if not good:
        raise Fault("data", f"{file}:{number}: messages must be a list of role and content, both texts")
    return dict(row)


def _text_row(row: dict[str, Any], file: str, number: int) -> dict[str, Any]:
    if not isinstance(row["text"], str) or not row["text"].strip():
        raise Fault("data", f"{file}:{number}: text must be a text that is not empty")
    return dict(row)


def _check(recipe: Recipe, file: Path) -> None:
    hyper = recipe.hyper
    wrong = [text for bad, text in _limits(hyper) if bad]
    unknown = sorted(set(recipe.options) - set(OPTIONS))
    if unknown:
        wrong.append(f"options has {', '.join(unknown)}; this trainer knows {', '.join(OPTIONS)}")
    wrong += [f"{name} must be an absolute path, not {path!r}" for name, path in _paths(recipe) if not Path(path).is_absolute()]
    if not (Path(recipe.base) / "config.json").is_file():
        wrong.append(f"base {recipe.base} has no config.json")
    if wrong:
        raise Fault("recipe", f"{file}: " + "; ".join(wrong))
    deepspeed_options(recipe)
    if hyper.precision == "bf16" and hyper.learning_rate < PURE_BF16_FLOOR and not hyper.allow_pure_bf16:
        raise Fault(
            "precision",
            f"{file}: precision 'bf16' keeps no master, and at learning_rate {hyper.learning_rate:g} rounding loses most of each "
            f"step (safe from {PURE_BF16_FLOOR:g}); use 'bf16-master', or set allow_pure_bf16",
        )


def _paths(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    named = (("base", recipe.base), ("rows", recipe.rows), ("work", recipe.work), ("out", recipe.out))
    return named if recipe.hyper.hostfile is None else (*named, ("hostfile", recipe.hyper.hostfile))


def _limits(hyper: Hyper) -> tuple[tuple[bool, str], ...]:
    several = hyper.processes > 1 or hyper.hostfile is not None
    return (
        (hyper.epochs <= 0, f"epochs must be above 0, not {hyper.epochs}"),
        (hyper.instances_per_step < 1, f"instances_per_step must be at least 1, not {hyper.instances_per_step}"),
        (hyper.learning_rate < 0, f"learning_rate must not be negative: {hyper.learning_rate}"),
        (not 0 <= hyper.warmup_ratio <= 1, f"warmup_ratio must be 0-1, not {hyper.warmup_ratio}"),
        (hyper.weight_decay < 0, f"weight_decay must not be negative: {hyper.weight_decay}"),
        (not all(0 <= beta < 1 for beta in hyper.adam_betas), f"adam_betas must be 0-1, not {list(hyper.adam_betas)}"),
        (hyper.max_length < 2, f"max_length must be at least 2, not {hyper.max_length}"),
        (hyper.tokens_per_micro_step < 1, f"tokens_per_micro_step must be at least 1, not {hyper.tokens_per_micro_step}"),
        (hyper.processes < 1, f"processes must be at least 1, not {hyper.processes}"),
        (hyper.save_steps < 0, f"save_steps must not be negative: {hyper.save_steps}"),
        (hyper.keep_checkpoints < 1, f"keep_checkpoints must be at least 1, not {hyper.keep_checkpoints}"),
        (isinstance(hyper.recompute_layers, int) and hyper.recompute_layers < 0, "recompute_layers must not be negative"),
        (hyper.distributed == "none" and several, "distributed 'none' is one process; say ddp, zero1, zero2, zero3 or fsdp2"),
        (hyper.hostfile is not None and not hyper.zero_stage, "hostfile needs distributed zero1, zero2 or zero3"),
        (
            hyper.zero_stage > 0 and hyper.precision not in {"fp32", "bf16-master"},
            f"distributed {hyper.distributed!r} trains in 'bf16-master' or 'fp32', not {hyper.precision!r}",
        ),
        (
            hyper.compile and hyper.distributed in {"zero3", "fsdp2"},
            f"compile is for distributed none, ddp, zero1 and zero2, not {hyper.distributed!r}",
        ),
        (
            hyper.distributed == "fsdp2" and hyper.precision == "bf16",
            "distributed 'fsdp2' trains in 'bf16-master', 'bf16-mixed' or 'fp32', not 'bf16'",
        ),
    )


def _parsed(noun: Any, said: Any, where: str) -> Any:
    """`said` as an instance of the dataclass `noun`, each field of its declared type."""
    if not isinstance(said, Mapping):
        raise Fault("recipe", f"{where}: must be an object")
    hints = get_type_hints(noun)
    fields = {f.name: f for f in dataclasses.fields(noun)}
    unknown = sorted(set(said) - set(fields))
    if unknown:
        raise Fault("recipe", f"{where}: does not know {', '.join(unknown)}; it knows {', '.join(fields)}")
    absent = [n for n, f in fields.items() if n not in said and f.default is f.default_factory is dataclasses.MISSING]
    if absent:
        raise Fault("recipe", f"{where}: lacks {', '.join(absent)}")
    return noun(**{name: _value(hints[name], value, f"{where}: {name}") for name, value in said.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    """`value` as the declared type `kind`."""
    if dataclasses.is_dataclass(kind):
        return _parsed(kind, value, where)
    wrong = Fault("recipe", f"{where} is {value!r}; it must be {_named(kind)}")
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        for part in parts:
            with suppress(Fault):
                return _value(part, value, where)
        raise wrong
    if origin is tuple:
        if not isinstance(value, list) or len(value) != len(parts):
            raise wrong
        return tuple(_value(part, item, where) for part, item in zip(parts, value, strict=True))
    if not _is(kind, value):
        raise wrong
    return float(value) if kind is float else value


def _is(kind: Any, value: Any) -> bool:
    """Whether a value of JSON is of a type; a whole number is a float too, true and false are no numbers."""
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is (get_origin(kind) or kind)


def _named(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(repr(part) for part in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_named(part) for part in get_args(kind))
    return {types.NoneType: "null"}.get(kind, getattr(kind, "__name__", str(kind)))
