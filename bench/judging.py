"""How close judging comes to the ideal: 5,000 verdicts against a loopback server with 0.2 s latency, and again from the cache.

    python bench/judging.py [--verdicts 5000] [--latency 0.2] [--repeats 3]

Ideal = verdicts x latency / requests in flight. The server is a process of its own. Prints medians, and ends with 1 if a
target is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness.endpoint import Endpoint  # noqa: E402
from harness.judging.cache import VerdictCache  # noqa: E402
from harness.judging.items import JudgeItem  # noqa: E402
from harness.judging.llm import Batch, OpenAIJudge  # noqa: E402
from harness.judging.pool import judge_all  # noqa: E402
from harness.judging.rubric import load_rubric  # noqa: E402
from harness.schema import VerdictState  # noqa: E402

TARGETS = {64: 1.15, 256: 1.5}
"""Requests in flight -> most allowed times the ideal."""
WARM = 1.0
"""Most seconds allowed for all verdicts from a warm cache."""


def batches(count: int) -> list[Batch]:
    """Half scores, half refusals: distinct items with responses of a few hundred characters."""
    score = load_rubric(ROOT / "tasks/zh_cn/a_eval/rubrics/score.toml")
    refusal = load_rubric(ROOT / "tasks/zh_cn/chisafetybench/rubrics/refusal.toml")
    items = [
        JudgeItem(
            question=f"第 {i} 题：请说明水为什么会结冰。",
            response=f"回答 {i}：" + "水冷到零度以下就会结冰。" * 20,
            reference="降温",
        )
        for i in range(count)
    ]
    return [(score, items[: count // 2]), (refusal, items[count // 2 :])]


def run(url: str, in_flight: int, work: list[Batch], folder: Path) -> tuple[float, float, float]:
    """Seconds of wall and of processor time for cold judging, and of wall time for judging again."""
    path = folder / f"{time.time_ns()}.sqlite"
    endpoint = Endpoint(base_url=url, model="judge", concurrency=in_flight)
    wall, cpu = time.perf_counter(), time.process_time()
    with VerdictCache(path) as cache:
        verdicts = judge_all(OpenAIJudge(endpoint, cache), work)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert all(verdict.state is VerdictState.OK for batch in verdicts for verdict in batch)
    warm = time.perf_counter()
    with VerdictCache(path) as cache:
        judge = OpenAIJudge(endpoint, cache)
        assert judge_all(judge, work) == verdicts
        assert judge.asked == 0
    return wall, cpu, time.perf_counter() - warm


def main() -> int:
    """Measure and print one line a setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verdicts", type=int, default=5000)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds a reply takes")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    work = batches(options.verdicts)
    missed = False
    command = [sys.executable, str(ROOT / "tests" / "loopback.py"), "--latency", str(options.latency)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server,
    ):
        assert server.stdout
        assert server.stdin
        url = server.stdout.readline().strip()
        for in_flight, target in TARGETS.items():
            runs = [run(url, in_flight, work, Path(folder)) for _ in range(options.repeats)]
            wall, cpu, warm = (median(column) for column in zip(*runs, strict=True))
            ideal = options.verdicts * options.latency / in_flight
            ratio = wall / ideal
            missed |= ratio > target or warm > WARM
            print(
                f"{options.verdicts:,} verdicts, {in_flight:>3} in flight: {wall:6.2f} s, ideal {ideal:6.2f} s, "
                f"ratio {ratio:.3f} (target {target}), {cpu / options.verdicts * 1000:.2f} ms CPU a verdict; "
                f"again from the cache {warm:.2f} s (target {WARM})",
                flush=True,
            )
        server.stdin.close()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
