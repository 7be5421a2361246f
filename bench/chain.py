"""How fast the whole cleaning chain is, and that its memory does not grow with the rows.

    python bench/chain.py [--rows 100000 1000000] [--workers 2] [--pipeline zh_cn/alpaca_zh]

Made-up Chinese dialogues with planted near-duplicates (`synthetic.py`) through `harness curate`, with all steps of a preset that
need no model: normalise, language, length, truncation, repetition, exact and near duplicates, English context, self-naming,
comparison with every benchmark, tags. Wall time of the whole command, start to exit; memory is that of its largest process.
$HARNESS_DATA says where the benchmarks' files are; without them give a pipeline of the culture demo. Ends with 1 if memory grows
by more than half.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from synthetic import dialogues  # noqa: E402

GROWTH = 1.5
"""Most that the peak of the largest run may be of the peak of the smallest."""


def measure(rows: int, options: argparse.Namespace) -> float:
    """Print one line; returns the peak in MiB."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        file, out = Path(scratch) / "rows.jsonl", Path(scratch) / "out"
        with file.open("w", encoding="utf-8") as lines:
            for row in dialogues(rows, options.seed):
                lines.write(json.dumps(row.record(), ensure_ascii=False) + "\n")
        words = [
            "curate",
            options.pipeline,
            "--out",
            str(out),
            "--source",
            f"alpaca:{file}",
            "--workers",
            str(options.workers),
            "--json",
        ]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
        started, cpu = time.perf_counter(), _cpu()
        done = subprocess.run([sys.executable, __file__, "_curate", *words], capture_output=True, text=True, check=False, env=env)
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(done.stderr.strip().splitlines()[-1])
        printed = done.stdout.rsplit("\n", 2)
        made, peak = json.loads(done.stdout[: done.stdout.rindex("\n}") + 2]), int(printed[-2]) / 1024
        dropped = ", ".join(f"{step['step'].split()[-1]} {step['dropped']:,}" for step in made["steps"] if step["dropped"])
        spent = _cpu() - cpu
        print(
            f"{rows:>11,}{seconds:9.1f}{spent:9.1f}{rows / seconds:9,.0f}{peak:10.0f}  kept {made['rows']:,}; dropped: {dropped}",
            flush=True,
        )
        return peak


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _curate(words: list[str]) -> None:
    """The command in this process; its last line is the largest process's peak in KiB."""
    from harness.cli import main

    sys.argv = ["harness", *words]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
    print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def main() -> int:
    """Measure and print."""
    if sys.argv[1:2] == ["_curate"]:
        _curate(sys.argv[2:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pipeline", default="zh_cn/alpaca_zh")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path, help="folder for files; default: the system's")
    options = parser.parse_args()
    print(f"{'rows':>11}{'seconds':>9}{'CPU s':>9}{'rows/s':>9}{'peak MiB':>10}")
    peaks = [measure(rows, options) for rows in options.rows]
    growth = max(peaks) / min(peaks)
    print(f"the largest peak is {growth:.2f} of the smallest (target: at most {GROWTH})")
    return int(growth > GROWTH)


if __name__ == "__main__":
    sys.exit(main())
