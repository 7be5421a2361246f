"""Process ids -> whether they are still there, read from `/proc`: a zombie is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path


def alive(pids: Iterable[int]) -> list[int]:
    """Those of `pids` that run."""
    return [pid for pid in pids if _state(pid) not in {None, "Z", "X"}]


def group(pgid: int) -> list[int]:
    """Everything that runs in a process group."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in alive(pids) if _stat(pid)[2:3] == [str(pgid)]]


def within(seconds: float, true: Callable[[], bool]) -> bool:
    """Whether `true()` comes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.05)
    return true()


def _stat(pid: int) -> list[str]:
    """State, parent, process group and so on; the command's name before them may hold anything, so it is cut off."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str | None:
    return next(iter(_stat(pid)), None)
