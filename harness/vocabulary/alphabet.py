"""Texts × tokenizer -> the characters of a script that fall apart, and the merges that make each of them one token.

Words of the base's tokens are cut where a token begins with a whole character. What lies between two cuts is a *cluster*: one
token as a rule; where it is several, a character fell apart, perhaps with a space or a neighbour that the base has glued to its
first byte. A cluster is joined from the left, so each step holds whole characters and the beginning of one. A step is taken only
where no character outside the script begins like that: text of another script keeps its ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from harness.errors import UsageError
from harness.vocabulary.scripts import LETTERS
from harness.vocabulary.tokenizers import whole

MOST: Final = 4
"""Characters of a cluster."""
_CONTINUES: Final = range(0x80, 0xC0)
"""Bytes that begin no character."""


@dataclass
class Seen:
    """What was counted."""

    clusters: Counter[tuple[int, ...]] = field(default_factory=Counter)
    """Several tokens -> how often they make whole characters together."""
    characters: int = 0
    """Of the script, whether they fall apart or not."""


def count(words: Iterable[list[int]], contents: Callable[[int], bytes], belongs: Callable[[str], bool]) -> Seen:
    """Clusters of several tokens that hold a character of the script."""
    seen = Seen()
    kept: dict[tuple[int, ...], int] = {}
    for word in words:
        for cluster in _clusters(word, contents):
            held = kept.get(cluster)
            if held is None:
                text = whole(b"".join(map(contents, cluster))) or ""
                held = kept[cluster] = sum(map(belongs, text)) if len(cluster) == 1 or len(text.strip()) <= MOST else 0
            seen.characters += held
            if held and len(cluster) > 1:
                seen.clusters[cluster] += 1
    return seen


def _clusters(word: list[int], contents: Callable[[int], bytes]) -> Iterator[tuple[int, ...]]:
    start = 0
    for place in range(1, len(word)):
        value = contents(word[place])
        if not value or value[0] not in _CONTINUES:
            yield tuple(word[start:place])
            start = place
    if word:
        yield tuple(word[start:])


def chosen(seen: Seen, coverage: float) -> list[tuple[int, ...]]:
    """The most frequent clusters, so many that at most a share 1 - `coverage` of the characters still falls apart."""
    allowed = (1 - coverage) * seen.characters
    ranked = sorted(seen.clusters.items(), key=lambda item: (-item[1], item[0]))
    left = sum(seen.clusters.values())
    kept = []
    for cluster, times in ranked:
        if left <= allowed:
            break
        kept.append(cluster)
        left -= times
    return kept


def parted(
    clusters: Iterable[tuple[int, ...]], contents: Callable[[int], bytes]
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Those of one character, a space before it or not, and those of several."""
    single: list[tuple[int, ...]] = []
    several: list[tuple[int, ...]] = []
    for cluster in clusters:
        text = whole(b"".join(map(contents, cluster))) or ""
        (single if len(text.strip()) == 1 else several).append(cluster)
    return single, several


def steps(cluster: tuple[int, ...], piece: Callable[[int], str]) -> Iterator[tuple[str, str]]:
    """Merges that join a cluster, from the left."""
    joined = piece(cluster[0])
    for number in cluster[1:]:
        yield joined, piece(number)
        joined += piece(number)


def exact(values: Iterable[bytes], script: str, belongs: Callable[[str], bool]) -> bool:
    """Whether no text without the script begins like any of these; of `letters` it is enough that some letter does."""
    return all(_exact(value, script, belongs) for value in values)


def _exact(value: bytes, script: str, belongs: Callable[[str], bool]) -> bool:
    text, start = _beginning(value)
    if any(belongs(character) for character in text) or not start:
        return True
    first, last = _span(start)
    held = (belongs(chr(point)) for point in range(first, last + 1) if not 0xD800 <= point < 0xE000)
    return any(held) if script == LETTERS else all(held)


def _beginning(value: bytes) -> tuple[str, bytes]:
    """Whole characters, and the bytes of one that is not whole yet."""
    for cut in range(min(4, len(value) + 1)):
        text = whole(value[: len(value) - cut])
        if text is not None:
            return text, value[len(value) - cut :]
    return "", value


def _span(start: bytes) -> tuple[int, int]:
    """First and last code point whose UTF-8 begins so."""
    length = 2 if start[0] < 0xE0 else 3 if start[0] < 0xF0 else 4
    point = start[0] & (0x7F >> length)
    for byte in start[1:]:
        point = point << 6 | byte & 0x3F
    bits = 6 * (length - len(start))
    return point << bits, min((point + 1 << bits) - 1, 0x10FFFF)


def refuse_small(size: int, needed: int, coverage: float) -> None:
    """Nothing, if the characters have room.

    Raises:
        UsageError: they have none; says how much they need.
    """
    if needed > size:
        raise UsageError(
            f"--size {size:,} is smaller than the alphabet: {needed:,} tokens make the characters whole that the base cuts into "
            f"bytes ({100 * coverage:g}% of the text's); ask for more, or for less with --coverage"
        )
