from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __version__, provenance
from harness.provenance import code, git_state, packages
from harness.schema import Provenance
from tests.runs.made import provenance as made


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one commit of one source file."""
    folder = tmp_path / "checkout"
    (folder / "harness").mkdir(parents=True)
    (folder / "harness" / "a.py").write_text("x = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    assert git_state(checkout) == (git(checkout, "rev-parse", "HEAD"), False)


def test_a_changed_source_makes_it_dirty(checkout: Path) -> None:
    (checkout / "harness" / "a.py").write_text("x = 2\n")
    assert git_state(checkout)[1] is True


def test_a_new_source_makes_it_dirty(checkout: Path) -> None:
    (checkout / "harness" / "b.py").write_text("")
    assert git_state(checkout)[1] is True


def test_what_lies_outside_the_sources_does_not(checkout: Path) -> None:
    (checkout / "runs").mkdir()
    (checkout / "runs" / "record.json").write_text("{}")
    assert git_state(checkout)[1] is False


def test_a_checkout_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == (None, None)


def test_a_folder_inside_somebody_elses_checkout_has_no_commit(checkout: Path) -> None:
    assert git_state(checkout / "harness") == (None, None)


def test_a_checkout_that_git_cannot_read_has_no_commit(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere")
    assert git_state(tmp_path) == (None, None)


def test_without_git_there_is_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state(checkout) == (None, None)


def test_a_git_that_hangs_costs_its_patience_and_no_more(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "git"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(provenance, "_PATIENCE_S", 0.2)
    assert git_state(checkout) == (None, None)


def test_a_git_hook_of_the_checkout_is_not_run(checkout: Path) -> None:
    trap = checkout / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {checkout}/sprung\n")
    trap.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", str(trap))
    assert git_state(checkout)[0] is not None
    assert not (checkout / "sprung").exists()


def test_another_repository_in_the_environment_does_not_mislead(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other.git"))
    assert git_state(checkout)[1] is False


def test_packages_are_those_that_are_installed() -> None:
    found = packages()
    assert "lm-eval" in found
    assert "pydantic" in found
    assert set(found) <= set(provenance.PACKAGES)


def test_the_facts_fit_the_noun() -> None:
    rest = made().model_dump(exclude=set(code()))
    assert Provenance(**code(), **rest).harness == __version__


def test_it_costs_less_than_150_ms_of_work_and_imports_no_package_it_names() -> None:
    script = (
        "import os, sys, harness.schema; began = sum(os.times()[:4]); from harness.provenance import code; code();"
        "print(sum(os.times()[:4]) - began, 'torch' in sys.modules or 'lm_eval' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    seconds, imported = out.stdout.split()
    assert imported == "False"
    assert float(seconds) < 0.15
