"""A model folder's safetensors -> the same with some tensors in place of others, byte by byte, never loaded whole.

A file is a header (8 bytes of its length, JSON of names, types, shapes and places) and the numbers. A shard without any of the
tensors is copied as it is; of one with some the other tensors' bytes are copied through, so that they cannot change.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from harness.errors import DataError
from harness.runs.write import naming

MAX_HEADER: Final = 100_000_000
"""Bytes, as the safetensors library has it."""
BLOCK: Final = 1 << 24
"""Bytes copied at a time."""
METADATA: Final = "__metadata__"
INDEX: Final = "model.safetensors.index.json"


@dataclass(frozen=True)
class Stored:
    """A tensor in a file."""

    file: Path
    dtype: str
    """As safetensors write it: F32, BF16, …"""
    shape: tuple[int, ...]
    begin: int
    end: int
    """In bytes of the file."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.begin


@dataclass(frozen=True)
class Replacement:
    """What stands in a tensor's place; of the same type."""

    shape: tuple[int, ...]
    blocks: Callable[[], Iterator[bytes]]
    """The numbers, as often as asked for."""


def tensors(folder: Path) -> dict[str, Stored]:
    """Every tensor of a folder by name, from the headers alone.

    Raises:
        DataError: a file is no whole safetensors file, or there is none.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise DataError("has no *.safetensors", file=folder)
    return {name: stored for file in files for name, stored in _header(file)[0].items()}


def rewrite(source: Path, target: Path, replaced: Mapping[str, Replacement]) -> None:
    """All safetensors of `source` into the folder `target`, each whole by rename, and the index of the shards.

    Raises:
        DataError: a file cannot be read or written.
    """
    for file in sorted(source.glob("*.safetensors")):
        held = _header(file)[0]
        part = target / f".{file.name}.{os.getpid()}.tmp"
        with naming(target / file.name):
            try:
                if held.keys() & replaced.keys():
                    _write(file, part, replaced)
                else:
                    shutil.copyfile(file, part)
                part.replace(target / file.name)
            finally:
                part.unlink(missing_ok=True)
    _write_index(source, target)


def _write(file: Path, part: Path, replaced: Mapping[str, Replacement]) -> None:
    held, metadata = _header(file)
    order = sorted(held, key=lambda name: held[name].begin)
    said: dict[str, Any] = {METADATA: metadata} if metadata is not None else {}
    place = 0
    for name in order:
        shape = replaced[name].shape if name in replaced else held[name].shape
        size = held[name].size
        if name in replaced:
            size = size // math.prod(held[name].shape) * math.prod(shape)
        said[name] = {"dtype": held[name].dtype, "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    head = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    with file.open("rb") as old, part.open("wb") as new:
        new.write(struct.pack("<Q", len(head)) + head)
        for name in order:
            for block in replaced[name].blocks() if name in replaced else _blocks(old, held[name]):
                new.write(block)
        new.flush()
        os.fsync(new.fileno())


def _blocks(file: BinaryIO, stored: Stored) -> Iterator[bytes]:
    file.seek(stored.begin)
    left = stored.size
    while left:
        block = file.read(min(BLOCK, left))
        if not block:
            raise DataError("is cut off", file=stored.file)
        left -= len(block)
        yield block


def _write_index(source: Path, target: Path) -> None:
    """The index as it was, with the new sum of bytes."""
    file = source / INDEX
    if not file.is_file():
        return
    said = json.loads(file.read_bytes())
    said.setdefault("metadata", {})["total_size"] = sum(one.size for one in tensors(target).values())
    part = target / f".{INDEX}.{os.getpid()}.tmp"
    with naming(target / INDEX):
        part.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
        part.replace(target / INDEX)


def _header(file: Path) -> tuple[dict[str, Stored], dict[str, str] | None]:
    """Tensors by name, and the file's own notes."""
    size = file.stat().st_size
    try:
        with file.open("rb") as opened:
            length = struct.unpack("<Q", opened.read(8))[0]
            if length > min(size - 8, MAX_HEADER):
                raise ValueError("its header is longer than the file")
            said = json.loads(opened.read(length))
            metadata = said.pop(METADATA, None)
            found = {name: _stored(file, 8 + length, value) for name, value in said.items()}
        if any(not 8 + length <= one.begin <= one.end <= size for one in found.values()):
            raise ValueError("a tensor ends behind the file")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise DataError(f"is not a whole safetensors file ({error})", file=file) from None
    return found, metadata


def _stored(file: Path, start: int, value: Mapping[str, Any]) -> Stored:
    begin, end = value["data_offsets"]
    shape = tuple(int(n) for n in value["shape"])
    return Stored(file, str(value["dtype"]), shape, start + int(begin), start + int(end))
