"""The steps a pipeline can use, by name. Each module is loaded when a pipeline names it: some need heavy libraries."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from harness.curating.contract import StepSettings
from harness.errors import unknown

STEPS: Final[Mapping[str, str]] = {
    "length": "length:Length",
    "exact_duplicates": "exact:ExactDuplicates",
}
"""Name -> `module:settings class`."""


def settings_of(name: str) -> type[StepSettings]:
    """The settings class of a step.

    Raises:
        UsageError: there is no such step.
    """
    if name not in STEPS:
        raise unknown("step", name, STEPS)
    module, _, found = STEPS[name].partition(":")
    settings: type[StepSettings] = getattr(import_module(f"{__name__}.{module}"), found)
    return settings
