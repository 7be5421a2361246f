"""What names a tokenizer -> its folder on this machine: nothing is fetched, nothing is trained.

A vocabulary of `harness vocab train`, a folder with a tokenizer (weights or none), or what `--model` takes if it has files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from harness import models
from harness.errors import ModelError, UsageError
from harness.models import resolve
from harness.vocabulary.extending import TOKENIZER, VOCABULARY

FILES: Final = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")
_FETCHED: Final = ("*.json", "*.jinja", "*.model", "*.txt")


def locate(spec: str) -> tuple[str, Path]:
    """Name and folder.

    Raises:
        UsageError: nothing goes by that name, or it has no files (an endpoint, a replayed run).
        ModelError: it is known, but its files are not here.
    """
    path = Path(spec).expanduser()
    if (path / VOCABULARY).is_file() and (path / TOKENIZER).is_dir():
        return path.resolve().name, path / TOKENIZER
    if path.is_dir() and not (path / "checkpoint.json").is_file() and any((path / name).is_file() for name in FILES):
        return path.resolve().name, path
    ref = resolve(spec)
    if ref.backend not in ("hf", "vllm"):
        raise UsageError(f"'{spec}' has no tokenizer here: name a checkpoint, an alias, a folder or a hub id")
    models.build(ref)
    folder = Path(ref.source)
    return ref.name, folder if folder.is_dir() else _cached(ref.source, ref.args.get("revision"))


def _cached(hub_id: str, revision: str | None) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:
        raise ModelError(f"'{hub_id}' needs pip install 'culture-harness[vocabulary]'") from None
    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(_FETCHED), local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        raise ModelError(f"'{hub_id}' is not on this machine; fetch it with: hf download {hub_id}, or name a folder") from None
