"""A stand-in for a reviewer: fills in a sheet of `harness review --export` by what `shapes.py` knows of its own faults.

    python examples/data/reviewer.py SHEET FAULTS --annotator NAME     # FAULTS is faults.json

Replies that are wrong or cut off are flagged, those that speak of themselves as a language model are edited, all others accepted. It
exists so that the whole sequence can be tried alone; no data set should ever be believed on its word.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

PERSONA = "作为AI语言模型，"


def decided(row: dict[str, str], faults: dict[str, list[str]], annotator: str) -> dict[str, str]:
    """The row with an action."""
    said = row["conversation"]
    action, edited = "accept", ""
    if any(question in said for name in ("wrong", "truncated") for question in faults.get(name, ())):
        action = "flag"
    elif PERSONA in said:
        action, edited = "edit", said.replace(PERSONA, "")
    return {**row, "action": action, "edited": edited, "annotator": annotator}


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill in a sheet as a reviewer would.")
    parser.add_argument("sheet", type=Path)
    parser.add_argument("faults", type=Path)
    parser.add_argument("--annotator", default="stand-in")
    given = parser.parse_args()
    faults = json.loads(given.faults.read_text(encoding="utf-8"))
    with given.sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = [decided(row, faults, given.annotator) for row in csv.DictReader(file)]
    with given.sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
