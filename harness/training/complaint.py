"""What is left of a trainer that failed -> one line that says why: its `error.json`, its exit status, or a line of its log."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from harness.report.text import one_line

ERROR: Final = "error.json"
DELIVERY: Final = "delivery.json"
MAX_ERROR: Final = 64 << 10
MAX_TAIL: Final = 64 << 10
SIGKILL_STATUS: Final = 128 + 9
LESS_MEMORY: Final = (
    "--set tokens_per_micro_step=…, --set recompute_layers=all, or zero2, zero3 or fsdp2 over more devices need less"
)

_KINDS: Final = {"oom"}
_MEMORY: Final = re.compile(
    r"out of memory|OutOfMemory|CUBLAS_STATUS_ALLOC_FAILED|can't allocate memory|cannot allocate memory|std::bad_alloc",
    re.I,
)
_KILLED: Final = re.compile(r"exitcode\s*:?\s*-9\b|Signal(?:s\.SIGKILL: |\s+)9\b|SIGKILL|exits with return code = -9", re.I)
_RAISED: Final = re.compile(r"(?:[A-Za-z_][\w.]*\.)?[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt|Fault)\b(?::\s.*)?")
_SECOND_HAND: Final = re.compile(r"ChildFailedError|CalledProcessError|ProcessRaisedException|ProcessExitedException|SystemExit")
"""Raised by launchers about somebody else's error."""
_STAMP: Final = re.compile(r"^(?:\[rank\d+\]:\s*|\[\d[^\]]*\]\s*)+")
"""Rank and time before the words of a line."""
_WIDTH: Final = 400


def complaint(work: Path, log: Path, status: int | None) -> str:
    """Why the trainer failed.

    Args:
        work: its work folder.
        log: what it printed.
        status: exit status of its supervisor: 128 + the signal that killed the trainer; negative if the whole family was killed.
    """
    own = _own_words(work / ERROR)
    printed = tail(log)
    if own is not None:
        return own
    if status == SIGKILL_STATUS or _KILLED.search(printed):
        return f"it was killed (SIGKILL), as the kernel does when memory runs out; {LESS_MEMORY}"
    memory = next((line.strip() for line in reversed(printed.splitlines()) if _MEMORY.search(line)), None)
    if memory:
        return f"memory ran out ({one_line(_STAMP.sub('', memory), 160)}); {LESS_MEMORY}"
    line = telling_line(printed)
    if status is not None and status > 128:
        return f"it was ended by signal {status - 128}" + (f": {line}" if line else "")
    if status in (0, None):
        return f"it ended without {DELIVERY}" + (f"; the last it said: {line}" if line else "")
    return line or f"it ended with status {status} and printed nothing"


def tail(log: Path) -> str:
    """The end of a log, as text."""
    if not log.is_file():
        return ""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - MAX_TAIL))
            return file.read(MAX_TAIL).decode("utf-8", "replace").replace("\r", "\n")
    except OSError:
        return ""


def telling_line(printed: str) -> str:
    """The last line that names an error of the trainer's own, else the last line."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    raised = [_STAMP.sub("", line) for line in lines if _RAISED.match(_STAMP.sub("", line))]
    first_hand = [line for line in raised if not _SECOND_HAND.search(line)]
    found = first_hand or raised or lines
    return one_line(found[-1], _WIDTH) if found else ""


def _own_words(file: Path) -> str | None:
    """What the trainer says itself went wrong."""
    if not file.is_file():
        return None
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(MAX_ERROR))
        kind, message = said["kind"], said["message"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(message, str) or not message.strip():
        return None
    text = one_line(message, _WIDTH)
    return f"{text}; {LESS_MEMORY}" if kind in _KINDS and "recompute_layers" not in text else text
