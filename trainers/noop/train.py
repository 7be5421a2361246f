"""recipe.json -> the base again, as a checkpoint: the smallest trainer there is.

It shows all that a trainer must do, with the standard library alone: read the recipe, write the model folder, say how far it is,
and write `delivery.json` last, by rename.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

KEPT: Final = (".safetensors", ".json", ".jinja", ".model", ".txt", ".tiktoken", ".spm")
"""Ends of the names of files that belong to a checkpoint; a hub snapshot may hold anything beside them."""


def main(recipe_file: Path) -> None:
    """Copy the base and deliver it."""
    recipe = json.loads(recipe_file.read_text(encoding="utf-8"))
    work, out, started = Path(recipe["work"]), Path(recipe["out"]), time.perf_counter()
    files = [file for file in sorted(Path(recipe["base"]).iterdir()) if file.suffix in KEPT and file.is_file()]
    out.mkdir(parents=True, exist_ok=True)
    for step, file in enumerate(files, start=1):
        shutil.copyfile(file, out / file.name)
        with (work / "progress.jsonl").open("a", encoding="utf-8") as progress:
            progress.write(json.dumps({"step": step, "steps": len(files)}) + "\n")
    deliver(work, {"steps": 0, "seconds": time.perf_counter() - started, "engine": "none"})


def deliver(work: Path, report: dict[str, Any]) -> None:
    """The last word: written beside its place, then renamed, so that it is there whole or not at all."""
    part = work / "delivery.json.part"
    part.write_text(json.dumps({"report": report, "versions": {"python": platform.python_version()}}), encoding="utf-8")
    part.replace(work / "delivery.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
