"""Names of the files of a run, and whether its sample files still are what its record says."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from harness.errors import DataError
from harness.schema import RunRecord

SPEC: Final = "spec.json"
LOCK: Final = "lock"
EVENTS: Final = "events.jsonl"
SAMPLES: Final = "samples"
RECORD: Final = "record.json"

_TASK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}")


def sample_name(task: str) -> str:
    """`samples/<task>.jsonl`, as a record names it.

    Raises:
        DataError: the task's name is no file name.
    """
    if not _TASK.fullmatch(task):
        raise DataError(f"task '{task}' cannot name a sample file: use letters, digits and . _ + -")
    return f"{SAMPLES}/{task}.jsonl"


def sample_file(folder: Path, name: str) -> Path:
    """Path of a sample file that a record names.

    Raises:
        DataError: the name leads anywhere but into `samples/`.
    """
    place, _, file = name.partition("/")
    if place != SAMPLES or not file.endswith(".jsonl") or not _TASK.fullmatch(file.removesuffix(".jsonl")):
        raise DataError(f"names a sample file '{name}'; they stand in {SAMPLES}/<task>.jsonl", file=folder / RECORD)
    return folder / name


def check_samples(folder: Path, hashes: dict[str, str], *, all_present: bool) -> None:
    """Compare sample files with the SHA-256 that a record states.

    Args:
        folder: the run's folder.
        hashes: `RunRecord.samples`, or a part of it.
        all_present: whether a missing file is an error too (small records are kept without their samples).

    Raises:
        DataError: a file is not what the record says.
    """
    for name, expected in hashes.items():
        path = sample_file(folder, name)
        if not path.is_file():
            if all_present:
                raise DataError("missing, though the run's record names it", file=path)
            continue
        found = _sha256(path)
        if found != expected:
            raise DataError(f"changed since the run was recorded (sha256 {found[:12]}…, recorded {expected[:12]}…)", file=path)


def tasks_of(record: RunRecord) -> dict[str, str]:
    """Task -> sample file, for the tasks whose samples a record names."""
    return {name.removeprefix(f"{SAMPLES}/").removesuffix(".jsonl"): name for name in sorted(record.samples)}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=path) from None
