"""What the gate's words are worth, by simulation: false alarms, detection, savings, coverage; other gates on the same data.

    python bench/gatebench.py [--only T1,T2] [--quick] [--json FILE]

T1  identical checkpoints, fifteen metrics: no FAIL      T5  little is asked of what is clearly fine
T2  the same of one metric, looked at after each batch   T6  fifteen metrics: broken at once, unchanged soon
T3  drops of 5, 7 and 10 points are found                T7  what is exactly at the margin does not PASS
T4  little is asked of what is clearly worse             T8  file order, near-duplicates, a lucky baseline
CI  intervals hold the truth                             PPI so do estimates from a judge and a few labels

Everything is made up from fixed seeds, and goes through the functions that `harness gate` itself calls: harness.stats.betting,
.multiple, .paired, .intervals, .ppi. Ends with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from gatesim import coverage, targets  # noqa: E402
from gatesim.targets import QUICK, Line, Size  # noqa: E402

SECTIONS: dict[str, tuple[Callable[[Size], Iterable[Line]], ...]] = {
    "T1": (targets.families,),
    "T2": (targets.peeking,),
    "T3": (targets.detection,),
    "T4": (targets.worse,),
    "T5": (targets.fine,),
    "T6": (targets.family_savings,),
    "T7": (targets.misses,),
    "T8": (targets.robustness,),
    "CI": (coverage.rates, coverage.differences, coverage.means),
    "PPI": (coverage.predictions,),
}
FAMILY_TABLE = "FAMILY"
"""Name under which --only knows the table of scenarios."""


def main() -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join([*SECTIONS, FAMILY_TABLE]), help="sections, e.g. T1,T2")
    parser.add_argument("--quick", action="store_true", help="few repetitions: no figure to quote")
    parser.add_argument("--json", type=Path, help="write every figure to a file")
    options = parser.parse_args()
    chosen = options.only.upper().split(",")
    wrong = sorted(set(chosen) - {*SECTIONS, FAMILY_TABLE})
    if wrong:
        parser.error(f"no section {', '.join(wrong)}; there are: {', '.join([*SECTIONS, FAMILY_TABLE])}")
    size = QUICK if options.quick else Size()

    started = time.process_time()
    print(
        f"{size.families:,} families of each A/A scenario, {size.others:,} of others, {size.single:,} repetitions of one metric"
    )
    print(row("id", "what", "target", "measured", "met"))
    lines = [show(line) for name in SECTIONS if name in chosen for section in SECTIONS[name] for line in section(size)]
    scenarios = list(targets.scenarios(size)) if FAMILY_TABLE in chosen else []
    if scenarios:
        print_scenarios(scenarios)
    missed = [line for line in lines if line.met is False]
    asked = sum(line.met is not None for line in lines)
    print(f"\n{asked - len(missed)} of {asked} targets met; {time.process_time() - started:.0f} s of processor time")
    if options.json is not None:
        found = {"size": asdict(size), "lines": [asdict(line) for line in lines], "families": scenarios}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(bool(missed))


def show(line: Line) -> Line:
    """Print it, at once."""
    met = {True: "yes", False: "NO", None: ""}[line.met]
    print(row(line.id, line.what, line.target, line.measured, met), flush=True)
    return line


def row(id_: str, what: str, target: str, measured: str, met: str) -> str:
    """A line of the table."""
    return f"{id_:<4}{what:<77}{target:<10}{measured:<25}{met}".rstrip()


def print_scenarios(scenarios: list[dict[str, str]]) -> None:
    """P(any FAIL) of fifteen metrics."""
    print("\nFifteen metrics, rho 0.7: share of checkpoints that FAIL (asked: share of all items, fast / strict margins)")
    widths = {name: max(len(name), *(len(one[name]) for one in scenarios)) + 2 for name in scenarios[0]}
    for one in [{name: name for name in widths}, *scenarios]:
        print("".join(f"{one[name]:<{width}}" for name, width in widths.items()).rstrip())


if __name__ == "__main__":
    sys.exit(main())
