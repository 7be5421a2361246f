"""BPE with bytes to fall back to × new pieces -> its state, and its `tokenizer.model`, with them behind all that was there.

A sentencepiece model knows no merges: two neighbours become one wherever together they are a piece, the highest score first. New
pieces score below all old ones, so old text is cut as it always was. The fast tokenizer does have merges: each way to cut a piece
into two others, in the order of the pieces. Both must be told the same.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import DataError
from harness.vocabulary.bytelevel import written

NORMAL: Final = 1
CONTROL: Final = 3
USER_DEFINED: Final = 4
UNUSED: Final = 5
"""Types of a piece in sentencepiece's `ModelProto.SentencePiece.Type`."""


def applied(state: dict[str, Any], pieces: Sequence[str]) -> dict[str, Any]:
    """A new state; the old one stays as it is."""
    model = state["model"]
    vocabulary = dict(model["vocab"])
    special = {token["content"] for token in state.get("added_tokens") or []}
    for token in state.get("added_tokens") or []:
        vocabulary.setdefault(token["content"], token["id"])
    first = max(vocabulary.values(), default=-1) + 1
    vocabulary |= {piece: first + place for place, piece in enumerate(pieces)}
    parts = vocabulary.keys() - special
    merges = _with_new_ways(model["merges"], frozenset(pieces), parts)
    for piece in pieces:
        merges += written(model["merges"], [(left, right) for left, right in _ways(piece) if left in parts and right in parts])
    return {**state, "model": {**model, "vocab": vocabulary, "merges": merges}}


def _ways(piece: str) -> Iterator[tuple[str, str]]:
    """Each way to cut it in two, the shortest beginning first, as transformers orders them."""
    return ((piece[:place], piece[place:]) for place in range(1, len(piece)))


def _with_new_ways(merges: Sequence[Any], new: frozenset[str], parts: Any) -> list[Any]:
    """The old merges, and behind those of an old piece its cuts of which a part is new: sentencepiece would join them too."""
    letters = frozenset(character for piece in new for character in piece)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    last: dict[str, int] = {}
    for place, merge in enumerate(merges):
        piece = merge.replace(" ", "") if isinstance(merge, str) else merge[0] + merge[1]
        if not letters.isdisjoint(piece):
            last[piece] = place
    for piece in last:
        found[piece] = [(a, b) for a, b in _ways(piece) if (a in new or b in new) and a in parts and b in parts]
    behind = {place: found[piece] for piece, place in last.items() if found[piece]}
    if not behind:
        return list(merges)
    return [one for place, merge in enumerate(merges) for one in (merge, *written(merges, behind.get(place, ())))]


def extend_model(base: Path, out: Path, ids: dict[str, int], added: Sequence[dict[str, Any]], pieces: Sequence[str]) -> bytes:
    """The bytes of a `tokenizer.model` with the new pieces at the ids that the fast tokenizer gives them.

    Messages of this format may be joined end to end: what is repeated is appended (pieces, field 1), what is single is replaced
    (the vocabulary size, field 4 of the trainer's settings, field 2). So the old bytes stay as they are.

    Args:
        base: the old `tokenizer.model`.
        out: named in errors.
        ids: piece -> id of the extended fast tokenizer.
        added: added tokens of the base; those that its model lacks take their places before the new pieces.
        pieces: new ones.

    Raises:
        DataError: the file is no sentencepiece BPE model, or has other ids than the fast tokenizer.
    """
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor()
    old = base.read_bytes()
    try:
        processor.LoadFromSerializedProto(old)
    except (RuntimeError, TypeError) as error:
        raise DataError(f"is no sentencepiece model ({' '.join(str(error).split())[:100]})", file=base) from None
    size = int(processor.get_piece_size())
    wrong = next((n for n in range(size) if processor.id_to_piece(n) in ids and ids[processor.id_to_piece(n)] != n), None)
    if wrong is not None:
        raise DataError(f"gives '{processor.id_to_piece(wrong)}' the id {wrong}, tokenizer.json gives it another", file=base)
    first = ids[pieces[0]] if pieces else size
    if first < size:
        raise DataError(f"holds {size:,} pieces, more than tokenizer.json's {first:,}", file=base)
    lowest = min(float(processor.get_score(n)) for n in range(size))
    between = {int(token["id"]): token for token in added if size <= int(token["id"]) < first}
    parts = [old]
    for place in range(size, first):
        token = between.get(place)
        text = str(token["content"]) if token else f"<unused_{place}>"
        parts.append(_piece(text, 0.0, (CONTROL if token["special"] else USER_DEFINED) if token else UNUSED))
    parts += [_piece(piece, lowest - 1 - place, NORMAL) for place, piece in enumerate(pieces)]
    parts.append(_field(2, b"\x20" + _number(first + len(pieces))))
    return _checked(b"".join(parts), out, ids, pieces)


def _checked(model: bytes, out: Path, ids: dict[str, int], pieces: Sequence[str]) -> bytes:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(model)
    wrong = next((piece for piece in pieces if processor.piece_to_id(piece) != ids[piece]), None)
    if wrong is not None:
        raise DataError(f"would give the new piece '{wrong}' another id than tokenizer.json", file=out)
    return model


def _piece(text: str, score: float, kind: int) -> bytes:
    """A `ModelProto.SentencePiece`: 1 piece, 2 score, 3 type."""
    return _field(1, _field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + _number(kind))


def _field(number: int, value: bytes) -> bytes:
    """A field of bytes: its key, its length, itself."""
    return _number(number << 3 | 2) + _number(len(value)) + value


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
