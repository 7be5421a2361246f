"""Checkpoint -> an OpenAI-compatible endpoint on this machine, for as long as a `with` block lasts.

    with serve("checkpoints/llama3-8b-safe", dtype="bfloat16", max_model_len=4096) as server:
        harness.evaluate(f"{server.url}#{server.name}", ["a_eval"])

vLLM runs in its own process and session, so Ctrl-C here does not reach it, and under `harness.processes`, so nothing of it
is left when the block ends or this process is killed. Nothing heavy is imported here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import ModelError, UsageError
from harness.processes import supervised

Option = str | int | float | bool | Mapping[str, object] | None
Progress = Callable[[float, str], None]

HOST: Final = "127.0.0.1"
ENVIRONMENT: Final = {"VLLM_HOST_IP": HOST, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""Set unless the user set them. By default vLLM's processes meet at the address of the network card, which may be closed."""
_TICK: Final = 0.25
_ERROR: Final = re.compile(r"\b(\w*Error|error)\b")
_HARMLESS: Final = re.compile(r"\b(DEBUG|INFO|WARNING)\b")
_STAMP: Final = re.compile(r"^(\([^)]* pid=\d+\) )?(ERROR \S+ \S+ \[[^\]]*\] )?")
"""Process, level, time and place before the words of a line of vLLM's log."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    """Base of the OpenAI API, ending in `/v1`."""
    name: str
    """What the model is called in requests."""
    pid: int
    """The supervisor's process id, which is also the process group of all of vLLM."""
    log: Path
    """What vLLM printed."""


@contextlib.contextmanager
def serve(
    model: Path | str,
    *,
    name: str | None = None,
    port: int = 0,
    log: Path | None = None,
    timeout: float = 900.0,
    progress: Progress | None = None,
    **options: Option,
) -> Iterator[Server]:
    """Runs `vllm serve MODEL` and yields once it answers.

    Args:
        model: folder of a checkpoint, or a hub id.
        name: what requests call it; the last part of `model` if None.
        port: 0 for a free one.
        log: file for vLLM's output; if None a temporary one, kept only if the server does not start.
        timeout: seconds until it must answer. A model of 7 billion weights takes minutes to load and compile.
        progress: called about every 5 seconds of waiting with the seconds so far and the last line of the log.
        options: options of `vllm serve`, `max_model_len=4096` for `--max-model-len 4096`; True and False make `--x` and `--no-x`.

    Raises:
        UsageError: the port is taken.
        ModelError: vLLM is not installed here, ended by itself, or did not answer in time.
    """
    if importlib.util.find_spec("vllm") is None:
        raise ModelError("vLLM is not installed in this environment; there is: pip install 'culture-harness[vllm]'")
    called = name or Path(model).name
    port = _port(port)
    command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(model), "--served-model-name", called]
    command += ["--host", HOST, "--port", str(port), *flags(options)]
    with (
        _sockets() as sockets,
        supervised(command, log=log, environment={"VLLM_RPC_BASE_PATH": sockets, **ENVIRONMENT}) as (process, written),
    ):
        _wait(process, f"http://{HOST}:{port}/health", written, timeout, progress)
        yield Server(f"http://{HOST}:{port}/v1", called, process.pid, written)


def flags(options: Mapping[str, Option]) -> list[str]:
    """Keyword arguments as command-line options, in the order given; None is left out, a mapping travels as JSON."""
    words: list[str] = []
    for key, value in options.items():
        word = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{word}" if value else f"--no-{word}")
        elif value is not None:
            words += [f"--{word}", json.dumps(value) if isinstance(value, Mapping) else str(value)]
    return words


def _sockets() -> tempfile.TemporaryDirectory[str]:
    """Sockets of vLLM's processes stay behind, by default in the system's temporary folder."""
    return tempfile.TemporaryDirectory(prefix="vllm-")


def _port(wanted: int) -> int:
    """A port that is free now. A taken one would answer `/health` in our server's place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise UsageError(f"port {wanted} is taken ({error.strerror}); leave it out to get a free one") from error
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], health: str, log: Path, timeout: float, progress: Progress | None) -> None:
    started = time.monotonic()
    told = started
    while not _answers(health):
        now = time.monotonic()
        if process.poll() is not None:
            raise ModelError(f"vLLM ended while it started: {_complaint(log)}; all it printed: {log}")
        if now - started > timeout:
            raise ModelError(f"vLLM did not answer within {timeout:.0f} s; its last line: {_last(log)}; all it printed: {log}")
        if progress and now - told >= 5:
            progress(now - started, _last(log))
            told = now
        time.sleep(_TICK)


def _answers(health: str) -> bool:
    """Whether the server says it is ready. A proxy from the environment would not know this machine's own ports."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(health, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _lines(log: Path) -> list[str]:
    return [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]


def _last(log: Path) -> str:
    lines = _lines(log)
    return lines[-1][:300] if lines else "(nothing)"


def _complaint(log: Path) -> str:
    """The first line that names an error, which is the cause; later ones are its echoes in other processes."""
    named = [line for line in _lines(log) if _ERROR.search(line) and not _HARMLESS.search(line)]
    return _STAMP.sub("", named[0])[:300] if named else _last(log)
