"""The base with an English vocabulary: the same lessons, three tokens a Chinese character, and never taken for the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.demo import pretrain
from harness.errors import ModelError
from tests.demo.conftest import TINY


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain") / "demo-en-plain"
    pretrain.build(folder, items=TINY, plain=True, progress=False)
    return folder


@pytest.fixture(scope="module")
def english(plain: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(plain)


def test_a_chinese_character_is_three_tokens_and_english_is_as_short_as_before(english: Any, tokenizer: Any) -> None:
    chinese, other = "中国的首都是哪里？端午节吃粽子。", "What is the opposite of strong? 39 minus 2"
    assert len(english(chinese)["input_ids"]) == 3 * len(chinese)
    assert english(other)["input_ids"] == tokenizer(other)["input_ids"]
    assert english.decode(english(chinese)["input_ids"]) == chinese


def test_no_wall_stands_between_chinese_characters(english: Any, tokenizer: Any) -> None:
    def parts(of: Any) -> int:
        return len(of.backend_tokenizer.pre_tokenizer.pre_tokenize_str("端午节吃粽子"))

    assert (parts(english), parts(tokenizer)) == (1, 6)


def test_the_one_base_is_never_taken_for_the_other(plain: Path, base: Path) -> None:
    assert json.loads((plain / "build.json").read_text())["schema_version"] == "harness.demo-plain/1"
    pretrain.ensure(plain, items=TINY, plain=True)
    with pytest.raises(ModelError, match="holds a demo model built from"):
        pretrain.ensure(plain, items=TINY)
    with pytest.raises(ModelError, match="holds a demo model built from"):
        pretrain.ensure(base, items=TINY, plain=True)


def test_both_are_known_by_name() -> None:
    from harness.models import resolve

    assert resolve("demo-en-plain").build == "harness.demo.pretrain:ensure_plain"
    assert resolve("demo-en-plain-small").build == "harness.demo.pretrain:ensure_plain_small"
