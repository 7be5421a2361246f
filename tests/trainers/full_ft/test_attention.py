"""Packed attention is attention inside each document: the same values as alone, and nothing at all from a neighbour."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ft_attention import AttentionRefused, packed_attention, use
from ft_collate import collate

from tests.trainers.full_ft.small import model, relative, rows

LENGTHS = [7, 1, 12, 3, 40]
LAYER = SimpleNamespace()


def states(heads: int, key_heads: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(seed)
    total = sum(LENGTHS)
    return tuple(torch.randn(1, total, count, 8).transpose(1, 2).requires_grad_() for count in (heads, key_heads, key_heads))


def by_hand(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float) -> torch.Tensor:
    """Attention of one document from its definition: [heads, T, D] -> [T, heads, D]."""
    share = query.shape[0] // key.shape[0]
    key, value = key.repeat_interleave(share, 0), value.repeat_interleave(share, 0)
    scores = query @ key.transpose(1, 2) * scaling
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return (scores.masked_fill(later, float("-inf")).softmax(-1) @ value).transpose(0, 1)


@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (4, 2), (6, 1)])
def test_every_document_attends_as_if_it_were_alone(heads: int, key_heads: int) -> None:
    query, key, value = states(heads, key_heads)
    found, _ = packed_attention(LAYER, query, key, value, None, scaling=0.3, lengths=LENGTHS)
    start = 0
    for length in LENGTHS:
        part = slice(start, start + length)
        wanted = by_hand(query[0, :, part], key[0, :, part], value[0, :, part], 0.3)
        assert relative(found[0, part], wanted) < 1e-6
        start += length


def test_lengths_may_be_given_as_where_documents_begin() -> None:
    parts = states(4, 2)
    starts = torch.tensor([0, *LENGTHS]).cumsum(0, dtype=torch.int32)
    one, other = (
        packed_attention(LAYER, *parts, None, **said)[0]
        for said in ({"lengths": LENGTHS}, {"cu_seq_lens_q": starts, "max_length_q": 40})
    )
    assert torch.equal(one, other)


def test_a_row_without_documents_is_one_document() -> None:
    query, key, value = states(4, 2)
    found, _ = packed_attention(LAYER, query, key, value, None, scaling=0.3)
    assert relative(found[0], by_hand(query[0], key[0], value[0], 0.3)) < 1e-6


def test_nothing_comes_from_a_neighbour_not_even_rounding() -> None:
    """Other values in one document leave all others bit for bit as they were, forward and backward."""
    found = []
    for change in (0.0, 1e3):
        query, key, value = (part.detach().clone() for part in states(4, 2))
        for part in (query, key, value):
            part[:, :, 8:20] += change
            part.requires_grad_()
        out, _ = packed_attention(LAYER, query, key, value, None, lengths=LENGTHS)
        out.square().sum().backward()
        found.append((out[0], query.grad[0].transpose(0, 1), key.grad[0].transpose(0, 1), value.grad[0].transpose(0, 1)))
    others = [*range(8), *range(20, sum(LENGTHS))]
    for one, other in zip(*found, strict=True):
        assert torch.equal(one[others], other[others])
        assert not torch.equal(one[8:20], other[8:20])


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"attention_mask": torch.ones(1, 63)}, "takes no attention_mask"),
        ({"dropout": 0.1}, "set the model's attention_dropout to 0"),
        ({"sliding_window": 32}, "sliding window of 32 tokens, and a row has 40; set max_length to 32"),
        ({"softcap": 50.0}, "'softcap' is not supported"),
        ({"s_aux": torch.zeros(4)}, "'s_aux' is not supported"),
        ({"is_causal": False}, "not causal"),
    ],
)
def test_other_attention_is_refused(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AttentionRefused, match=complaint):
        packed_attention(LAYER, *states(4, 2), **{"attention_mask": None, "lengths": LENGTHS, **said})


def test_a_window_that_no_document_reaches_changes_nothing() -> None:
    parts = states(4, 2)
    one, other = (packed_attention(LAYER, *parts, None, lengths=LENGTHS, sliding_window=window)[0] for window in (None, 40))
    assert torch.equal(one, other)


def test_several_rows_or_a_cache_are_refused() -> None:
    query, key, value = states(4, 2)
    with pytest.raises(AttentionRefused, match="one flat row without a cache"):
        packed_attention(LAYER, query[:, :, -1:], key, value, None)


def test_a_model_whose_attention_cannot_be_replaced_is_refused() -> None:
    with pytest.raises(AttentionRefused, match="BloomForCausalLM: its attention cannot be replaced"):
        use(model("Bloom", attention="eager", n_head=4, n_layer=1))


def hidden(made: Any, batch: dict[str, Any], *names: str, **more: Any) -> torch.Tensor:
    with torch.no_grad():
        said = {name: batch[name] for name in ("input_ids", "position_ids", *names)}
        return made.base_model(use_cache=False, **said, **more).last_hidden_state[0]


def test_a_whole_model_keeps_documents_apart() -> None:
    first, other, second = rows(3, seed=2, low=9, high=9)
    made = model()
    use(made)
    packs = [collate([one, second]) for one in (first, other)]
    one, moved = (hidden(made, pack, "lengths") for pack in packs)
    assert torch.equal(one[9:], moved[9:])
    assert relative(one[9:], hidden(made, collate([second]), "lengths")) < 1e-5


def test_with_an_attention_mask_transformers_mixes_documents_and_packed_attention_does_not() -> None:
    """Given a mask, transformers takes the row for one document. The checks above would fail on that: so they are able to."""
    first, other, second = rows(3, seed=2, low=9, high=9)
    made = model()
    mask = {"attention_mask": torch.ones(1, 18, dtype=torch.long)}
    packs = [collate([one, second]) for one in (first, other)]
    one, moved = (hidden(made, pack, **mask) for pack in packs)
    assert relative(one[9:], moved[9:]) > 0.1
    use(made)
    one, moved = (hidden(made, pack, "lengths", **mask) for pack in packs)
    assert torch.equal(one[9:], moved[9:])
