"""What a tool left behind -> the model folder, and what its own state file says of the training."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

from command_fault import Fault

KEPT: Final = (".safetensors", ".json", ".jinja", ".model", ".txt", ".tiktoken", ".spm")
NOT_KEPT: Final = ("trainer_state.json", "train_results.json", "all_results.json", "eval_results.json", "args.json")
TOKENIZERS: Final = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.tiktoken",
    "*.spm",
    "chat_template*",
)
STATE: Final = "trainer_state.json"
_NUMBER: Final = re.compile(r"checkpoint-(\d+)")


def find_model(out: Path, pattern: str) -> Path:
    """The folder with the trained model: the one named, else `out` itself, else the last checkpoint below it.

    Raises:
        Fault: there is none, or only an adapter or pickles.
    """
    if pattern:
        named = sorted(folder for folder in out.glob(pattern) if folder.is_dir())
        if len(named) != 1:
            raise Fault(f"result '{pattern}' names {len(named)} folders below {out}; it must be one")
        return _checked(named[0])
    if _is_model(out):
        return out
    folders = {file.parent for file in out.rglob("config.json")}
    models = [folder for folder in folders if _is_model(folder)]
    if models:
        return max(models, key=_order)
    adapters = sorted(out.rglob("adapter_config.json"))
    return _checked(adapters[0].parent if adapters else out)


def last_checkpoint(out: Path) -> Path | None:
    """The newest resumable checkpoint of a transformers trainer below a folder."""
    found = [file.parent for file in out.rglob(STATE) if _NUMBER.fullmatch(file.parent.name)]
    return max(found, key=_order, default=None)


def deliver(model: Path, base: Path, out: Path) -> None:
    """Put the model's files at their place, the base's tokenizer with it if the tool saved none."""
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(model.iterdir()):
        if file.is_file() and file.suffix in KEPT and file.name not in NOT_KEPT:
            _place(file, out / file.name)
    if not any((out / name).exists() for name in ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")):
        for pattern in TOKENIZERS:
            for file in base.glob(pattern):
                if file.is_file() and file.suffix in KEPT:
                    shutil.copyfile(file, out / file.name)


def report(model: Path, out: Path, seen: dict[str, Any]) -> dict[str, Any]:
    """Steps and losses: of the tool's state file if it left one, else as its output showed them."""
    steps, losses = seen["step"], seen["losses"]
    newest = last_checkpoint(out)
    for folder in filter(None, (model, out, newest)):
        try:
            state = json.loads((folder / STATE).read_bytes())
            logged = [float(line["loss"]) for line in state.get("log_history", []) if "loss" in line]
            steps, losses = int(state["global_step"]), logged or losses
            break
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return {"steps": steps, "first_loss": losses[0] if losses else None, "final_loss": losses[-1] if losses else None}


def _checked(folder: Path) -> Path:
    if _is_model(folder):
        return folder
    if (folder / "adapter_config.json").is_file():
        raise Fault(f"the tool left an adapter in {folder}: train all parameters, or merge it in the same command")
    if any(folder.glob("*.bin")):
        raise Fault(f"the tool saved pickles in {folder}: have it save safetensors")
    raise Fault(f"the tool left no model in {folder}: no config.json with *.safetensors")


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _order(folder: Path) -> tuple[int, float]:
    number = _NUMBER.fullmatch(folder.name)
    return int(number[1]) if number else 0, folder.stat().st_mtime


def _place(file: Path, target: Path) -> None:
    """The same file under another name where the file system can, else a copy: weights are large."""
    target.unlink(missing_ok=True)
    try:
        os.link(file.resolve(), target)
    except OSError:
        shutil.copyfile(file, target)
