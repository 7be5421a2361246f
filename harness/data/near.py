"""Texts -> clusters of near-duplicates, so that what says the same thing twice counts once.

Two texts are near when their sets of character 5-grams have a Jaccard similarity of at least a half, after NFKC and without white
space; a cluster is what hangs together by such pairs. Paired items that are near lose or win together: clusters of 4 counted as
independent items make a 5% gate one of 12%.

A crowd that hangs together is no duplicate but a form: sums in one phrase, puzzles of one generator. What all share is left out
of account (`crowd`), or 250 questions would be a single one, and no gate could say a word about them.

All pairs are found, not most. Among the rarest grams of each text, more than may be missing from a near one, two near texts have
a certain number in common (after the prefix filter of Bayardo, Ma & Srikant, WWW 2007, 131-140): these are counted for all pairs
by a sparse product, and only pairs that have enough are compared. 14,000 questions of 400 characters take 5 seconds and 0.4 GB.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

SHINGLE: Final = 5
SIMILARITY: Final = 0.5
_ROUNDING: Final = 1e-9
_BEYOND: Final = 0.75
"""Share of the least overlap that a prefix may leave out. Less is counted where it is 1, more is compared: of 14,000 questions
54,000 pairs, at 0.75 a dozen."""
_FORM: Final = 5
"""A gram that more than one in so many texts of a crowd hold belongs to their form."""
_ROWS: Final = 256
"""Texts whose common grams with all others are counted at a time."""


def clusters(
    texts: Mapping[str, str], *, shingle: int = SHINGLE, similarity: float = SIMILARITY, crowd: int | None = None
) -> dict[str, str]:
    """Name of each text -> name of its cluster, which is that of its smallest member.

    Texts shorter than `shingle` characters are near only to equal ones.

    Args:
        texts: name -> text.
        shingle: characters of an n-gram.
        similarity: least Jaccard similarity of two texts that are near, above 0 and at most 1.
        crowd: a cluster of more different texts is taken apart by what they do not all share: 500 sums in one phrase are 500
            questions. None: it is left as it is.

    Raises:
        ValueError: `shingle` or `similarity` is out of its range.
    """
    if shingle < 1 or not 0 < similarity <= 1:
        raise ValueError(f"near-duplicates need shingle >= 1 and 0 < similarity <= 1; got {shingle} and {similarity}")
    named: dict[str, list[str]] = defaultdict(list)
    for name in sorted(texts):
        named[_bare(texts[name])].append(name)
    short, long = (sorted(bare for bare in named if (len(bare) >= shingle) is wanted) for wanted in (False, True))
    groups = _groups(_Grams.of(long, shingle), similarity, crowd) if long else []
    together = [[long[place] for place in group] for group in groups] + [[bare] for bare in short]
    members = ([name for bare in group for name in named[bare]] for group in together)
    found = {name: min(names) for names in members for name in names}
    return {name: found[name] for name in texts}


@dataclass(frozen=True)
class _Joined:
    """Sets of places that are merged (union-find)."""

    parents: list[int]

    def root(self, place: int) -> int:
        while self.parents[place] != place:
            self.parents[place] = self.parents[self.parents[place]]
            place = self.parents[place]
        return place

    def merge(self, one: int, other: int) -> None:
        self.parents[self.root(one)] = self.root(other)


@dataclass(frozen=True)
class _Grams:
    """Which text holds which gram, each pair once."""

    owners: Numbers
    """Places of texts, ascending."""
    grams: Numbers
    """Numbered by how rare they are, ascending for each owner."""
    sizes: Numbers
    """Grams of each text."""

    @classmethod
    def of(cls, texts: Sequence[str], shingle: int) -> _Grams:
        """Of texts that have at least one gram each."""
        import numpy as np

        owners, grams = _occurrences(texts, shingle)
        frequency = np.bincount(grams)
        rank = np.empty_like(frequency)
        rank[np.argsort(frequency, kind="stable")] = np.arange(len(frequency))
        ranks = rank[grams]
        order = np.lexsort((ranks, owners))
        return cls(owners[order], ranks[order], np.bincount(owners))

    def rest(self, places: Sequence[int]) -> _Grams:
        """Of some texts, in that order, without the grams that are their form."""
        import numpy as np

        there = np.asarray(places)
        taken = np.isin(self.owners, there)
        owners, grams = np.searchsorted(there, self.owners[taken]), self.grams[taken]
        kept = np.bincount(grams)[grams] * _FORM <= len(there)
        return _Grams(owners[kept], grams[kept], np.bincount(owners[kept], minlength=len(there)))

    def prefixes(self, similarity: float) -> tuple[Any, Numbers]:
        """The rarest grams of each text, more than may be missing from a near one, as a sparse matrix; how many remain."""
        import numpy as np
        from scipy.sparse import csr_matrix

        remain = np.ceil(_BEYOND * similarity * self.sizes - _ROUNDING).astype(np.int64) - 1
        starts = np.cumsum(self.sizes) - self.sizes
        taken = np.arange(len(self.owners)) - starts[self.owners] < (self.sizes - remain)[self.owners]
        taken &= np.bincount(self.grams)[self.grams] > 1
        shape = (len(self.sizes), int(self.grams.max()) + 1)
        ones = np.ones(int(taken.sum()), dtype=np.int32)
        return csr_matrix((ones, (self.owners[taken], self.grams[taken])), shape=shape), remain


def _groups(texts: _Grams, similarity: float, crowd: int | None) -> list[list[int]]:
    """Places of texts that hang together, ascending; of a crowd, those that do so beyond its form."""
    joined = _Joined(list(range(len(texts.sizes))))
    if len(texts.grams):
        _join(texts, similarity, joined)
    found: dict[int, list[int]] = defaultdict(list)
    for place in range(len(texts.sizes)):
        found[joined.root(place)].append(place)
    if crowd is None:
        return list(found.values())
    return [part for group in found.values() for part in _taken_apart(texts, group, similarity, crowd)]


def _taken_apart(texts: _Grams, group: list[int], similarity: float, crowd: int) -> list[list[int]]:
    if len(group) <= crowd:
        return [group]
    rest = texts.rest(group)
    if int(rest.sizes.sum()) == int(texts.sizes[group].sum()):
        return [group]
    return [[group[place] for place in part] for part in _groups(rest, similarity, crowd)]


def _join(texts: _Grams, similarity: float, joined: _Joined) -> None:
    """Merge all that are near."""
    ends = texts.sizes.cumsum()

    @cache
    def grams(place: int) -> frozenset[int]:
        return frozenset(texts.grams[ends[place] - texts.sizes[place] : ends[place]].tolist())

    for one, other in _candidates(texts, similarity):
        if joined.root(one) != joined.root(other):
            common = len(grams(one) & grams(other))
            if common / (len(grams(one)) + len(grams(other)) - common) >= similarity:
                joined.merge(one, other)


def _candidates(texts: _Grams, similarity: float) -> Iterator[tuple[int, int]]:
    """Pairs that may be near, and all that are.

    J >= t is |x & y| >= t / (1 + t) (|x| + |y|), for which neither size may be below t times the other. Of the common grams,
    those beyond the prefix that ends first are at most what remains of its text; all others stand in both prefixes.
    """
    import numpy as np

    prefixes, remain = texts.prefixes(similarity)
    for start in range(0, len(texts.sizes), _ROWS):
        counts = (prefixes[start : start + _ROWS] @ prefixes[start:].T).tocoo()
        rows, columns = counts.row.astype(np.int64) + start, counts.col.astype(np.int64) + start
        one, other = texts.sizes[rows], texts.sizes[columns]
        common = similarity / (1 + similarity) * (one + other)
        kept = counts.data >= common - np.maximum(remain[rows], remain[columns]) - _ROUNDING
        kept &= np.minimum(one, other) >= similarity * np.maximum(one, other) - _ROUNDING
        kept &= rows < columns
        yield from zip(rows[kept].tolist(), columns[kept].tolist(), strict=True)


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _occurrences(texts: Sequence[str], shingle: int) -> tuple[Numbers, Numbers]:
    """Which text holds which gram, each pair once: places of texts, and grams as numbers from 0."""
    import numpy as np

    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    letters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    inside = owners[: len(owners) - shingle + 1] == owners[shingle - 1 :]
    owners, numbers = owners[: len(inside)][inside], _gram_numbers(letters, shingle)[inside]
    order = np.lexsort((owners, numbers))
    owners, numbers = owners[order], numbers[order]
    changes = np.r_[True, numbers[1:] != numbers[:-1]]
    first = changes | np.r_[True, owners[1:] != owners[:-1]]
    return owners[first], (np.cumsum(changes) - 1)[first]


def _gram_numbers(letters: NDArray[np.uint32], shingle: int) -> Numbers:
    """A number for the gram that begins at each letter: equal numbers, equal grams; nothing is hashed."""
    import numpy as np

    alphabet, coded = np.unique(letters, return_inverse=True)
    last = len(coded) - shingle + 1
    numbers, limit = coded[:last].astype(np.int64), len(alphabet)
    for shift in range(1, shingle):
        if limit * len(alphabet) >= 2**63:
            known, numbers = np.unique(numbers, return_inverse=True)
            limit = len(known)
        numbers = numbers * len(alphabet) + coded[shift : last + shift]
        limit *= len(alphabet)
    return numbers
