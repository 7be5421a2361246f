"""Recipe -> the names that a command and a config file may use, the words of the command, the text of the config.

A tool that is not told the learning rate trains with its own. So every field that decides the weights must be named somewhere, or
be listed in `untold` as one that the command or the config fixes itself.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, Final

from command_fault import Fault
from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import SandboxedEnvironment

DECIDING: Final = {
    "epochs": {"epochs"},
    "instances_per_step": {"instances_per_step", "accumulation"},
    "learning_rate": {"learning_rate"},
    "schedule": {"schedule"},
    "warmup_ratio": {"warmup_ratio"},
    "weight_decay": {"weight_decay"},
    "adam_betas": {"adam_betas", "beta1", "beta2"},
    "max_grad_norm": {"max_grad_norm"},
    "max_length": {"max_length"},
    "precision": {"precision", "bf16"},
    "seed": {"seed"},
}
"""Field -> the names of which one tells it."""
_BRACES: Final = re.compile(r"\{\{|\}\}|\{(\w+)\}")


def names(recipe: dict[str, Any], rows: Path, out: Path, config: Path | None, last_checkpoint: Path | None) -> dict[str, Any]:
    """Everything that may be named.

    Raises:
        Fault: the instances of a step cannot be divided among processes and micro-steps.
    """
    hyper, per_device = recipe["hyper"], recipe["options"]["per_device"]
    at_once = per_device * hyper["processes"]
    if per_device < 1 or hyper["instances_per_step"] % at_once:
        raise Fault(
            f"{hyper['instances_per_step']} instances a step cannot be made of {per_device} a device x {hyper['processes']} "
            "processes: change per_device, or instances_per_step"
        )
    return {
        **hyper,
        "base": recipe["base"],
        "rows": str(rows),
        "data": str(rows.parent),
        "out": str(out),
        "work": recipe["work"],
        "config": str(config or ""),
        "name": recipe["name"],
        "stage": recipe["stage"],
        "seed": recipe["seed"],
        "per_device": per_device,
        "accumulation": hyper["instances_per_step"] // at_once,
        "beta1": hyper["adam_betas"][0],
        "beta2": hyper["adam_betas"][1],
        "bf16": hyper["precision"] != "fp32",
        "recompute": hyper["recompute_layers"] != 0,
        "last_checkpoint": str(last_checkpoint or ""),
    }


def used(command: str, config: str) -> set[str]:
    """Names that the command and the config use.

    Raises:
        Fault: the config is no template.
    """
    found = {match[1] for match in _BRACES.finditer(command) if match[1]}
    try:
        return found | meta.find_undeclared_variables(SandboxedEnvironment().parse(config))
    except TemplateError as error:
        raise Fault(f"the config is no jinja2 template: {error}") from None


def check_told(told: set[str], known: dict[str, Any], untold: list[str]) -> None:
    """Refuse names that do not exist, and fields that nobody tells the tool.

    Raises:
        Fault: in one line, with what would do.
    """
    strange = sorted(told - known.keys())
    if strange:
        raise Fault(f"there is nothing to fill in for {strange[0]}; there are: {', '.join(sorted(known))}")
    wrong = sorted(set(untold) - DECIDING.keys() - {"all", "trainable"})
    if wrong:
        raise Fault(f"untold names {wrong[0]}, which is no field that must be told; there are: {', '.join(DECIDING)}")
    silent = [] if "all" in untold else [name for name, ways in DECIDING.items() if name not in untold and not ways & told]
    if known.get("trainable", "all") != "all" and not {"trainable", "all"} & {*told, *untold}:
        silent.append("trainable")
    if silent:
        raise Fault(
            f"the tool is not told {', '.join(silent)}: name them in the command or the config, e.g. "
            f"{{{min(DECIDING.get(silent[0], silent[:1]))}}}, or say that they are fixed there with "
            f"--option untold={','.join(silent)}"
        )


def words(command: str, known: dict[str, Any]) -> list[str]:
    """The command, split as a shell would and filled in.

    Raises:
        Fault: it cannot be split, or is empty.
    """
    try:
        split = shlex.split(command)
    except ValueError as error:
        raise Fault(f"the command cannot be split into words: {error}") from None
    if not split:
        raise Fault("the command is empty")
    return [_BRACES.sub(lambda match: _text(known[match[1]]) if match[1] else match[0][0], word) for word in split]


def render(config: str, known: dict[str, Any]) -> str:
    """The config file.

    Raises:
        Fault: it cannot be filled in.
    """
    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    try:
        return environment.from_string(config).render(known)
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise Fault(f"the config cannot be filled in: {error}") from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
