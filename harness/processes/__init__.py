"""A command -> the same command, of which nothing is left when its asker is gone.

Servers and trainers start families of processes; `supervise.py` stands between them and this process, because neither side can
end the whole family alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

SUPERVISOR: Final = Path(__file__).with_name("supervise.py")
STOP: Final = 12.0
"""Seconds the supervisor has to end everything; it needs up to `supervise.GRACE` = 8."""


@contextlib.contextmanager
def supervised(
    command: Sequence[str],
    *,
    log: Path | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Runs `command` so that no process of its family outlives the block or this process; yields the supervisor and the log file.

    Args:
        command: program and arguments. It runs as leader of its own process group, in a new session.
        log: file for what it prints; if None a temporary one, removed if the block ended well.
        folder: where it runs; by default here.
        environment: variables set unless the user set them.
    """
    written = log or _temporary_log()
    process = _start(command, written, folder, environment or {})
    try:
        yield process, written
    finally:
        _stop(process)
    if log is None:
        written.unlink(missing_ok=True)


def _start(command: Sequence[str], log: Path, folder: Path | None, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", str(SUPERVISOR), *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
            env={**environment, **os.environ},
        )


def _temporary_log() -> Path:
    handle, path = tempfile.mkstemp(prefix="harness-", suffix=".log")
    os.close(handle)
    return Path(path)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the supervisor and all it watches: asked first, and by SIGKILL to the group if it does not listen."""
    with contextlib.suppress(BrokenPipeError):
        if process.stdin:
            process.stdin.close()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
