"""A sample of rows -> how many of them say nearly what another one says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.data.near import clusters
from harness.profiling.counting import rate
from harness.schema import DataRow
from harness.schema.bias import Rate


def near_duplicates(rows: Sequence[DataRow]) -> Rate:
    """Rows with another row of the sample whose conversation has half of its character 5-grams or more (`data.near`).

    A sample shows less than there is: of two near-duplicates among N rows, a sample of n holds both with chance (n/N)².
    """
    texts = {row.id: "\n".join(turn.content for turn in row.messages) for row in rows}
    found = clusters(texts)
    sizes = Counter(found.values())
    return rate(sum(sizes[name] > 1 for name in found.values()), len(texts))
