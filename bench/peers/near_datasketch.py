"""JSON Lines -> JSON Lines without near-duplicates, by datasketch's MinHash and MinHashLSH: one process, all it supports.

    python near_datasketch.py ROWS.jsonl FOLDER --similarity 0.8 --bands 21 --minima 6 --workers 2

As its documentation has it: a row that the index finds a similar one for is dropped, else it goes in; here the estimate of the
similarity is looked at too. Runs under the interpreter that has datasketch; prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import unicodedata
from pathlib import Path

from datasketch import MinHash, MinHashLSH

PERMUTATIONS = 128


def bare(text: str) -> str:
    """Lower case, without punctuation and white space."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--similarity", type=float, required=True)
    parser.add_argument("--bands", type=int, required=True)
    parser.add_argument("--minima", type=int, required=True)
    parser.add_argument("--shingle", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    n = options.shingle
    options.folder.mkdir(parents=True)
    before, started = time.process_time(), time.perf_counter()
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(options.bands, options.minima))
    held, ids = {}, []
    with options.rows.open(encoding="utf-8") as file, (options.folder / "out.jsonl").open("w", encoding="utf-8") as out:
        for number, line in enumerate(file):
            row = json.loads(line)
            said = bare(row["instruction"] + row["output"])
            sketch = MinHash(num_perm=PERMUTATIONS)
            sketch.update_batch({said[i : i + n].encode() for i in range(max(1, len(said) - n + 1))})
            if any(held[key].jaccard(sketch) >= options.similarity for key in index.query(sketch)):
                continue
            index.insert(number, sketch)
            held[number] = sketch
            ids.append(row["id"])
            out.write(line)
    seconds = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used) - before
    peak = max(one.ru_maxrss for one in used) * 1024
    (options.folder / "kept.json").write_text(json.dumps(ids))
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak}))


if __name__ == "__main__":
    main()
