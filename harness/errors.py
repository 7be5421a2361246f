"""Errors by who can mend them, and the exit codes of the command line.

    HarnessError
    ├── UsageError      a word of the command line is wrong             exit 2
    ├── DataError       a file is missing, broken or not what it claims exit 2
    │   └── NotComparable   two runs were not made the same way         exit 3
    ├── ModelError      the model under test cannot be loaded or asked  exit 1
    ├── JudgeError      the judge cannot be set up                      exit 1
    ├── TrainerError    a trainer failed                                exit 1
    ├── IncompleteRun   the run lacks responses or verdicts             exit 3
    └── Refused         the evidence does not allow what was asked      exit 4

Each message is one line that names the thing, what was tried and what would be right. They are caught once, in `cli`,
and printed without a traceback. One bad reply of a model or judge is never an exception: it is data (a `Verdict`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

EXIT_OK: Final = 0
EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2
EXIT_INCOMPLETE: Final = 3
EXIT_REFUSED: Final = 4
EXIT_UNDECIDED: Final = 5

SHOWN: Final = 20
"""Names an error lists at most."""


class HarnessError(Exception):
    """Base of all errors a user can mend; `exit_code` is what the command ends with."""

    exit_code: int = EXIT_ERROR


class UsageError(HarnessError):
    """A name or option is not known, or options contradict each other."""

    exit_code = EXIT_USAGE


class DataError(HarnessError):
    """A data, key, rubric or run file is missing or not what it should be."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, *, file: Path | str | None = None, line: int | None = None) -> None:
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(where + message)
        self.file = file
        self.line = line


class NotComparable(DataError):
    """Two runs differ in more than their models, or one of them is no basis for a comparison."""

    exit_code = EXIT_INCOMPLETE


class ModelError(HarnessError):
    """The model under test cannot be found, loaded or reached."""


class JudgeError(HarnessError):
    """The judge cannot be set up (no endpoint, no model name, no key)."""


class TrainerError(HarnessError):
    """A trainer could not run or did not deliver a checkpoint."""


class IncompleteRun(HarnessError):
    """Responses or verdicts are missing above the allowed share."""

    exit_code = EXIT_INCOMPLETE


class Refused(HarnessError):
    """Everything works, and the answer is no: nothing is weak, no source covers what is, a score that must be held was lost."""

    exit_code = EXIT_REFUSED


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """`no task named 'a_evl'; did you mean a_eval? there are: …` for any registry of names."""
    names = sorted(known)
    near = [one for one in names if one.casefold() == name.casefold()] or difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    hint = f" did you mean {' or '.join(near)}?" if near else ""
    shown = ", ".join(names[:SHOWN]) or "none"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return UsageError(f"no {kind} named '{name}';{hint} there are: {shown}{more}")
