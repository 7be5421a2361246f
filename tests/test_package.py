"""The public face of the package."""

from __future__ import annotations

import inspect
import subprocess
import sys

import harness

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
)


def test_every_exported_name_is_a_function_or_the_version_however_often_it_is_asked_for() -> None:
    for _ in range(2):
        assert all(inspect.isfunction(getattr(harness, name)) for name in harness.__all__ if name != "__version__")


def test_evaluate_stays_a_function_when_its_module_is_imported_first() -> None:
    program = "import harness.verbs.evaluate, harness; assert callable(harness.evaluate); assert callable(harness.load_run)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_command_line_imports_nothing_heavy() -> None:
    program = f"import sys, harness, harness.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
