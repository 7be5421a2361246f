"""what went wrong -> one line, an exit status and `error.json`.

kind        exit status   what it says
error       1             something nobody foresaw; the log has the traceback
recipe      2             recipe.json is not what this trainer can do
data        3             the rows are missing, changed, or none is left to train on
template    4             the chat template cannot say which tokens are the assistant's
precision   5             the recipe's precision would lose the update
oom         6             out of memory, on the device or on the machine
nan         7             the loss or the gradient is not a number
worker      8             a process of the group died
engine      9             the model is not wrapped as the recipe says, or a package it needs is missing
-           143, 130      asked to stop (SIGTERM, SIGINT); the same command goes on from the last checkpoint
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, get_args

Kind = Literal["error", "recipe", "data", "template", "precision", "oom", "nan", "worker", "engine"]

STATUS: Final[dict[str, int]] = {kind: number for number, kind in enumerate(get_args(Kind), start=1)}
"""Kind -> exit status."""
PEER: Final = 10
"""Exit status of a process that ended because another one did; never the trainer's own."""
STOPPED: Final = 143
"""Exit status after SIGTERM."""
INTERRUPTED: Final = 130
"""Exit status after Ctrl-C before training began."""
ERROR_FILE: Final = "error.json"

_NO_MEMORY: Final = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
_PEER_GONE: Final = (
    "connection closed by peer",
    "connection reset by peer",
    "connection refused",
    "broken pipe",
    "gloo",
    "nccl",
    "processgroup",
    "tcpstore",
    "timed out after",
    "socket timeout",
)


class Fault(Exception):
    """Training cannot go on; `kind` says who can mend it."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(" ".join(message.split()))
        self.kind = kind

    @property
    def status(self) -> int:
        """Exit status of the process."""
        return STATUS[self.kind]


class Stopped(Exception):
    """SIGTERM or SIGINT came, and a checkpoint was saved if there was time."""


def classify(error: BaseException) -> Fault:
    """The fault behind any exception: memory by its wording, since torch has no type for it on a CPU; the rest is `error`."""
    if isinstance(error, Fault):
        return error
    memory = next((one for one in _chain(error) if _no_memory(one)), None)
    if memory is not None:
        return Fault("oom", f"out of memory: {_said(memory)}; fewer tokens_per_micro_step or recompute_layers = 'all' may help")
    return Fault("error", f"{type(error).__name__}: {_said(error)}")


def peer_is_gone(error: BaseException) -> bool:
    """Whether the exception only says that another process of the group ended."""
    return type(error).__name__.startswith("Dist") or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _PEER_GONE)
    )


def record(work: Path, fault: Fault, rank: int | None = None) -> None:
    """Writes `error.json`, unless another process already did: the first word is the cause."""
    said = {"kind": fault.kind, "message": str(fault)} | ({} if rank is None else {"rank": rank})
    beside = work / f".{ERROR_FILE}.{os.getpid()}"
    beside.write_text(json.dumps(said, ensure_ascii=False) + "\n", encoding="utf-8")
    try:
        os.link(beside, work / ERROR_FILE)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def settle(work: Path, fault: Fault) -> None:
    """Makes `fault` what `error.json` says, if a worker did not say the same."""
    known = recorded(work)
    if known is None or str(known) != str(fault):
        (work / ERROR_FILE).unlink(missing_ok=True)
        record(work, fault)


def recorded(work: Path) -> Fault | None:
    """What `error.json` says, if it is there."""
    try:
        said = json.loads((work / ERROR_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Fault(said["kind"], said["message"])


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and those it came from: libraries clean up after a failed allocation, and stumble."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def _no_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY)


def _said(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:400]
