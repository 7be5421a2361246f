"""Folder of a base × Vocabulary -> folder with a tokenizer that has the new pieces, as any program loads it.

The files are edited, not written anew: chat template, special tokens, lengths, padding side and what is put around a text stay
byte for byte; only `tokenizer.json` (and `tokenizer.model`) grow. The result is loaded and compared before anybody else sees it.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness.errors import DataError, UsageError
from harness.runs.write import make_folder, naming, write_whole
from harness.schema.vocabulary import Vocabulary
from harness.vocabulary.learning import Grown, cut
from harness.vocabulary.sentencepieces import extend_model
from harness.vocabulary.tokenizers import Loaded, extendable, load

VOCABULARY: Final = "vocabulary.json"
TOKENIZER: Final = "tokenizer"
"""Folder beside it: the base's tokenizer with all its pieces."""
PAD_TO: Final = 64
"""Rows of an embedding matrix come in multiples of this: fast on GPUs, and split by every common number of them."""
MAX_BYTES: Final = 1 << 30
_KEPT: Final = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "additional_chat_templates/*",
)


def read_vocabulary(folder: Path) -> Vocabulary:
    """What `harness vocab train` wrote.

    Raises:
        UsageError: there is none.
        DataError: it is broken.
    """
    file = folder / VOCABULARY if folder.is_dir() else folder
    if not file.is_file():
        raise UsageError(f"'{folder}' is no vocabulary: it has no {VOCABULARY} (harness vocab train makes one)")
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError(f"has more than {MAX_BYTES:,} bytes", file=file)
        return Vocabulary.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise DataError(f"is no vocabulary ({'.'.join(map(str, first['loc']))}: {first['msg']})", file=file) from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None


def extend_tokenizer(base: Path, vocabulary: Vocabulary, out: Path, *, size: int | None = None) -> Loaded:
    """The tokenizer of a base with the pieces of a vocabulary, written to a folder.

    Args:
        base: folder of the base.
        vocabulary: trained for that very tokenizer.
        out: folder that gets the files; made if need be.
        size: take only so many of the pieces, the first ones.

    Raises:
        UsageError: the tokenizer is of a kind that cannot be extended, or `size` is no number of pieces.
        DataError: the vocabulary was trained for another tokenizer, clashes with it, or the result does not load as written.
    """
    loaded = load(base)
    check_fits(loaded, vocabulary, size)
    grown = Grown(loaded.state, vocabulary.kind, vocabulary.pieces, vocabulary.merges)
    grown = grown if size is None else cut(grown, size)
    make_folder(out)
    _write(loaded, grown, out)
    return _verified(loaded, grown, out)


def check_fits(loaded: Loaded, vocabulary: Vocabulary, size: int | None = None) -> None:
    """Nothing, if the pieces (or the first `size` of them) can be added to this tokenizer.

    Raises:
        UsageError: the tokenizer is of a kind that cannot be extended, or there are fewer pieces.
        DataError: the vocabulary is for another tokenizer, or clashes with it.
    """
    kind = extendable(loaded)
    if size is not None and not 1 <= size <= len(vocabulary.pieces):
        raise UsageError(f"--size {size:,}: the vocabulary has {len(vocabulary.pieces):,} pieces")
    if vocabulary.kind != kind:
        raise DataError(f"a vocabulary of the kind {vocabulary.kind} does not fit '{loaded.name}', whose tokenizer is {kind}")
    if vocabulary.tokenizer_digest != loaded.digest:
        raise DataError(
            f"the vocabulary was trained for the tokenizer of '{vocabulary.base}' ({vocabulary.tokenizer_digest[:12]}), not for "
            f"that of '{loaded.name}' ({loaded.digest[:12]}); train one for it: harness vocab train --like {loaded.name}"
        )
    _refuse_clashes(loaded, vocabulary.pieces)
    _refuse_loose_merges(loaded, vocabulary)


def _refuse_loose_merges(loaded: Loaded, vocabulary: Vocabulary) -> None:
    known = loaded.ids.keys() | set(vocabulary.pieces)
    for left, right in vocabulary.merges:
        if vocabulary.kind == "bytelevel" and not {left, right, left + right} <= known:
            raise DataError(f"the vocabulary merges '{left}' and '{right}', which are not both pieces, or make none")


def _refuse_clashes(loaded: Loaded, pieces: Sequence[str]) -> None:
    twice = next((piece for piece, times in Counter(pieces).items() if times > 1), None)
    if twice is not None:
        raise DataError(f"the vocabulary holds the piece '{twice}' twice")
    for piece in pieces:
        special = next((token for token in loaded.added if token in piece), None)
        if special is not None:
            raise DataError(
                f"the new piece '{piece}' clashes with the special token '{special}', which no text ever reaches past"
            )
        if piece in loaded.ids:
            raise DataError(f"the new piece '{piece}' is in the vocabulary of '{loaded.name}' already")
        if not piece:
            raise DataError("the vocabulary holds an empty piece")


def rows_for(tokens: int, pad_to: int, parallel: int, fixed: int) -> int:
    """Rows of the embedding matrix for so many ids.

    Args:
        tokens: ids of the tokenizer.
        pad_to: rows come in multiples of this.
        parallel: GPUs among which they are split evenly (tensor parallelism).
        fixed: ids that are not new, for the sizes that are named.

    Raises:
        UsageError: the rows do not divide; names the nearest sizes that do.
    """
    if pad_to < 1 or parallel < 1:
        raise UsageError("--pad-to-multiple-of and --tensor-parallel are at least 1")
    rows = -(-tokens // pad_to) * pad_to
    if rows % parallel:
        fewer = tokens // parallel * parallel - fixed
        near = [f"{fewer:,}" for _ in range(1) if fewer > 0] + [f"{fewer + parallel:,}"]
        raise UsageError(
            f"{rows:,} rows of the embedding matrix do not divide among {parallel} GPUs; take {' or '.join(near)} new tokens "
            f"(--size), or --pad-to-multiple-of {-(-pad_to // parallel) * parallel}"
        )
    return rows


def _write(loaded: Loaded, grown: Grown, out: Path) -> None:
    base = loaded.folder
    file = base / "tokenizer.json"
    if file.is_file():
        state = json.loads(file.read_bytes())
        _copy(_existing(base), base, out)
    else:
        loaded.tokenizer.save_pretrained(str(out))
        state = json.loads((out / "tokenizer.json").read_bytes())
    whole = Grown(state, grown.kind, grown.pieces, grown.merges).whole_state()
    write_whole(out / "tokenizer.json", [json.dumps(whole, ensure_ascii=False, indent=2).encode()])
    model = base / "tokenizer.model"
    if grown.kind == "sentencepiece" and model.is_file():
        ids = {str(piece): int(number) for piece, number in whole["model"]["vocab"].items()}
        added = state.get("added_tokens") or []
        write_whole(out / model.name, [extend_model(model, out / model.name, ids, added, grown.pieces)])


def _existing(base: Path) -> list[Path]:
    return sorted({path for pattern in _KEPT for path in base.glob(pattern) if path.is_file()})


def _copy(files: Iterable[Path], base: Path, out: Path) -> None:
    for file in files:
        target = out / file.relative_to(base)
        make_folder(target.parent)
        with naming(target):
            shutil.copyfile(file, target)


def _verified(loaded: Loaded, grown: Grown, out: Path) -> Loaded:
    """What was written, loaded as any program would."""
    made = load(out, loaded.name)
    end = loaded.end
    wanted: dict[str, Any] = loaded.ids | {piece: end + place for place, piece in enumerate(grown.pieces)}
    if made.ids != wanted:
        wrong = next(iter({*wanted.items()} ^ {*made.ids.items()}))
        raise DataError(f"the tokenizer does not load as it was written (token '{wrong[0]}')", file=out)
    if made.added != loaded.added:
        raise DataError("the tokenizer has other special tokens than its base once it is loaded", file=out)
    return made
