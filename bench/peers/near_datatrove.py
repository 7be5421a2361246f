"""JSON Lines -> JSON Lines without near-duplicates, by datatrove's MinHash pipeline: four stages, two processes.

    python near_datatrove.py ROWS.jsonl FOLDER --similarity 0.8 --bands 21 --minima 6 --workers 2

Set to characters (its tokenizer of Chinese words is slower and finds less), its normalisation of English numbers and weekdays
off. Processes are forked, which is faster than its default, and lets us count what they use. Runs under the interpreter that has
datatrove; prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.text import TextNormConfig
from datatrove.utils.word_tokenizers import WordTokenizer


class Characters(WordTokenizer):
    """Every character is a word."""

    def word_tokenize(self, text: str) -> list[str]:
        return list(text.replace(" ", ""))

    def sent_tokenize(self, text: str) -> list[str]:
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]


def adapted(reader: JsonlReader, data: dict, path: str, id_in_file: int | str) -> dict:  # noqa: ARG001 - its signature
    """Our alpaca rows as its documents."""
    return {"text": data["instruction"] + "\n" + data["output"], "id": str(data["id"]), "metadata": {}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--similarity", type=float)  # it compares bands only
    parser.add_argument("--bands", type=int, required=True)
    parser.add_argument("--minima", type=int, required=True)
    parser.add_argument("--shingle", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    norm = TextNormConfig(norm_numbers=False, norm_weekdays=False, norm_monthnames=False)
    config = MinhashConfig(n_grams=options.shingle, num_buckets=options.bands, hashes_per_bucket=options.minima, norm_config=norm)
    folder, tasks = options.folder, options.workers
    # One input file for each task, as it wants them.
    parts = [folder / "in" / f"{i}.jsonl" for i in range(tasks)]
    parts[0].parent.mkdir(parents=True)
    lines = options.rows.read_bytes().splitlines(keepends=True)
    size = -(-len(lines) // tasks)
    for i, part in enumerate(parts):
        part.write_bytes(b"".join(lines[i * size : (i + 1) * size]))
    del lines

    def reader() -> JsonlReader:
        return JsonlReader(str(folder / "in"), adapter=adapted)

    signatures = MinhashDedupSignature(str(folder / "sig"), config=config, language=Characters())
    buckets = MinhashDedupBuckets(str(folder / "sig"), str(folder / "buckets"), config=config)
    cluster = MinhashDedupCluster(str(folder / "buckets"), str(folder / "remove"), config=config)
    kept = MinhashDedupFilter(str(folder / "remove"), exclusion_writer=None)
    steps = [
        ([reader(), signatures], tasks),
        ([buckets], options.bands),
        ([cluster], 1),
        ([reader(), kept, JsonlWriter(str(folder / "out"), compression=None)], tasks),
    ]
    before, started = time.process_time(), time.perf_counter()
    for number, (pipeline, count) in enumerate(steps):
        LocalPipelineExecutor(
            pipeline,
            tasks=count,
            workers=options.workers,
            logging_dir=str(folder / f"log{number}"),
            skip_completed=False,
            start_method="fork",
        ).run()
    seconds = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used) - before
    peak = max(one.ru_maxrss for one in used) * 1024
    ids = []
    for path in sorted((folder / "out").glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            ids += [int(json.loads(line)["id"]) for line in file]
    (folder / "kept.json").write_text(json.dumps(ids))
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak}))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
