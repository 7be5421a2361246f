"""base × tokenizers × texts -> Fertility: how many tokens a text takes, and whether a longer vocabulary pays."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from harness.errors import DataError, UsageError
from harness.schema.vocabulary import Fertility
from harness.vocabulary import counting, extending, learning, paying, texts
from harness.vocabulary.places import locate
from harness.vocabulary.scripts import LETTERS, check
from harness.vocabulary.tokenizers import Loaded, load

TRIED: Final = 4000
"""New tokens of the trial vocabulary that is learnt where none is given to compare with."""


def vocab_measure(
    base: str,
    others: Sequence[str],
    text: Sequence[Path | str],
    *,
    lines: int | None = None,
    trial: int | None = None,
    script: str = LETTERS,
    pad_to: int = extending.PAD_TO,
    watch: Callable[[str, int, int], None] | None = None,
) -> Fertility:
    """What the base's tokenizer, and others, make of texts.

    Args:
        base: model or folder of a tokenizer.
        others: what it is compared with: vocabularies, models, folders.
        text: files, data sets or `demo:NAME`.
        lines: only so many of each text, its first ones.
        trial: new tokens learnt from one half of the lines and counted on the other; 0: none. By default 4,000 where there are no
            `others`: without a second tokenizer, this says what a vocabulary of one's own would save.
        script: of the trial's new tokens.
        pad_to: multiple that rows of an embedding matrix come in.
        watch: told stage, lines done, all (or done again, where nobody knows).

    Raises:
        UsageError: a name is unknown, or an option is wrong.
        DataError: a text cannot be read or holds nothing, or a folder has no fast tokenizer.
        ModelError: a model's files are not here.
    """
    check(script)
    if (lines is not None and lines < 1) or pad_to < 1 or (trial or 0) < 0:
        raise UsageError("--lines and --pad-to-multiple-of are at least 1, and --try at least 0")
    found = [_beginning(one, lines) for one in texts.find(text)]
    named = [locate(name) for name in (base, *others)]
    loaded = [load(folder, name) for name, folder in named]
    wanted = trial if trial is not None else 0 if others else TRIED
    notes: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory(prefix="vocab-") as scratch:
        if wanted:
            tried, notes = _tried(loaded[0], found, wanted, script, Path(scratch), watch)
            if tried is not None:
                loaded.append(tried)
                found = [_half(one, 1) for one in found]
        measured = counting.count(loaded, found, watch)
    shape = paying.shape(named[0][1])
    if shape is None:
        notes += (f"'{named[0][0]}' is a tokenizer without a model: costs are given in rows alone",)
    costs = tuple(paying.cost(measured, place, shape, pad_to) for place in range(1, len(loaded)))
    return measured.model_copy(update={"costs": costs, "notes": notes})


def _tried(
    base: Loaded,
    found: Sequence[texts.Text],
    size: int,
    script: str,
    folder: Path,
    watch: Callable[[str, int, int], None] | None,
) -> tuple[Loaded | None, tuple[str, ...]]:
    """The base with a vocabulary learnt from half of the lines; None with the reason where nothing can be learnt."""
    halves = [_half(one, 0) for one in found]
    try:
        learnt = learning.learn(base, halves, size, script, said=watch)
    except (UsageError, DataError) as error:
        return None, (f"no trial vocabulary: {error}",)
    made = extending.extend_tokenizer(base.folder, learnt, folder)
    note = (
        f"trial: {len(learnt.pieces):,} new tokens ({size:,} asked for) learnt from half of the lines; all counts are of "
        "the other half"
    )
    return replace(made, name=f"+{len(learnt.pieces):,} learnt"), (note,)


def _half(text: texts.Text, side: int) -> texts.Text:
    """About half of its lines, drawn by lot (neighbours take turns in many a file); side 1 has the others."""

    def read() -> Iterator[str]:
        lot = Random(0)
        return (line for line in text.read() if lot.getrandbits(1) == side)

    return replace(text, read=read)


def _beginning(text: texts.Text, lines: int | None) -> texts.Text:
    return text if lines is None else replace(text, read=lambda: islice(text.read(), lines))
