"""Text -> content hash -> dev/test half. Content decides, not ids: ids collide across files and change between versions.

The hash joins an item to its answer key, to the same item in another version of the benchmark and to other runs. White space
is left out because upstream changed nothing else between versions (runs of blanks, NBSP for blank, trailing newlines).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from harness.schema import Sample, Split

SPLIT_SALT: Final = "split-v1"
"""Part of every split digest; another salt would give other halves."""


def content_hash(text: str) -> str:
    """First 16 hex digits of SHA-256 over the UTF-8 of `text` with NBSP turned into a blank and then all white space removed.

    White space is what `str.isspace` says, so U+3000 and line ends of any kind go too. Letters, case, punctuation and
    full-width forms count: `A.是` and `A．是` differ.
    """
    bare = "".join(text.replace("\u00a0", " ").split())
    return hashlib.sha256(bare.encode()).hexdigest()[:16]


def assign_splits(samples: Sequence[Sample]) -> list[Sample]:
    """The same samples, in the same order, each with its `split`.

    Rule `split-v1`, over all samples given (give a whole file, never a part of it):

    1. Strata are the pairs (dimension, topic or ""), taken in sorted order.
    2. In a stratum, the unique hashes that no earlier stratum has placed are sorted by d(h) = SHA-256("split-v1" + h) in hex.
    3. They alternate between the halves. The first goes to dev if the last hex digit of its d(h) is even, else to test, so
       that the strata with an odd number of items do not all lean one way.

    One hash thus has one split, also where the same text stands in two categories. Within a stratum the halves differ by at
    most one hash. Splits belong to one file: alternation depends on the neighbours, so an item shared by two versions of a
    benchmark may stand in different halves there. Never diagnose on one version and gate on the other.
    """
    strata: dict[tuple[str, str], set[str]] = defaultdict(set)
    for sample in samples:
        strata[sample.dimension, sample.topic or ""].add(sample.hash)
    splits: dict[str, Split] = {}
    for stratum in sorted(strata):
        splits.update(_halves(strata[stratum] - splits.keys()))
    return [sample.model_copy(update={"split": splits[sample.hash]}) for sample in samples]


def _halves(hashes: set[str]) -> dict[str, Split]:
    ordered = sorted((hashlib.sha256((SPLIT_SALT + h).encode()).hexdigest(), h) for h in hashes)
    if not ordered:
        return {}
    lead = int(ordered[0][0][-1], 16) % 2
    names: tuple[Split, Split] = ("dev", "test")
    return {h: names[(lead + rank) % 2] for rank, (_, h) in enumerate(ordered)}
