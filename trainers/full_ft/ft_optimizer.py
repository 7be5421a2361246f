"""bf16 weights + gradients -> the update an fp32 AdamW would make, in 10 bytes a weight instead of 16.

At fine-tuning learning rates an update is smaller than half a step of bf16: added to a bf16 weight it is rounded away (8% of it
survives at 1e-5, 2% at 2e-6). So the weight's missing 16 bits are kept beside it: bf16 weight and int16 remainder are together,
bit for bit, one fp32 number. The first moment is kept in bf16, the second in fp32 (in bf16 it stops growing with beta2 = 0.999).

The formula is AdamW's (Loshchilov & Hutter 2019, algorithm 2), as torch writes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import torch
from torch.optim import Optimizer

PIECE: Final = 1 << 24
"""Weights updated at a time: bounds the fp32 temporaries of a large embedding (64 MiB each)."""


class SplitAdam(Optimizer):
    """AdamW with an exact fp32 master, split into the bf16 weight and an int16 remainder.

    fp32 parameters are taken too; they need no remainder, and with fp32 moments this is `torch.optim.AdamW`.

    Args:
        params: parameters or groups of them, bf16 or fp32.
        lr: learning rate; schedulers may change it.
        betas: decay of the two moments.
        eps: added to the root of the second moment.
        weight_decay: decoupled, on the master.
        first_moment: dtype it is kept in; for fp32 parameters fp32.
        second_moment: as `first_moment`.

    Raises:
        ValueError: a setting out of range, or parameters of another dtype.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        first_moment: torch.dtype = torch.bfloat16,
        second_moment: torch.dtype = torch.float32,
    ) -> None:
        if lr < 0 or eps < 0 or weight_decay < 0 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"SplitAdam: out of range: lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay}")
        self._kinds = (first_moment, second_moment)
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay})
        for parameter in self._parameters():
            if parameter.dtype not in (torch.bfloat16, torch.float32):
                raise ValueError(f"SplitAdam takes bf16 and fp32 parameters; got {parameter.dtype}")

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            numbers: dict[tuple[int, torch.device], torch.Tensor] = {}
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter] or self._start(parameter)
                state["step"] += 1
                known = state["step"], parameter.device
                if known not in numbers:
                    numbers[known] = _numbers(group, *known)
                _update(parameter, state, numbers[known])
        return loss

    def master(self, parameter: torch.Tensor) -> torch.Tensor:
        """The exact fp32 weight behind a parameter, as a new tensor of its shape."""
        remainder = self.state.get(parameter, {}).get("remainder")
        return parameter.detach().float() if remainder is None else _join(parameter.detach(), remainder)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state, every tensor in the dtype it was saved in.

        torch would cast all of them to the parameter's dtype, and a remainder that has been bf16 is worth nothing.
        """
        super().load_state_dict(state_dict)
        saved = state_dict["state"]
        order = [number for group in state_dict["param_groups"] for number in group["params"]]
        for number, parameter in zip(order, self._parameters(), strict=True):
            for name, value in saved.get(number, {}).items():
                if torch.is_tensor(value):
                    self.state[parameter][name] = value.detach().to(parameter.device, copy=True)

    def _parameters(self) -> Iterable[torch.Tensor]:
        return (parameter for group in self.param_groups for parameter in group["params"])

    def _start(self, parameter: torch.Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[parameter]
        split = parameter.dtype == torch.bfloat16
        first, second = self._kinds if split else (torch.float32, torch.float32)
        state["step"] = 0
        state["exp_avg"] = torch.zeros_like(parameter, dtype=first)
        state["exp_avg_sq"] = torch.zeros_like(parameter, dtype=second)
        if split:
            state["remainder"] = torch.zeros_like(parameter, dtype=torch.int16)
        return state


def export_fp32(model: torch.nn.Module, optimizer: SplitAdam) -> dict[str, torch.Tensor]:
    """Name -> fp32 master of every parameter, on the CPU; tied ones once."""
    return {name: optimizer.master(parameter).cpu() for name, parameter in model.named_parameters()}


def _update(parameter: torch.Tensor, state: dict[str, Any], numbers: torch.Tensor) -> None:
    split = "remainder" in state
    kept = [state["exp_avg"], state["exp_avg_sq"], *([state["remainder"]] if split else [])]
    flat = [tensor.view(-1).split(PIECE) for tensor in (parameter, parameter.grad.contiguous(), *kept)]
    adamw = _adamw_on(parameter.device.type)
    for pieces in zip(*flat, strict=True):
        adamw(*pieces, *(() if split else (None,)), numbers)


def _numbers(group: dict[str, Any], step: int, device: torch.device) -> torch.Tensor:
    """What an update needs besides tensors, as one fp32 tensor: compiled code must not be made anew for every learning rate."""
    (first, second), lr = group["betas"], float(group["lr"])
    root = math.sqrt(1 - second**step)
    values = [1 - lr * group["weight_decay"], lr / (1 - first**step), root, group["eps"], 1 - first, second]
    return torch.tensor(values, dtype=torch.float32).to(device, non_blocking=True)


def _adamw(
    weight: torch.Tensor,
    gradient: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    remainder: torch.Tensor | None,
    numbers: torch.Tensor,
) -> None:
    """One AdamW step on flat tensors, in place; the arithmetic is fp32 throughout."""
    keep, rate, root, eps, toward, decay = numbers.unbind()
    slope = gradient.float()
    mean = torch.lerp(first.float(), slope, toward)
    square = second.float() * decay + slope * slope * (1 - decay)
    master = weight.float() if remainder is None else _join(weight, remainder)
    master = master * keep - rate * mean / (square.sqrt() / root + eps)
    first.copy_(mean)
    second.copy_(square)
    if remainder is None:
        weight.copy_(master)
    else:
        _split(master, weight, remainder)


def _join(weight: torch.Tensor, remainder: torch.Tensor) -> torch.Tensor:
    """bf16 and its remainder -> fp32. The remainder is a signed distance in units of the fp32 number's last bit."""
    return ((weight.view(torch.int16).to(torch.int32) << 16) + remainder.to(torch.int32)).view(torch.float32)


def _split(master: torch.Tensor, weight: torch.Tensor, remainder: torch.Tensor) -> None:
    """fp32 -> the nearest bf16 (halves away from zero), and what is missing."""
    bits = master.view(torch.int32)
    high = (bits + 0x8000) >> 16
    weight.view(torch.int16).copy_(high.to(torch.int16))
    remainder.copy_((bits - (high << 16)).to(torch.int16))


@cache
def _adamw_on(device: str) -> Any:
    """On a GPU one fused kernel instead of a dozen passes over memory."""
    return torch.compile(_adamw, dynamic=True) if device == "cuda" else _adamw
