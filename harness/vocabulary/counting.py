"""Texts × tokenizers -> how many tokens they take: counted line by line, held as sums.

What is kept does not grow with the text: sums for each text and script, a histogram, how often each token occurred, and the sums
of 1,000 resamples of the lines. A resample gives each line a weight from a Poisson distribution with mean 1 in place of drawing
lines, which needs no list of them (Chamandy et al. 2012, "Estimating uncertainty for massive data streams", section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from harness.schema import Interval
from harness.schema.vocabulary import Fertility, FertilityRow, FertilityUse, TokenCount, TokenizerFacts
from harness.vocabulary.scripts import KINDS, kinds
from harness.vocabulary.texts import Text
from harness.vocabulary.tokenizers import Loaded, content, whole
from harness.vocabulary.words import batches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REPLICATES: Final = 1000
SEED: Final = 0
EDGES: Final = (0, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000)
"""Tokens a line."""
FEWEST: Final = 10
"""Lines below which no interval is given."""
USES: Final = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
"""Numbers of most frequent new tokens whose share is told."""
_TOKENS, _FRAGMENTS, _SINGLE, _UNKNOWN = range(4)

Said = Callable[[str, int, int], None] | None


@dataclass
class _Scope:
    """Sums over the lines of one text, or of all."""

    tokenizers: int
    lines: int = 0
    characters: int = 0
    bytes: int = 0
    sums: Any = None
    """(tokenizer, tokens | fragments | single characters | unknown)."""
    resampled: Any = None
    """(resample, tokenizer): tokens."""

    def __post_init__(self) -> None:
        import numpy as np

        self.sums = np.zeros((self.tokenizers, 4), dtype=np.int64)
        self.resampled = np.zeros((REPLICATES, self.tokenizers))


@dataclass
class _Held:
    """Everything that is counted."""

    overall: _Scope
    by_kind: Any
    """(tokenizer, kind, tokens | fragments | single characters | unknown)."""
    characters: Any
    """(kind): characters."""
    histogram: Any
    """(tokenizer, bin)."""
    occurrences: list[Any]
    """Of each tokenizer: id -> times."""
    texts: list[_Scope] = field(default_factory=list)


@dataclass(frozen=True)
class _Measure:
    """One tokenizer, and what is known of each of its ids."""

    loaded: Loaded
    traits: Any
    """(id, fragment | single character | unknown): 0 or 1."""

    @classmethod
    def of(cls, loaded: Loaded) -> _Measure:
        import numpy as np

        traits = np.zeros((loaded.end, 3), dtype=np.int64)
        for piece, number in loaded.ids.items():
            if piece in loaded.added:
                continue
            text = whole(content(piece, loaded.algorithm))
            traits[number] = (text is None, text is not None and len(text) == 1, 0)
        unknown = loaded.tokenizer.unk_token_id
        if unknown is not None:
            traits[unknown] = (0, 0, 1)
        return cls(loaded, traits)


def count(tokenizers: Sequence[Loaded], texts: Sequence[Text], said: Said = None) -> Fertility:
    """What each tokenizer makes of the texts; the first is the base that the others are compared with.

    Args:
        tokenizers: one or more.
        texts: what is counted.
        said: told stage and, twice, lines done.

    Raises:
        DataError: a text cannot be read or holds nothing.
    """
    import numpy as np

    measures = [_Measure.of(one) for one in tokenizers]
    held = _Held(
        _Scope(len(measures)),
        np.zeros((len(measures), len(KINDS), 4), dtype=np.int64),
        np.zeros(len(KINDS), dtype=np.int64),
        np.zeros((len(measures), len(EDGES)), dtype=np.int64),
        [np.zeros(one.loaded.end, dtype=np.int64) for one in measures],
    )
    rng = np.random.default_rng(SEED)
    for text in texts:
        scope = _Scope(len(measures))
        for batch in batches(text):
            _add(held, scope, measures, batch, rng)
            if said:
                said("measuring", held.overall.lines + scope.lines, held.overall.lines + scope.lines)
        held.texts.append(scope)
        _join(held.overall, scope)
    return _fertility(measures, texts, held)


def _add(held: _Held, scope: _Scope, measures: Sequence[_Measure], batch: list[str], rng: np.random.Generator) -> None:
    import numpy as np

    table = kinds()
    points = [np.frombuffer(line.encode("utf-32-le"), dtype=np.uint32) for line in batch]
    held.characters += np.bincount(table[np.concatenate(points)], minlength=len(KINDS))
    counts = np.zeros((len(batch), len(measures)), dtype=np.int64)
    for place, measure in enumerate(measures):
        for row, encoded in enumerate(measure.loaded.backend.encode_batch(batch, add_special_tokens=False)):
            ids = np.array(encoded.ids, dtype=np.int64)
            counts[row, place] = len(ids)
            if len(ids):
                _tally(held, scope, measure, place, ids, _kinds(encoded.offsets, table[points[row]]))
        held.histogram[place] += np.bincount(np.searchsorted(EDGES, counts[:, place], side="right") - 1, minlength=len(EDGES))
    scope.lines += len(batch)
    scope.characters += sum(map(len, batch))
    scope.bytes += sum(len(line.encode()) for line in batch)
    scope.resampled += rng.poisson(1.0, (REPLICATES, len(batch))) @ counts


def _kinds(offsets: Sequence[tuple[int, int]], of: NDArray[Any]) -> NDArray[Any]:
    """Kind of each token: of its first character, or its second where the first is a space."""
    import numpy as np

    starts, ends = np.array(offsets, dtype=np.int64).T
    starts = np.minimum(starts, len(of) - 1)
    after = (of[starts] == KINDS.index("spaces")) & (ends - starts > 1)
    found: NDArray[Any] = of[starts + after]
    return found


def _tally(held: _Held, scope: _Scope, measure: _Measure, place: int, ids: NDArray[Any], kind: NDArray[Any]) -> None:
    import numpy as np

    held.occurrences[place] += np.bincount(ids, minlength=len(measure.traits))
    sums = np.concatenate([np.ones((len(ids), 1), dtype=np.int64), measure.traits[ids]], axis=1)
    np.add.at(held.by_kind[place], kind, sums)
    scope.sums[place] += sums.sum(axis=0)


def _join(overall: _Scope, scope: _Scope) -> None:
    overall.lines += scope.lines
    overall.characters += scope.characters
    overall.bytes += scope.bytes
    overall.sums += scope.sums
    overall.resampled += scope.resampled


def _fertility(measures: Sequence[_Measure], texts: Sequence[Text], held: _Held) -> Fertility:
    facts = [
        TokenizerFacts(name=one.loaded.name, kind=one.loaded.algorithm, vocabulary=len(one.loaded.ids), digest=one.loaded.digest)
        for one in measures
    ]
    rows = [_row("overall", "all", held.overall)]
    if len(texts) > 1:
        rows += [_row("text", text.name, scope) for text, scope in zip(texts, held.texts, strict=True)]
    rows += [
        _script_row(name, int(held.characters[place]), held.by_kind[:, place])
        for place, name in enumerate(KINDS)
        if held.characters[place]
    ]
    return Fertility(
        tokenizers=tuple(facts),
        text=tuple(text.facts() for text in texts),
        rows=tuple(rows),
        histogram_edges=EDGES,
        histograms=tuple(tuple(int(n) for n in row) for row in held.histogram),
        uses=tuple(_use(measures[0], one, held.occurrences[place + 1]) for place, one in enumerate(measures[1:])),
    )


def _row(scope: Any, name: str, held: _Scope) -> FertilityRow:
    counts = tuple(_count(sums, held.lines, held.characters, held.bytes) for sums in held.sums)
    return FertilityRow(
        scope=scope,
        name=name,
        lines=held.lines,
        characters=held.characters,
        bytes=held.bytes,
        counts=counts,
        ratios=tuple(_ratio(held, place) for place in range(1, held.tokenizers)),
    )


def _script_row(name: str, characters: int, sums: NDArray[Any]) -> FertilityRow:
    counts = tuple(_count(one, 0, characters, 0) for one in sums)
    return FertilityRow(scope="script", name=name, lines=None, characters=characters, bytes=None, counts=counts)


def _count(sums: Sequence[Any], lines: int, characters: int, size: int) -> TokenCount:
    tokens = int(sums[_TOKENS])
    return TokenCount(
        tokens=tokens,
        fragments=int(sums[_FRAGMENTS]),
        single_characters=int(sums[_SINGLE]),
        unknown=int(sums[_UNKNOWN]),
        per_line=tokens / lines if lines else 0.0,
        per_character=tokens / characters if characters else 0.0,
        bytes_per_token=size / tokens if tokens else 0.0,
        characters_per_token=characters / tokens if tokens else 0.0,
    )


def _ratio(held: _Scope, place: int) -> Interval | None:
    """Percentile interval of tokens of one tokenizer for each of the base's."""
    import numpy as np

    before, after = held.resampled[:, 0], held.resampled[:, place]
    if held.lines < FEWEST or not (before > 0).all():
        return None
    low, high = np.quantile(after / before, (0.025, 0.975))
    return Interval(low=float(low), high=float(high), method=f"bootstrap over lines, {REPLICATES} draws")


def _use(base: _Measure, other: _Measure, occurrences: NDArray[Any]) -> FertilityUse:
    import numpy as np

    new = [number for piece, number in other.loaded.ids.items() if piece not in base.loaded.ids]
    times = np.sort(occurrences[new])[::-1] if new else np.zeros(0, dtype=np.int64)
    total = int(times.sum())
    steps = [n for n in USES if n < len(new)] + ([len(new)] if new else [])
    return FertilityUse(
        tokenizer=other.loaded.name,
        new=len(new),
        used=int((times > 0).sum()),
        occurrences=total,
        shares=tuple((n, float(times[:n].sum() / total) if total else 0.0) for n in steps),
    )
