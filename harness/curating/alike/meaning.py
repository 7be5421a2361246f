"""Vectors of all shards -> clusters of rows that mean the same: by blocks, within what k-means put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.curating.alike.clusters import Clusters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.curating.columns import Columns

EXACT: Final = 20_000
"""Rows up to which all are compared with all."""
GROUP: Final = 2_000
"""Rows of a k-means cluster, on average."""
BLOCK: Final = 2_048
"""Rows on either side that are compared at once."""
SAMPLE: Final = 64
"""Rows for each cluster that k-means learns from."""
ORDERED: Final = "vectors.f16"


def alike(shards: Sequence[Columns], got: NDArray[np.bool_], similarity: float, scratch: Path, seed: int) -> Clusters:
    """Joins rows with a cosine similarity of at least `similarity`.

    Args:
        shards: with a column `vectors` of (rows, width), float16, each of length one.
        got: which rows have a vector.
        similarity: least cosine.
        scratch: a folder for vectors in the order of their groups.
        seed: of k-means.
    """
    import numpy as np

    clusters = Clusters(len(got))
    rows = np.flatnonzero(got)
    if not len(rows):
        return clusters
    if len(rows) <= EXACT:
        vectors = np.concatenate([shard.read("vectors")[shard.read("got")] for shard in shards if shard.read("got").any()])
        _join(vectors, rows, similarity, clusters)
        return clusters
    groups = _groups(shards, len(rows), seed)
    order = np.argsort(groups, kind="stable")
    ordered = _reordered(shards, order, scratch / ORDERED)
    cuts = np.flatnonzero(np.diff(groups[order])) + 1
    for start, stop in zip([0, *cuts], [*cuts, len(order)], strict=True):
        _join(ordered[start:stop], rows[order[start:stop]], similarity, clusters)
    del ordered
    (scratch / ORDERED).unlink()
    return clusters


def _join(vectors: NDArray[np.float16], rows: NDArray[Any], similarity: float, clusters: Clusters) -> None:
    """All pairs of a group, block by block; half precision of 1,000 numbers is off by some 0.0001 at most."""
    import numpy as np

    blocks = range(0, len(rows), BLOCK)
    for i in blocks:
        mine = _unit(vectors[i : i + BLOCK])
        for j in blocks[: i // BLOCK + 1]:
            theirs = mine if i == j else _unit(vectors[j : j + BLOCK])
            one, other = np.nonzero(mine @ theirs.T >= similarity - 1e-6)
            later = rows[i + one] > rows[j + other] if i == j else np.ones(len(one), bool)
            clusters.join(rows[j + other[later]], rows[i + one[later]])


def _unit(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """Of length one again, after rounding."""
    import numpy as np

    wide = np.asarray(vectors, np.float32)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12))


def _parts(shards: Sequence[Columns]) -> Iterator[NDArray[np.float16]]:
    """Vectors of each shard, without rows that have none."""
    for shard in shards:
        got = shard.read("got")
        if got.any():
            yield shard.read("vectors")[got]


def _groups(shards: Sequence[Columns], rows: int, seed: int) -> NDArray[np.int32]:
    """Number of the k-means cluster of each row that has a vector."""
    import numpy as np
    from sklearn.cluster import MiniBatchKMeans

    wanted = -(-rows // GROUP)
    share = min(1.0, wanted * SAMPLE / rows)
    draw = np.random.default_rng(seed)
    drawn = [part[draw.random(len(part)) < share] for part in _parts(shards)]
    sample = _unit(np.concatenate(drawn))
    means = MiniBatchKMeans(min(wanted, len(sample)), random_state=seed, batch_size=4096, n_init=1, max_iter=20).fit(sample)
    # On the sphere the nearest mean is the one with the largest product once lengths are counted in.
    centres = np.asarray(means.cluster_centers_, np.float32)
    half = (centres**2).sum(1) / 2
    return np.concatenate([np.argmax(_unit(part) @ centres.T - half, axis=1).astype(np.int32) for part in _parts(shards)])


def _reordered(shards: Sequence[Columns], order: NDArray[Any], to: Path) -> NDArray[np.float16]:
    """All vectors, in this order, in a file."""
    import numpy as np

    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    width = next(_parts(shards)).shape[1]
    to.parent.mkdir(parents=True, exist_ok=True)
    found = np.memmap(to, np.float16, "w+", shape=(len(order), width))
    start = 0
    for part in _parts(shards):
        found[places[start : start + len(part)]] = part
        start += len(part)
    return found
