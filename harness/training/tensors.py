"""A folder's safetensors -> where each tensor lies, whether its numbers are finite, what its file hashes to.

Headers and numbers are read with the standard library and numpy alone, so that nothing is loaded as a model and nothing can run.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import TrainerError

MAX_HEADER: Final = 100_000_000
"""Bytes, as the safetensors library has it."""
BLOCK: Final = 1 << 24
SAMPLE: Final = 4096
_EXPONENTS: Final = {
    "F64": ("<u8", 0x7FF0000000000000),
    "F32": ("<u4", 0x7F800000),
    "BF16": ("<u2", 0x7F80),
    "F16": ("<u2", 0x7C00),
}
"""Number type -> its words, and the exponent bits that are all set in infinity and NaN alone."""
_BYTES: Final = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "BF16": 2, "F16": 2, "I16": 2, "U16": 2, "BOOL": 1}


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies."""

    name: str
    file: Path
    dtype: str
    """As safetensors write it: F32, BF16, …"""
    shape: tuple[int, ...]
    begin: int
    end: int
    """In bytes of the file."""

    @property
    def count(self) -> int:
        """Numbers in it."""
        return math.prod(self.shape)


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Every tensor of a folder's safetensors by name, from the headers alone.

    Raises:
        TrainerError: a file is no safetensors, or a name stands twice.
    """
    found: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        for tensor in _header(file):
            if tensor.name in found:
                raise TrainerError(f"'{file}': tensor '{tensor.name}' stands in {found[tensor.name].file.name} too")
            found[tensor.name] = tensor
    return found


def check_finite(tensors: Iterable[Tensor]) -> None:
    """Read every floating-point number; types of 8 bits and less are passed over.

    Raises:
        TrainerError: one is infinite or not a number.
    """
    import numpy as np

    for tensor in tensors:
        if tensor.dtype not in _EXPONENTS or tensor.begin == tensor.end:
            continue
        word, bits = _EXPONENTS[tensor.dtype]
        values = np.memmap(tensor.file, dtype=np.uint8, mode="r", offset=tensor.begin, shape=(tensor.end - tensor.begin,))
        for start in range(0, len(values), BLOCK):
            block = values[start : start + BLOCK].view(word)
            if bool(((block & bits) == bits).any()):
                raise TrainerError(
                    f"'{tensor.file}': tensor '{tensor.name}' holds numbers that are not finite: the training diverged"
                )


def sha256(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def alike(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same type, shape and sample: the `SAMPLE` bytes in their middle."""
    return (one.dtype, one.shape) == (other.dtype, other.shape) and _middle(one) == _middle(other)


def _middle(tensor: Tensor) -> bytes:
    start = max(tensor.begin, (tensor.begin + tensor.end - SAMPLE) // 2)
    with tensor.file.open("rb") as file:
        file.seek(start)
        return file.read(min(SAMPLE, tensor.end - start))


def _header(file: Path) -> Iterator[Tensor]:
    """Header of a file: 8 bytes of length, then that much JSON."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        head = opened.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else MAX_HEADER + 1
        if length > min(size - 8, MAX_HEADER):
            raise TrainerError(f"'{file}' is not a whole safetensors file")
        try:
            said = json.loads(opened.read(length))
            tensors = [_tensor(file, 8 + length, name, value) for name, value in said.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise TrainerError(f"'{file}' is not a whole safetensors file") from None
    for tensor in tensors:
        if not 8 + length <= tensor.begin <= tensor.end <= size:
            raise TrainerError(f"'{file}' is cut off: tensor '{tensor.name}' ends at byte {tensor.end:,} of {size:,}")
        if tensor.dtype in _BYTES and tensor.end - tensor.begin != _BYTES[tensor.dtype] * tensor.count:
            raise TrainerError(f"'{file}': tensor '{tensor.name}' has not the bytes of its shape {list(tensor.shape)}")
    yield from tensors


def _tensor(file: Path, start: int, name: str, value: dict[str, Any]) -> Tensor:
    begin, end = value["data_offsets"]
    shape = tuple(int(n) for n in value["shape"])
    return Tensor(name, file, str(value["dtype"]), shape, start + int(begin), start + int(end))
