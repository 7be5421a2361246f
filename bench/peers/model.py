"""shapes -> a Llama with random weights, and the FLOPs its training takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peers.rows import Work


@dataclass(frozen=True)
class Shapes:
    """Sizes of a Llama."""

    hidden: int = 256
    inner: int = 688
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    vocabulary: int = 8192
    positions: int = 8192

    @property
    def layer_weights(self) -> int:
        """Of the matrices of one layer."""
        size = self.hidden // self.heads
        attention = 2 * self.hidden * self.heads * size + 2 * self.hidden * self.kv_heads * size
        return attention + 3 * self.hidden * self.inner

    @property
    def head_weights(self) -> int:
        """Of the output matrix."""
        return self.vocabulary * self.hidden

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """Input and output width of each product in one layer."""
        kv = self.hidden // self.heads * self.kv_heads
        wide = [(self.hidden, self.inner)] * 2
        return [(self.hidden, self.hidden)] * 2 + [(self.hidden, kv)] * 2 + wide + [(self.inner, self.hidden)]


LLAMA3_8B = Shapes(4096, 14336, 32, 32, 8, 128256)


def flops(shapes: Shapes, work: Work) -> float:
    """Strict FLOPs of one pass, forward and backward.

    6 x weights of the layers for each token, 6 x the head's for each supervised token, 12 L H D for each pair of tokens that
    causal attention inside a row looks at; nothing for recomputed layers, padding, embeddings or the optimizer.
    """
    layers = 6.0 * shapes.layer_weights * work.tokens + 12.0 * shapes.hidden * work.pairs
    return shapes.layers * layers + 6.0 * shapes.head_weights * work.supervised


def build(shapes: Shapes, attention: str = "sdpa", dtype: str = "float32", device: str = "cpu") -> Any:
    """A `LlamaForCausalLM` in training mode; the same seed everywhere."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shapes.vocabulary,
        hidden_size=shapes.hidden,
        intermediate_size=shapes.inner,
        num_hidden_layers=shapes.layers,
        num_attention_heads=shapes.heads,
        num_key_value_heads=shapes.kv_heads,
        max_position_embeddings=shapes.positions,
        tie_word_embeddings=False,
        attn_implementation=attention,
        use_cache=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            return LlamaForCausalLM(config).train()
    finally:
        torch.set_default_dtype(before)
