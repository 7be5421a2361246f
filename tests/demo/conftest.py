"""Fixtures of this room: one really trained base model of a few hundred lessons, made once a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.demo import pretrain

TINY = 400
"""Lessons: a second of training, which teaches the end of an answer and little else."""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "demo-en"
    pretrain.build(folder, items=TINY, progress=False)
    return folder


@pytest.fixture(scope="session")
def tokenizer(base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)
