"""A stand-in for a model that knows nothing: answers for `harness eval --model replay:FILE`, so that a diagnosis finds everything weak.

python examples/data/unable.py BENCHMARK FILE [--culture zh_cn]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from harness import catalog, culture
from harness.data.hashing import content_hash
from harness.rows import benchmarks


def main() -> None:
    parser = argparse.ArgumentParser(description="Answer every item of a benchmark with: I do not know.")
    parser.add_argument("benchmark")
    parser.add_argument("file", type=Path)
    parser.add_argument("--culture", default="zh_cn")
    given = parser.parse_args()
    items = benchmarks.items(culture.load(given.culture), catalog.read()).items
    hashes = [content_hash(item.texts[0]) for item in items if item.benchmark == given.benchmark]
    lines = [json.dumps({"hash": one, "response": "我不知道。"}, ensure_ascii=False) + "\n" for one in hashes]
    given.file.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
