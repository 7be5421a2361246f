"""All that was asked, and what of it makes a run the same run: its spec, from which its id is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness import __version__, catalog
from harness.schema import Confidence, ModelRef, Provenance

Watch = Callable[[str, int, int], None]
"""(stage, done, total): called often; stages are `loading`, `generating`, `judging`, `writing`."""


@dataclass(frozen=True)
class Asked:
    """All that `harness eval` was asked; what can change a number is part of the run's id."""

    model: ModelRef
    tasks: tuple[str, ...]
    judge: str = "rules"
    threshold: float = 90.0
    limit: int | None = None
    key_files: Mapping[str, str] = field(default_factory=dict)
    """Benchmark or task name ('' for all) -> key file used instead of the bundled one."""
    key_min_confidence: Confidence | None = None
    rubrics: Mapping[str, str] = field(default_factory=dict)
    """Benchmark ('' for all that have it) -> name of one of its other rubrics, or a rubric file."""
    generation: Mapping[str, Any] = field(default_factory=dict)
    chat_template: Literal["auto", "none"] = "auto"
    seed: int = 1234
    parent: str | None = None
    """Run whose responses are judged again."""
    fingerprint: str | None = None
    """Of the model that gave the responses, when they are replayed from a run."""
    made: Provenance | None = None
    """Of the run whose responses are judged again: template and generation settings are those they were given under."""
    batch_size: int | None = None
    concurrency: int = 32
    judge_concurrency: int = 64
    fresh: bool = False
    """Ask the model again even where answers are stored, into a new folder."""
    judge_again: bool = False
    """Ask the judge again even where verdicts are cached, into a new folder: a pass of its own."""


def spec_of(asked: Asked, known: catalog.Catalog, names: tuple[str, ...], identity: str) -> dict[str, Any]:
    """What identifies a run: everything asked that can change a number."""
    leaves = sorted({leaf for name in names for leaf in known.leaves(name)})
    return {
        "model": asked.model.name,
        "fingerprint": identity,
        "backend": asked.model.backend,
        "harness": __version__,
        "tasks": {leaf: known.find(leaf).digest for leaf in leaves},
        "files": {"/".join(file.parts[-3:]): _digest(str(file)) for leaf in leaves for file in known.find(leaf).files},
        "groups": list(names),
        "judge": asked.judge,
        "threshold": asked.threshold,
        "limit": asked.limit,
        "keys": {name: _digest(path) for name, path in sorted(asked.key_files.items())},
        "key_min_confidence": asked.key_min_confidence,
        "generation": dict(asked.generation),
        "chat_template": asked.chat_template,
        "seed": asked.seed,
        "parent": asked.parent,
        **_rubrics(asked.rubrics),
        **_lm_eval(known, names),
    }


def _rubrics(chosen: Mapping[str, str]) -> dict[str, Any]:
    """Rubrics chosen in place of the tasks' own; nothing where there are none, so that older runs keep their ids."""
    named = {name: _digest(what) if Path(what).is_absolute() else what for name, what in sorted(chosen.items())}
    return {"rubrics": named} if named else {}


def _lm_eval(known: catalog.Catalog, names: tuple[str, ...]) -> dict[str, Any]:
    """What identifies the part that lm-eval prompts and scores: its release, its groups (they may set examples), local data."""
    from harness.catalog import copies, stock

    entries = [entry for entry in known.under(names) if not entry.native]
    if all(entry.is_group and entry.origin == "harness" for entry in entries):
        return {}
    data = {file for entry in entries for file in copies.files(entry.dataset)}
    return {
        "lm_eval": {
            "version": stock.lm_eval_version(),
            "groups": {entry.name: entry.digest for entry in entries if entry.is_group and entry.origin == "lm-eval"},
            "data": {"/".join(file.parts[-4:]): _digest(str(file)) for file in sorted(data)},
        }
    }


def _digest(path: str) -> str:
    import hashlib

    from harness.errors import DataError

    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=path) from None


def fresh_id(runs: Path, name: str, fresh: bool) -> str:
    """`name`, or with `fresh` the first `name-N` (N >= 2) that holds no complete run and that no other process is filling."""
    from harness.runs.lock import holder

    if not fresh or not (runs / name / "record.json").exists():
        return name
    number = 2
    while _complete(runs / f"{name}-{number}") or holder(runs / f"{name}-{number}" / "lock"):
        number += 1
    return f"{name}-{number}"


def _complete(folder: Path) -> bool:
    """Whether a fresh pass has nothing left to ask: one that lacks answers or verdicts is gone on with, not begun anew."""
    import json

    try:
        return bool(json.loads((folder / "record.json").read_bytes()).get("complete", True))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError):
        return True
