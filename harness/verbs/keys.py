"""Task folders -> what answer keys there are and how far they reach."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness import catalog
from harness.data.keys import load_key
from harness.schema import Frozen, KeyRef


class KeySummary(Frozen):
    """One bundled answer key."""

    benchmarks: tuple[str, ...]
    path: str
    ref: KeyRef
    entries: int
    confidence: dict[str, int]
    """Confidence -> entries; `contested` entries are outside ACC."""


def keys() -> tuple[KeySummary, ...]:
    """All keys that task YAML names, by path.

    Raises:
        DataError: A key or task file is broken.
    """
    used: dict[Path, set[str]] = {}
    for entry in catalog.read().entries.values():
        name = entry.metadata.get("keys")
        if name:
            path = (entry.path.parent / str(name)).resolve()
            used.setdefault(path, set()).add(str(entry.metadata.get("benchmark", entry.name)))
    return tuple(_summary(path, benchmarks) for path, benchmarks in sorted(used.items()))


def _summary(path: Path, benchmarks: set[str]) -> KeySummary:
    key = load_key(path)
    confidence = Counter(str(entry.confidence) for entry in key.entries.values())
    return KeySummary(
        benchmarks=tuple(sorted(benchmarks)),
        path=str(path),
        ref=key.ref,
        entries=len(key.entries),
        confidence=dict(sorted(confidence.items())),
    )
