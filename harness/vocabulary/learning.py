"""Texts × tokenizer -> new pieces: the base's own byte pair encoding, taken up where it stopped.

First each character that falls apart becomes one token (`alphabet`), then the most frequent neighbours are merged, again and
again, beginning with the tokens that the base makes of the text. Trained from nothing instead, as a second vocabulary that is
then mixed in, merges are learnt on parts that the base's older merges never leave standing, and such pieces are never used.

The counting is the library's: each token of the base stands for one character there, so its trainer needs no text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from random import Random
from typing import Any, Final

from harness.errors import DataError, UsageError
from harness.schema.vocabulary import TokenizerKind, Vocabulary
from harness.vocabulary import alphabet, bytelevel, sentencepieces
from harness.vocabulary.scripts import ANY, belongs, check, is_letter
from harness.vocabulary.texts import Text, read
from harness.vocabulary.tokenizers import SPACE, Loaded, content, extendable, whole
from harness.vocabulary.words import batches, runs, words

COVERAGE: Final = 0.9995
"""As sentencepiece has it for languages with many characters."""
LEAST: Final = 2
"""Times that neighbours must meet to become one."""
LONGEST: Final = 16
"""Tokens of the base (characters, as a rule) that a piece is made of at most."""
SURPLUS: Final = 1.02
"""Pieces learnt for each that is wanted: some are dropped."""
SAMPLE: Final = 2000
"""Lines on which tokens are counted before and after."""
_FIRST: Final = 0x10000
"""Code point of token 0 while neighbours are counted."""

Said = Callable[[str, int, int], None] | None
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Grown:
    """A tokenizer's state with some pieces more."""

    state: dict[str, Any]
    kind: TokenizerKind
    pieces: tuple[str, ...] = ()
    merges: tuple[tuple[str, str], ...] = ()

    def with_pieces(self, pieces: Sequence[str], merges: Sequence[tuple[str, str]]) -> Grown:
        """The same base with these instead."""
        return Grown(self.state, self.kind, tuple(pieces), tuple(merges))

    def whole_state(self) -> dict[str, Any]:
        """Of the tokenizer that has them."""
        if self.kind == "bytelevel":
            return bytelevel.applied(self.state, self.pieces, self.merges)
        return sentencepieces.applied(self.state, self.pieces)


def learn(
    loaded: Loaded, texts: Sequence[Text], size: int, script: str, coverage: float = COVERAGE, said: Said = None
) -> Vocabulary:
    """New pieces for a tokenizer: same texts, same bytes.

    Args:
        loaded: the base's.
        texts: what they are learnt from; read three times.
        size: new tokens, at most.
        script: what each must hold a character of.
        coverage: share of the script's characters that need not fall apart.
        said: told stage, steps done, all steps.

    Raises:
        UsageError: the tokenizer is of another kind, or `size` is smaller than the alphabet.
        DataError: the texts hold nothing of the script, or nothing that could be learnt.
    """
    kind = extendable(loaded)
    if size < 1 or not 0 < coverage <= 1:
        raise UsageError("--size is at least 1, and --coverage above 0 and at most 1")
    fits = belongs(check(script))
    _tell(said, 0)
    base = Grown(loaded.state, kind)
    seen = alphabet.count(_words(base, loaded, texts), _contents(base), fits)
    if not seen.characters:
        raise DataError(f"the texts hold no character of the script '{script}'", file=", ".join(one.name for one in texts))
    facts = tuple(one.facts() for one in texts)
    _tell(said, 1)
    first = _characters(base, seen, script, coverage, size)
    learnt = _neighbours(first, loaded, texts, script, round((size - len(first.pieces)) * SURPLUS) + 1)
    _tell(said, 2)
    kept = cut(_reached(learnt), size)
    if not kept.pieces:
        raise DataError("nothing was learnt: no neighbours of the script meet twice", file=", ".join(one.name for one in texts))
    lines = sample(texts)
    after = _tokenizer(kept.whole_state())
    _tell(said, 3)
    return Vocabulary(
        kind=kind,
        base=loaded.name,
        tokenizer_digest=loaded.digest,
        script=script,
        size=size,
        coverage=coverage,
        text=facts,
        pieces=kept.pieces,
        merges=kept.merges,
        characters=sum(len((whole(content(piece, kind)) or "").strip()) == 1 for piece in kept.pieces),
        fragments=sum(whole(content(piece, kind)) is None for piece in kept.pieces),
        dropped=max(0, min(len(learnt.pieces), size) - len(kept.pieces)),
        lines=len(lines),
        tokens_before=_tokens(loaded.backend, lines),
        tokens_after=_tokens(after, lines),
    )


def cut(grown: Grown, size: int) -> Grown:
    """The first `size` pieces with their merges; steps to a character that is not among them go too."""
    return _closed(grown, grown.pieces[:size])


def sample(texts: Sequence[Text], most: int = SAMPLE) -> list[str]:
    """Up to `most` lines, each as likely as any other; the same of the same texts."""
    rng, kept = Random(0), []
    for place, line in enumerate(read(texts)):
        if place < most:
            kept.append(line)
        elif (other := rng.randrange(place + 1)) < most:
            kept[other] = line
    return kept


def _characters(base: Grown, seen: alphabet.Seen, script: str, coverage: float, size: int) -> Grown:
    """The base with every character whole that its texts need.

    Clusters of several characters, which the base's merges have glued together by a byte, are a luxury: they get half of the room
    that is left at most, the most frequent first.
    """
    vocabulary: dict[str, int] = base.state["model"]["vocab"]
    contents, piece = _contents(base), _pieces(base)
    single, several = alphabet.parted(alphabet.chosen(seen, coverage), contents)
    if base.kind == "sentencepiece":
        texts = ((whole(b"".join(map(contents, cluster))) or "").strip() for cluster in single)
        pieces = tuple(dict.fromkeys(text for text in texts if text not in vocabulary))
        alphabet.refuse_small(size, len(pieces), coverage)
        return base.with_pieces(pieces, ())
    new: dict[str, None] = {}
    merges: dict[tuple[str, str], None] = {}

    def join(cluster: tuple[int, ...], most: int | None) -> None:
        joined = list(alphabet.steps(cluster, piece))
        fresh = dict.fromkeys(a + b for a, b in joined if a + b not in vocabulary and a + b not in new)
        if (most is None or len(new) + len(fresh) <= most) and alphabet.exact(
            (content(a + b, base.kind) for a, b in joined), script, belongs(script)
        ):
            new.update(fresh)
            merges.update(dict.fromkeys(joined))

    for cluster in single:
        join(cluster, None)
    alphabet.refuse_small(size, len(new), coverage)
    room = (len(new) + size) // 2
    for cluster in several:
        if seen.clusters[cluster] >= LEAST:
            join(cluster, room)
    return base.with_pieces(tuple(new), tuple(merges))


def _neighbours(first: Grown, loaded: Loaded, texts: Sequence[Text], script: str, wanted: int) -> Grown:
    """`wanted` further pieces, or as many as meet often enough."""
    if wanted < 1:
        return first
    state = first.whole_state()
    piece, bears = _pieces(first), _bearing(first, script)
    known = state["model"]["vocab"]
    spaces = frozenset(n for text, n in known.items() if content(text, first.kind) == b" ")
    marks = sorted({n for text, n in known.items() if text not in loaded.added and (n in spaces or bears(n))})
    found = (run for word in _words(first, loaded, texts) for run in runs(word, bears, spaces))
    merges = _trained(found, marks, wanted, piece)
    new = dict.fromkeys(a + b for a, b in merges if a + b not in known)
    return first.with_pieces((*first.pieces, *new), (*first.merges, *merges))


def _trained(found: Iterable[list[int]], marks: Sequence[int], wanted: int, piece: Callable[[int], str]) -> Pairs:
    """The library's merges of runs of tokens, as pairs of pieces; a pair that two ways lead to stands there once."""
    from tokenizers import Tokenizer, models, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=len(marks) + wanted,
        initial_alphabet=[chr(_FIRST + number) for number in marks],
        min_frequency=LEAST,
        max_token_length=LONGEST,
        show_progress=False,
    )
    counter = Tokenizer(models.BPE())
    counter.train_from_iterator(("".join(chr(_FIRST + number) for number in run) for run in found), trainer)
    merges = json.loads(counter.to_str())["model"]["merges"]
    plain = (tuple("".join(piece(ord(mark) - _FIRST) for mark in part) for part in merge) for merge in merges)
    return list(dict.fromkeys((left, right) for left, right in plain))


def _reached(grown: Grown) -> Grown:
    """Without the pieces that their own text does not lead to, and what is made of those."""
    while True:
        tokenizer = _tokenizer(grown.whole_state(), by_merges=True)
        kept = [one for one in grown.pieces if whole(content(one, grown.kind)) is None or _reaches(tokenizer, one)]
        less = _closed(grown, kept)
        if less.pieces == grown.pieces:
            return less
        grown = less


def _reaches(tokenizer: Any, piece: str) -> bool:
    return [token.value for token in tokenizer.model.tokenize(piece)] == [piece]


def _closed(grown: Grown, pieces: Sequence[str]) -> Grown:
    """Of these pieces those that can be made of what there is, and that are whole or lead to one that is."""
    known = {*grown.state["model"]["vocab"], *pieces}
    merges = [(a, b) for a, b in grown.merges if {a, b, a + b} <= known]
    if grown.kind == "sentencepiece":
        return grown.with_pieces(pieces, merges)
    while True:
        made, used = {a + b for a, b in merges}, set(chain.from_iterable(merges))
        kept = [one for one in pieces if one in made and (one in used or whole(content(one, grown.kind)) is not None)]
        known = {*grown.state["model"]["vocab"], *kept}
        less = [(a, b) for a, b in merges if {a, b, a + b} <= known]
        if len(kept) == len(pieces) and len(less) == len(merges):
            return grown.with_pieces(kept, less)
        pieces, merges = kept, less


def _bearing(grown: Grown, script: str) -> Callable[[int], bool]:
    """Whether a token may be merged: letters, after a space at most, one of them at least of the script.

    Where the base cuts a text into words first, the script's punctuation counts as letters: how far it belongs to a word is said.
    """
    piece, fits = _pieces(grown), belongs(script)
    cuts = grown.kind == "bytelevel"

    @cache
    def bears(number: int) -> bool:
        text = (whole(content(piece(number), grown.kind)) or "").removeprefix(" ")
        if script == ANY:
            return bool(text)
        return any(map(fits, text)) and all(is_letter(one) or (cuts and fits(one)) for one in text)

    return bears


def _words(grown: Grown, loaded: Loaded, texts: Sequence[Text]) -> Iterator[list[int]]:
    state = grown.whole_state()
    apart = frozenset(loaded.ids[token] for token in loaded.added)
    known = state["model"]["vocab"].items()
    opening = frozenset(n for text, n in known if text.startswith(SPACE)) if grown.kind == "sentencepiece" else frozenset[int]()
    return words(_tokenizer(state), read(texts), apart, opening)


def _pieces(grown: Grown) -> Callable[[int], str]:
    by_id = {number: text for text, number in grown.whole_state()["model"]["vocab"].items()}
    return by_id.__getitem__


def _contents(grown: Grown) -> Callable[[int], bytes]:
    piece = _pieces(grown)
    return cache(lambda number: content(piece(number), grown.kind))


def _tokenizer(state: dict[str, Any], *, by_merges: bool = False) -> Any:
    """Of the library; `by_merges`: a word that is a piece is not looked up, but merged."""
    from tokenizers import Tokenizer

    shown = {**state, "model": {**state["model"], "ignore_merges": False}} if by_merges else state
    return Tokenizer.from_str(json.dumps(shown))


def _tokens(backend: Any, lines: list[str]) -> int:
    return sum(len(one.ids) for batch in batches(lines) for one in backend.encode_batch(batch, add_special_tokens=False))


def _tell(said: Said, done: int) -> None:
    if said:
        said("learning", done, 3)
