"""Byte-level BPE × new pieces and merges -> its state with them, behind everything that was there.

New ids come after all old ones, and so behind the special tokens where those stand at the end, as in Llama 3. New merges come
after the old ones: a text is first cut as it always was, and only then do new merges join what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Merges = Sequence[tuple[str, str]]


def applied(state: dict[str, Any], pieces: Sequence[str], merges: Merges) -> dict[str, Any]:
    """A new state; the old one stays as it is.

    Added tokens that only the list of added tokens knew (Llama 3's from 128,000 on) are written into the vocabulary too, at their
    old ids: the library numbers those that it does not find there anew, behind the vocabulary, wherever that ends now.
    """
    model = state["model"]
    vocabulary = dict(model["vocab"])
    for token in state.get("added_tokens") or []:
        vocabulary.setdefault(token["content"], token["id"])
    first = max(vocabulary.values(), default=-1) + 1
    vocabulary |= {piece: first + place for place, piece in enumerate(pieces)}
    joined = [*model["merges"], *written(model["merges"], merges)]
    return {**state, "model": {**model, "vocab": vocabulary, "merges": joined}}


def written(old: Sequence[Any], merges: Merges) -> list[Any]:
    """Merges as the file writes its own: older ones are `"a b"`, newer ones `["a", "b"]`."""
    as_text = bool(old) and isinstance(old[0], str)
    return [f"{left} {right}" if as_text else [left, right] for left, right in merges]
