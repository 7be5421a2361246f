"""Texts -> weighted character n-grams, sparse: the same for the same text and weights, on any machine.

One to three characters, hashed into 2^15 columns; counts damped as 1 + ln(n), weighted by how rare the n-gram is among the
examples (tf-idf), each row of length 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLUMNS: Final = 2**15
GRAMS: Final = (1, 3)


def counts(texts: Sequence[str]) -> Any:
    """Texts × columns: damped counts, as a sparse matrix."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(analyzer="char", ngram_range=GRAMS, n_features=COLUMNS, alternate_sign=False, norm=None)
    found = hashing.transform([text or " " for text in texts])
    found.data = 1 + np.log(found.data)
    return found


def rarity(found: Any) -> NDArray[np.float64]:
    """Weight of each column: 1 + ln((1 + texts) / (1 + texts that have it))."""
    import numpy as np

    having = np.bincount(found.indices, minlength=COLUMNS)
    weights: NDArray[np.float64] = 1 + np.log((1 + found.shape[0]) / (1 + having))
    return weights


def weighted(found: Any, weights: NDArray[np.float64]) -> Any:
    """Counts × weights, each row of length 1."""
    import numpy as np
    from scipy import sparse

    scaled = found @ sparse.diags_array(weights, format="csr")
    lengths = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1 / np.where(lengths > 0, lengths, 1)) @ scaled)
