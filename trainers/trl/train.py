"""recipe.json -> a model trained by TRL's SFTTrainer, and `delivery.json` as the last word: `python train.py recipe.json`.

The second full trainer, so that the first is not the only word on what a recipe means: everything between the two files is
TRL's own (template, masks, packing, loss, loop). Whatever goes wrong ends as one line on stderr, `error.json` beside the log,
and a code other than 0; what was unforeseen leaves its traceback in `traceback.txt` too.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from trl_files import PROGRESS, Stop, write_json
from trl_rows import Turn, read_rows

SCHEMA: Final = "harness.recipe/1"
PURE_BF16_FROM: Final = 1e-4
"""Learning rate below which bf16 weights without a master lose most of each update."""
OPTIONS: Final = ("rows_per_micro_step",)
NO_MEMORY: Final = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


def read_recipe(file: Path) -> SimpleNamespace:
    """The recipe, its hyper-parameters as attributes of `hyper`.

    Raises:
        Stop: the file cannot be read, is of another version, or asks for what this trainer never does.
    """
    try:
        said = json.loads(file.read_bytes())
        said["hyper"] = SimpleNamespace(**said["hyper"])
        recipe = SimpleNamespace(**said)
        version = recipe.schema_version
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Stop("recipe", f"{file}: is not a recipe ({error})") from None
    if version != SCHEMA:
        raise Stop("recipe", f"{file}: schema_version is {version!r}; this trainer reads {SCHEMA}")
    if unknown := sorted(set(recipe.options) - set(OPTIONS)):
        raise Stop("recipe", f"{file}: the trl trainer has no option {unknown[0]!r}; there are: {', '.join(OPTIONS)}")
    return recipe


def check(recipe: Any) -> None:
    """What can be known before anything heavy is imported.

    Raises:
        Stop: the recipe asks for what this trainer never does, or its model would take another's place.
    """
    hyper, out = recipe.hyper, Path(recipe.out)
    if hyper.distributed != "none" or hyper.processes != 1 or hyper.hostfile:
        raise Stop("recipe", "the trl trainer runs on one device: set distributed to none and processes to 1, or use full_ft")
    if hyper.precision == "bf16" and hyper.learning_rate < PURE_BF16_FROM and not hyper.allow_pure_bf16:
        raise Stop(
            "precision",
            f"bf16 weights without a master lose most of each step at a learning rate of {hyper.learning_rate:g}; "
            "use bf16-mixed, or set allow_pure_bf16",
        )
    batch = recipe.options.get("rows_per_micro_step", 1)
    if not isinstance(batch, int) or batch < 1 or hyper.instances_per_step % batch:
        raise Stop("recipe", f"rows_per_micro_step must divide the {hyper.instances_per_step} rows of a step; it is {batch!r}")
    if not Path(recipe.base, "config.json").is_file():
        raise Stop("recipe", f"{recipe.base}: has no config.json")
    if out.exists() and not Path(recipe.work, PROGRESS).is_file():
        raise Stop("recipe", f"{out}: exists already, and not from a run of this recipe; remove it or name another")


def main(words: list[str]) -> int:
    """The exit code: 0 once the model and `delivery.json` are there."""
    if len(words) != 1:
        sys.stderr.write("one argument is needed: the path of recipe.json\n")
        return 2
    work: Path | None = None
    try:
        recipe = read_recipe(Path(words[0]))
        work = Path(recipe.work)
        work.mkdir(parents=True, exist_ok=True)
        (work / "error.json").unlink(missing_ok=True)
        check(recipe)
        _train(recipe, read_rows(Path(recipe.rows), recipe.rows_sha256))
    except Stop as stop:
        return _end(work, stop)
    except Exception as error:  # noqa: BLE001 - the border: whatever happened inside TRL is told in one line
        if work:
            (work / "traceback.txt").write_text(traceback.format_exc(), encoding="utf-8")
        return _end(work, _told(error))
    return 0


def _train(recipe: Any, rows: list[list[Turn]]) -> None:
    warnings.simplefilter("ignore")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        from trl_run import run
    except ImportError as error:
        raise Stop("engine", f"TRL cannot be imported ({error}); pip install 'culture-harness[trl]'") from None
    run(recipe, rows)


def _told(error: Exception) -> Stop:
    said = " ".join(str(error).split()) or "no message"
    if isinstance(error, MemoryError) or any(words in said.lower() for words in NO_MEMORY):
        return Stop("oom", f"out of memory: {said[:200]}; cut max_length, or set recompute_layers to all")
    return Stop("error", f"{type(error).__name__}: {said[:500]}")


def _end(work: Path | None, stop: Stop) -> int:
    if work and work.is_dir():
        write_json(work / "error.json", {"kind": stop.kind, "message": str(stop)})
    sys.stderr.write(f"{stop}\n")
    return stop.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
