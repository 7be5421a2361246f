"""A delivered folder -> SHA-256 of its weights, once it is a whole model of the base's kind, with real numbers in it.

A trainer's output is not trusted: no links, no pickles, no code; every tensor of the base in its shape (sharded trainers are
known to save empty ones), all numbers finite; the base's tokens under their numbers, and its chat template. Where only embeddings
were to learn, every other tensor is the base's, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from harness.checkpoints import missing_parts
from harness.errors import TrainerError
from harness.training.frozen import check_frozen
from harness.training.tensors import Tensor, alike, check_finite, read_tensors, sha256

PICKLES: Final = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5")
CODE: Final = (".py", ".pyc", ".so")
MAX_JSON: Final = 256 << 20
MAX_TEMPLATE: Final = 1 << 20
MAX_FILES: Final = 2000

Watch = Callable[[int, int], None]
"""(bytes done, bytes in all)."""


@dataclass(frozen=True)
class Verified:
    """What a delivered model turned out to be."""

    weights: dict[str, str]
    """File -> SHA-256."""
    notes: tuple[str, ...]
    """What a reader of its scores must know."""


def verify(out: Path, base: Path, watch: Watch | None = None, *, trainable: Literal["all", "embeddings"] = "all") -> Verified:
    """Check a delivered model and hash its weights.

    Args:
        out: the folder that was delivered.
        base: the folder it was trained from.
        watch: called while weights are read.
        trainable: what was to learn.

    Raises:
        TrainerError: it is not a model, or not one of the base's kind; the message says what and where.
    """
    _only_data(out)
    missing = missing_parts(out)
    if missing:
        raise TrainerError(f"'{out}' is not a model: {missing}")
    found, was = read_tensors(out), read_tensors(base)
    _same_kind(out, found, was)
    _same_tokens(out, base)
    if trainable == "embeddings":
        check_frozen(out, base, found, was)
    notes = (*_of_template(out, base), *_of_learning(found, was))
    return Verified(_weights(found, watch), notes)


def chat_template(folder: Path) -> str | None:
    """The chat template of a folder's tokenizer, wherever it is kept; None if it has none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        with file.open("rb") as opened:
            return opened.read(MAX_TEMPLATE).decode("utf-8", "replace").strip()
    said = _json(folder / "chat_template.json").get("chat_template") or _json(folder / "tokenizer_config.json").get(
        "chat_template"
    )
    if isinstance(said, list):
        said = {one.get("name"): one.get("template") for one in said if isinstance(one, dict)}.get("default")
    return said.strip() if isinstance(said, str) and said.strip() else None


def _weights(tensors: dict[str, Tensor], watch: Watch | None) -> dict[str, str]:
    """File -> SHA-256, every number of it seen to be finite."""
    files = sorted({tensor.file for tensor in tensors.values()})
    total, done, weights = sum(file.stat().st_size for file in files), 0, {}
    for file in files:
        check_finite(tensor for tensor in tensors.values() if tensor.file == file)
        weights[file.name] = sha256(file)
        done += file.stat().st_size
        if watch:
            watch(done, total)
    return weights


def _only_data(out: Path) -> None:
    if out.is_symlink() or not out.is_dir():
        raise TrainerError(f"'{out}' is not a folder: the trainer delivered no model")
    for number, path in enumerate(out.rglob("*"), start=1):
        name = path.relative_to(out)
        if number > MAX_FILES:
            raise TrainerError(f"'{out}' holds more than {MAX_FILES} files")
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise TrainerError(f"'{out}' holds '{name}', which is a link or no file; a model is plain files")
        if path.suffix.lower() in PICKLES:
            raise TrainerError(
                f"'{out}' holds '{name}', which may be a pickle and run code when loaded; a model is safetensors alone"
            )
        if path.suffix.lower() in CODE:
            raise TrainerError(f"'{out}' holds '{name}', which is code; a model is data")


def _same_kind(out: Path, found: dict[str, Tensor], base: dict[str, Tensor]) -> None:
    """The base's tensors in the base's shapes; the vocabulary may have grown, and a tied head may be left out."""
    config = _json(out / "config.json")
    if config.get("auto_map"):
        raise TrainerError(f"'{out / 'config.json'}' has auto_map, which asks for code to be run")
    lacking = [
        name for name in base if name not in found and not (name == "lm_head.weight" and config.get("tie_word_embeddings"))
    ]
    if lacking:
        raise TrainerError(f"'{out}' lacks {len(lacking)} of the base's {len(base)} tensors, '{min(lacking)}' among them")
    for name, was in sorted(base.items()):
        have = found.get(name, was)
        if have.shape != was.shape and not _grown(have, was):
            raise TrainerError(f"'{out}': tensor '{name}' has shape {list(have.shape)}, in the base {list(was.shape)}")


def _grown(have: Tensor, was: Tensor) -> bool:
    """Whether it is a table of tokens with rows added."""
    table = any(word in have.name for word in ("embed", "lm_head", "wte"))
    return table and len(have.shape) == len(was.shape) == 2 and have.shape[1] == was.shape[1] and have.shape[0] > was.shape[0]


def _same_tokens(out: Path, base: Path) -> None:
    was, have = _vocabulary(base), _vocabulary(out)
    moved = sum(have.get(token) != number for token, number in was.items()) if have else 0
    if moved:
        raise TrainerError(f"'{out}': {moved:,} of the base's {len(was):,} tokens are gone or have other numbers")
    if chat_template(base) and not chat_template(out):
        raise TrainerError(f"'{out}' has lost the chat template of the base")


def _of_template(out: Path, base: Path) -> Iterator[str]:
    before, after = chat_template(base), chat_template(out)
    if before is None and after is not None:
        yield "the base has no chat template; the trainer added one"
    elif before != after:
        yield "the chat template is not the base's"


def _of_learning(found: dict[str, Tensor], base: dict[str, Tensor]) -> Iterator[str]:
    if all(alike(found[name], was) for name, was in base.items() if name in found):
        yield "the weights are those of the base: nothing was learnt"


def _vocabulary(folder: Path) -> dict[str, int]:
    """Token -> number, of a fast tokenizer; empty for others."""
    said = _json(folder / "tokenizer.json")
    try:
        vocab = said["model"]["vocab"]
        if isinstance(vocab, list):
            vocab = {token: number for number, (token, _) in enumerate(vocab)}
        return {**vocab, **{token["content"]: token["id"] for token in said.get("added_tokens", [])}}
    except (KeyError, TypeError, ValueError):
        return {}


def _json(file: Path) -> dict[str, Any]:
    """A JSON object; empty if there is no such file.

    Raises:
        TrainerError: it is something else.
    """
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > MAX_JSON:
            raise TrainerError(f"'{file}' has more than {MAX_JSON:,} bytes")
        said = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise TrainerError(f"'{file}' is not JSON ({error})") from None
    if not isinstance(said, dict):
        raise TrainerError(f"'{file}' is not a JSON object")
    return said
