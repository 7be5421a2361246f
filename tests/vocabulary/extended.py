"""A folder's byte-level tokenizer -> the same with tokens for some Chinese text: what the tests of weights need, and no more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

WORDS = ("天气", "公园", "春天", "山", "水", "龘")


def longer_tokenizer(folder: Path, target: Path, words: Sequence[str] = WORDS) -> Path:
    """The tokenizer of `folder` with merges for each word, saved in `target`, which is returned.

    Each merge joins what the tokenizer makes of the word so far with its next piece, so steps to a word are tokens too.
    """
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    for word in words:
        state = json.loads(tokenizer.backend_tokenizer.to_str())
        pieces = tokenizer.convert_ids_to_tokens(tokenizer(word, add_special_tokens=False)["input_ids"])
        joined = pieces[0]
        vocabulary, end = state["model"]["vocab"], len(tokenizer)
        for piece in pieces[1:]:
            state["model"]["merges"].append([joined, piece])
            joined += piece
            if joined not in vocabulary:
                vocabulary[joined] = end
                end += 1
        tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.save_pretrained(target)
    return target
