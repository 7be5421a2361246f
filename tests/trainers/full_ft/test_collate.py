"""One flat row: documents end to end, each with its own positions, and loss exactly where the labels say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from ft_chat import Encoded
from ft_collate import collate

from tests.trainers.full_ft.small import rows

FIRST = Encoded(np.array([5, 6, 7], np.int32), np.array([-100, 6, 7], np.int32))
SECOND = Encoded(np.array([8, 9], np.int32), np.array([8, 9], np.int32))


def test_documents_stand_end_to_end() -> None:
    batch = collate([FIRST, SECOND])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert batch["cu_seq_lens_q"].tolist() == [0, 3, 5]
    assert batch["cu_seq_lens_q"].dtype == torch.int32
    assert (batch["lengths"], batch["max_length_q"]) == ([3, 2], 3)


def test_loss_is_at_the_position_before_a_supervised_token_and_never_across_documents() -> None:
    """The first token of a document has a label here, and nothing stands before it to predict it from."""
    batch = collate([FIRST, SECOND])
    assert batch["loss_index"].tolist() == [0, 1, 3]
    assert batch["loss_target"].tolist() == [6, 7, 9]
    assert batch["labels"].tolist() == batch["shift_labels"].tolist() == [[6, 7, 9]]


def test_there_is_never_an_attention_mask() -> None:
    assert "attention_mask" not in collate([FIRST])


def test_supervised_tokens_are_counted_as_the_rows_count_them() -> None:
    made = rows(30)
    assert len(collate(made)["loss_target"]) == sum(row.supervised for row in made)


def test_an_empty_pack_is_one_token_without_loss() -> None:
    batch = collate([])
    assert batch["input_ids"].tolist() == batch["position_ids"].tolist() == [[0]]
    assert batch["lengths"] == [1]
    assert batch["loss_index"].shape == (0,)
    assert int((batch["shift_labels"] != -100).sum()) == 0


def test_rows_may_be_plain_lists() -> None:
    plain = SimpleNamespace(input_ids=[5, 6, 7], labels=[-100, 6, 7])
    assert torch.equal(collate([plain])["loss_index"], collate([FIRST])["loss_index"])
