"""bf16 weights that keep an exact fp32 master: the update an fp32 AdamW makes, where bf16 alone loses it."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from ft_optimizer import SplitAdam, export_fp32

from tests.trainers.full_ft.small import model, relative

COUNT = 1 << 14


def start() -> torch.Tensor:
    """Weights as a model has them, exact in bf16."""
    torch.manual_seed(0)
    return (torch.randn(COUNT) * 0.02).bfloat16().float()


def slopes(steps: int) -> Any:
    """Gradients that lean one way, as they do where something is learned."""
    torch.manual_seed(1)
    lean = torch.randn(COUNT)
    for _ in range(steps):
        yield (0.3 * lean + torch.randn(COUNT)) * 1e-3


def walked(optimizer: Any, weight: torch.Tensor, steps: int) -> None:
    for slope in slopes(steps):
        weight.grad = slope.to(weight.dtype)
        optimizer.step()


def kept(rate: float, make: Any, dtype: torch.dtype = torch.bfloat16) -> float:
    """Share of fp32 AdamW's update that is found in the weights: its projection on it."""
    exact, found = start().requires_grad_(), start().to(dtype).requires_grad_()
    walked(torch.optim.AdamW([exact], lr=rate, weight_decay=0.0), exact, 150)
    optimizer = make([found], lr=rate, weight_decay=0.0)
    walked(optimizer, found, 150)
    master = optimizer.master(found) if isinstance(optimizer, SplitAdam) else found.detach().float()
    moved, wanted = master - start(), exact.detach() - start()
    return float(moved @ wanted / (wanted @ wanted))


@pytest.mark.parametrize("rate", [1e-5, 2e-6])
def test_the_whole_update_is_kept_at_fine_tuning_rates(rate: float) -> None:
    assert kept(rate, SplitAdam) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("rate", [1e-5, 2e-6])
def test_bf16_alone_loses_nine_tenths_of_it(rate: float) -> None:
    assert kept(rate, torch.optim.AdamW) < 0.1


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_on_fp32_it_is_torchs_adamw(decay: float) -> None:
    exact, found = start().requires_grad_(), start().requires_grad_()
    said: dict[str, Any] = {"lr": 1e-3, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": decay}
    walked(torch.optim.AdamW([exact], **said), exact, 30)
    walked(SplitAdam([found], **said), found, 30)
    assert relative(found - start(), exact.detach() - start()) < 1e-5


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_with_fp32_moments_the_master_is_torchs_adamw_on_the_same_gradients(decay: float) -> None:
    exact, found = start().requires_grad_(), start().bfloat16().requires_grad_()
    said: dict[str, Any] = {"lr": 1e-4, "weight_decay": decay}
    adam, split = torch.optim.AdamW([exact], **said), SplitAdam([found], first_moment=torch.float32, **said)
    for slope in slopes(50):
        exact.grad, found.grad = slope.bfloat16().float(), slope.bfloat16()
        adam.step()
        split.step()
    assert relative(split.master(found) - start(), exact.detach() - start()) < 1e-5
    master = split.master(found)
    assert torch.all((found.float() - master).abs() <= (master.bfloat16().float() - master).abs())


def test_weight_and_remainder_are_the_master_bit_for_bit() -> None:
    """Zero gradients and no decay: nothing may move, over many steps, not by the last bit."""
    weight = start().bfloat16().requires_grad_()
    optimizer = SplitAdam([weight], lr=1e-3)
    walked(optimizer, weight, 3)
    before = optimizer.master(weight)
    assert (optimizer.state[weight]["remainder"] != 0).any()
    optimizer.state[weight]["exp_avg"].zero_()
    for _ in range(5):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
    assert torch.equal(optimizer.master(weight), before)


def test_a_saved_state_goes_on_bit_for_bit() -> None:
    whole, parts = (start().bfloat16().requires_grad_() for _ in range(2))
    walked(SplitAdam([whole], lr=1e-4), whole, 20)
    first = SplitAdam([parts], lr=1e-4)
    every = list(slopes(20))
    for slope in every[:8]:
        parts.grad = slope.bfloat16()
        first.step()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    then = SplitAdam([parts], lr=9.0)
    then.load_state_dict(torch.load(file, weights_only=True))
    state = then.state[parts]
    assert [state[name].dtype for name in ("exp_avg", "exp_avg_sq", "remainder")] == [torch.bfloat16, torch.float32, torch.int16]
    for slope in every[8:]:
        parts.grad = slope.bfloat16()
        then.step()
    assert torch.equal(parts, whole)


def test_schedulers_and_groups_are_followed() -> None:
    fast, slow = (torch.zeros(4, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    optimizer = SplitAdam([{"params": [fast]}, {"params": [slow], "lr": 1e-4}], lr=1e-2)
    halving = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    for _ in range(2):
        fast.grad, slow.grad = torch.ones_like(fast), torch.ones_like(slow)
        optimizer.step()
        halving.step()
    assert optimizer.master(fast).tolist() == pytest.approx([-1.5e-2] * 4, rel=1e-2)
    assert optimizer.master(slow).tolist() == pytest.approx([-1.5e-4] * 4, rel=1e-2)


def test_parameters_without_a_gradient_stay() -> None:
    still = start().bfloat16().requires_grad_()
    optimizer = SplitAdam([still], lr=1.0)
    optimizer.step()
    assert torch.equal(optimizer.master(still), start())


def test_masters_are_exported_under_the_names_of_the_model_tied_ones_once() -> None:
    made = model(tie_word_embeddings=True).bfloat16()
    before = {name: parameter.detach().float() for name, parameter in made.named_parameters()}
    optimizer = SplitAdam(made.parameters(), lr=1e-6)
    for parameter in made.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    found = export_fp32(made, optimizer)
    assert found.keys() == before.keys()
    assert "lm_head.weight" not in found
    for name, weight in found.items():
        assert weight.dtype == torch.float32
        assert (before[name] - weight).mean().item() == pytest.approx(1e-6, rel=0.05)


@pytest.mark.parametrize("said", [{"lr": -1.0}, {"betas": (1.0, 0.9)}, {"eps": -1.0}, {"weight_decay": -0.1}])
def test_settings_out_of_range_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="SplitAdam: out of range"):
        SplitAdam([start().requires_grad_()], **said)


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(ValueError, match="takes bf16 and fp32 parameters"):
        SplitAdam([start().double().requires_grad_()])
