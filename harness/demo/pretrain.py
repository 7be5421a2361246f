"""Items, seed -> the base model `demo-en`: an ordinary checkpoint folder, built at first use.

`demo-en-plain` reads the same lessons with an English vocabulary (`tokenizer.english_tokenizer`): all that differs is how Chinese
is written, so what a longer vocabulary gains is seen on it.

The folder appears whole or not at all: it is written beside its place and renamed, under a lock, so that a second process waits
for the first and finds the work done. The same items and seed give the same weights, byte for byte, on the same machine.
"""

from __future__ import annotations

import json
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.demo import corpus
from harness.errors import ModelError

FULL: Final = 50_000
"""Lessons of the real base model; about a minute."""
SMALL: Final = 6_000
"""Lessons of a base that only shows that things run: English 21%, which is guessing (20,000: 55%, 30,000: 80%, 50,000: 95%+)."""
SCHEMA: Final = "harness.demo/1"
"""Raise the number with every change of world, tokenizer, shape or training, so that models built before are refused."""
RECEIPT: Final = "build.json"
"""Written last into the folder: what it was built from."""
PLAIN: Final = "harness.demo-plain/1"
"""The same of a base with an English vocabulary."""
REFRESH: Final = 20
"""Steps between two updates of the progress bar."""

OnStep = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Settings:
    """What decides the weights."""

    items: int
    seed: int
    plain: bool = False
    """An English vocabulary."""

    def model_dump(self) -> dict[str, int | str]:
        """As the receipt has it."""
        return {"schema_version": PLAIN if self.plain else SCHEMA, "items": self.items, "seed": self.seed}


def ensure(target: Path, items: int = FULL, seed: int = 0, *, plain: bool = False, progress: bool = True) -> None:
    """Build the base model at `target` if it is not there; `plain`: with an English vocabulary.

    Raises:
        ModelError: `target` holds something else, or a base built from other settings; or torch is not installed.
    """
    if not _is_built(target, Settings(items, seed, plain)):
        build(target, items=items, seed=seed, plain=plain, progress=progress)


def ensure_small(target: Path) -> None:
    """Build the small base model at `target` if it is not there."""
    ensure(target, SMALL)


def ensure_plain(target: Path) -> None:
    """Build the base model with an English vocabulary at `target` if it is not there."""
    ensure(target, plain=True)


def ensure_plain_small(target: Path) -> None:
    """Build the small base model with an English vocabulary at `target` if it is not there."""
    ensure(target, SMALL, plain=True)


def build(target: Path, *, items: int = FULL, seed: int = 0, plain: bool = False, progress: bool = True) -> None:
    """Train the base model and put it at `target`.

    Args:
        target: Folder to be made. If another process is making it, this one waits.
        items: Lessons to read once.
        seed: Decides lessons, initial weights and order.
        plain: With an English vocabulary.
        progress: Show a progress bar on standard error.

    Raises:
        ModelError: `target` holds something else, or a base built from other settings; or torch is not installed.
    """
    _require("torch", "transformers", "tokenizers", "safetensors")
    from filelock import FileLock

    settings = Settings(items, seed, plain)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):
        if _is_built(target, settings):
            return
        part = target.parent / f".{target.name}.part"
        try:
            _write(part, settings, progress)
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _is_built(target: Path, settings: Settings) -> bool:
    """Whether the base of these settings lies at `target`; False if nothing does."""
    if not target.exists():
        return False
    try:
        receipt = json.loads((target / RECEIPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ModelError(f"{target} exists and is not a demo model (no readable {RECEIPT}); name another folder") from None
    wanted = settings.model_dump()
    built = {name: receipt.get(name) for name in wanted} if isinstance(receipt, dict) else receipt
    if built != wanted:
        raise ModelError(f"{target} holds a demo model built from {built}, not {wanted}; remove it or name another folder")
    return True


def _write(folder: Path, settings: Settings, progress: bool) -> None:
    """Train, and fill `folder`; what a killed process left there goes first."""
    started = time.monotonic()
    with _progress_bar(progress) as on_step:
        tokenizer, model, result = _trained(settings, on_step)
    shutil.rmtree(folder, ignore_errors=True)
    with _quietly():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    receipt = settings.model_dump() | {
        "steps": result.steps,
        "final_loss": round(result.final_loss, 4),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "vocabulary": len(tokenizer),
        "seconds": round(time.monotonic() - started, 1),
        "versions": _versions(),
    }
    (folder / RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")


def _trained(settings: Settings, on_step: OnStep) -> tuple[Any, Any, Any]:
    from harness.demo.model import encode, new_model, one_thread, train
    from harness.demo.tokenizer import english_tokenizer, new_tokenizer

    lessons = corpus.pretraining(settings.items, settings.seed)
    texts = (f"{one.question} {one.answer}" for one in lessons)
    tokenizer = english_tokenizer(texts) if settings.plain else new_tokenizer(texts, corpus.alphabet())
    with one_thread(settings.seed):
        model = new_model(tokenizer)
        result = train(model, encode(tokenizer, lessons), settings.seed, on_step)
    return tokenizer, model, result


@contextmanager
def _progress_bar(shown: bool) -> Iterator[OnStep]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("building the demo model", total=None, loss="")

        def on_step(done: int, steps: int, loss: float) -> None:
            if done % REFRESH == 0 or done == steps:
                bar.update(task, completed=done, total=steps, loss=f"loss {loss:.2f}")

        yield on_step


@contextmanager
def _quietly() -> Iterator[None]:
    """Transformers shows a bar of its own for one file of 2 MB, and brings in DeepSpeed, which warns where there is no GPU."""
    from logging import WARNING, disable, root

    from transformers.utils import logging

    shown, disabled = logging.is_progress_bar_enabled(), root.manager.disable
    logging.disable_progress_bar()
    disable(WARNING)
    try:
        yield
    finally:
        disable(disabled)
        if shown:
            logging.enable_progress_bar()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"python": platform.python_version(), **{name: version(name) for name in ("tokenizers", "torch", "transformers")}}


def _require(*modules: str) -> None:
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise ModelError(f"the demo model needs {', '.join(missing)}, not installed: pip install 'culture-harness[hf]'")
