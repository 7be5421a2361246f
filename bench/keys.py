"""What a key's error bound is worth, by simulation, and how many audited items prove what.

    python bench/keys.py [--times 1000] [--json FILE]

The table of the design: 5 voters of 92%, latent error correlation .65, 1,190 two-option and 377 four-option items, people who err
on 2% of them. Then worlds that are meant to break the bound. Ends with 1 if it holds in less than 95% where it is said to hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from keyexact import false_claims, least_of_pairs  # noqa: E402
from keysim import World, worlds  # noqa: E402

from harness.stats.intervals import clopper_pearson  # noqa: E402
from harness.stats.keys import PLANNED, audit_size, audit_size_of, most_errors, most_errors_anytime  # noqa: E402

BASE = World("audit of 150 a stratum")
HARD = World("voters .85, correlation .85", accuracy=0.85, shared=0.85)
HOLDS = (
    *(replace(BASE, name=f"audit of {n} a stratum", audit=n) for n in (100, 150, 300)),
    replace(BASE, name="7 voters of .90, correlation .75", voters=7, accuracy=0.90, shared=0.75),
    HARD,
    replace(BASE, name="all errors in one area (a tenth)", area=0.1),
    replace(BASE, name="people err on 5%", people=0.05),
    World("may stop as soon as it shows 2%", sizes=((2, 1190),), accuracy=0.90, shared=0.75, audit=600, peek=0.02),
    replace(BASE, name="few items: 60 + 30", sizes=((2, 60), (4, 30)), audit=40),
    replace(HARD, name="people misread 90% of those, 6% assumed", misread=0.9, assumed=0.06),
)
FAILS = (
    replace(BASE, name="people's errors all in a tenth of the items", hard=0.1),
    replace(BASE, name="the same, they err on 5%, and all is audited", hard=0.1, people=0.05, audit=1190),
    replace(BASE, name="people misread 90% of the voters' shared errors", misread=0.9),
    replace(HARD, name="the same, voters .85, correlation .85", misread=0.9),
)
STOPS = (300, 940)
"""Items of the strata in which somebody stops as soon as the bound shows 2%."""


def main() -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1000, help="keys of each world")
    parser.add_argument("--json", type=Path, help="write every figure to a file")
    options = parser.parse_args()
    started = time.process_time()
    print("Items an audit needs for an error of at most e at 95%, if 0, 1, 2 are wrong; in brackets of a stratum of 940")
    for rate in PLANNED:
        sizes = ", ".join(f"{audit_size(rate, k)} ({audit_size_of(940, rate, k)})" for k in range(3))
        print(f"  e = {rate:.0%}: {sizes}")
    print_exact()
    print(f"\n{'world':<50}{'majority':>9}{'unanim.':>9}{'review':>8}{'audit':>7}{'error':>8}{'bound':>8}{'held':>8}")
    lines = [measure(world, options.times) for world in HOLDS]
    print("assumptions broken:")
    lines += [measure(world, options.times) for world in FAILS]
    if options.json is not None:
        options.json.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    missed = [line["world"] for line in lines[: len(HOLDS)] if float(line["high"]) < 0.95]
    print(f"\n{len(HOLDS) - len(missed)} of {len(HOLDS)} hold; {time.process_time() - started:.0f} s of processor time")
    return int(bool(missed))


def print_exact() -> None:
    """What can be counted, and need not be simulated."""
    least, pairs = least_of_pairs()
    print(f"\nExactly, over all draws: the sum of two strata's bounds holds in at least {least:.1%} ({pairs:,} pairs)")
    print("Stopping as soon as the bound shows 2%, looked at after each item: how often that is false, at worst (5% is stated)")
    for items in STOPS:
        wrong = range(items // 50 + 1, items // 20)
        once, anytime = (false_claims(bound, items, 0.02, wrong) for bound in (most_errors, most_errors_anytime))
        print(f"  of {items} items: {once:.1%} by the bound of a fixed audit, {anytime:.1%} by the one that allows for it")


def measure(world: World, times: int) -> dict[str, float | str]:
    """Means over many keys, and how often the bound held; printed at once."""
    made = list(worlds(world, times))
    held = sum(one.error <= one.bound for one in made)
    mean = {
        name: sum(getattr(one, name) for one in made) / times
        for name in ("majority", "unanimous", "reviewed", "audited", "error", "bound")
    }
    print(
        f"{world.name:<50}{mean['majority']:>9.1%}{mean['unanimous']:>9.1%}{mean['reviewed']:>8.0f}{mean['audited']:>7.0f}"
        f"{mean['error']:>8.2%}{mean['bound']:>8.2%}{held / times:>8.1%}",
        flush=True,
    )
    return {"world": world.name, **mean, "held": held / times, "high": clopper_pearson(held, times).high}


if __name__ == "__main__":
    sys.exit(main())
