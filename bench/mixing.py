"""How fast training rows are compared with benchmarks: 50,000 rows against 3,000 items, and a part of it the naive way.

    python bench/mixing.py [--rows 50000] [--items 3000] [--naive 60]

The texts are made: Han characters as unequally frequent as real ones, common phrases in many of them, and one row in a hundred
that holds an item with a word exchanged. The naive way compares every row with every item by the same rule, and must find the
same; its time is measured on a few rows and scaled. Processor time. Ends with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness.rows.contamination import LIMITS, SHORT, STRETCH, BenchmarkItem, Index, bare, grams  # noqa: E402

TARGET_S = 30.0
"""Most processor seconds allowed for 50,000 rows."""
TARGET_RATIO = 100
"""Times as fast as the naive way, at least."""


def texts(count: int, length: tuple[int, int], rng: random.Random) -> list[str]:
    """Sentences of Zipf-distributed characters with common phrases between them."""
    characters = [chr(0x4E00 + i) for i in range(3000)]
    weights = [1 / (i + 3) for i in range(3000)]
    phrases = ["".join(rng.choices(characters, weights, k=rng.randint(4, 9))) for _ in range(400)]
    made = []
    for _ in range(count):
        parts: list[str] = []
        wanted = rng.randint(*length)
        while sum(map(len, parts)) < wanted:
            parts.append(rng.choice(phrases) if rng.random() < 0.15 else "".join(rng.choices(characters, weights, k=8)))
            parts.append(rng.choice("，。、 "))
        made.append("".join(parts)[:wanted])
    return made


def plant(rows: list[str], items: list[str], rng: random.Random) -> set[int]:
    """Put an item with one character exchanged into one row in a hundred."""
    planted = set(range(0, len(rows), 100))
    for number in planted:
        copy = list(rng.choice(items))
        copy[-3] = "换"
        rows[number] = rows[number][:60] + "".join(copy) + rows[number][60:]
    return planted


def naive(prepared: list[tuple[str, dict[int, set[str]]]], row: str) -> bool:
    """The rule as it is written; the items' n-grams are made only once."""
    said = bare(row)
    own = {n: grams(said, n) for n in LIMITS}
    for item, item_grams in prepared:
        if item == said:
            return True
        shorter, longer = sorted((len(item), len(said)))
        for n, limit in LIMITS.items():
            smallest = min(len(own[n]), len(item_grams[n]))
            if not smallest:
                continue
            share = len(own[n] & item_grams[n]) / smallest
            if (shorter >= SHORT and share >= limit) or (
                shorter < SHORT and n == 5 and share == 1 and longer <= STRETCH * shorter
            ):
                return True
    return False


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=3000)
    parser.add_argument("--naive", type=int, default=60, help="rows compared the naive way")
    options = parser.parse_args()
    rng = random.Random(1)
    items = texts(options.items, (15, 120), rng)
    rows = texts(options.rows, (80, 400), rng)
    planted = plant(rows, items, rng)

    started = time.process_time()
    index = Index(BenchmarkItem("made", str(n), (text,)) for n, text in enumerate(items))
    built = time.process_time() - started
    started = time.process_time()
    hits = {number for number, hit in enumerate(index.find_rows([row] for row in rows)) if hit}
    found = time.process_time() - started

    part = range(0, options.rows, max(1, options.rows // options.naive))[: options.naive]
    prepared = [(bare(item), {n: grams(bare(item), n) for n in LIMITS}) for item in items]
    started = time.process_time()
    expected = {number for number in part if naive(prepared, rows[number])}
    slow = (time.process_time() - started) / len(part) * options.rows

    assert planted <= hits, "a planted copy was missed"
    assert expected == hits & set(part), "the naive way finds something else"
    assert all(naive(prepared, rows[number]) for number in sorted(hits)[:40]), "the naive way finds less"
    ratio = slow / (built + found)
    print(
        f"{options.rows:,} rows of {sum(map(len, rows)) / len(rows):.0f} characters x {options.items:,} items: "
        f"index {built:.2f} s, rows {found:.2f} s (target {TARGET_S:.0f} in all), {len(hits):,} hits; "
        f"naive {slow:,.0f} s (from {len(part)} rows), {ratio:,.0f} times as long (target {TARGET_RATIO})"
    )
    return int((built + found) * 50_000 / options.rows > TARGET_S or ratio < TARGET_RATIO)


if __name__ == "__main__":
    sys.exit(main())
