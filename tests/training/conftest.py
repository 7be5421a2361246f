"""A place to train in: checkpoints, mixes, a home for stand-in trainers, and the verb with its places filled in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.schema import Checkpoint
from tests.training.standins import make, write_rows

Train = Callable[..., Checkpoint]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of our own, searched after the built-in one."""
    folder = tmp_path / "home"
    (folder / "trainers").mkdir(parents=True)
    monkeypatch.setenv("HARNESS_PATH", str(folder))
    return folder


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where checkpoints are kept."""
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return tmp_path / "checkpoints"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A bare rows.jsonl of three conversations."""
    return write_rows(tmp_path / "rows.jsonl")


@pytest.fixture
def train(home: Path, checkpoints: Path, rows: Path, tiny_model: Path) -> Train:
    """`train("program")`: makes a trainer of a program (or names one that is there) and trains the tiny model with it."""
    from harness.verbs.train import train as verb

    def run(program: str | None = None, **given: Any) -> Checkpoint:
        if program is not None:
            make(home, given.setdefault("trainer", "standin"), program, given.pop("more", ""))
        wanted = {"stage": "knowledge", "trainer": "standin", "recipe": "demo-knowledge", **given}
        return verb(str(wanted.pop("base", tiny_model)), wanted.pop("mix", rows), **wanted)

    return run
