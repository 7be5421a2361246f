"""base × Vocabulary -> VocabularyExtension: a checkpoint whose tokenizer and embeddings have the new pieces.

    checkpoints/NAME/model/            config, weights, tokenizer
    checkpoints/NAME/vocabulary.json   the VocabularyExtension
    checkpoints/NAME/checkpoint.json   path, parent and stage, written last: only now does the model exist

The same command on a finished folder is answered at once. Another vocabulary or base under the same name is refused, or with
`force` the old folder is moved aside: weights are never deleted.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness import aliases, folders
from harness.checkpoints import REGISTERED, missing_parts
from harness.errors import DataError, UsageError
from harness.runs.lock import FolderLock
from harness.runs.write import make_folder, naming, write_whole
from harness.schema.vocabulary import Vocabulary, VocabularyExtension
from harness.training.bases import Base, find_base
from harness.vocabulary.embeddings import extend_weights, find_tables
from harness.vocabulary.extending import PAD_TO, VOCABULARY, check_fits, extend_tokenizer, read_vocabulary, rows_for
from harness.vocabulary.tokenizers import Loaded, load

MODEL: Final = "model"
LOCK: Final = "lock"
ASIDE: Final = ".old"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", re.ASCII)
_ASKED: Final = ("base_fingerprint", "vocabulary_digest", "pad_to", "size")
"""Fields that make another extension."""


def vocab_extend(
    base: str,
    vocabulary: Path,
    name: str,
    *,
    checkpoints: Path | None = None,
    pad_to: int = PAD_TO,
    size: int | None = None,
    tensor_parallel: int = 1,
    force: bool = False,
    watch: Callable[[str, int, int], None] | None = None,
) -> VocabularyExtension:
    """Give a base new tokens: as `checkpoints/<name>/`, which `--model` and `--base` find.

    Args:
        base: checkpoint, alias, folder or hub id.
        vocabulary: folder that `vocab_train` wrote for the tokenizer of that base.
        name: of the checkpoint.
        checkpoints: folder of the checkpoints.
        pad_to: rows of the embedding matrix are a multiple of it.
        size: only so many of the pieces, the first ones.
        tensor_parallel: GPUs that the rows must divide among.
        force: make anew, with what stood there moved aside.
        watch: told stage, steps done, all steps.

    Raises:
        UsageError: a name is unknown or taken, or a size does not divide.
        DataError: the vocabulary was trained for another tokenizer, clashes with it, or something cannot be read.
        ModelError: the base is not there.
    """
    root = (checkpoints or folders.checkpoints_dir()).expanduser().resolve()
    learnt = read_vocabulary(vocabulary)
    _check_name(name)
    found = find_base(base, root)
    if found.folder.is_relative_to(root / name):
        raise UsageError(f"'{name}' cannot be extended into itself; choose another --name")
    asked = {
        "base_fingerprint": found.fingerprint,
        "vocabulary_digest": _digest(learnt),
        "pad_to": pad_to,
        "size": size,
    }
    folder = root / name
    if not force and (done := _finished(folder, asked)) is not None:
        return done
    loaded = load(found.folder, found.name)
    check_fits(loaded, learnt, size)
    _check_rows(found, loaded, learnt, size, pad_to, tensor_parallel)
    make_folder(folder)
    lock = FolderLock(folder / LOCK)
    lock.acquire()
    try:
        if force:
            _move_aside(root, folder)
            lock.release()
            make_folder(folder)
            lock.acquire()
        if (done := _finished(folder, asked)) is not None:
            return done
        _tell(watch, 0)
        extension = _made(found, loaded, learnt, folder, asked, watch)
        write_whole(folder / VOCABULARY, [(extension.model_dump_json(indent=2) + "\n").encode()])
        said = {"path": MODEL, "parent": found.name, "stage": "vocabulary"}
        write_whole(folder / REGISTERED, [(json.dumps(said, indent=2) + "\n").encode()])
    finally:
        lock.release()
    return extension


def read_extension(folder: Path) -> VocabularyExtension:
    """What stands in a checkpoint that was given new tokens.

    Raises:
        DataError: it is no such checkpoint.
    """
    file = folder / VOCABULARY
    try:
        return VocabularyExtension.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except ValidationError:
        raise DataError("is not what was written here; --force moves the folder aside", file=file) from None


def _made(
    base: Base,
    loaded: Loaded,
    learnt: Vocabulary,
    folder: Path,
    asked: dict[str, Any],
    watch: Callable[[str, int, int], None] | None,
) -> VocabularyExtension:
    size, pad_to = asked["size"], asked["pad_to"]
    with naming(folder / MODEL):
        shutil.rmtree(folder / MODEL, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".tokenizer-", suffix=".tmp", dir=folder) as scratch:
        made = extend_tokenizer(base.folder, learnt, Path(scratch), size=size)
        _tell(watch, 1)
        weights = extend_weights(base.folder, base.folder, Path(scratch), folder / MODEL, pad_to)
    _tell(watch, 2)
    final = load(folder / MODEL, base.name)
    if final.digest != made.digest:
        raise DataError("the tokenizer beside the weights is not the one that was made", file=folder / MODEL)
    added = len(final.ids) - len(loaded.ids)
    whole = added == len(learnt.pieces)
    before, after = learnt.tokens_per_line if whole else (None, None)
    return VocabularyExtension(
        name=folder.name,
        base=base.name,
        kind=learnt.kind,
        script=learnt.script,
        tokenizer_digest_before=loaded.digest,
        tokenizer_digest=final.digest,
        tokens_before=loaded.end,
        tokens=final.end,
        added=added,
        dropped=len(learnt.pieces) - added,
        tokens_per_line_before=before,
        tokens_per_line=after,
        lines=learnt.lines,
        weights=weights,
        **asked,
    )


def _check_rows(base: Base, loaded: Loaded, learnt: Vocabulary, size: int | None, pad_to: int, parallel: int) -> None:
    taken = len(learnt.pieces) if size is None else min(size, len(learnt.pieces))
    rows_for(max(loaded.end + taken, find_tables(base.folder).rows), pad_to, parallel, loaded.end)


def _finished(folder: Path, asked: dict[str, Any]) -> VocabularyExtension | None:
    if not (folder / REGISTERED).is_file():
        return None
    if not (folder / VOCABULARY).is_file():
        raise UsageError(f"'{folder.name}' is another checkpoint; choose another --name, or --force moves it aside")
    was = read_extension(folder)
    differs = [name for name in _ASKED if getattr(was, name) != asked[name]]
    if differs:
        raise UsageError(
            f"'{folder.name}' was extended otherwise ({', '.join(differs)}); choose another --name, or --force moves it aside"
        )
    if missing := missing_parts(folder / MODEL):
        raise DataError(f"its model is gone ({missing}); make it anew with --force", file=folder / REGISTERED)
    return was


def _move_aside(root: Path, folder: Path) -> None:
    if not any(one.name != LOCK for one in folder.iterdir()):
        return
    make_folder(root / ASIDE)
    place = next(place for n in range(1, 10**6) if not (place := root / ASIDE / f"{folder.name}-{n}").exists())
    with naming(folder):
        folder.rename(place)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot name a checkpoint: up to 100 letters, digits and . _ + -, a letter or digit first")
    alias = aliases.read().get(name)
    if alias is not None and alias.checkpoint != name:
        raise UsageError(f"'{name}' names another model in models.toml, which --model would find first; choose another --name")


def _digest(learnt: Vocabulary) -> str:
    return hashlib.sha256(learnt.model_dump_json().encode()).hexdigest()


def _tell(watch: Callable[[str, int, int], None] | None, done: int) -> None:
    if watch:
        watch("extending", done, 2)
