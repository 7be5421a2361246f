"""What the tests of a whole training need: a recipe as the harness writes it, the trainer as the harness starts it.

Starting Python with torch and transformers costs six CPU seconds a process, the trainings themselves a fraction of one. So only
what is about processes starts any; the rest runs the same `train.main` in this one.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.schema.adaptation import Hyper, Recipe
from tests.tiny import LESSONS
from tests.trainers.job import Job

FOLDER = Path(__file__).parents[3] / "trainers" / "full_ft"

QUICK = Hyper(
    epochs=2,
    instances_per_step=8,
    learning_rate=1e-3,
    precision="fp32",
    tf32=False,
    tokens_per_micro_step=128,
    recompute_layers=0,
)
"""Twelve steps over `CHATS`, several packs each."""
CHATS = tuple(
    [{"role": "user", "content": question + "?" * (number % 7)}, {"role": "assistant", "content": answer * (1 + number % 3)}]
    for number, (question, answer) in enumerate(LESSONS * 8)
)


def job(folder: Path, base: Path, chats: Sequence[Any] = CHATS, *, options: dict[str, Any] | None = None, **hyper: Any) -> Job:
    """A recipe in `folder`: `QUICK` but for `hyper`."""
    (folder / "work").mkdir(parents=True)
    rows = folder / "rows.jsonl"
    lines = ({"messages": chat, "area": "a/b", "source": "s", "source_id": str(n)} for n, chat in enumerate(chats))
    rows.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    recipe = Recipe(
        trainer="full_ft",
        preset="quick",
        name="made",
        stage="knowledge",
        base=str(base),
        rows=str(rows),
        rows_sha256=hashlib.sha256(rows.read_bytes()).hexdigest(),
        work=str(folder / "work"),
        out=str(folder / "model"),
        seed=7,
        hyper=QUICK.model_copy(update=hyper),
        options=options or {},
    )
    file = folder / "work" / "recipe.json"
    file.write_text(recipe.model_dump_json())
    return Job(file, recipe)


@dataclass(frozen=True)
class Done:
    """How a trainer ended."""

    code: int
    err: str


def start(made: Job) -> subprocess.Popen[str]:
    """The trainer in a process group of its own, as the harness starts it."""
    command = [sys.executable, str(FOLDER / "train.py"), str(made.file)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)


def train(made: Job) -> Done:
    """The trainer to its end, in processes of its own."""
    with start(made) as process:
        try:
            err = process.communicate(timeout=240)[1]
        finally:
            kill_group(process)
    return Done(process.returncode, err)


def train_here(made: Job) -> Done:
    """The trainer to its end, in this process."""
    err = made.work / "stderr"
    with _as_it_was(), err.open("w") as said, contextlib.redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = _script().main([str(made.file)])
    return Done(code, err.read_text())


def reach(process: subprocess.Popen[str], made: Job, step: int, seconds: float = 120.0) -> None:
    """Returns as soon as the training has done `step` optimizer steps."""
    until = time.monotonic() + seconds
    while len(made.steps) < step:
        assert process.poll() is None, f"ended with {process.returncode} before step {step}: {process.stderr.read()}"  # type: ignore[union-attr]
        assert time.monotonic() < until, f"step {step} was not reached"
        time.sleep(0.01)


def kill_group(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the trainer and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def workers(process: subprocess.Popen[str]) -> dict[int, int]:
    """Rank -> process id of the workers that run."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, KeyError):
            if entry.name.isdigit() and _parent(entry) == process.pid:
                variables = dict(pair.partition("=")[::2] for pair in (entry / "environ").read_text().split("\0"))
                found[int(variables["RANK"])] = int(entry.name)
    return found


def _parent(entry: Path) -> int:
    return int((entry / "stat").read_text().rpartition(")")[2].split()[1])


def weights(folder: Path) -> dict[str, Any]:
    """Name -> tensor of a model folder."""
    from safetensors.torch import load_file

    return {name: tensor for file in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(file).items()}


def difference(one: Path, other: Path) -> float:
    """Largest difference between the weights of two model folders."""
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    return max(float((first[name].float() - second[name].float()).abs().max()) for name in first)


def _script() -> Any:
    """`train.py`, under a name that no other trainer's has."""
    spec = importlib.util.spec_from_file_location("full_ft_train", FOLDER / "train.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """What a trainer changes of its process is put back."""
    variables = dict(os.environ)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        for number, handler in handlers.items():
            signal.signal(number, handler)
