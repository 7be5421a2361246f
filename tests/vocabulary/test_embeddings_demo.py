"""The demo base with an English vocabulary, as it is shown: longer, it says on English what it said before, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.demo import pretrain
from harness.vocabulary.embeddings import extend_weights
from tests.vocabulary.extended import longer_tokenizer

torch: Any = pytest.importorskip("torch")


def test_the_demo_base_extended_gives_the_same_logits_on_english(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = tmp_path / "base"
    pretrain.build(base, items=200, plain=True, progress=False)
    longer = longer_tokenizer(base, tmp_path / "tokenizer", ("饺子", "味道", "公园"))
    said = extend_weights(base, base, longer, tmp_path / "longer")
    assert said["tied"]
    before, after = (AutoModelForCausalLM.from_pretrained(folder).eval() for folder in (base, tmp_path / "longer"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "longer")
    old = said["rows_before"]
    for text in ("Review: the soup was great and fresh. Good or bad?", "<|user|>39 - 2 = ?<|end|><|assistant|>", "天 地"):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        assert int(ids.max()) < old
        with torch.no_grad():
            was, now = before(ids).logits, after(ids).logits
        assert torch.equal(was, now[..., :old])
