"""recipe.json -> another tool's training, told by a command template: `python train.py recipe.json`.

The tool runs in its own environment as a process; it gets the rows in a form it reads, a config file rendered from a template,
and arguments filled in from the recipe. What it leaves is looked through for the model, which is delivered.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from command_fault import Fault, write_json
from command_result import deliver, find_model, last_checkpoint, report
from command_rows import convert
from command_run import run
from command_template import check_told, names, render, used, words


def main(recipe_file: Path) -> int:
    """The exit code: 0 once the model and the delivery are there."""
    recipe = json.loads(recipe_file.read_text(encoding="utf-8"))
    try:
        train(recipe, Path(recipe["work"]))
    except Fault as fault:
        sys.stderr.write(f"{fault}\n")
        write_json(Path(recipe["work"]) / "error.json", {"kind": "command", "message": str(fault)})
        return 1
    return 0


def train(recipe: dict[str, Any], work: Path) -> None:
    """Tell the tool, run it, deliver what it made.

    Raises:
        Fault: something of the command is wrong, or the tool left no model.
        SystemExit: the tool failed.
    """
    options, output = recipe["options"], work / "output"
    template = options.get("config") or {"name": "", "text": ""}
    told = used(options["command"], template["text"])
    if "last_checkpoint" not in told:
        shutil.rmtree(output, ignore_errors=True)
    output.mkdir(exist_ok=True)
    config = work / f"config-{template['name'].removesuffix('.jinja')}" if template["name"] else None
    known = names(recipe, work / "data" / "rows.json", output, config, last_checkpoint(output))
    check_told(told, known, options["untold"])
    convert(Path(recipe["rows"]), work / "data", options["rows_format"])
    if config is not None:
        config.write_text(render(template["text"], known), encoding="utf-8")
    began = time.monotonic()
    seen = run(words(options["command"], known), work)
    model = find_model(output, options.get("result", ""))
    deliver(model, Path(recipe["base"]), Path(recipe["out"]))
    said = report(model, output, {"step": seen.step, "losses": seen.losses})
    said |= {"seconds": time.monotonic() - began, "processes": recipe["hyper"]["processes"], "engine": options["command"][:80]}
    write_json(work / "delivery.json", {"report": said, "versions": {}})


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
