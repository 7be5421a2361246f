"""Recipe -> processes: this file starts the workers, waits, and says which of them failed first.

One process needs no launcher. On one machine the workers are plain children with the environment that `torchrun` would give
them; on several, DeepSpeed's launcher starts them by its hostfile. They are started here rather than by `torchrun` because its
workers outlive it: killed with SIGKILL it leaves them training for good. Here each worker dies with its parent (Linux:
PR_SET_PDEATHSIG) and all stay in the process group of the one who started the trainer, so that killing the group kills all.

If one worker fails, the others are killed: in the middle of a step there is nothing they could save.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from ft_fault import PEER, STOPPED, Fault, Stopped, recorded
from ft_recipe import Recipe

PARENT: Final = "FULL_FT_PARENT"
"""Process that a worker must not outlive, as `host:pid`."""
LOGS: Final = "logs"
FALL: Final = 2.0
"""Seconds in which the others may fall too, so that the cause can be told from those it pulled along."""
SAVE: Final = 300.0
"""Seconds that workers have to save a checkpoint after SIGTERM."""

_TICK: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1
_ONE_PROCESS: Final = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def log_of(work: Path, rank: int) -> Path:
    """Where a rank's output goes."""
    return work / LOGS / f"rank-{rank}.log"


def alone() -> None:
    """Makes this process one that no launcher started, and leaves it one device, or transformers would use them all."""
    for name in [n for n in os.environ if n in _ONE_PROCESS or n.startswith(("ACCELERATE_", "FSDP_", "TORCHELASTIC_"))]:
        del os.environ[name]
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]


def die_with_parent() -> None:
    """In a worker: SIGKILL when the parent dies, and when the trainer that started it all does."""
    host, _, pid = os.environ.get(PARENT, "").rpartition(":")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if host == socket.gethostname():
        threading.Thread(target=_watch, args=(int(pid),), daemon=True).start()


def launch(script: Path, recipe_file: Path, recipe: Recipe) -> None:
    """Runs the workers to their end.

    Raises:
        Fault: what the failing worker recorded, or `worker` with its rank and log.
        Stopped: SIGTERM or SIGINT came.
    """
    command = [sys.executable, str(script), str(recipe_file), "--worker"]
    (recipe.work_folder / LOGS).mkdir(parents=True, exist_ok=True)
    if recipe.hyper.hostfile is None:
        count = recipe.hyper.processes
        workers = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, env=_environment(rank, count, port))  # noqa: S603
            for port in [free_port()]
            for rank in range(count)
        ]
    else:
        workers = [_by_deepspeed(script, recipe_file, recipe)]
    _wait(workers, recipe.work_folder, launcher=recipe.hyper.hostfile is not None)


def _watch(pid: int) -> NoReturn:
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1.0)


def _environment(rank: int, count: int, port: int) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // count)
    network = {"GLOO_SOCKET_IFNAME": "lo"} if Path("/sys/class/net/lo").exists() else {}
    return {
        "OMP_NUM_THREADS": str(threads),
        **network,
        **os.environ,
        **_parent(),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def _by_deepspeed(script: Path, recipe_file: Path, recipe: Recipe) -> subprocess.Popen[bytes]:
    """DeepSpeed's launcher over the machines of the hostfile; one that names this machine alone needs no ssh."""
    hosts = read_hostfile(Path(recipe.hyper.hostfile or ""))
    here = ["--no_ssh_check", "--master_addr", "127.0.0.1"] if set(hosts) <= {"localhost", "127.0.0.1"} else []
    words = ["--hostfile", str(recipe.hyper.hostfile), "--master_port", str(free_port()), "--no_local_rank", *here]
    command = [sys.executable, "-m", "deepspeed.launcher.runner", *words, str(script), str(recipe_file), "--worker"]
    with (recipe.work_folder / LOGS / "launcher.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **_parent()}
        )


def read_hostfile(file: Path) -> dict[str, int]:
    """Host -> slots, of lines `host slots=N`.

    Raises:
        Fault: `recipe`.
    """
    try:
        lines = [line.split("#")[0].split() for line in file.read_text(encoding="utf-8").splitlines()]
        hosts = {host: int(slots.split("slots=")[1]) for host, slots in filter(None, lines)}
    except (OSError, ValueError, IndexError) as error:
        raise Fault("recipe", f"{file}: must have lines `host slots=N` ({error})") from None
    if not hosts:
        raise Fault("recipe", f"{file}: names no host")
    return hosts


def world_of(recipe: Recipe) -> int:
    """Processes over all machines."""
    if recipe.hyper.hostfile is None:
        return recipe.hyper.processes
    return sum(read_hostfile(Path(recipe.hyper.hostfile)).values())


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _parent() -> Mapping[str, str]:
    return {PARENT: f"{socket.gethostname()}:{os.getpid()}"}


def _wait(workers: list[subprocess.Popen[bytes]], work: Path, *, launcher: bool) -> None:
    asked: list[float] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        if asked:
            _kill(workers)
        asked.append(time.monotonic())
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        while None in (statuses := [worker.poll() for worker in workers]):
            if any(statuses) or (asked and time.monotonic() - asked[0] > SAVE):
                break
            time.sleep(_TICK)
        _fall(workers)
    finally:
        _kill(workers)
        for number, handler in before.items():
            signal.signal(number, handler)
    ended = [worker.returncode for worker in workers]
    if asked and any(ended):
        raise Stopped
    _blame(ended, work, launcher=launcher)


def _fall(workers: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + FALL
    while time.monotonic() < until and any(worker.poll() is None for worker in workers):
        time.sleep(_TICK)


def _kill(workers: list[subprocess.Popen[bytes]]) -> None:
    """Ends those that still run. Their exit status is then no evidence, so it is set to `PEER`."""
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
            worker.returncode = PEER


def _blame(statuses: list[int], work: Path, *, launcher: bool) -> None:
    """Raises for the worker that failed first, as far as can be told.

    What a worker said of itself counts most. A signal that did not come from here is next: the others fall because of it, some
    with errors that nobody foresaw.
    """
    if not any(statuses):
        return
    known = recorded(work)
    if known is not None and (known.kind != "error" or min(statuses) >= 0):
        raise known
    if launcher:
        raise Fault("worker", f"DeepSpeed's launcher {_end(statuses[0])}; see {work / LOGS}")
    rank = min(range(len(statuses)), key=lambda r: (statuses[r] == 0, statuses[r] == PEER, statuses[r] > 0))
    raise Fault("worker", f"rank {rank} of {len(statuses)} {_end(statuses[rank])}; see {log_of(work, rank)}")


def _end(status: int) -> str:
    if status == STOPPED:
        return "was asked to stop"
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name
    return f"was killed by {name}" + (" (the system does that when memory runs out)" if name == "SIGKILL" else "")
