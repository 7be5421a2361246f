"""The public face of the package."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import harness

ROOT = Path(__file__).parent.parent
HEAVY = (
    "torch",
    "transformers",
    "vllm",
    "deepspeed",
    "lm_eval",
    "datasets",
    "pandas",
    "openai",
    "pyarrow",
    "numpy",
    "scipy",
    "aiohttp",
    "sklearn",
    "rensa",
    "opencc",
    "starlette",
    "uvicorn",
)


def test_every_exported_name_is_a_function_or_the_version_however_often_it_is_asked_for() -> None:
    for _ in range(2):
        assert all(inspect.isfunction(getattr(harness, name)) for name in harness.__all__ if name != "__version__")


def test_evaluate_stays_a_function_when_its_module_is_imported_first() -> None:
    program = "import harness.verbs.evaluate, harness; assert callable(harness.evaluate); assert callable(harness.load_run)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_command_line_imports_nothing_heavy() -> None:
    program = f"import sys, harness, harness.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_wheel_carries_the_tasks_and_runs_without_the_checkout(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(iter(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def run(*words: str) -> str:
        command = [sys.executable, "-c", "from harness.cli import main; main()", *words]
        return subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True).stdout

    names = {row["name"] for row in json.loads(run("tasks", "--json"))}
    assert {"a_eval", "chisafetybench_v1", "benign_zh", "demo"} <= names
    assert Path(run("tasks", "--path").strip()) == tmp_path / "site" / "harness" / "_bundled" / "tasks"
    assert {"zh_cn/contract", "demo/contract"} <= {row["source"] for row in json.loads(run("policies", "--json"))}
    assert "LLaMA3-8B-SAFE" in run("leaderboard", "--culture", "zh_cn", "--markdown")
