"""How fast, how complete and how large finding near-duplicates is, on made-up Chinese dialogues with planted ones.

    python bench/duplicates.py [--rows 100000] [--workers 2] [--similarity 0.8] [--peers PYTHON] [--without NAME …]

Ours is the engine of `harness curate` with the one step near_duplicates, from a JSON Lines file to one, against the MinHash
pipeline of datatrove and MinHashLSH of datasketch on the same file, one after the other, with the same shingles and permutations.
Wall time from the first byte read to the last written, and processor time of all processes in it, for a machine that others use
too; memory is that of the largest process. A planted pair counts as found when one of the two is gone; of those whose true
Jaccard similarity reaches the limit the share found is the recall; of all rows that went, the share that had to is the precision.
Peers are looked for in the interpreter given by --peers, and left out by name if they are not there. Ends with 1 if a target is
missed.
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
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from synthetic import CHANGES, Made, dialogues  # noqa: E402

from harness.rows.ngrams import bare, grams  # noqa: E402

RECALL = 0.95
"""Least share of planted duplicates found."""
SHINGLE = 5
PERMUTATIONS = 128


@dataclass(frozen=True)
class Variant:
    """One way of finding near-duplicates."""

    name: str
    script: str
    """A program under bench/peers, or empty: ours."""
    package: str = ""
    """What to install for it."""
    bands: tuple[int, int] = (21, 6)


NEAR = (
    Variant("harness", ""),
    Variant("datatrove 21 x 6", "near_datatrove.py", "datatrove[io,processing]==0.10.1"),
    Variant("datatrove 16 x 8", "near_datatrove.py", "datatrove[io,processing]==0.10.1", (16, 8)),
    Variant("datasketch 21 x 6", "near_datasketch.py", "datasketch==2.0.0"),
)


@dataclass(frozen=True)
class Planted:
    """What should go and what should stay."""

    rows: int
    copies: dict[int, tuple[int, str, float]]
    """Copy -> (original, kind, true Jaccard similarity)."""
    families: dict[int, int]
    """Row of a family -> first row of it."""


@dataclass(frozen=True)
class Found:
    """What one variant did."""

    seconds: float
    cpu: float
    peak: int
    gone: set[int]


def write_rows(rows: int, seed: int, to: Path) -> Planted:
    """The file, and what was planted in it."""
    copies, families, held = {}, {}, {}
    with to.open("w", encoding="utf-8") as file:
        for number, row in enumerate(dialogues(rows, seed)):
            file.write(json.dumps({"id": number, **row.record()}, ensure_ascii=False) + "\n")
            if row.kind in CHANGES:
                assert row.of is not None
                copies[number] = (row.of, row.kind, _jaccard(row, held.pop(row.of)))
            elif row.kind == "family":
                families[number] = row.of if row.of is not None else number
            else:
                held[number] = row
                held.pop(number - 2000, None)
    return Planted(rows, copies, families)


def _jaccard(one: Made, other: Made) -> float:
    mine, theirs = grams(bare(one.text), SHINGLE), grams(bare(other.text), SHINGLE)
    return len(mine & theirs) / len(mine | theirs)


def ours(rows: Path, folder: Path, similarity: float, workers: int) -> None:
    """Run by a process of its own: what `harness curate` does for a pipeline of this one step, without the one it adds."""
    from harness import culture as cultures
    from harness.curating import engine, intake, pipeline
    from harness.rows import dataset
    from harness.runs.write import write_whole

    folder.mkdir(parents=True)
    file = folder / "pipeline.toml"
    source = f'{{ name = "made", path = "{rows}", format = "alpaca", licence = "CC0-1.0" }}'
    step = f'[[step]]\nuse = "near_duplicates"\nsimilarity = {similarity}\npermutations = {PERMUTATIONS}\nshingle = {SHINGLE}\n'
    file.write_text(f'name = "near"\nculture = "zh_cn"\nsources = [{source}]\n{step}', encoding="utf-8")
    wanted = pipeline.load(str(file))
    [declared] = wanted.sources
    assert isinstance(declared, pipeline.OwnSource)
    inputs = [intake.Input(declared.name, declared, rows, "")]
    before, started = time.process_time(), time.perf_counter()
    plan = engine.plan(wanted, cultures.load(wanted.culture), inputs, folder / "work")
    worked = engine.work(plan, inputs, workers=workers)
    write_whole(folder / dataset.ROWS, dataset.joined(shard.rows for shard in worked.shards))
    seconds = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used) - before
    peak = max(one.ru_maxrss for one in used) * 1024
    with (folder / dataset.ROWS).open(encoding="utf-8") as kept:
        ids = [int(json.loads(line)["source_id"]) - 1 for line in kept]
    (folder / "kept.json").write_text(json.dumps(ids))
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak}))


def run(variant: Variant, rows: Path, folder: Path, count: int, options: argparse.Namespace) -> Found | str:
    """One variant in processes of its own, or why there is nothing to tell."""
    words = [str(rows), str(folder), "--similarity", str(options.similarity), "--workers", str(options.workers)]
    if variant.script:
        bands = ["--bands", str(variant.bands[0]), "--minima", str(variant.bands[1])]
        command = [options.peers, str(ROOT / "bench" / "peers" / variant.script), *words, *bands, "--shingle", str(SHINGLE)]
        module = variant.package.partition("[")[0].partition("=")[0]
        if subprocess.run([options.peers, "-c", f"import {module}"], capture_output=True, check=False).returncode:
            return f"not installed: pip install '{variant.package}' (then --peers PYTHON)"
    else:
        command = [sys.executable, __file__, "_ours", *words]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        return f"failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}"
    told = json.loads(done.stdout.strip().splitlines()[-1])
    kept = set(json.loads((folder / "kept.json").read_text()))
    return Found(told["seconds"], told["cpu"], told["peak"], set(range(count)) - kept)


def judged(planted: Planted, found: Found, similarity: float) -> tuple[float, float, dict[str, float]]:
    """(recall, precision, share of each kind that is gone)."""
    due = {copy: of for copy, (of, _, alike) in planted.copies.items() if alike >= similarity}
    hit = {copy for copy, of in due.items() if copy in found.gone or of in found.gone}
    by_kind: Counter[str] = Counter()
    all_of: Counter[str] = Counter()
    for copy, (of, kind, _) in planted.copies.items():
        all_of[kind] += 1
        by_kind[kind] += copy in found.gone or of in found.gone
    all_of["family"] = len(planted.families)
    by_kind["family"] = len(found.gone & set(planted.families))
    precision = len(hit) / len(found.gone) if found.gone else 1.0
    return len(hit) / max(1, len(due)), precision, {kind: by_kind[kind] / max(1, all_of[kind]) for kind in all_of}


def near(options: argparse.Namespace) -> int:
    """All variants, one table."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        rows = Path(scratch) / "rows.jsonl"
        planted = write_rows(options.rows, options.seed, rows)
        due = sum(alike >= options.similarity for _, _, alike in planted.copies.values())
        print(
            f"{options.rows:,} rows, {rows.stat().st_size / 2**20:.0f} MiB, {len(planted.copies):,} planted copies, {due:,} of "
            f"them with a Jaccard similarity >= {options.similarity}; {len(planted.families):,} rows of templates"
        )
        print(f"{'':20}{'seconds':>9}{'CPU s':>8}{'rows/s':>9}{'recall':>9}{'precision':>11}{'peak MiB':>10}")
        results: dict[str, tuple[Found, float, float]] = {}
        kinds: dict[str, dict[str, float]] = {}
        for number, variant in enumerate(_wanted(options)):
            found = run(variant, rows, Path(scratch) / str(number), options.rows, options)
            if isinstance(found, str):
                print(f"{variant.name:20}{found}")
                continue
            recall, precision, kinds[variant.name] = judged(planted, found, options.similarity)
            results[variant.name] = (found, recall, precision)
            speed = options.rows / found.seconds
            print(
                f"{variant.name:20}{found.seconds:9.1f}{found.cpu:8.1f}{speed:9,.0f}{recall:9.4f}{precision:11.4f}"
                f"{found.peak / 2**20:10.0f}",
                flush=True,
            )
    _show_kinds(kinds)
    return _verdict(results)


def _wanted(options: argparse.Namespace) -> Iterator[Variant]:
    yield from (variant for variant in NEAR if not any(word in variant.name for word in options.without))


def _show_kinds(kinds: dict[str, dict[str, float]]) -> None:
    """Which kinds of copies went: those far below the limit should stay."""
    print("\nshare gone, by kind of copy")
    names = list(kinds)
    print(f"{'':14}" + "".join(f"{name:>20}" for name in names))
    for kind in (*CHANGES, "family"):
        print(f"{kind:14}" + "".join(f"{kinds[name][kind]:20.3f}" for name in names))


def _verdict(results: dict[str, tuple[Found, float, float]]) -> int:
    if NEAR[0].name not in results:
        return 1
    mine, recall, _ = results[NEAR[0].name]
    equal = {name: found for name, (found, theirs, _) in results.items() if name != NEAR[0].name and theirs >= RECALL}
    ratios = {name: found.seconds / mine.seconds for name, found in equal.items()}
    for name, ratio in ratios.items():
        spent = equal[name].cpu / mine.cpu
        print(f"{ratio:.1f} times as fast as {name}, which finds at least {RECALL:.0%} too; {spent:.1f} by processor time")
    slowest = f"{min(ratios.values()):.1f}" if ratios else "no peer"
    print(f"recall {recall:.4f} (target {RECALL}); times as fast as the fastest peer of that recall: {slowest} (target 1)")
    return int(recall < RECALL or any(ratio < 1 for ratio in ratios.values()))


def main(words: Sequence[str]) -> int:
    """Measure and print."""
    if words[:1] == ["_ours"]:
        inner = argparse.ArgumentParser()
        inner.add_argument("rows", type=Path)
        inner.add_argument("folder", type=Path)
        inner.add_argument("--similarity", type=float)
        inner.add_argument("--workers", type=int)
        given = inner.parse_args(words[1:])
        ours(given.rows, given.folder, given.similarity, given.workers)
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--similarity", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="the interpreter that has the peers")
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME", help="variants to leave out, by a part of their name")
    parser.add_argument("--scratch", type=Path, help="folder for files; default: the system's")
    options = parser.parse_args(words)
    return near(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
