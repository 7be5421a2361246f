"""Rows × a culture's benchmarks -> how differently the two are spread over dimensions and topics.

Twice: by the areas that rows are tagged with, and by their text, which needs no tags. For the latter a question goes to the
topic whose questions it resembles most (cosine of TF-IDF weighted character 1- to 3-grams with the topic's mean), or to none if
it is less like it than nine in ten of the topic's own questions are. How far two distributions are apart is the Jensen-Shannon
distance (Lin, IEEE Trans. Inf. Theory 37, 1991): 0 for the same, 1 for nothing in common.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from harness.schema import DataRow
from harness.schema.bias import Distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.catalog import Catalog

UNLIKE: Final = 0.1
"""Quantile of a topic's own likenesses below which a row belongs to no topic."""
FEATURES: Final = 2**18
_BLOCK: Final = 2_000


@dataclass(frozen=True)
class Question:
    """One item of a benchmark, as far as it is compared."""

    dimension: str
    topic: str
    dev: bool
    text: str


def questions(known: Catalog, benchmark: str) -> list[Question]:
    """The items of a benchmark of the catalog.

    Raises:
        HarnessError: they cannot be read.
    """
    from harness import folders
    from harness.lm import run

    leaves = known.leaves(benchmark)
    loaded = run.load(list(leaves), folders.task_folders(), {}, {}, known.under((benchmark,)), known.places((benchmark,)))
    return [
        Question(one.dimension, one.topic or one.dimension, one.split == "dev", one.question)
        for leaf in leaves
        for one in loaded.items(leaf)
    ]


def by_areas(rows: Mapping[str, int], total: int, benchmark: str, items: Sequence[Question]) -> Distance | None:
    """By tags, over dimensions; None where no row is tagged with the benchmark.

    Args:
        rows: area -> rows tagged with it.
        total: rows in all.
        benchmark: its name.
        items: its items.
    """
    inside = {area.partition("/")[2]: count for area, count in rows.items() if area.partition("/")[0] == benchmark}
    if not inside:
        return None
    wanted = Counter(one.dimension for one in items)
    parts = _parts(wanted, inside)
    outside = 1 - min(1.0, sum(inside.values()) / total)
    return Distance(benchmark=benchmark, by="areas", value=_distance(parts), outside=outside, parts=parts)


def by_text(rows: Sequence[DataRow], benchmark: str, items: Sequence[Question]) -> Distance | None:
    """By what is asked, over topics; None where the benchmark has but one topic or there are no rows."""
    wanted = Counter(one.topic for one in items)
    asked = [next((turn.content for turn in row.messages if turn.role == "user"), "") for row in rows]
    if len(wanted) < 2 or not asked:
        return None
    space = _Space.of(items)
    found = Counter(name for name in space.places(asked) if name is not None)
    parts = _parts(wanted, found)
    return Distance(
        benchmark=benchmark,
        by="text",
        value=_distance(parts),
        halves=_halves(items),
        outside=1 - found.total() / len(asked),
        sharpness=space.sharpness,
        parts=parts,
    )


def _parts(wanted: Mapping[str, int], found: Mapping[str, int]) -> tuple[tuple[str, float, float], ...]:
    all_wanted, all_found = sum(wanted.values()), sum(found.values())
    names = sorted({*wanted, *found})
    return tuple((name, wanted.get(name, 0) / all_wanted, found.get(name, 0) / all_found if all_found else 0.0) for name in names)


def _distance(parts: Sequence[tuple[str, float, float]]) -> float:
    """Jensen-Shannon distance; 1 where the rows have no share anywhere."""
    if not any(found for _, _, found in parts):
        return 1.0
    total = 0.0
    for _, wanted, found in parts:
        middle = (wanted + found) / 2
        total += sum(share * math.log2(share / middle) for share in (wanted, found) if share) / 2
    return math.sqrt(max(0.0, total))


def _halves(items: Sequence[Question]) -> float | None:
    """Between the dev and the test half of the benchmark, by their true topics."""
    halves = [Counter(one.topic for one in items if one.dev is half) for half in (True, False)]
    return _distance(_parts(*halves)) if all(halves) else None


class _Space:
    """Topics of one benchmark as directions."""

    def __init__(self, names: Sequence[str], means: NDArray[Any], floors: NDArray[Any], vectors: Any, sharpness: float) -> None:
        self._names, self._means, self._floors, self._vectors = names, means, floors, vectors
        self.sharpness = sharpness

    @classmethod
    def of(cls, items: Sequence[Question]) -> _Space:
        """Of a benchmark's items; each is compared with its topic's mean without itself."""
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), max_features=FEATURES, sublinear_tf=True)
        matrix = vectors.fit_transform(["".join(one.text.split()) for one in items])
        members: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(items):
            members[one.topic].append(place)
        names = sorted(members)
        sums = np.vstack([np.asarray(matrix[members[name]].sum(axis=0)) for name in names])
        own = np.array([names.index(one.topic) for one in items])
        likeness = np.asarray(matrix @ _unit(sums).T)
        # x·(S - x) / |S - x| with |x| = 1, without making the items dense.
        with_sum = np.asarray(matrix @ sums.T)[np.arange(len(items)), own]
        rest = np.sqrt(np.maximum((sums**2).sum(axis=1)[own] - 2 * with_sum + 1, 1e-12))
        likeness[np.arange(len(items)), own] = (with_sum - 1) / rest
        floors = np.array([np.quantile(likeness[members[name], place], UNLIKE) for place, name in enumerate(names)])
        return cls(names, _unit(sums), floors, vectors, float((likeness.argmax(axis=1) == own).mean()))

    def places(self, texts: Sequence[str]) -> list[str | None]:
        """The topic of each text, None for those that are like none."""
        import numpy as np

        found: list[str | None] = []
        for start in range(0, len(texts), _BLOCK):
            block = ["".join(text.split()) for text in texts[start : start + _BLOCK]]
            likeness = np.asarray(self._vectors.transform(block) @ self._means.T)
            best = likeness.argmax(axis=1)
            near = likeness[np.arange(len(block)), best] >= np.maximum(self._floors[best], 1e-9)
            found += [self._names[place] if is_near else None for place, is_near in zip(best, near, strict=True)]
        return found


def _unit(vectors: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
