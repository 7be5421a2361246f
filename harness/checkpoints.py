"""Folder -> is it a checkpoint that can be loaded, and what its trainer said of it.

A Hugging Face folder of config, tokenizer and safetensors; pickled weights are refused, since loading them can run code. A
trainer adds `checkpoint.json` last, which registers the folder under its name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from harness.aliases import Stage
from harness.errors import DataError
from harness.folders import checkpoints_dir

REGISTERED: Final = "checkpoint.json"

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")


@dataclass(frozen=True)
class Registered:
    """What the rest of the software needs of a `checkpoint.json`."""

    path: Path
    """Folder with config, tokenizer and weights."""
    parent: str | None
    stage: Stage | None


def missing_parts(folder: Path) -> str | None:
    """What a folder lacks to be loaded as a causal language model, in words; None if it has all."""
    if not folder.is_dir():
        return "there is no such folder"
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            return f"it is an adapter; merge it into its base, or load the base with --model-arg peft={folder}"
        return "it has no config.json"
    if not any(folder.glob("*.safetensors")):
        return f"it has {PICKLED}" if has_pickles(folder) else "it has no *.safetensors"
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        return "it has no tokenizer (tokenizer.json or tokenizer.model)"
    return None


PICKLED: Final = "pickled weights only, which can run code when loaded; convert them to safetensors"


def has_pickles(folder: Path) -> bool:
    """Whether weights lie there as pickles."""
    return any(any(folder.glob(pattern)) for pattern in ("*.bin", "*.pt", "*.pth"))


def registered_names() -> tuple[str, ...]:
    """Checkpoints under the checkpoints folder, sorted."""
    return tuple(sorted(file.parent.name for file in checkpoints_dir().glob(f"*/{REGISTERED}")))


def registered(folder: Path) -> Registered:
    """What `checkpoint.json` says.

    Raises:
        DataError: it cannot be read or says something else.
    """
    file = folder / REGISTERED
    try:
        said = json.loads(file.read_bytes())
        path, parent, stage = said.get("path", "."), said.get("parent"), said.get("stage")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"is not a checkpoint's description ({error})", file=file) from None
    if not isinstance(path, str) or not isinstance(parent, str | None) or stage not in (None, *get_args(Stage)):
        raise DataError(f"path and parent must be texts and stage one of {', '.join(get_args(Stage))}", file=file)
    return Registered(folder / Path(path).expanduser(), parent, stage)
