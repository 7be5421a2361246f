"""How fast rows are compared with every benchmark, whether anything is missed, and how much memory that takes.

    python bench/contaminated.py [--rows 100000] [--length 400] [--naive 40] [--culture zh_cn]

Compared with are the benchmarks that `harness curate` would compare with ($HARNESS_DATA says where the published files are;
without them, made-up items). Rows are made-up Chinese text of at least --length characters in a question and a reply, as many
at a time as a shard has; one in a thousand holds an item of which one character was exchanged. All of those must be found, and
on some rows a comparison with every item by itself must find the same. Processor time of the comparison alone, of one process:
making rows and reading them from a disk are no part of it. Ends with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from mixing import texts  # noqa: E402
from synthetic import dialogues  # noqa: E402

from harness.errors import HarnessError  # noqa: E402
from harness.rows.contamination import LIMITS, SHORT, STRETCH, BenchmarkItem, Hit, Index  # noqa: E402
from harness.rows.folding import simplified  # noqa: E402
from harness.rows.ngrams import bare, grams  # noqa: E402

TARGET = 15_000
"""Rows of 400 characters a second and process, at least."""
SHARD = 2_000
PLANTED = 1_000
"""One row in so many holds an item."""

Prepared = list[tuple[str, dict[int, set[str]]]]


def items_of(culture: str) -> tuple[list[BenchmarkItem], str]:
    """The items, and where they are from."""
    from harness import culture as cultures
    from harness.rows.benchmarks import registered

    try:
        found = registered(cultures.load(culture))
    except HarnessError:
        made = texts(10_000, (15, 120), random.Random(99))
        return [
            BenchmarkItem("made", str(number), (text,)) for number, text in enumerate(made)
        ], "made-up items, as files are missing"
    return list(found.items), f"items of {len(found.compared)} benchmarks, {len(found.unread)} not here"


def shards(rows: int, length: int, copies: Sequence[str], seed: int = 1) -> Iterator[tuple[list[tuple[str, str]], list[int]]]:
    """Rows of a shard, and which of them hold an item."""
    draw = random.Random(seed)
    pool = [one.text for one in dialogues(20_000, seed)]
    for start in range(0, rows, SHARD):
        made, planted = [], []
        for number in range(start, min(start + SHARD, rows)):
            text = ""
            while len(text) < length:
                text += draw.choice(pool)
            if number % PLANTED == PLANTED // 2:
                copy = list(draw.choice(copies))
                copy[len(copy) // 2] = "換"
                text = text[: length // 2] + "".join(copy) + text[length // 2 :]
                planted.append(len(made))
            made.append((text[:40], text[40:]))
        yield made, planted


def naive(prepared: Prepared, text: str) -> float | None:
    """The rule as it is written: the largest share, or None."""
    said, best = bare(text), None
    own = {n: grams(said, n) for n in LIMITS}
    for item, theirs in prepared:
        shorter, longer = sorted((len(item), len(said)))
        for n, limit in LIMITS.items():
            smallest = min(len(own[n]), len(theirs[n]))
            share = len(own[n] & theirs[n]) / smallest if smallest else 0.0
            short = n == 5 and share == 1 and longer <= STRETCH * shorter
            if said == item or (short if shorter < SHORT else share >= limit):
                best = max(best or 0.0, 1.0 if said == item else share)
    return best


def agree(prepared: Prepared, row: tuple[str, str], hit: Hit | None) -> bool:
    """Whether comparing with every item finds what the index found."""
    first = next((share for text in row if (share := naive(prepared, text)) is not None), None)
    return (first is None) == (hit is None) and (first is None or hit is None or abs(first - hit.share) < 0.001)


def measure(rows: int, length: int, by_hand: int, culture: str) -> int:
    """Measure and print; 1 if a target is missed."""
    items, where = items_of(culture)
    started = time.process_time()
    index = Index(items, simplified())
    built = time.process_time() - started
    copies = [text for item in items for text in item.texts if 25 <= len(bare(text)) <= length]
    prepared = [(bare(text), {n: grams(bare(text), n) for n in LIMITS}) for item in items for text in item.texts]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent, hits, missed, checked, wrong, characters = 0.0, 0, 0, 0, 0, 0
    # The fold changes simplified text nowhere, so that the naive way needs none; 換, exchanged into copies, is in no item.
    for made, planted in shards(rows, length, copies):
        started = time.process_time()
        found = list(index.find_rows(made))
        spent += time.process_time() - started
        hits += sum(hit is not None for hit in found)
        missed += sum(found[place] is None for place in planted)
        characters += sum(len(text) for row in made for text in row)
        for place in [*planted[:1], 0][: max(0, by_hand - checked)]:
            checked += 1
            wrong += not agree(prepared, made[place], found[place])
    rate, peak = rows / spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{rows:,} rows of {characters / rows:.0f} characters x {len(items):,} {where}: index {built:.2f} s and "
        f"{index.nbytes / 2**20:.1f} MiB; {spent:.1f} s, {rate:,.0f} rows/s (target {TARGET:,}); {hits:,} hits, {missed} planted "
        f"copies missed; {wrong} of {checked} rows compared one by one differ; peak memory {peak / 1024:.0f} MiB "
        f"({(peak - before) / 1024:.0f} more than before the rows)"
    )
    return int(missed > 0 or wrong > 0 or rate * characters / rows < TARGET * 400 * 0.9)


def main() -> int:
    """As above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--length", type=int, default=400)
    parser.add_argument("--naive", type=int, default=40, help="rows compared with every item one by one")
    parser.add_argument("--culture", default="zh_cn")
    options = parser.parse_args()
    return measure(options.rows, options.length, options.naive, options.culture)


if __name__ == "__main__":
    sys.exit(main())
