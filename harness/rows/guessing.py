"""The first record of a file -> the format it is probably in, by its keys alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harness.errors import DataError
from harness.rows.formats import FORMATS
from harness.rows.scanner import Broken
from harness.rows.streaming import salvage

AUTO: Final = "auto"
_LOOKED_AT: Final = 100
"""Records at the beginning among which one must be sound."""

_Record = Mapping[str, Any]
_TESTS: Final[tuple[tuple[str, Callable[[_Record], bool]], ...]] = (
    ("rows", lambda one: {"source", "source_id", "messages"} <= one.keys()),
    ("refgpt", lambda one: isinstance(one.get("dialogue", one.get("Dialogue")), str | list)),
    ("messages", lambda one: isinstance(one.get("messages"), list)),
    ("sharegpt", lambda one: isinstance(one.get("conversations", one.get("items")), list)),
    ("halluqa", lambda one: {"Question", "Best Answer1"} <= one.keys()),
    ("belle_multiturn", lambda one: "output" in one and str(one.get("instruction", "")).lstrip().startswith("Human:")),
    ("alpaca", lambda one: "instruction" in one and not one.keys().isdisjoint({"output", "target", "instances"})),
)


def guess(path: Path) -> str:
    """Name of a format.

    Raises:
        DataError: the file cannot be read, or its first record is of no format known here; says what it has.
    """
    keys = frozenset().union(*(form.keys for form in FORMATS.values()))
    first, broken = None, None
    for _, _, value in islice(salvage(path, keys), _LOOKED_AT):
        if not isinstance(value, Broken):
            first = value
            break
        broken = broken or value
    if _is_grouped(path, first):
        return "safety_prompts"
    if isinstance(first, dict):
        for name, fits in _TESTS:
            if fits(first):
                return name
    raise DataError(_complaint(first, broken), file=path)


def _complaint(first: Any, broken: Broken | None) -> str:
    if first is None:
        return (
            "holds no rows"
            if broken is None
            else f"no record at its beginning can be read; the first: {broken.why}: {broken.detail}"
        )
    have = ", ".join(str(key)[:40] for key in list(first)[:8]) if isinstance(first, dict) else "no object"
    return f"its first record is of no format known here ({have or 'an empty object'}); there are: {', '.join(FORMATS)}"


def _is_grouped(path: Path, first: Any) -> bool:
    """Whether it is an object of lists of `{prompt, response}`: as a list its first record is the whole, or an entry of one."""
    if (
        isinstance(first, dict)
        and not {"prompt", "response"} <= first.keys()
        and not all(isinstance(v, list) for v in first.values())
    ):
        return False
    for _, group, value in salvage(path, FORMATS["safety_prompts"].keys, groups=True):
        return bool(group) and isinstance(value, dict) and {"prompt", "response"} <= value.keys()
    return False
