"""A command -> the same command, whose whole family dies with the process that asked for it.

Run as a file by `supervised`, never imported by it: `python -I supervise.py COMMAND...`, as leader of a new session,
with its standard input a pipe of the asker's. It stands between the two because neither can do this alone: a server that is
killed leaves its workers behind (vLLM's engine and worker processes go on for good and keep their memory), and an asker that
is killed cleans up nothing.

The family ends when the command ends, when SIGTERM, SIGINT or SIGHUP arrives, or when the pipe closes, which is how the
asker's death shows. First the command alone gets SIGTERM and `GRACE` seconds, then SIGKILL goes to everything in the process
group, this supervisor included. On Linux the command also gets SIGTERM if the supervisor itself is killed.

Standard library only, and no import from this project: it starts in milliseconds and outlives anything.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

GRACE: Final = 8.0
"""Seconds between SIGTERM and SIGKILL. vLLM needs about 5 to stop by itself."""
_TICK: Final = 0.5
_PR_SET_PDEATHSIG: Final = 1


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise InterruptedError


def _die_with_parent() -> None:
    """Between fork and exec of the command: SIGTERM when the supervisor dies, on the one system that has it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _watch(child: subprocess.Popen[bytes], asker: int) -> int | None:
    """Exit status of the child, or None once the asker is gone.

    A process that the asker forked keeps the pipe open, so the parent's id is looked at too.
    """
    while child.poll() is None:
        readable, _, _ = select.select([0], [], [], _TICK)
        if (readable and not os.read(0, 4096)) or os.getppid() != asker:
            return None
    return child.returncode


def _end(child: subprocess.Popen[bytes], status: int | None) -> NoReturn:
    """Ends the family, and with it this process: by exit if nothing is left to kill, else by the SIGKILL it sends."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if status is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
    if _alone():
        sys.exit(0 if status is None else status if status >= 0 else 128 - status)
    os.killpg(0, signal.SIGKILL)
    raise AssertionError("unreachable: SIGKILL to the own group")


def _alone() -> bool:
    """Whether this process is the last of its group (`/proc` of Linux; elsewhere False, and the group is killed for safety)."""
    try:
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return False
    return all(_group(pid) != os.getpgrp() for pid in pids if pid != os.getpid())


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def main(command: list[str]) -> NoReturn:
    """Runs `command` until it or its asker ends."""
    asker = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)  # noqa: S603, PLW1509
    try:
        status = _watch(child, asker)
    except InterruptedError:
        status = None
    _end(child, status)


if __name__ == "__main__":
    main(sys.argv[1:])
