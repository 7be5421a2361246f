"""Shingles -> MinHash signatures -> hashes of bands: texts that share a band are worth comparing.

Broder, "On the resemblance and containment of documents" (1997): two sets agree in one minimum with a probability that is their
Jaccard similarity s. Of a signature cut into b bands of r minima, at least one band agrees with probability 1 - (1 - s^r)^b
(Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4): an S-curve, which `bands_for` places.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.curating.alike.shingles import Shingles

RECALL: Final = 0.99
"""Least probability that two texts just as similar as asked for are compared."""
_FACTOR: Final = 0xD6E8FEB86659FD93


def meeting(similarity: float, bands: int, rows: int) -> float:
    """Probability that two texts share a band: 1 - (1 - s^r)^b."""
    return 1 - (1 - similarity**rows) ** bands


def bands_for(similarity: float, permutations: int) -> tuple[int, int]:
    """(bands, minima of each): the longest bands, hence the fewest comparisons, that still meet with `RECALL` at the threshold.

    Every pair that meets is compared in full, so what lies below the threshold costs time, never a wrong row. At 0.8 and 128
    permutations: 21 bands of 6, which meet with 0.998 at 0.8, 0.93 at 0.7, 0.63 at 0.6, 0.08 at 0.4.
    """
    fitting = [r for r in range(1, permutations + 1) if meeting(similarity, permutations // r, r) >= RECALL]
    rows = max(fitting, default=1)
    return permutations // rows, rows


def signatures(shingles: Shingles, permutations: int, seed: int) -> NDArray[np.uint32]:
    """Minima of each text under each permutation, of shape (texts, permutations). A text without shingles has no meaning here."""
    import numpy as np
    from rensa import RMinHash

    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        shingles.hashes, shingles.ends.astype(np.uint64), num_perm=permutations, seed=seed
    )
    texts = len(shingles.ends) - 1
    flat = np.fromiter(chain.from_iterable(matrix.to_rows()), np.uint32, texts * permutations)
    return flat.reshape(texts, permutations)


def band_hashes(signed: NDArray[np.uint32], bands: int, rows: int) -> NDArray[np.uint64]:
    """64 bits for each band, of shape (bands, texts): one band of all texts lies together."""
    import numpy as np

    parts = np.ascontiguousarray(signed[:, : bands * rows].reshape(-1, bands, rows).transpose(2, 1, 0)).astype(np.uint64)
    found: NDArray[Any] = np.zeros(parts.shape[1:], np.uint64)
    for part in parts:
        found ^= part
        found *= np.uint64(_FACTOR)
        found ^= found >> np.uint64(32)
    return found
