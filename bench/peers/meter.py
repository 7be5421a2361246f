"""A training loop -> the time of its steps, what it trained on in each, and the memory it took.

Two watches with one face: `Meter` takes the processor time of this process, for one thread on a shared machine; `Clock` takes
wall time with the device waited for, and the optimizer's part of it.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from peers.model import Shapes, flops
from peers.rows import Work, total

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Measured(NamedTuple):
    """What one variant did in one process, after its warm-up."""

    tokens: int
    """Real ones."""
    seconds: float
    peak: int
    """Bytes at the highest: on a CPU resident ones above the built model, on a device all that were allocated."""
    flops: float
    """That the loss strictly needs."""
    optimizer: float = 0.0
    """Seconds of them in the optimizer, where that was watched."""
    note: str = ""

    @property
    def rate(self) -> float:
        """Real tokens per second."""
        return self.tokens / self.seconds


class Watch:
    """Counts what is trained on in each micro-step and marks the end of each step."""

    def __init__(self, micro_steps: int = 1) -> None:
        self.micro_steps = micro_steps
        self.work: list[Work] = []
        self.marks: list[float] = []

    def counting(self, collate: Callable[[list[Any]], Any], weigh: Callable[[list[Any]], Work]) -> Callable[[list[Any]], Any]:
        """The collator, with the rows of each batch counted in the order they are made."""

        def counted(rows: list[Any]) -> Any:
            self.work.append(weigh(rows))
            return collate(rows)

        return counted

    def callback(self) -> Any:
        """For a transformers Trainer."""
        from transformers import TrainerCallback

        watch = self

        class Marks(TrainerCallback):
            def on_train_begin(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
                watch.begin()

            def on_pre_optimizer_step(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
                watch.optimizer_begins()

            def on_optimizer_step(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
                watch.optimizer_ends()

            def on_step_end(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
                watch.mark()

        return Marks()

    def now(self) -> float:
        raise NotImplementedError

    def begin(self) -> None:
        """Just before the first step."""
        self.mark()

    def mark(self) -> None:
        """A step has ended."""
        self.marks.append(self.now())

    def optimizer_begins(self) -> None:
        """Gradients are whole."""

    def optimizer_ends(self) -> None:
        """Weights are changed."""

    def counted(self, warm: int) -> tuple[Work, float]:
        """Work and seconds after the first `warm` steps."""
        steps = len(self.marks) - 1
        return total(self.work[warm * self.micro_steps : steps * self.micro_steps]), self.marks[-1] - self.marks[warm]


class Meter(Watch):
    """Processor time of this process, and resident memory above what stood there when training began."""

    before = 0

    def now(self) -> float:
        """Processor seconds."""
        return time.process_time()

    def begin(self) -> None:
        """The model is built, nothing is trained."""
        self.before = _reset_peak()
        self.mark()

    def measured(self, shapes: Shapes, warm: int) -> Measured:
        """Everything after the first `warm` steps."""
        done, seconds = self.counted(warm)
        return Measured(done.tokens, seconds, _peak() - self.before, flops(shapes, done))


class Clock(Watch):
    """Wall time, the device waited for at every mark."""

    def __init__(self, cuda: bool, micro_steps: int = 1) -> None:
        super().__init__(micro_steps)
        self.cuda = cuda
        self.optimizer: list[float] = []
        self._began = 0.0

    def now(self) -> float:
        """Wall seconds, once the device is idle."""
        if self.cuda:
            import torch

            torch.cuda.synchronize()
        return time.perf_counter()

    def mark(self) -> None:
        """A step has ended; said at once, so that a run that is cut off leaves something."""
        super().mark()
        if len(self.marks) > 1:
            print(f"  step {len(self.marks) - 1}: {self.marks[-1] - self.marks[-2]:.2f} s", flush=True)

    def optimizer_begins(self) -> None:
        """Gradients are whole."""
        self._began = self.now()

    def optimizer_ends(self) -> None:
        """Weights are changed."""
        self.optimizer.append(self.now() - self._began)

    def measured(self, shapes: Shapes, warm: int, note: str = "") -> Measured:
        """Everything after the first `warm` steps."""
        import torch

        done, seconds = self.counted(warm)
        peak = torch.cuda.max_memory_allocated() if self.cuda else _peak()
        return Measured(done.tokens, seconds, peak, flops(shapes, done), sum(self.optimizer[warm:]), note)


def _reset_peak() -> int:
    """Bytes resident now; on Linux the high-water mark starts again from here."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return _peak()
    return _field("VmRSS")


def _peak() -> int:
    if _STATUS.exists():
        return _field("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _field(name: str) -> int:
    return next(int(line.split()[1]) * 1024 for line in _STATUS.read_text().splitlines() if line.startswith(name))
