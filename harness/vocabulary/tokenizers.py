"""Folder -> its tokenizer as transformers runs it: what kind it is, what identifies it, what its pieces stand for.

Everything is asked of the tokenizer that transformers makes of the folder, not of its files: of a Llama 1 folder it builds parts
anew that `tokenizer.json` says otherwise.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from harness.errors import DataError, ModelError, UsageError
from harness.runs.write import canonical
from harness.schema.vocabulary import TokenizerKind

SPACE: Final = "▁"
"""How sentencepiece writes a space."""
_BYTE: Final = re.compile(r"<0x([0-9A-F]{2})>")
_COUNTED: Final = ("model", "added_tokens", "normalizer", "pre_tokenizer")


@dataclass(frozen=True)
class Loaded:
    """A fast tokenizer."""

    name: str
    folder: Path
    tokenizer: Any
    """Of transformers."""

    @property
    def backend(self) -> Any:
        """Of the library `tokenizers`."""
        return self.tokenizer.backend_tokenizer

    @cached_property
    def state(self) -> dict[str, Any]:
        """As the library writes it into `tokenizer.json`."""
        state: dict[str, Any] = json.loads(self.backend.to_str())
        return state

    @cached_property
    def digest(self) -> str:
        """Same digest, same ids for every text."""
        return digest(self.state)

    @property
    def kind(self) -> TokenizerKind | None:
        """None: another algorithm."""
        return kind(self.state)

    @property
    def algorithm(self) -> str:
        """The kind, or the name of the algorithm it is instead."""
        return self.kind or str(self.state["model"]["type"])

    @cached_property
    def ids(self) -> dict[str, int]:
        """Piece -> id, special and added tokens among them."""
        return {str(piece): int(number) for piece, number in self.backend.get_vocab(with_added_tokens=True).items()}

    @cached_property
    def added(self) -> frozenset[str]:
        """Special and added tokens, which are found in a text before it is cut into pieces."""
        return frozenset(str(one.content) for one in self.backend.get_added_tokens_decoder().values())

    @property
    def end(self) -> int:
        """First id after all that are taken."""
        return max(self.ids.values()) + 1


def load(folder: Path, name: str | None = None) -> Loaded:
    """The tokenizer of a folder.

    Raises:
        ModelError: transformers is not installed.
        DataError: there is none, it cannot be loaded, or has no fast version.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ModelError(f"tokenizers need pip install 'culture-harness[vocabulary]' ({error})") from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with its files, the library raises what its parts raise
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"has no tokenizer that can be loaded ({type(error).__name__}: {reason})", file=folder) from None
    if not getattr(tokenizer, "is_fast", False) or getattr(tokenizer, "backend_tokenizer", None) is None:
        raise DataError(f"has no fast tokenizer ({type(tokenizer).__name__}); nothing can be measured or added", file=folder)
    loaded = Loaded(name or folder.name, folder, tokenizer)
    loaded.backend.no_truncation()
    loaded.backend.no_padding()
    return loaded


def extendable(loaded: Loaded) -> TokenizerKind:
    """Its kind.

    Raises:
        UsageError: its vocabulary cannot be extended here; says what it is.
    """
    if loaded.kind is None:
        raise UsageError(
            f"the tokenizer of '{loaded.name}' is {loaded.algorithm}: only byte-level BPE (GPT-2, Llama 3, Qwen) and BPE with "
            "bytes to fall back to (Llama 1 and 2, Mistral) can be given new tokens"
        )
    return loaded.kind


def kind(state: Mapping[str, Any]) -> TokenizerKind | None:
    """Which of the two kinds a tokenizer's state is; None: neither."""
    model = state["model"]
    if model.get("type") != "BPE" or model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return None
    if model.get("byte_fallback"):
        return "sentencepiece"
    names = {*_types(state.get("pre_tokenizer")), *_types(state.get("normalizer"))}
    return "bytelevel" if "ByteLevel" in names else None


def digest(state: Mapping[str, Any]) -> str:
    """SHA-256 of all that decides which ids a text has."""
    return hashlib.sha256(canonical({key: state.get(key) for key in _COUNTED}).encode()).hexdigest()


def content(piece: str, of: str) -> bytes:
    """The bytes that a piece stands for; special tokens stand for themselves.

    Args:
        piece: as the tokenizer writes it.
        of: kind of the tokenizer, or another algorithm, whose pieces are taken as they are.
    """
    if of == "bytelevel":
        known = byte_of()
        return bytes(known[symbol] for symbol in piece) if all(symbol in known for symbol in piece) else piece.encode()
    if of == "sentencepiece":
        byte = _BYTE.fullmatch(piece)
        return bytes([int(byte[1], 16)]) if byte else piece.replace(SPACE, " ").encode()
    return piece.removeprefix("##").replace(SPACE, " ").encode()


def whole(value: bytes) -> str | None:
    """The text of some bytes; None if they are not whole characters."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


@cache
def byte_of() -> dict[str, int]:
    """GPT-2's symbol -> byte: a printable Latin-1 byte is itself, the others come from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte) if byte in printable else chr(256 + others.index(byte)): byte for byte in range(256)}


def _types(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield str(part.get("type"))
        for value in part.values():
            yield from _types(value)
    elif isinstance(part, list):
        for one in part:
            yield from _types(one)
