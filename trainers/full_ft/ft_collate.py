"""Rows of one pack -> one flat batch: documents end to end, no padding, no attention mask.

Attention is told where documents begin (`cu_seq_lens_q` on a GPU, `lengths` on a CPU) and rotary positions start again in each of
them. There is never an `attention_mask`: given one, transformers believes that the row is a single document and lets every token
look back into the documents before its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
import torch

IGNORED: Final = -100


class Row(Protocol):
    """What `ft_chat.Encoded` has."""

    @property
    def input_ids(self) -> Any:
        """Int [tokens]."""

    @property
    def labels(self) -> Any:
        """Int [tokens], not shifted, -100 where there is no loss."""


def collate(pack: Sequence[Row]) -> dict[str, Any]:
    """One pack as the keyword arguments of a model whose loss is `ft_loss.install`ed; T tokens, N of them with loss.

    `input_ids`, `position_ids`: int64 [1, T]. `cu_seq_lens_q`: int32 [documents + 1]. `max_length_q`: longest document.
    `lengths`: list of document lengths. `loss_index`: int64 [N], positions whose next token has loss. `loss_target`: int64 [N],
    those next tokens. `labels`, `shift_labels`: int64 [1, N], the same again, which the Trainer counts for
    `num_items_in_batch`: it sees exactly the tokens with loss, and none is computed for another.

    An empty pack gives one token without loss: it takes part in every collective and adds exactly 0 to loss and gradient.
    """
    ids = [np.asarray(row.input_ids, dtype=np.int64) for row in pack] or [np.zeros(1, dtype=np.int64)]
    labels = [np.asarray(row.labels, dtype=np.int64) for row in pack] or [np.full(1, IGNORED, dtype=np.int64)]
    lengths = [len(document) for document in ids]
    ends = np.cumsum(lengths)
    flat = np.concatenate(labels)
    flat[ends - lengths] = IGNORED
    supervised = np.flatnonzero(flat != IGNORED)
    target = torch.from_numpy(flat[supervised])
    return {
        "input_ids": torch.from_numpy(np.concatenate(ids))[None],
        "position_ids": torch.from_numpy(np.arange(ends[-1]) - np.repeat(ends - lengths, lengths))[None],
        "cu_seq_lens_q": torch.from_numpy(np.concatenate(([0], ends)).astype(np.int32)),
        "max_length_q": max(lengths),
        "lengths": lengths,
        "loss_index": torch.from_numpy(supervised - 1),
        "loss_target": target,
        "labels": target[None],
        "shift_labels": target[None],
    }
