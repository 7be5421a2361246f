"""ModelRef -> a text that changes when the model's answers could: the key of stored responses, and part of a run's identity.

`<backend>|<what>|<arguments>`, where `what` is
    folder    sha256 over config, tokenizer and template files (in full) and weights (sampled, see `_weights`)
    hub id    org/name@commit, from the local cache, else asked of the hub, else org/name@revision
    endpoint  URL#name: a server may change its weights unseen; its answers cannot be told apart by us
    replay    sha256 of the replayed file, or of the run's record
and `arguments` a hash of every backend argument that can change an answer. Moving or renaming a folder changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from harness.checkpoints import PICKLED, has_pickles
from harness.errors import DataError, ModelError
from harness.runs.layout import RECORD
from harness.schema import ModelRef

_DESCRIBING: Final = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.tiktoken",
    "*.spm",
    "*.jinja",
    "chat_template*",
    "additional_chat_templates/*.jinja",
    "adapter_config.json",
    "model.safetensors.index.json",
)
_WITHOUT_EFFECT: Final = frozenset(
    {
        *("pretrained", "model", "base_url", "path", "revision"),  # what the model is: told otherwise
        *("batch_size", "max_batch_size", "device", "device_map", "device_map_option", "parallelize", "max_memory_per_gpu"),
        *("max_cpu_memory", "offload_folder", "low_cpu_mem_usage", "cache_dir", "download_dir", "local_files_only"),
        *("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "gpu_memory_utilization", "swap_space"),
        *("kv_cache_memory_bytes", "max_num_seqs", "max_num_batched_tokens", "enforce_eager", "disable_log_stats"),
        *("num_concurrent", "concurrency", "max_retries", "timeout", "verify_certificate"),
    }
)
_FOLDERS: Final = ("tokenizer", "peft", "delta", "lora_local_path")
"""Arguments that may name a folder: its content counts, not its place."""

_WHOLE: Final = 64 << 20
_ENDS: Final = 1 << 20
_BLOCK: Final = 4 << 10
_BLOCKS: Final = 256
_MAX_HEADER: Final = 100_000_000
"""As the safetensors library has it."""


def fingerprint(ref: ModelRef) -> str:
    """Identity of a model for everything it may answer.

    Raises:
        ModelError: the folder is not there, or holds no safetensors.
        DataError: a replayed file cannot be read.
    """
    return f"{ref.backend}|{_identity(ref)}|{_arguments(ref.args)}"


def folder_digest(folder: Path) -> str:
    """SHA-256 over what lies in a checkpoint folder and can change an answer.

    Weights up to 64 MiB are read whole; of larger ones the header, the first and last MiB, 256 blocks of 4 KiB at even distances,
    and 4 KiB from the middle of each tensor (15 GB in four files: 0.21 s with cold caches). So training, merging, converting or
    swapping is seen; single changed values may not be.

    Raises:
        ModelError: the folder is not there, or has pickled weights only, or a file is no safetensors.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        what = PICKLED if folder.is_dir() and has_pickles(folder) else "no *.safetensors"
        raise ModelError(f"'{folder}' has {what}")
    digest = hashlib.sha256()
    try:
        for path in _describing(folder):
            _add(digest, path.relative_to(folder).as_posix(), path.stat().st_size, [path.read_bytes()])
        for path in weights:
            _add(digest, path.name, path.stat().st_size, _weights(path))
    except OSError as error:
        raise ModelError(f"'{folder}' cannot be read ({error})") from None
    return digest.hexdigest()


def cached_commit(hub_id: str, revision: str = "main") -> str | None:
    """Commit of a hub id in the local Hugging Face cache; None if it is not there."""
    repo = _hub_cache() / f"models--{hub_id.replace('/', '--')}"
    if (repo / "snapshots" / revision).is_dir():
        return revision
    try:
        commit = (repo / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return commit if (repo / "snapshots" / commit).is_dir() else None


def _identity(ref: ModelRef) -> str:
    if ref.backend == "openai":
        revision = ref.args.get("revision")
        return f"{ref.source}#{ref.args.get('model', ref.name)}{f'@{revision}' if revision else ''}"
    path = Path(ref.source)
    if ref.backend == "replay":
        return _replayed(path)
    if path.is_dir():
        return folder_digest(path)
    if ref.build or path.is_absolute():
        raise ModelError(f"model '{ref.name}' is not at '{path}'{' yet: it is built at first use' if ref.build else ''}")
    revision = str(ref.args.get("revision", "main"))
    return f"{ref.source}@{cached_commit(ref.source, revision) or _asked_commit(ref.source, revision) or revision}"


def _asked_commit(hub_id: str, revision: str) -> str | None:
    """Commit of a hub id that is not downloaded yet: else its first run and the next would differ."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    if constants.HF_HUB_OFFLINE:
        return None
    try:
        url = hf_hub_url(hub_id, "config.json", revision=revision)
        return get_hf_file_metadata(url, timeout=10).commit_hash
    except Exception:  # noqa: BLE001 - no network, gated or gone: loading says so. Its HTTP library, and so its errors, change by version
        return None


def _replayed(path: Path) -> str:
    file = path / RECORD if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be replayed ({error.strerror})", file=file) from None


def _arguments(args: dict[str, Any]) -> str:
    counted = {key: _content(key, value) for key, value in args.items() if key not in _WITHOUT_EFFECT}
    return hashlib.sha256(json.dumps(counted, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _content(key: str, value: Any) -> Any:
    """What stands for an argument: a folder of tokenizer or adapter files counts by content."""
    if key not in _FOLDERS or not isinstance(value, str) or not Path(value).is_dir():
        return value
    digest = hashlib.sha256()
    for path in (*_describing(Path(value)), *sorted(Path(value).glob("*.safetensors"))):
        _add(digest, path.name, path.stat().st_size, _weights(path) if path.suffix == ".safetensors" else [path.read_bytes()])
    return digest.hexdigest()


def _describing(folder: Path) -> list[Path]:
    return sorted({path for pattern in _DESCRIBING for path in folder.glob(pattern) if path.is_file()})


def _add(digest: Any, name: str, size: int, parts: Any) -> None:
    """Name and size go first, so that no two lists of files give the same bytes."""
    digest.update(f"{len(name)}:{name}:{size}:".encode())
    for part in parts:
        digest.update(part)


def _weights(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        start = _header_end(path, file.read(8), size)
        if size <= _WHOLE:
            file.seek(0)
            while block := file.read(_ENDS):
                yield block
            return
        file.seek(0)
        header = file.read(start)
        yield header
        for offset, length in _places(path, header[8:], start, size):
            file.seek(offset)
            yield file.read(length)


def _header_end(path: Path, head: bytes, size: int) -> int:
    """Where the tensors begin: 8 bytes of length, then that much JSON."""
    end = 8 + struct.unpack("<Q", head)[0] if len(head) == 8 else 0
    if not 8 < end <= min(size, _MAX_HEADER):
        raise ModelError(f"'{path}' is not a whole safetensors file")
    return int(end)


def _places(path: Path, header: bytes, start: int, size: int) -> list[tuple[int, int]]:
    """Offsets and lengths of what is read of a large file, in file order."""
    try:
        tensors = [value["data_offsets"] for name, value in json.loads(header).items() if name != "__metadata__"]
        middles = [start + (begin + end) // 2 for begin, end in tensors]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"'{path}' is not a whole safetensors file") from None
    even = [start + i * (size - start) // _BLOCKS for i in range(_BLOCKS)]
    blocks = [(place, _BLOCK) for place in sorted({*even, *middles}) if 0 <= place < size]
    return [(start, _ENDS), *blocks, (size - _ENDS, _ENDS)]


def _hub_cache() -> Path:
    for name, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser() / below
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "huggingface" / "hub"
