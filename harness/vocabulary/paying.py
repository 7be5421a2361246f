"""Fertility × the base's shape -> does a longer vocabulary pay: arithmetic, no measurement.

One line costs 2 x tokens x (parameters that are no embedding + output matrix) operations forward (Kaplan et al. 2020, arXiv
2001.08361, section 2.1; reading a row of the input embeddings is no work). New tokens make lines shorter and the output matrix
longer. That is the small part of the price: new rows know nothing, and must be trained on more text than a fine-tuning has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from harness.errors import DataError
from harness.schema import Interval
from harness.schema.vocabulary import Fertility, VocabularyCost
from harness.vocabulary.shards import tensors

WORTH: Final = 0.9
"""Tokens after / before above which new embeddings are not worth training: a tenth saved, or less."""
_CONTEXT: Final = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
_EMBEDDINGS: Final = (
    "embed_tokens.weight",
    "wte.weight",
    "lm_head.weight",
    "embed_in.weight",
    "embed_out.weight",
    "word_embeddings.weight",
)
_OUTPUT: Final = ("lm_head.weight", "embed_out.weight")

Verdict = Literal["pays", "does not pay", "undecided"]


@dataclass(frozen=True)
class Shape:
    """What of a model matters here."""

    hidden: int
    rows: int
    """Of the embeddings."""
    tied: bool
    parameters: int | None
    context: int | None


def shape(folder: Path) -> Shape | None:
    """Of a model's folder; None where it is a tokenizer alone."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return None
    config = {**config, **text} if isinstance(text := config.get("text_config"), dict) else config
    hidden, rows = config.get("hidden_size", config.get("n_embd")), config.get("vocab_size")
    if not isinstance(hidden, int) or not isinstance(rows, int):
        return None
    context = next((config[key] for key in _CONTEXT if isinstance(config.get(key), int)), None)
    shapes = _shapes(folder)
    tied = bool(config.get("tie_word_embeddings", _is_tied(shapes, config)))
    return Shape(hidden, rows, tied, _parameters(shapes, tied) if shapes else None, context)


def cost(found: Fertility, place: int, base: Shape | None, pad_to: int) -> VocabularyCost:
    """Of the tokenizer at `place` (1 is the first after the base) against the base, on all texts together."""
    overall = found.rows[0]
    before, after = overall.counts[0], overall.counts[place]
    ratio = after.tokens / before.tokens
    known = {} if base is None else _known(base, found.tokenizers[place].vocabulary, pad_to, before.per_line, after.per_line)
    verdict, why = _verdict(ratio, overall.ratios[place - 1], known)
    return VocabularyCost(
        tokenizer=found.tokenizers[place].name,
        ratio=ratio,
        saved_per_line=before.per_line - after.per_line,
        context_before=None if base is None else base.context,
        context_gained=None if base is None or base.context is None else base.context * (1 / ratio - 1),
        rows=known.get("rows", max(0, found.tokenizers[place].vocabulary - found.tokenizers[0].vocabulary)),
        parameters=known.get("parameters"),
        parameters_share=known.get("share"),
        flops_line_before=known.get("before"),
        flops_line=known.get("after"),
        payback_lines=known.get("payback"),
        breakeven_ratio=known.get("breakeven"),
        verdict=verdict,
        why=why,
    )


def _known(base: Shape, vocabulary: int, pad_to: int, before: float, after: float) -> dict[str, Any]:
    rows = max(0, -(-vocabulary // pad_to) * pad_to - base.rows)
    new = rows * base.hidden * (1 if base.tied else 2)
    if base.parameters is None:
        return {"rows": rows, "parameters": new}
    table = base.rows * base.hidden
    body = base.parameters - table * (1 if base.tied else 2)
    old, longer = body + table, body + table + rows * base.hidden
    saved = 2 * before * old - 2 * after * longer
    # As harness.training.estimate has it: 4 operations a parameter that only passes the gradient on, 6 of the output matrix.
    warmed = after * (4 * body + 6 * (longer - body))
    return {
        "rows": rows,
        "parameters": new,
        "share": new / base.parameters,
        "before": 2 * before * old,
        "after": 2 * after * longer,
        "breakeven": old / longer,
        "payback": warmed / saved if saved > 0 else None,
    }


def _verdict(ratio: float, interval: Interval | None, known: dict[str, Any]) -> tuple[Verdict, str]:
    limit = min(WORTH, known.get("breakeven", 1.0))
    low, high = (ratio, ratio) if interval is None else (interval.low, interval.high)
    said = f"{100 * abs(1 - ratio):.1f}% {'fewer' if ratio <= 1 else 'more'} tokens"
    if high < limit:
        return "pays", f"{said}; it must be more than {100 * (1 - limit):.0f}%"
    if low >= limit:
        if limit < WORTH:
            return "does not pay", f"{said}, and the longer output matrix costs more than {100 * (1 - limit):.0f}% would save"
        return "does not pay", f"{said}: less than the tenth for which new embeddings are worth training; keep the vocabulary"
    return "undecided", f"{said}, around the {100 * (1 - limit):.0f}% at which it begins to pay; measure more text"


def _is_tied(shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any]) -> bool:
    """Whether no output matrix is stored: a config leaves out what its family has by default (Gemma's and GPT-2's are tied)."""
    if not shapes:
        return config.get("model_type") == "gpt2"
    return not any(name.endswith(_OUTPUT) for name in shapes)


def _parameters(shapes: dict[str, tuple[int, ...]], tied: bool) -> int:
    """Numbers in all tensors; an output matrix that is stored although it is the input's counts once."""
    total = 0
    for name, dimensions in shapes.items():
        if tied and name.endswith(_OUTPUT) and any(other != name and other.endswith(_EMBEDDINGS) for other in shapes):
            continue
        total += math.prod(dimensions)
    return total


def _shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Tensor -> shape, from the headers of its safetensors; nothing where they cannot be read."""
    try:
        return {name: stored.shape for name, stored in tensors(folder).items()}
    except DataError:
        return {}
