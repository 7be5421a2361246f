"""The steps a pipeline can use, by name. Each module is loaded when a pipeline names it: some need heavy libraries."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from harness.curating.contract import StepSettings
from harness.errors import unknown

STEPS: Final[Mapping[str, str]] = {
    "contamination": "contamination:Contamination",
    "diversity": "diversity:Diversity",
    "english_context": "english_context:EnglishContext",
    "exact_duplicates": "exact:ExactDuplicates",
    "language": "language:Language",
    "length": "length:Length",
    "near_duplicates": "near:NearDuplicates",
    "normalise": "normalise:Normalise",
    "perplexity": "perplexity:Perplexity",
    "repetition": "repetition:Repetition",
    "sample": "sample:Sample",
    "self_naming": "self_naming:SelfNaming",
    "semantic_duplicates": "semantic:SemanticDuplicates",
    "tags": "tags:Tags",
    "truncation": "truncation:Truncation",
    "unsafe_replies": "unsafe_replies:UnsafeReplies",
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
