"""Pairs that are duplicates -> clusters -> the rows that go: one of each cluster stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Clusters:
    """Rows that are joined, directly or through others, have the same label. Four bytes a row."""

    def __init__(self, rows: int) -> None:
        """Every row by itself."""
        import numpy as np

        self.labels: NDArray[Any] = np.arange(rows, dtype=np.int32 if rows < 2**31 else np.int64)

    def apart(self, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
        """Which pairs are not joined yet."""
        import numpy as np

        return np.asarray(self.labels[one] != self.labels[other])

    def join(self, one: NDArray[Any], other: NDArray[Any]) -> None:
        """Join the rows of each pair."""
        import numpy as np
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if not len(one):
            return
        touched, ends = np.unique(np.concatenate((self.labels[one], self.labels[other])), return_inverse=True)
        left, right = ends[: len(one)], ends[len(one) :]
        edges = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(touched), len(touched)))
        _, parts = connected_components(edges, directed=False)
        lowest = np.full(len(touched), self.labels.dtype.type(len(self.labels)))
        np.minimum.at(lowest, parts, touched)
        renamed = np.arange(len(self.labels), dtype=self.labels.dtype)
        renamed[touched] = lowest[parts]
        self.labels = renamed[self.labels]

    def kept(self, rank: NDArray[Any] | None = None) -> NDArray[Any]:
        """For each row the one of its cluster that stays: that of the highest rank, of equals the first."""
        import numpy as np

        if rank is None:
            return self.labels
        order = np.lexsort((np.arange(len(self.labels)), -rank, self.labels))
        labels = self.labels[order]
        first = np.concatenate(([True], labels[1:] != labels[:-1])) if len(labels) else np.zeros(0, bool)
        stays = np.zeros_like(self.labels)
        stays[labels[first]] = order[first]
        return np.asarray(stays[self.labels])
