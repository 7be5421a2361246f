"""study.toml -> Study: every word of it checked before anything costs.

What a study names must exist (arms, phases, pools, recipes, trainers, benchmarks, metrics), and what it says of itself must
hold: weights sum to 0, no two arms are the same training, the arms of `[interference]` are what they claim. What files hold is
looked at when the steps are planned: a study can be read, and its cost estimated, where its data is not.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness.errors import DataError, HarnessError, UsageError, unknown
from harness.schema import Frozen
from harness.schema.study import (
    Study,
    StudyArm,
    StudyCases,
    StudyContrast,
    StudyData,
    StudyInterference,
    StudyOutcome,
    StudyPhase,
    StudyVocabulary,
)

_TABLES: Final[dict[str, type[Frozen]]] = {
    "data": StudyData,
    "vocabularies": StudyVocabulary,
    "phases": StudyPhase,
    "arms": StudyArm,
    "outcomes": StudyOutcome,
    "contrasts": StudyContrast,
}
"""Sections of named tables -> what one of them is."""
_SINGLE: Final[dict[str, type[Frozen]]] = {"interference": StudyInterference, "cases": StudyCases}
_OURS: Final = ("folder", "digest")
"""Fields that are not for the file to say."""


def read_study(path: Path | str) -> Study:
    """One study, checked.

    Raises:
        UsageError: there is no such file.
        DataError: it is broken, names something that does not exist, or contradicts itself; names the file and the place.
    """
    from harness.studying.checking import check

    file = Path(path).expanduser()
    study = _built(file, _bytes(file))
    try:
        check(study)
    except DataError as error:
        raise error if error.file is not None else DataError(str(error), file=file) from None
    except HarnessError as error:
        raise DataError(str(error), file=file) from None
    return study


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"there is no study at '{file}'") from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None


def _built(file: Path, raw: bytes) -> Study:
    try:
        said = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not TOML ({error})", file=file) from None
    ours = next((name for name in _OURS if name in said), None)
    if ours is not None:
        raise DataError(f"'{ours}' is not for the file to say", file=file)
    folder = file.resolve().parent
    for name in ("base", "culture"):
        if isinstance(said.get(name), str):
            said[name] = _placed(said[name], folder)
    try:
        return Study.model_validate({**said, "folder": str(folder), "digest": hashlib.sha256(raw).hexdigest()})
    except ValidationError as error:
        raise DataError(_complaint(error), file=file) from None


def _placed(name: str, folder: Path) -> str:
    """`./x` and `../x` are meant from where the file lies."""
    return str((folder / name).resolve()) if name.startswith((f".{os.sep}", f"..{os.sep}")) else name


def _complaint(error: ValidationError) -> str:
    # A misspelt name makes two errors, one of them misleading: that the right one is missing.
    details = error.errors(include_url=False, include_input=False)
    detail = min(details, key=lambda one: one["type"] != "extra_forbidden")
    place = [str(part) for part in detail["loc"] if part != "[key]"]
    if detail["type"] == "extra_forbidden":
        where = f"{'.'.join(place[:-1])}: " if place[:-1] else ""
        return f"{where}{unknown('setting', place[-1], set(_fields(place)) - set(_OURS))}"
    return f"{'.'.join(place)}: {_said(detail)}"


def _fields(place: list[str]) -> Any:
    """The fields that stand where `place` leads."""
    if len(place) == 1:
        return Study.model_fields
    return (_TABLES | _SINGLE)[place[0]].model_fields


def _said(detail: Any) -> str:
    known = {
        "missing": "is missing",
        "string_pattern_mismatch": "must be lower-case letters, digits, _ and -, a letter or digit first, 61 at most",
    }
    return known.get(detail["type"], str(detail["msg"]))
