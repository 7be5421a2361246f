"""Texts in parts -> their telling words, without a list of any language's words.

Where words stand apart, they are runs of letters and marks. Chinese and kana run on, so words are found by what they do in the
texts themselves, as in finding new words (Sun, Huang et al., "using cohesion and freedom"): a string of 2-4 characters that holds
together better than chance at its weakest joint, and that is free on both sides:

    cohesion(g) = min over splits of ln( c(g) · N / (c(left) · c(right)) )        freedom(g) = min(H(left neighbours), H(right))

A string inside a longer word that is about as frequent is a fragment of it; so is one that the words longer by one character
on one side use up together. Whether a word tells anything is said by how unevenly it spreads over the parts, so that what is
frequent everywhere needs no list of stop words:

    weight(w) = n(w) · KL( parts of the texts that hold w || parts of all texts )

which is half of the log-likelihood ratio G² (Dunning 1993). With fewer than two parts it is n · ln(N / n).
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

LONGEST: Final = 8
"""Characters of a word: enough for words, too few for a sentence of a benchmark that must not be shown."""
READ: Final = 4_000
"""Characters read of a text."""
LEAST: Final = 3
"""Texts that must hold a word."""
COHESION: Final = 3.0
FREEDOM: Final = 1.0
"""In nats. Tried on 678, 1,000 and 2,130 Chinese questions: at 2 fragments like `的文` stay, at 4 words like `使用` go."""
FRAGMENT: Final = 0.7
"""A string is a fragment if a word around it, or those longer by one character on one side, have this share of its texts."""
_GRAM: Final = 4
_RUNNING: Final = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff"


@dataclass(frozen=True)
class Word:
    """A word, in how many texts it stands, what it tells, and by part."""

    word: str
    n: int
    weight: float
    parts: Mapping[str, int]


def telling(texts: Sequence[str], parts: Sequence[str], most: int) -> tuple[Word, ...]:
    """The heaviest words.

    Args:
        texts: any language; the first 4,000 characters of each are read.
        parts: of each text, what it belongs to.
        most: words that are returned, at most.
    """
    plain = [unicodedata.normalize("NFKC", text[:READ]).lower() for text in texts]
    found = _held(plain, _running(plain))
    sizes = Counter(parts)
    words = []
    for word, holders in found.items():
        by = Counter(parts[place] for place in holders)
        if len(holders) >= LEAST:
            words.append(Word(word, len(holders), _weight(by, sizes), dict(sorted(by.items()))))
    words.sort(key=lambda one: (-one.weight, -one.n, one.word))
    return tuple(_whole(words, found))[:most]


def _weight(by: Mapping[str, int], sizes: Mapping[str, int]) -> float:
    n, total = sum(by.values()), sum(sizes.values())
    if len(sizes) < 2:
        return n * math.log(total / n)
    return sum(count * math.log(count / n * total / sizes[part]) for part, count in by.items())


def _held(texts: Sequence[str], running: frozenset[str]) -> dict[str, list[int]]:
    """Word -> places of the texts that hold it, ascending."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        for word in {*_apart(text), *(gram for gram in _grams(text, 2, _GRAM) if gram in running)}:
            found[word].append(place)
    return found


def _whole(words: Sequence[Word], found: Mapping[str, Sequence[int]]) -> Iterator[Word]:
    """Without fragments."""
    around: dict[str, int] = defaultdict(int)
    longer: dict[tuple[str, str], int] = defaultdict(int)
    for word, holders in found.items():
        if _is_running(word):
            longer[word[1:], "before"] += len(holders)
            longer[word[:-1], "after"] += len(holders)
            for gram in {word[i:j] for i in range(len(word)) for j in range(i + 2, len(word) + 1)} - {word}:
                around[gram] = max(around[gram], len(holders))
    for one in words:
        most = max(around[one.word], longer[one.word, "before"], longer[one.word, "after"])
        if most < FRAGMENT * one.n:
            yield one


def _apart(text: str) -> Iterator[str]:
    return (word for word in _letters().findall(text) if 2 <= len(word) <= LONGEST and not _is_running(word))


@cache
def _letters() -> re.Pattern[str]:
    """Runs of letters with the marks that are written on them (vowels of Hindi), and inside words an apostrophe."""
    marks = "".join(
        re.escape(chr(c)) for c in range(0x300, sys.maxunicode + 1) if c < 0x10000 and unicodedata.category(chr(c))[0] == "M"
    )
    letter = rf"(?:[^\W\d_{_RUNNING}]|[{marks}])"
    return re.compile(rf"{letter}+(?:['’]{letter}+)?|[{_RUNNING}]+")


# --- scripts without blanks -----------------------------------------------------------------------------------------------------


def _is_running(word: str) -> bool:
    return re.match(f"[{_RUNNING}]", word) is not None


def _runs(text: str) -> list[str]:
    return re.findall(f"[{_RUNNING}]+", text)


def _grams(text: str, low: int, high: int) -> Iterator[str]:
    for run in _runs(text):
        for size in range(low, high + 1):
            yield from (run[i : i + size] for i in range(len(run) - size + 1))


def _running(texts: Sequence[str]) -> frozenset[str]:
    """Strings of 2-4 characters that hold together and are free on both sides."""
    runs = [run for text in texts for run in _runs(text)]
    counts: Counter[str] = Counter(char for run in runs for char in run)
    total = sum(counts.values())
    for size in range(2, _GRAM + 1):
        counts.update(_frequent(runs, size, counts))
    words = {gram for gram, count in counts.items() if len(gram) > 1 and _cohesion(gram, count, counts, total) >= COHESION}
    return frozenset(_free(runs, words))


def _frequent(runs: Iterable[str], size: int, shorter: Mapping[str, int]) -> dict[str, int]:
    """Strings of one size; those whose ends are rare cannot be frequent and are not counted."""
    found: Counter[str] = Counter()
    for run in runs:
        for i in range(len(run) - size + 1):
            gram = run[i : i + size]
            if shorter.get(gram[1:], 0) >= LEAST and shorter.get(gram[:-1], 0) >= LEAST:
                found[gram] += 1
    return {gram: count for gram, count in found.items() if count >= LEAST}


def _cohesion(gram: str, count: int, counts: Mapping[str, int], total: int) -> float:
    return min(math.log(count * total / (counts[gram[:i]] * counts[gram[i:]])) for i in range(1, len(gram)))


def _free(runs: Iterable[str], words: set[str]) -> Iterator[str]:
    """Those with many neighbours on either side; the end of a run is a neighbour that no other string has."""
    before: dict[str, Counter[str]] = defaultdict(Counter)
    after: dict[str, Counter[str]] = defaultdict(Counter)
    for number, run in enumerate(runs):
        for size in range(2, _GRAM + 1):
            for i in range(len(run) - size + 1):
                gram = run[i : i + size]
                if gram in words:
                    before[gram][run[i - 1] if i else f"<{number}"] += 1
                    after[gram][run[i + size] if i + size < len(run) else f">{number}"] += 1
    yield from (word for word in words if min(_entropy(before[word]), _entropy(after[word])) >= FREEDOM)


def _entropy(counts: Counter[str]) -> float:
    n = counts.total()
    return -sum(count / n * math.log(count / n) for count in counts.values())
