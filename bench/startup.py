"""How long the command line takes to answer, and what it imports: `python bench/startup.py`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

HEAVY = ["torch", "transformers", "vllm", "deepspeed", "lm_eval", "datasets"]
HEAVY += ["pandas", "openai", "pyarrow", "numpy", "scipy", "aiohttp"]
COMMANDS = (["--help"], ["eval", "--help"], ["tasks"], ["models"])
ROUNDS = 9


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    bare = statistics.median(seconds([sys.executable, "-c", "pass"]) for _ in range(ROUNDS))
    print(f"python -c pass                {bare:6.3f} s (median of {ROUNDS})")
    for words in COMMANDS:
        wall = statistics.median(seconds([sys.executable, "-m", "harness", *words]) for _ in range(ROUNDS))
        print(f"harness {' '.join(words):<21} {wall:6.3f} s  ({wall / bare:.1f} x bare python)")
    program = f"import sys, harness.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()
    print(f"heavy modules after `import harness.cli`: {loaded}")


if __name__ == "__main__":
    main()
