"""What a study's standard errors are worth, by simulation: false positives, power, coverage.

    python bench/studysim.py [--times 2000] [--json FILE]

Items and training runs are made up (a one-factor probit: an item is easy for all, for an arm, for a run), no arm differs from
another, and every difference called real at 5% is false. Ways to reckon that are compared:

    items      items alone
    larger     the larger of the parts of runs and items, runs pooled over all arms, their degrees of freedom
    sum        the sum of the two
    all arms   the harness's own, with the runs of all arms
    harness    its own: with the runs of the contrast's arms (`harness.stats.studies`)

Ends with 1 if its own is wrong in more than 6 of 100.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness.stats.studies import _Spread, contrast, region  # noqa: E402

ARMS = ("base", "K", "S", "KS", "SK", "mixed")
FIXED = frozenset({"base"})
ORDER = {"KS": 1.0, "SK": -1.0}
INTERACTION = {"KS": 1.0, "K": -1.0, "S": -1.0, "base": 1.0}
SPREADS = (0.0, 0.005, 0.01, 0.02)
MOST = 0.06
Values = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class World:
    """What is made up."""

    n: int = 400
    runs: int = 3
    rate: float = 0.44
    spread: float = 0.01
    """Standard deviation of the runs' rates."""
    between: float = 0.7
    """Correlation of the verdicts of two arms on an item."""
    within: float = 0.7
    """Of two runs of one arm."""
    louder: tuple[str, ...] = ()
    """Arms whose runs spread twice as far, while the others' spread half as far."""


def made(world: World, chance: np.random.Generator, shifts: dict[str, float] | None = None) -> Values:
    """Arm -> runs × items, 0 or 1."""
    all_, own = (math.sin(phi * math.pi / 2) for phi in (world.between, world.within))
    item = chance.standard_normal(world.n)
    found = {}
    for arm in ARMS:
        runs = 1 if arm in FIXED else world.runs
        spread = 0.0 if arm in FIXED else world.spread * (2.0 if arm in world.louder else 0.5 if world.louder else 1.0)
        rates = world.rate + (shifts or {}).get(arm, 0.0) + spread * chance.standard_normal((runs, 1))
        ease = math.sqrt(all_) * item + math.sqrt(own - all_) * chance.standard_normal(world.n)
        ease = ease + math.sqrt(1 - own) * chance.standard_normal((runs, world.n))
        found[arm] = (ease < ndtri(np.clip(rates, 1e-6, 1 - 1e-6))).astype(float)
    return found


def ways(values: Values, weights: dict[str, float]) -> dict[str, bool]:
    """Way -> whether it calls the contrast real."""
    parts = _Spread(values, weights, FIXED, (), "all")
    wide, few = parts.n - 1, parts.moved
    own, pooled = contrast(values, weights, FIXED), contrast(values, weights, FIXED, runs="all")
    return {
        "items": _real(parts.value, parts.items, wide),
        "larger": _real(parts.value, max(parts.items, parts.between), few),
        "sum": _real(parts.value, parts.items + parts.between, few),
        "all arms": pooled.p <= 0.05,
        "harness": own.p <= 0.05,
    }


def rates(
    world: World, weights: dict[str, float], times: int, seed: int, shifts: dict[str, float] | None = None
) -> dict[str, float]:
    """Way -> share of the studies in which it calls the contrast real."""
    chance = np.random.default_rng(seed)
    counts: dict[str, int] = {}
    for _ in range(times):
        for way, real in ways(made(world, chance, shifts), weights).items():
            counts[way] = counts.get(way, 0) + real
    return {way: count / times for way, count in counts.items()}


def coverage(world: World, times: int, seed: int) -> float:
    """Share of the studies whose ellipse holds no change at all, which is the truth."""
    chance = np.random.default_rng(seed)
    held = 0
    for _ in range(times):
        found = region(made(world, chance), made(world, chance), {"KS": 1.0, "base": -1.0}, FIXED)
        xx, xy, yy = found.covariance
        x, y = found.centre
        held += (yy * x * x - 2 * xy * x * y + xx * y * y) / (xx * yy - xy * xy) <= found.radius**2
    return held / times


def _real(value: float, variance: float, df: float) -> bool:
    return bool(abs(value) > stdtrit(df, 0.975) * math.sqrt(variance))


def main() -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=2000, help="studies of each world")
    parser.add_argument("--json", type=Path, help="write every figure to a file")
    options = parser.parse_args()
    started = time.process_time()
    figures = [*_false(options.times), *_power(options.times), *_ellipses(options.times)]
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), "utf-8")
    worst = max(one["harness"] for one in figures if one["kind"] == "false positives")
    print(f"\nworst of the harness's own: {worst:.3f} (at most {MOST}); {time.process_time() - started:.0f} s of CPU")
    return int(worst > MOST)


def _false(times: int) -> list[dict[str, Any]]:
    print(f"False positives at 5%, 6 arms x 3 runs, {times:,} studies each")
    print(f"{'items':>6}{'spread':>8}{'arms':>6}{'runs':>6}  {'contrast':16}" + "".join(f"{way:>9}" for way in WAYS))
    found = []
    for world in _worlds():
        for name, weights in (("order", ORDER), ("interaction", INTERACTION)):
            if world.louder and name == "interaction":
                continue
            seen = rates(world, weights, times, len(found))
            label = f"{name}{' *' if world.louder else ' ' + str(world.rate) if world.rate != World.rate else ''}"
            print(
                f"{world.n:>6}{100 * world.spread:>8.1f}{world.between:>6}{world.within:>6}  {label:16}"
                + "".join(f"{seen[way]:>9.3f}" for way in WAYS),
                flush=True,
            )
            found.append({"kind": "false positives", "contrast": label, **asdict(world), **seen})
    print("* two arms spread twice as far as said, the others half as far; 0.95: right on 95% of the items, else on 44%")
    return found


WAYS = ("items", "larger", "sum", "all arms", "harness")


def _worlds() -> list[World]:
    alike = [World(n=n, spread=spread) for n in (400, 678) for spread in SPREADS]
    apart = [World(spread=spread, between=0.6, within=0.8) for spread in SPREADS]
    return [*alike, *apart, World(spread=0.02, between=0.5, within=0.9), World(rate=0.95), World(louder=("KS", "SK"))]


def _power(times: int) -> list[dict[str, Any]]:
    """At the differences that a design with a normal distribution and a known spread would show with 80%."""
    print("\nPower at the design's MDE80, 678 items, 3 runs, spread 1.0")
    found = []
    for name, weights, shift in (("order", ORDER, 0.033), ("interaction", INTERACTION, 0.047), ("order", ORDER, 0.042)):
        seen = rates(World(n=678), weights, times, 77, {"KS": shift})
        print(f"{name:12}{100 * shift:>5.1f} points  " + "".join(f"{way} {seen[way]:.2f}   " for way in WAYS), flush=True)
        found.append({"kind": "power", "contrast": name, "shift": shift, **seen})
    return found


def _ellipses(times: int) -> list[dict[str, Any]]:
    print("\nEllipses of 95% that hold the truth")
    found = []
    for world in (World(spread=0.0), World(spread=0.01), World(spread=0.02), World(spread=0.02, between=0.6, within=0.8)):
        held = coverage(world, times, 5)
        print(f"spread {100 * world.spread:.1f}, arms {world.between}, runs {world.within}: {held:.3f}", flush=True)
        found.append({"kind": "ellipse", **asdict(world), "held": held})
    return found


if __name__ == "__main__":
    sys.exit(main())
