"""Fixtures shared by all tests: an isolated user environment, and the published benchmark files where a machine has them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest_plugins = ["tests.loopback", "tests.tiny"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: the tests of Ctrl-C need it to arrive.
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

SHARED = Path(os.environ.get("HARNESS_TEST_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache, runs, keys or endpoint settings."""
    for name in [n for n in os.environ if n.startswith(("HARNESS_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    for name in ("RUNS", "MIXES", "ADAPTATIONS", "GATES", "STUDIES"):
        monkeypatch.setenv(f"HARNESS_{name}", str(tmp_path / name.lower()))


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"{name}: published files are not on this machine (set HARNESS_TEST_SHARED)")
    return folder


@pytest.fixture(scope="session")
def benchmarks() -> Path:
    """Folder with the published benchmark files (a-eval/, chisafetybench/, belle/)."""
    return _folder("benchmarks")


@pytest.fixture
def reference() -> Path:
    """Folder with published results and the taxonomy."""
    return _folder("reference")


@pytest.fixture(scope="session")
def training() -> Path:
    """Folder with published training files (HalluQA, samples of alpaca and BELLE)."""
    return _folder("training")


@dataclass(frozen=True)
class Done:
    """What a command gave."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in this process: `cli("eval", "--model", ...)` as typed, through the same entry point."""
    from harness.cli import main

    monkeypatch.setenv("COLUMNS", "120")

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run
