"""Folder -> is it a checkpoint that can be loaded, and what its trainer said of it.

A Hugging Face folder of config, tokenizer and safetensors; pickled weights are refused, since loading them can run code.
`harness train` adds `checkpoint.json` last, which registers the folder under its name with its whole descent (`Checkpoint`). One
written by hand may say less: `{"path": "…", "parent": "…", "stage": "…"}`, each of them optional, is for a model from elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from harness.aliases import Stage
from harness.errors import DataError, unknown
from harness.folders import checkpoints_dir
from harness.schema import CHECKPOINT_SCHEMA, Checkpoint

REGISTERED: Final = "checkpoint.json"
MAX_BYTES: Final = 16 << 20

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
    """What `checkpoint.json` says, be it `harness train`'s or written by hand.

    Raises:
        DataError: it cannot be read or says something else.
    """
    file = folder / REGISTERED
    said = _object(file)
    if "schema_version" in said:
        checkpoint = load_checkpoint(folder)
        return Registered(folder / checkpoint.path, checkpoint.parent, checkpoint.stage)
    path, parent, stage = said.get("path", "."), said.get("parent"), said.get("stage")
    if not isinstance(path, str) or not isinstance(parent, str | None) or stage not in (None, *get_args(Stage)):
        raise DataError(f"path and parent must be texts and stage one of {', '.join(get_args(Stage))}", file=file)
    return Registered(folder / Path(path).expanduser(), parent, stage)


def load_checkpoint(folder: Path) -> Checkpoint:
    """The whole noun that `harness train` wrote into a checkpoint's folder.

    Raises:
        DataError: it was written by hand, by another version, or is broken.
    """
    file = folder / REGISTERED
    said = _object(file)
    version = said.get("schema_version")
    if version is None:
        raise DataError("was written by hand: it registers a model, and says nothing of how it was trained", file=file)
    if version != CHECKPOINT_SCHEMA:
        raise DataError(f"has schema_version {version!r}; this version of the software reads {CHECKPOINT_SCHEMA}", file=file)
    try:
        checkpoint = Checkpoint.model_validate(said)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        raise DataError(f"is no checkpoint ({'.'.join(map(str, detail['loc']))}: {detail['msg']})", file=file) from None
    if not (folder / checkpoint.path).resolve().is_relative_to(folder.resolve()):
        raise DataError(f"path '{checkpoint.path}' leads out of its folder", file=file)
    return checkpoint


def find_checkpoint(name: str, checkpoints: Path | None = None) -> Checkpoint:
    """The checkpoint of a name, or of its folder.

    Raises:
        UsageError: there is none; near matches are named.
        DataError: its checkpoint.json is broken, or was written by hand.
    """
    root = checkpoints_dir() if checkpoints is None else checkpoints
    for folder in (root / name, Path(name).expanduser()):
        if (folder / REGISTERED).is_file():
            return load_checkpoint(folder)
    raise unknown("checkpoint", name, (file.parent.name for file in root.glob(f"*/{REGISTERED}")))


def _object(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError(f"has more than {MAX_BYTES:,} bytes", file=file)
        said = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"is not a checkpoint's description ({error})", file=file) from None
    if not isinstance(said, dict):
        raise DataError("is not a checkpoint's description (no JSON object)", file=file)
    return said
