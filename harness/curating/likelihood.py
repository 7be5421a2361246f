"""Causal language model × rows -> how surprised it is by each: mean negative log-likelihood a token, in nats.

    tokens    [BOS] turn, newline, turn, newline, …: each piece is tokenised by itself, so that it is known which are a reply's
    counted   the tokens of the assistant's turns, given all that stands before them; or all tokens but the first
    value     -(1/n) Σ log p(token | tokens before it); perplexity is its exponential

No chat template: a filter must not depend on one. Rows are batched by length, padded on the right and masked, so that a value
does not depend on its neighbours (tests: 1e-4 against each row by itself).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness import models
from harness.errors import ModelError, UsageError
from harness.schema import DataRow, ModelRef

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Of = Literal["reply", "conversation"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Tokens:
    """One row for the model."""

    ids: list[int]
    counted: list[bool]
    """Which of them are part of the mean; the first never is: nothing stands before it."""
    cut: bool
    """Whether it was longer."""

    @property
    def empty(self) -> bool:
        """Nothing is counted."""
        return not any(self.counted)


def find(spec: str) -> ModelRef:
    """A model whose weights can be loaded; one of the demo's is built if it is not there.

    Raises:
        HarnessError: there is none, or it is an endpoint or a replay, which give no likelihoods.
    """
    ref = models.resolve(spec, backend=None)
    if ref.backend != "hf":
        raise UsageError(f"perplexity needs a model with weights (a folder or hub id), not '{spec}' ({ref.backend})")
    models.build(ref)
    return ref


class Likelihood:
    """A loaded model."""

    def __init__(self, ref: ModelRef, *, of: Of, max_length: int, batch_tokens: int, device: Device = "cpu") -> None:
        """Load it; on a processor with one thread, as each worker has one of its own.

        Raises:
            ModelError: it cannot be loaded, or needs what is not installed.
        """
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise ModelError(f"perplexity needs pip install 'culture-harness[hf]' ({error})") from error
        if device == "cuda" and not torch.cuda.is_available():
            raise ModelError("device = 'cuda', but there is no CUDA device here")
        if device == "cpu":
            torch.set_num_threads(1)
        revision = str(ref.args.get("revision", "main"))
        settings: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
        dtype = torch.float32 if device == "cpu" else "auto"
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(ref.source, **settings)
            model = AutoModelForCausalLM.from_pretrained(ref.source, use_safetensors=True, dtype=dtype, **settings)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ModelError(f"model '{ref.name}' cannot be loaded: {' '.join(str(error).split())[:300]}") from error
        self._model = model.to(device).eval()
        self._of, self._device, self._batch = of, device, batch_tokens
        places = getattr(model.config, "max_position_embeddings", None)
        self._longest = min(max_length, places) if isinstance(places, int) else max_length
        self._newline: list[int] = self._ids("\n")

    def tokens(self, row: DataRow) -> Tokens:
        """A row as the model reads it."""
        start = [self._tokenizer.bos_token_id] if self._tokenizer.bos_token_id is not None else []
        ids, counted = list(start), [False] * len(start)
        for turn in row.messages:
            said = self._ids(turn.content)
            ids += [*said, *self._newline]
            wanted = self._of == "conversation" or turn.role == "assistant"
            counted += [wanted] * len(said) + [False] * len(self._newline)
        counted[:1] = [False]
        longest = self._longest
        return Tokens(ids[:longest], counted[:longest], len(ids) - len(self._newline) > longest)

    def _ids(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return found

    def values(self, rows: Sequence[Tokens]) -> NDArray[np.float64]:
        """Mean negative log-likelihood of each row in nats; NaN where nothing is counted, or the model gives no number."""
        import numpy as np

        found = np.full(len(rows), np.nan)
        for batch in self._batches(rows):
            found[batch] = self._run([rows[i] for i in batch])
        return found

    def _batches(self, rows: Sequence[Tokens]) -> Iterator[list[int]]:
        """Places of rows of about one length, the longest first: what does not fit into memory fails at once."""
        order = sorted((i for i, row in enumerate(rows) if not row.empty), key=lambda i: (-len(rows[i].ids), i))
        while order:
            size = max(1, self._batch // len(rows[order[0]].ids))
            yield order[:size]
            order = order[size:]

    def _run(self, rows: Sequence[Tokens]) -> list[float]:
        import torch

        width = max(len(row.ids) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for place, row in enumerate(rows):
            ids[place, : len(row.ids)] = torch.tensor(row.ids)
            mask[place, : len(row.ids)] = 1
        with torch.inference_mode():
            logits = self._model(input_ids=ids.to(self._device), attention_mask=mask.to(self._device), use_cache=False).logits
            return [self._mean(logits[place], row) for place, row in enumerate(rows)]

    def _mean(self, logits: Any, row: Tokens) -> float:
        """Of the counted tokens; only their logits are made float, as a vocabulary of 150,000 is large."""
        import torch

        at = torch.tensor([place for place, counted in enumerate(row.counted) if counted])
        targets = torch.tensor(row.ids)[at].to(logits.device)
        chosen = logits[(at - 1).to(logits.device)].float()
        return float(torch.nn.functional.cross_entropy(chosen, targets, reduction="none").double().mean())
