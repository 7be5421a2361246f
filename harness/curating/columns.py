"""Arrays <-> one file of named columns, of which any stretch can be read by itself.

The sketch of a shard holds several things that are wanted at different times (all band hashes, the shingles of a few rows, one
id): a reader that had to load the whole would need the memory of the whole data set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.errors import DataError
from harness.runs.write import naming

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LENGTH: Final = 8
"""Bytes of the header's length, which come first."""


def write(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Names and types as JSON, then the arrays.

    Raises:
        DataError: the disk is full, or the file cannot be written.
    """
    import numpy as np

    arrays = {name: np.ascontiguousarray(array) for name, array in columns.items()}
    header = json.dumps({name: [array.dtype.str, array.shape] for name, array in arrays.items()}).encode()
    with naming(path), path.open("wb") as file:
        file.write(len(header).to_bytes(_LENGTH, "little") + header)
        for array in arrays.values():
            file.write(array.data if array.size else b"")


class Columns:
    """A file that `write` made. Holds the header only; each read opens the file anew, so that thousands can be held."""

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            DataError: the file is none of these.
        """
        import numpy as np

        self.path = path
        self._at: dict[str, tuple[np.dtype[Any], tuple[int, ...], int]] = {}
        try:
            with path.open("rb") as file:
                length = int.from_bytes(file.read(_LENGTH), "little")
                header = json.loads(file.read(min(length, 1 << 20)))
            offset = _LENGTH + length
            for name, (kind, shape) in header.items():
                dtype = np.dtype(kind)
                self._at[name] = (dtype, tuple(shape), offset)
                offset += dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError("is no sketch of a shard; remove it and run the same command again", file=path) from error

    def shape(self, name: str) -> tuple[int, ...]:
        """Of one column."""
        return self._at[name][1]

    def read(self, name: str) -> NDArray[Any]:
        """A whole column."""
        return self.part(name, 0, self.shape(name)[0])

    def part(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows `start` to `stop` of a column; copied."""
        import numpy as np

        dtype, shape, offset = self._at[name]
        width = int(np.prod(shape[1:], dtype=np.int64))
        with self.path.open("rb") as file:
            file.seek(offset + start * width * dtype.itemsize)
            found = np.fromfile(file, dtype, (stop - start) * width)
        return found.reshape(stop - start, *shape[1:])

    def pieces(self, name: str, starts: NDArray[Any], sizes: NDArray[Any]) -> NDArray[Any]:
        """Stretches of a flat column, one after the other.

        Args:
            name: of the column.
            starts: where each begins.
            sizes: how long each is.
        """
        import numpy as np

        dtype, shape, offset = self._at[name]
        if not sizes.sum():
            return np.zeros(0, dtype)
        mapped = np.memmap(self.path, dtype, "r", offset, shape)
        ends = np.cumsum(sizes)
        return np.asarray(mapped[np.arange(ends[-1]) + np.repeat(starts - (ends - sizes), sizes)])


def packed(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts as bytes, and where each begins and ends: text i is `bytes[ends[i]:ends[i + 1]]`."""
    import numpy as np

    encoded = [text.encode("utf-8", "replace") for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends
