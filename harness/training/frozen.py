"""Delivered tensors × the base's -> proof that only the tables of tokens have learnt.

A trainer may deliver another type of numbers than the base has; then the base's numbers count as rounded to that type, to the
nearest, halves to the even one, as every engine does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.errors import TrainerError
from harness.training.tensors import BLOCK, Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLES: Final = ("embed", "lm_head", "wte", "word_embeddings")
"""Parts of the names of tables of tokens; a table also has a row for each token."""


def check_frozen(out: Path, base: Path, found: dict[str, Tensor], was: dict[str, Tensor]) -> None:
    """Compare all tensors that are no tables of tokens.

    Args:
        out: the folder that was delivered.
        base: the folder it was trained from.
        found: tensors of `out` by name.
        was: tensors of `base` by name.

    Raises:
        TrainerError: one differs.
    """
    rows = _vocabulary(base)
    for name, tensor in sorted(was.items()):
        if name in found and not is_table(tensor, rows) and not same(tensor, found[name]):
            raise TrainerError(f"'{out}': tensor '{name}' is not the base's, though the recipe says that only embeddings learn")


def is_table(tensor: Tensor, rows: int) -> bool:
    """Whether a tensor of the base is a table (or a bias) with an entry for each of `rows` tokens."""
    return tensor.shape[:1] == (rows,) and any(part in tensor.name for part in TABLES)


def same(one: Tensor, other: Tensor) -> bool:
    """Whether all numbers of `one` are those of `other`, in the type of `other`."""
    if one.shape != other.shape:
        return False
    wide, narrow = _words(one), _words(other)
    for start in range(0, len(wide), BLOCK):
        wanted = _in_type(wide[start : start + BLOCK], one.dtype, other.dtype)
        if wanted is None or not bool((wanted == narrow[start : start + BLOCK]).all()):
            return False
    return True


def _words(tensor: Tensor) -> NDArray[Any]:
    """The numbers' bits, as unsigned words, from the file."""
    import numpy as np

    if not tensor.count:
        return np.zeros(0, np.uint8)
    size = (tensor.end - tensor.begin) // tensor.count
    whole = np.memmap(tensor.file, dtype=np.uint8, mode="r", offset=tensor.begin, shape=(tensor.end - tensor.begin,))
    return whole.view(f"<u{size}") if size in (2, 4, 8) else whole


def _in_type(bits: NDArray[Any], was: str, now: str) -> NDArray[Any] | None:
    """Bits of the same numbers in another type; None for types that no trainer changes between."""
    import numpy as np

    if was == now:
        return bits
    numbers = _wide(bits, was)
    if numbers is None:
        return None
    if now == "F32":
        return numbers.view(np.uint32)
    if now == "F16":
        with np.errstate(over="ignore"):
            return numbers.astype(np.float16).view(np.uint16)
    return _rounded(numbers.view(np.uint32)) if now == "BF16" else None


def _wide(bits: NDArray[Any], kind: str) -> NDArray[np.float32] | None:
    import numpy as np

    if kind == "F32":
        return bits.view(np.float32)
    if kind == "F16":
        return bits.view(np.float16).astype(np.float32)
    return (bits.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else None


def _rounded(bits: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """fp32 -> bf16, to the nearest, halves to the even one. Numbers that are not finite were refused before."""
    import numpy as np

    wide = bits.astype(np.uint64)
    return ((wide + 0x7FFF + ((wide >> 16) & 1)) >> 16).astype(np.uint16)


def _vocabulary(base: Path) -> int:
    """Rows of a table of tokens, by config.json; 0 if it does not say."""
    try:
        said = json.loads((base / "config.json").read_bytes())
        rows = said.get("vocab_size") or said.get("text_config", {}).get("vocab_size") or 0
    except (OSError, ValueError, AttributeError):
        return 0
    return rows if isinstance(rows, int) else 0
