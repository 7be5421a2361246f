"""What `--baseline` and `--candidate` say -> a finished run, or a model that has yet to be asked.

Looked for in this order: a run by its whole id, by path or as `latest`; a model; a run by the beginning of its id. A model is
asked under the conditions of the run it is compared with, so that nothing but the model differs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness import catalog
from harness.errors import DataError, HarnessError, UsageError
from harness.measure import Asked
from harness.models import resolve
from harness.pairs import Run
from harness.runs import find_run, load_run
from harness.runs.layout import RECORD, SPEC
from harness.runs.read import run_ids
from harness.schema import GateSide, ModelRef, RunRecord

SAME: Final = ("judge", "threshold", "key_min_confidence", "generation", "chat_template", "seed")
"""What a model takes over from the spec of the run it is compared with."""


@dataclass(frozen=True)
class Wish:
    """How a model is to be asked, where there is no run to take it from, and where its weights run."""

    judge: str = "rules"
    threshold: float = 90.0
    backend: Any = None
    base_url: str | None = None
    model_args: Mapping[str, Any] = field(default_factory=dict)
    key_files: Mapping[str, str] = field(default_factory=dict)
    batch_size: int | None = None
    concurrency: int = 32
    judge_concurrency: int = 64
    seed: int = 1234


def find(name: str, runs: Path, wish: Wish) -> Run | ModelRef:
    """A side by its name.

    Raises:
        HarnessError: neither a run nor a model goes by it; a run is unfinished or broken.
    """
    if name == "latest" or name in run_ids(runs) or _is_run(Path(name).expanduser()):
        return opened(name, runs)
    try:
        return resolve(name, backend=wish.backend, base_url=wish.base_url, model_args=dict(wish.model_args), runs=runs)
    except HarnessError as no_model:
        if not any(one.startswith(name) for one in run_ids(runs)):
            raise UsageError(f"'{name}' is no run (harness runs lists them), and no model: {no_model}") from None
    return opened(name, runs)


def opened(name: str, runs: Path) -> Run:
    """A finished run.

    Raises:
        HarnessError: there is none, or it is unfinished or broken.
    """
    place = find_run(name, runs)
    folder = place if place.is_dir() else place.parent
    return Run(load_run(place, folder.parent), folder.parent, catalog.read(), folder)


def side_of(run: Run) -> GateSide:
    """A run as one side of a report."""
    record = run.record
    return GateSide(model=record.model.name, run=record.id, fingerprint=record.provenance.model_fingerprint)


def asked(
    model: ModelRef, tasks: tuple[str, ...], wish: Wish, like: Run | None = None, spec: Mapping[str, Any] | None = None
) -> Asked:
    """A model and how it will be asked.

    Args:
        model: who.
        tasks: what.
        wish: settings of the command.
        like: the run whose conditions are taken over.
        spec: what that run was asked, as `spec_of` reads it.

    Raises:
        DataError: the run was judged with a key file of its own, which must be given again.
    """
    own: dict[str, Any] = {"judge": wish.judge, "threshold": wish.threshold, "seed": wish.seed}
    if like is not None and spec is not None:
        own |= {name: spec[name] for name in SAME if name in spec}
        if spec.get("keys") and not wish.key_files:
            raise DataError(
                f"run '{like.record.id}' was scored with a key file of its own ({', '.join(spec['keys']) or 'for all'}); "
                "give the same file with --keys"
            )
    return Asked(
        model=model,
        tasks=tasks,
        key_files=wish.key_files,
        batch_size=wish.batch_size,
        concurrency=wish.concurrency,
        judge_concurrency=wish.judge_concurrency,
        **own,
    )


def spec_of(run: Run) -> dict[str, Any]:
    """What a run was asked; what its record tells, where the file is not there.

    Raises:
        DataError: the file is broken.
    """
    file = run.folder / SPEC
    if not file.is_file():
        return _from_record(run.record)
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read ({error})", file=file) from None
    if not isinstance(found, dict):
        raise DataError("is no spec of a run", file=file)
    return found


def _from_record(record: RunRecord) -> dict[str, Any]:
    made = record.provenance
    judge = (made.judge or "none").partition("@")[0]
    return {"judge": judge, "threshold": made.threshold, "seed": made.seed}


def _is_run(path: Path) -> bool:
    return (path / RECORD).is_file() or (path.name == RECORD and path.is_file())
