"""base × texts -> Vocabulary: new pieces for the base's tokenizer, and that tokenizer with all of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.runs.write import make_folder, naming, write_whole
from harness.schema.vocabulary import Vocabulary
from harness.vocabulary import learning, texts
from harness.vocabulary.extending import TOKENIZER, VOCABULARY, extend_tokenizer
from harness.vocabulary.places import locate
from harness.vocabulary.scripts import LETTERS
from harness.vocabulary.tokenizers import load

_SCRATCH: Final = ".tokenizer-"
"""Begins the name of the folder in which a tokenizer is made."""


def vocab_train(
    base: str,
    text: Sequence[Path | str],
    size: int,
    out: Path,
    *,
    script: str = LETTERS,
    coverage: float = learning.COVERAGE,
    force: bool = False,
    watch: Callable[[str, int, int], None] | None = None,
) -> Vocabulary:
    """Learn new pieces, and write `vocabulary.json` and `tokenizer/` into a folder, the former last.

    Args:
        base: model or folder whose tokenizer goes on.
        text: files, data sets or `demo:NAME`.
        size: new tokens, at most.
        out: folder to be made.
        script: what every new piece holds a character of: `letters` (any letter beyond ASCII), a script, or `any`.
        coverage: share of the script's characters that need not fall apart into bytes.
        force: make anew what stands there.
        watch: told stage, steps done, all steps.

    Raises:
        UsageError: a name is unknown, `size` is smaller than the alphabet, the tokenizer is of another kind, or `out` is taken.
        DataError: a text cannot be read or holds nothing of the script.
        ModelError: the base's files are not here.
    """
    out = out.expanduser()
    if (out / VOCABULARY).is_file() and not force:
        raise UsageError(f"'{out}' holds a vocabulary already; --force makes it anew")
    if out.exists() and not (out / VOCABULARY).is_file() and not _is_empty(out):
        raise UsageError(f"'{out}' is no vocabulary and not empty; name another folder")
    name, folder = locate(base)
    learnt = learning.learn(load(folder, name), texts.find(text), size, script, coverage, watch)
    make_folder(out)
    with naming(out / VOCABULARY), tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=out) as scratch:
        extend_tokenizer(folder, learnt, Path(scratch) / TOKENIZER)
        (out / VOCABULARY).unlink(missing_ok=True)
        shutil.rmtree(out / TOKENIZER, ignore_errors=True)
        (Path(scratch) / TOKENIZER).rename(out / TOKENIZER)
    write_whole(out / VOCABULARY, [(learnt.model_dump_json(indent=2) + "\n").encode()])
    return learnt


def _is_empty(folder: Path) -> bool:
    """Whether it is a folder that holds nothing but what an interrupted run may have left."""
    return folder.is_dir() and all(one.name.startswith(_SCRATCH) for one in folder.iterdir())
