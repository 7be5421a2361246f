"""Words -> the tool's process: what it prints goes on to the log, and what looks like progress into `progress.jsonl`.

Progress is read from the lines of transformers' trainer, which most tools print: its bar (`3%|▎ | 3/90 [`) and `'loss': 1.23`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from command_fault import Fault

GRACE: Final = 6.0
"""Seconds the tool has to end when we are told to."""
_BAR: Final = re.compile(r"^\s*\d+%\|[^|]*\|\s*(\d+)/(\d+) \[")
_LOSS: Final = re.compile(r"['\"]loss['\"]:\s*['\"]?(-?\d+\.?\d*(?:[eE][-+]?\d+)?)")
_PAUSE: Final = 0.5


class Seen:
    """What the output has shown so far."""

    def __init__(self, progress: Path) -> None:
        self.progress, self.began, self.written = progress, time.monotonic(), 0.0
        self.step = self.steps = 0
        self.news = False
        self.losses: list[float] = []

    def line(self, text: str) -> None:
        """Take in a line of output."""
        bar, loss = _BAR.match(text), _LOSS.search(text)
        if bar:
            self.step, self.steps = int(bar[1]), int(bar[2])
        if loss:
            self.losses.append(float(loss[1]))
        self.news |= bool(bar or loss) and self.steps > 0
        if time.monotonic() - self.written > _PAUSE:
            self.tell()

    def tell(self) -> None:
        """Write how far it is, if there is something new."""
        now = time.monotonic()
        if self.news:
            self.news, self.written = False, now
            left = (now - self.began) / self.step * (self.steps - self.step) if self.step else None
            said: dict[str, Any] = {"step": self.step, "steps": self.steps, "seconds_left": left}
            if self.losses:
                said["loss"] = self.losses[-1]
            with self.progress.open("a", encoding="utf-8") as file:
                file.write(json.dumps(said) + "\n")


def run(words: list[str], work: Path) -> Seen:
    """Run the tool to its end.

    Raises:
        Fault: its program is not there.
        SystemExit: it failed; the status is the tool's, 128 + the signal that killed it.
    """
    seen = Seen(work / "progress.jsonl")
    try:
        tool = subprocess.Popen(words, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # noqa: S603
    except OSError as error:
        raise Fault(
            f"'{words[0]}' cannot be started ({error.strerror}); name the program of the tool's environment by its path"
        ) from None
    signal.signal(signal.SIGTERM, lambda number, frame: _end(tool, number, frame))
    _pass_on(tool, seen)
    status = tool.wait()
    if status:
        sys.exit(status if status > 0 else 128 - status)
    return seen


def _pass_on(tool: subprocess.Popen[bytes], seen: Seen) -> None:
    rest = b""
    assert tool.stdout is not None  # noqa: S101 - it was asked for
    while chunk := os.read(tool.stdout.fileno(), 1 << 16):
        os.write(1, chunk)
        *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            seen.line(line[:2000].decode("utf-8", "replace"))
        rest = rest[-4000:]
    seen.tell()


def _end(tool: subprocess.Popen[bytes], number: int, _frame: FrameType | None) -> NoReturn:
    tool.terminate()
    try:
        tool.wait(GRACE)
    except subprocess.TimeoutExpired:
        tool.kill()
    sys.exit(128 + number)
