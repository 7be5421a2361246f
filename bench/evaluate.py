"""What `harness eval` costs around generation, beside plain lm-eval: `python bench/evaluate.py`.

Both evaluate the same prompts with the same tiny random model and the same judge (rules), each in its own process, in turn.
A-Eval's 678 are used where `$HARNESS_DATA` holds them, else the demo culture's. The time inside the backend's `generate_until`,
in loading the model and in importing the engine is taken in both; what is left is what the program itself adds: its own imports,
loading tasks, building requests, judging, scoring, writing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
ROUNDS = 3
TOKENS = 16

PROGRAM = """
import json, sys, time
began = time.perf_counter()
from lm_eval.models.huggingface import HFLM
imports = time.perf_counter() - began
spent = {"generate_until": 0.0, "__init__": 0.0}
def time_calls(name):
    inner = getattr(HFLM, name)
    def outer(*args, **kwargs):
        began = time.perf_counter()
        try:
            return inner(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - began
    setattr(HFLM, name, outer)
for name in spent:
    time_calls(name)
out, which, *words = sys.argv[1:]
sys.argv = [which, *words]
try:
    if which == "harness":
        from harness.cli import main
    else:
        from lm_eval.__main__ import cli_evaluate as main
    main()
finally:
    with open(out, "w") as file:
        json.dump([spent["generate_until"], spent["__init__"], imports], file)
"""


class Times(NamedTuple):
    """Seconds."""

    wall: float
    generate: float
    load: float
    imports: float
    """Of the engine: torch, transformers, lm-eval's model."""

    @property
    def rest(self) -> float:
        return self.wall - self.generate - self.load - self.imports


def run(which: str, words: list[str], folder: Path) -> Times:
    out = folder / "spent.json"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1", "HARNESS_JUDGE": "rules"}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(out), which, *words], env=env, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{which} {' '.join(words)}\n{done.stderr[-3000:]}")
    return Times(wall, *json.loads(out.read_text()))


def middle(times: list[Times]) -> Times:
    return Times(*(statistics.median(column) for column in zip(*times, strict=True)))


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tests.tiny import make_tiny

    tasks = "a_eval" if os.environ.get("HARNESS_DATA") else "demo"
    found: dict[str, list[Times]] = {"harness": [], "lm-eval": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = make_tiny(folder / "tiny")
        common = ["--tasks", tasks, "--batch_size", "16", "--gen_kwargs", f"max_gen_toks={TOKENS}"]
        for i in range(ROUNDS):
            ours = ["eval", "-m", str(model), *common, "--model-arg", "dtype=float32", "--json"]
            ours += ["--runs", str(folder / f"runs{i}")]
            theirs = ["run", "--model", "hf", "--model_args", f"pretrained={model},dtype=float32", "--device", "cpu", *common]
            theirs += ["--include_path", str(ROOT / "tasks"), "--apply_chat_template"]
            theirs += ["--log_samples", "--output_path", str(folder)]
            found["harness"].append(run("harness", ours, folder))
            found["lm-eval"].append(run("lm-eval", theirs, folder))
    print(f"{tasks}, {TOKENS} new tokens, batch 16; seconds, medians of {ROUNDS} rounds in turn")
    print(f"{'':10}{'wall':>8}{'generate':>10}{'load':>8}{'imports':>9}{'the rest':>10}")
    for label, times in found.items():
        wall, generate, load, imports = middle(times)
        rest = statistics.median(t.rest for t in times)
        print(f"{label:10}{wall:8.2f}{generate:10.2f}{load:8.2f}{imports:9.2f}{rest:10.2f}")
    extra = statistics.median(a.rest - b.rest for a, b in zip(found["harness"], found["lm-eval"], strict=True))
    ratio = statistics.median(a.wall / b.wall for a, b in zip(found["harness"], found["lm-eval"], strict=True))
    print(f"around generation harness takes {extra:+.2f} s more than lm-eval itself; wall ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
