"""Plain text -> rows on which every token has loss (secondary pre-training).

A text becomes one row: the token that begins a text (where the tokenizer has none, the one that ends a text, as if another had
stood before it), its tokens, and the token that ends it. What is longer than a row is cut into pieces, none is thrown away. Each
piece begins with the last token of the one before it, which has no loss there: so every token is learnt exactly once, each with
something before it to be told from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from ft_chat import Encoded
from ft_fault import Fault

_BATCH: Final = 1024


def encode_texts(tokenizer: Any, texts: Sequence[str], max_length: int) -> tuple[list[Encoded], dict[str, int]]:
    """All texts as rows, in order, and what was counted on the way.

    Counts: `texts` (given), `pieces` (rows that came of them), `cut` (texts of several pieces), `tokens`, `supervised_tokens`.

    Raises:
        Fault: `data` if the tokenizer has no token that ends a text.
    """
    start, end = ends(tokenizer)
    counts = Counter(dict.fromkeys(("texts", "pieces", "cut", "tokens", "supervised_tokens"), 0))
    rows: list[Encoded] = []
    for first in range(0, len(texts), _BATCH):
        some = list(texts[first : first + _BATCH])
        for ids in tokenizer(some, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]:
            pieces = list(cut([start, *ids, end], max_length))
            counts["texts"] += 1
            counts["cut"] += len(pieces) > 1
            rows += pieces
    counts["pieces"] = len(rows)
    counts["tokens"] = sum(map(len, rows))
    counts["supervised_tokens"] = sum(row.supervised for row in rows)
    return rows, dict(counts)


def cut(ids: Sequence[int], max_length: int) -> Iterator[Encoded]:
    """Pieces of at most `max_length` tokens (at least 2); each overlaps the one before it by one token."""
    for first in range(0, len(ids) - 1, max_length - 1):
        piece = np.array(ids[first : first + max_length], dtype=np.int32)
        yield Encoded(piece, piece.copy())


def ends(tokenizer: Any) -> tuple[int, int]:
    """Tokens before and behind a text.

    Raises:
        Fault: `data` if there is none that ends one.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise Fault("data", "rows of plain text need a tokenizer with an end-of-text token (eos_token); this one has none")
    return tokenizer.bos_token_id if tokenizer.bos_token_id is not None else end, end
