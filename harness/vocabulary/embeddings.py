"""base × its tokenizer × a longer one -> the base with a row of its embeddings for each new token.

A new token begins as the mean of the pieces that the old tokenizer cuts it into, in the input embeddings and in the output
matrix (arXiv 2304.07854 leaves it open; a random row would make new tokens as likely as the best old ones). The mean is taken in
fp32 and rounded once. No other number of the model is touched, so on text without a new token the logits of the old tokens are
what they were.

Tables are as long as `pad_to` makes them, which tensor parallelism needs. Rows beyond the last token are the mean of all rows:
the logit of such a row is the mean of all old logits, which is never the largest, so greedy decoding never picks it. A row of
zeros would have the logit 0, which may be the largest.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.errors import DataError, ModelError, UsageError
from harness.runs.write import make_folder, naming, write_whole
from harness.vocabulary.shards import BLOCK, Replacement, Stored, rewrite, tensors

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

TOKENIZER: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
"""Files of a tokenizer."""
KEPT: Final = ("generation_config.json",)
"""Files of the base that do not change."""
SPARE: Final = 4096
"""Rows without a token that a base may have as padding; of published models DeepSeek LLM has most, 2,398."""
_KINDS: Final = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class Table:
    """A tensor with a row (or a number) for each token."""

    name: str
    stored: Stored

    @property
    def rows(self) -> int:
        """Tokens it has room for."""
        return self.stored.shape[0]


@dataclass(frozen=True)
class Tables:
    """Where a model keeps what it knows of tokens."""

    found: tuple[Table, ...]
    tied: bool
    """Input and output are one table."""

    @property
    def rows(self) -> int:
        """Tokens that all of them have room for."""
        return self.found[0].rows


def extend_weights(base_folder: Path, old_tokenizer: Path, new_tokenizer: Path, out: Path, pad_to: int = 64) -> dict[str, Any]:
    """Write the base with longer embeddings, and the new tokenizer, into a folder.

    Args:
        base_folder: config and safetensors of the base.
        old_tokenizer: folder of the base's tokenizer.
        new_tokenizer: folder of the longer one; every old token has its old id in it. It may be `out` itself.
        out: folder that becomes a model; `config.json` is written last.
        pad_to: rows are a multiple of it. Rows of the base that have no token are used first, and never taken away.

    Returns:
        What was done: `tables`, `tied`, `dtype`, `rows_before`, `rows`, `new`, `pieces` (mean pieces of a new token), `padding`.

    Raises:
        UsageError: `pad_to` is below 1, or there is nothing to add.
        DataError: weights, configuration and tokenizers do not fit together.
        ModelError: transformers or torch is not installed.
    """
    if pad_to < 1:
        raise UsageError(f"pad_to must be at least 1, not {pad_to}")
    if out.resolve() == base_folder.resolve():
        raise UsageError(f"'{out}' is the base itself; name another folder")
    old, new = _vocabulary(old_tokenizer), _vocabulary(new_tokenizer)
    fresh = _fresh(old, new, new_tokenizer)
    found = find_tables(base_folder)
    end = max(old.values()) + 1
    rows = _rows(found, end, max(new.values()) + 1, pad_to, base_folder)
    pieces = cut_by(old_tokenizer, [token for token, _ in fresh], old)
    made_of = {number: cut for (_, number), cut in zip(fresh, pieces, strict=True)}
    make_folder(out)
    rewrite(base_folder, out, {one.name: _longer(one, end, made_of, rows) for one in found.found})
    _copy(base_folder, out, KEPT)
    if new_tokenizer.resolve() != out.resolve():
        _copy(new_tokenizer, out, TOKENIZER)
    _write_config(base_folder, out, rows)
    return {
        "tables": [one.name for one in found.found],
        "tied": found.tied,
        "dtype": found.found[0].stored.dtype,
        "rows_before": found.rows,
        "rows": rows,
        "new": len(fresh),
        "pieces": round(sum(map(len, pieces)) / len(pieces), 3),
        "padding": rows - 1 - max(new.values()),
    }


def find_tables(folder: Path) -> Tables:
    """The input embeddings and the output matrix of a model, as its architecture names them.

    Raises:
        DataError: it is no causal language model that transformers knows, has other tables by token, or lacks one in its files.
        ModelError: transformers or torch is not installed.
    """
    model = _meta(folder)
    modules = [model.get_input_embeddings(), model.get_output_embeddings()]
    if None in modules or not all(hasattr(module, "weight") for module in modules):
        raise DataError(f"a {model.config.model_type} does not say which its embeddings are", file=folder)
    own = {id(parameter) for module in modules for parameter in module.parameters()}
    named = dict(model.named_parameters(remove_duplicate=False))
    names = [name for name, parameter in named.items() if id(parameter) in own]
    tied = modules[0].weight is modules[1].weight
    _refuse_other_tables(model, modules[0].weight.shape[0], own, folder)
    stored = tensors(folder)
    places = [_stored_name(name, stored, model) for name in names]
    found = [Table(place, stored[place]) for place in places if place in stored]
    lacking = [place for place in places if place not in stored]
    if not found or (lacking and not tied):
        raise DataError(f"lacks the tensor {(lacking or names)[0]}", file=folder)
    for one in found:
        if one.rows != found[0].rows or one.stored.dtype not in _KINDS:
            shape = " x ".join(map(str, one.stored.shape))
            raise DataError(f"tensor {one.name} is {one.stored.dtype} of {shape}, which cannot be extended", file=folder)
    return Tables(tuple(found), tied)


def cut_by(tokenizer: Path, tokens: Sequence[str], ids: Mapping[str, int]) -> list[list[int]]:
    """Ids of the old pieces of each new token, by the merges of the old tokenizer.

    The token is given to the model inside the tokenizer as it stands in the vocabulary, so one that is no whole character (two of
    the three bytes of a Chinese one) is cut into its bytes' pieces like any other.

    Raises:
        DataError: one has no piece at all.
    """
    model = _backend(tokenizer).model
    found = []
    for token in tokens:
        pieces = [piece.id for piece in model.tokenize(token)]
        if not pieces:
            raise DataError(f"new token {token!r} has no pieces in the old tokenizer", file=tokenizer)
        found.append(pieces)
    known = set(ids.values())
    wrong = next((token for token, cut in zip(tokens, found, strict=True) if not known.issuperset(cut)), None)
    if wrong is not None:
        raise DataError(f"new token {wrong!r} is cut into pieces without an id", file=tokenizer)
    return found


def _fresh(old: Mapping[str, int], new: Mapping[str, int], where: Path) -> list[tuple[str, int]]:
    """New tokens with their ids, by id."""
    moved = sorted(token for token, number in old.items() if new.get(token) != number)
    if moved:
        raise DataError(
            f"does not go with the base: {len(moved):,} of its {len(old):,} tokens are gone or have other ids "
            f"({moved[0]!r} among them)",
            file=where,
        )
    fresh = sorted(((token, number) for token, number in new.items() if token not in old), key=lambda pair: pair[1])
    if not fresh:
        raise UsageError(f"nothing to add: the base has all {len(new):,} tokens of {where} already")
    first, taken = max(old.values()) + 1, {number for _, number in fresh}
    if min(taken) < first:
        raise DataError(f"gives new tokens ids below {first}, where the base's tokens are", file=where)
    return fresh


def _rows(found: Tables, old: int, end: int, pad_to: int, folder: Path) -> int:
    """Rows of the extended tables."""
    if found.rows < old:
        raise DataError(f"its embeddings have {found.rows:,} rows for {old:,} tokens of its tokenizer", file=folder)
    if found.rows - old > SPARE:
        raise DataError(
            f"its embeddings have {found.rows:,} rows for {old:,} tokens: too many to be padding, so it was extended before with "
            "another tokenizer",
            file=folder,
        )
    return -(-max(end, found.rows) // pad_to) * pad_to


def _longer(table: Table, old: int, made_of: Mapping[int, Sequence[int]], rows: int) -> Replacement:
    """A table with `rows` rows: the old ones as they are, each new one the mean of its pieces."""
    return Replacement((rows, *table.stored.shape[1:]), lambda: _blocks(table, old, made_of, rows))


def _blocks(table: Table, old: int, made_of: Mapping[int, Sequence[int]], rows: int) -> Iterator[bytes]:
    import torch

    stored = table.stored
    width = stored.size // table.rows
    whole = torch.from_file(str(stored.file), shared=False, size=stored.file.stat().st_size, dtype=torch.uint8)
    part = whole[stored.begin : stored.end]
    kind = getattr(torch, _KINDS[stored.dtype])
    # A tensor need not begin at a multiple of its numbers' size in the file: copied, it does.
    kept = part[: old * width]
    for start in range(0, len(kept), BLOCK):
        yield kept[start : start + BLOCK].numpy().tobytes()

    def row(number: int) -> Any:
        return part[number * width : (number + 1) * width].clone().view(kind).float()

    spare = _bytes(_mean_of_all(part, old, width, kind), kind)
    for number in range(old, rows):
        cut = made_of.get(number)
        yield spare if cut is None else _bytes(torch.stack([row(piece) for piece in cut]).mean(0), kind)


def _mean_of_all(part: Any, rows: int, width: int, kind: Any) -> Any:
    """The mean of the first rows, in fp64 sums, some rows at a time."""
    import torch

    total = torch.zeros(width // torch.empty((), dtype=kind).element_size(), dtype=torch.float64)
    step = max(1, BLOCK // width)
    for start in range(0, rows, step):
        end = min(rows, start + step)
        total += part[start * width : end * width].clone().view(kind).reshape(end - start, -1).double().sum(0)
    return (total / rows).float()


def _bytes(row: Any, kind: Any) -> bytes:
    import torch

    return bytes(row.to(kind).contiguous().view(torch.uint8).numpy().tobytes())


def _vocabulary(folder: Path) -> dict[str, int]:
    """Token -> id, added tokens among them."""
    return dict(_backend(folder).get_vocab(with_added_tokens=True))


def _backend(folder: Path) -> Any:
    from harness.vocabulary.tokenizers import load

    return load(folder).backend


def _meta(folder: Path) -> Any:
    """The model without memory."""
    try:
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        raise ModelError(f"extending a vocabulary needs pip install 'culture-harness[hf]' ({error})") from None
    config = _config(folder)
    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config)
    except ValueError as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(
            f"a {config.model_type} is no causal language model that transformers knows ({reason})", file=folder
        ) from None


def _config(folder: Path) -> PreTrainedConfig:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"has no configuration that transformers knows ({reason})", file=folder) from None


def _refuse_other_tables(model: Any, rows: int, own: set[int], folder: Path) -> None:
    """Some architectures look a token up in every layer: a table that is not extended would be read beyond its end."""
    import torch

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Embedding) and module.weight.shape[0] == rows and id(module.weight) not in own:
            raise DataError(
                f"a {model.config.model_type} has another table by token, {name}, which cannot be extended", file=folder
            )


def _stored_name(name: str, stored: Mapping[str, Stored], model: Any) -> str:
    """A parameter's name in the files: one saved from the bare backbone lacks its prefix."""
    bare = name.removeprefix(f"{model.base_model_prefix}.")
    return bare if name not in stored and bare in stored else name


def _copy(source: Path, target: Path, names: Sequence[str]) -> None:
    for name in names:
        if (source / name).is_file():
            with naming(target / name):
                shutil.copyfile(source / name, target / name)


def _write_config(base: Path, out: Path, rows: int) -> None:
    """The base's configuration with the new number of rows, wherever it is said."""
    said = json.loads((base / "config.json").read_bytes())
    said.pop("auto_map", None)
    for part in (said, said.get("text_config")):
        if isinstance(part, dict) and "vocab_size" in part:
            part["vocab_size"] = rows
    write_whole(out / "config.json", [json.dumps(said, ensure_ascii=False, indent=2).encode() + b"\n"])
