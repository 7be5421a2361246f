"""What `--base` says -> a folder on this machine with config, tokenizer and safetensors, and what identifies it.

A registered checkpoint, an alias, a folder, a model that is built at first use, or a hub id, of which only weights, configuration
and tokenizer are fetched: no code that comes with a checkpoint ever runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from harness.checkpoints import REGISTERED, missing_parts
from harness.errors import ModelError, UsageError
from harness.fingerprint import fingerprint
from harness.models import build, resolve
from harness.schema import ModelRef

FETCHED: Final = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken", "*.spm", "vocab.txt", "merges.txt")
"""Files of a hub id that are fetched."""
_MORE_THAN_A_FOLDER: Final = ("peft", "delta", "tokenizer", "lora_local_path", "subfolder", "gguf_file")
"""Arguments of a model without which its folder is not the model."""


@dataclass(frozen=True)
class Base:
    """A model that can be trained."""

    name: str
    folder: Path
    fingerprint: str
    """As in the records of its runs."""
    stage: Literal["base", "vocabulary", "knowledge", "safety", "mixed"] | None


def find_base(spec: str, checkpoints: Path) -> Base:
    """The model a name stands for, on this machine: built or fetched if need be.

    Args:
        spec: checkpoint, alias, folder or hub id.
        checkpoints: folder of the checkpoints; a name there is looked for first.

    Raises:
        UsageError: nothing goes by that name, or it has no weights here (an endpoint, a replayed run, an adapter).
        ModelError: it is known but not there, or cannot be fetched.
    """
    ref = _resolved(spec, checkpoints)
    if ref.backend not in ("hf", "vllm"):
        what = "an endpoint" if ref.backend == "openai" else "a run that is replayed"
        raise UsageError(f"'{spec}' is {what} and has no weights to train; name a checkpoint, an alias, a folder or a hub id")
    extra = next((name for name in _MORE_THAN_A_FOLDER if name in ref.args), None)
    if extra:
        raise UsageError(f"'{spec}' is more than one folder ({extra}={ref.args[extra]}); merge it into one and name that")
    build(ref)
    folder = Path(ref.source) if Path(ref.source).is_dir() else _fetched(ref)
    missing = missing_parts(folder)
    if missing:
        raise ModelError(f"'{spec}' cannot be trained: {missing} ({folder})")
    return Base(ref.name, folder.resolve(), fingerprint(ref), ref.stage)


def _resolved(spec: str, checkpoints: Path) -> ModelRef:
    here = checkpoints / spec
    is_name = bool(spec) and "/" not in spec and (here / REGISTERED).is_file()
    return resolve(str(here.resolve()) if is_name else spec)


def _fetched(ref: ModelRef) -> Path:
    """Snapshot of a hub id in the local cache, fetched if the network allows."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ModelError(f"fetching '{ref.source}' needs pip install 'culture-harness[hf]'") from None
    revision = ref.args.get("revision")
    try:
        return Path(snapshot_download(ref.source, revision=revision, allow_patterns=list(FETCHED)))
    except Exception as error:  # noqa: BLE001 - gated, gone, offline or a full disk: its HTTP library, and so its errors, change by version
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"'{ref.source}' is not on this machine and cannot be fetched ({type(error).__name__}: {reason}); "
            f"fetch it with: hf download {ref.source}, or name a folder"
        ) from None
