"""That only tables of tokens have learnt is seen by bits, whatever type of numbers was delivered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.training.frozen import is_table, same
from harness.training.tensors import Tensor, read_tensors

torch: Any = pytest.importorskip("torch")


def stored(folder: Path, name: str, numbers: Any) -> Tensor:
    from safetensors.torch import save_file

    (folder / name).mkdir()
    save_file({"weight": numbers}, folder / name / "model.safetensors")
    return read_tensors(folder / name)["weight"]


@pytest.fixture
def numbers() -> Any:
    """Many magnitudes, halves between two bf16 numbers, zeros of both signs, the smallest numbers."""
    halves = torch.tensor([0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001], dtype=torch.int32).view(torch.float32)
    edges = torch.tensor([0.0, -0.0, 1e-40, -1e-45, 65504.0, 3.0e38])
    return torch.cat([halves, edges, torch.randn(5000) * torch.logspace(-30, 4, 5000)])


@pytest.mark.parametrize("was", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("now", ["float32", "bfloat16", "float16"])
def test_numbers_in_another_type_are_the_same_if_torch_rounds_to_them(tmp_path: Path, numbers: Any, was: str, now: str) -> None:
    base = numbers.clamp(-60000, 60000).to(getattr(torch, was)) if "float16" in {was, now} else numbers.to(getattr(torch, was))
    cast = base.to(getattr(torch, now))
    one, other = stored(tmp_path, "base", base), stored(tmp_path, "out", cast)
    assert same(one, other)
    changed = cast.clone()
    changed.view(torch.uint8)[-2] ^= 1
    assert not same(one, stored(tmp_path, "changed", changed))


def test_a_zero_of_the_other_sign_is_not_the_same(tmp_path: Path) -> None:
    assert not same(stored(tmp_path, "a", torch.tensor([0.0])), stored(tmp_path, "b", torch.tensor([-0.0])))


def test_another_shape_is_not_the_same(tmp_path: Path) -> None:
    assert not same(stored(tmp_path, "a", torch.zeros(6)), stored(tmp_path, "b", torch.zeros(2, 3)))


@pytest.mark.parametrize(
    ("name", "shape", "table"),
    [
        ("model.embed_tokens.weight", (700, 8), True),
        ("lm_head.weight", (700, 8), True),
        ("lm_head.bias", (700,), True),
        ("transformer.wte.weight", (700, 8), True),
        ("model.embed_positions.weight", (512, 8), False),
        ("model.layers.0.mlp.up_proj.weight", (700, 8), False),
        ("model.norm.weight", (8,), False),
    ],
)
def test_a_table_has_a_name_of_one_and_a_row_for_each_token(name: str, shape: tuple[int, ...], table: bool) -> None:
    assert is_table(Tensor(name, Path("x"), "F32", shape, 0, 0), 700) is table
