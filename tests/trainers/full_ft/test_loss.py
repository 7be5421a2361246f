"""The installed loss is plain cross-entropy of the supervised tokens, whatever the chunk, the family or the precision."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ft_attention import use
from ft_collate import collate
from ft_loss import LossRefused, Shape, cross_entropy, install

from tests.trainers.full_ft.small import alone, gradients, model, relative, rows

FAMILIES: dict[str, dict[str, Any]] = {
    "Llama": {},
    "Qwen2": {},
    "Qwen3": {"head_dim": 8},
    "Mistral": {"sliding_window": None},
    "Gemma3Text": {"head_dim": 8, "query_pre_attn_scalar": 8},
    "Granite": {"logits_scaling": 3.0, "attention_multiplier": 0.2},
    "Cohere": {"logit_scale": 0.5},
}
"""Tied and untied heads, biases, norms of queries and keys, scaled embeddings, scaled logits."""


def installed(family: str = "Llama", chunk: int | None = None, **config: Any) -> Any:
    made = model(family, **config)
    use(made)
    return install(made, chunk)


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_loss_and_gradients_are_those_of_the_rows_one_by_one(family: str) -> None:
    encoded = rows(7, seed=1)
    items = sum(row.supervised for row in encoded)
    wanted, slope = alone(model(family, **FAMILIES[family]), encoded, items)
    made = installed(family, **FAMILIES[family])
    loss = made(**collate(encoded), num_items_in_batch=torch.tensor(items))["loss"]
    loss.backward()
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-6)
    assert relative(gradients(made), slope) < 1e-5


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("chunk", [1, 13, None])
def test_chunks_do_not_matter(chunk: int | None, tied: bool) -> None:
    encoded = rows(5)
    whole, parts = (installed(chunk=size, tie_word_embeddings=tied) for size in (1000, chunk))
    losses = [made(**collate(encoded))["loss"] for made in (whole, parts)]
    for loss in losses:
        loss.backward()
    assert float(losses[1].detach()) == pytest.approx(float(losses[0].detach()), rel=1e-6)
    assert relative(gradients(parts), gradients(whole)) < 1e-6


def test_micro_steps_add_up_to_the_step() -> None:
    encoded = rows(9, seed=4)
    items = torch.tensor(sum(row.supervised for row in encoded))
    one, several = installed(), installed()
    one(**collate(encoded), num_items_in_batch=items)["loss"].backward()
    for pack in (encoded[:2], encoded[2:7], [], encoded[7:]):
        several(**collate(pack), num_items_in_batch=items)["loss"].backward()
    assert relative(gradients(several), gradients(one)) < 1e-6


def test_an_empty_pack_adds_nothing_and_still_reaches_every_parameter() -> None:
    """A parameter without a gradient would make data parallelism wait for ever."""
    made = installed()
    loss = made(**collate([]), num_items_in_batch=torch.tensor(50))["loss"]
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert all(parameter.grad is not None for parameter in made.parameters())
    assert float(gradients(made).abs().max()) == 0.0


def test_a_loss_without_a_count_is_the_mean_of_the_pack() -> None:
    encoded = rows(4)
    items = sum(row.supervised for row in encoded)
    assert float(installed()(**collate(encoded))["loss"].detach()) == pytest.approx(alone(model(), encoded, items)[0], rel=1e-6)


def plain(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, target: torch.Tensor, shape: Shape
) -> torch.Tensor:
    logits = torch.nn.functional.linear(hidden, weight, bias) * shape.scale
    if shape.softcap is not None:
        logits = shape.softcap * torch.tanh(logits / shape.softcap)
    return torch.nn.functional.cross_entropy(logits.float(), target, reduction="sum") / 7


@pytest.mark.parametrize("shape", [Shape(), Shape(scale=0.3), Shape(softcap=2.0), Shape(scale=3.0, softcap=5.0)])
@pytest.mark.parametrize("biased", [True, False])
def test_logits_that_are_scaled_or_capped_are_differentiated_so(shape: Shape, biased: bool) -> None:
    torch.manual_seed(0)
    found, wanted = [], []
    states, matrix, target = torch.randn(23, 8), torch.randn(40, 8), torch.randint(40, (23,))
    offset = torch.randn(40) if biased else None
    for said, loss in ((found, cross_entropy), (wanted, plain)):
        leaves = [leaf.clone().requires_grad_() if leaf is not None else None for leaf in (states, matrix, offset)]
        more = (7, shape, 10) if loss is cross_entropy else (shape,)
        value = loss(*leaves, target, *more)
        (2 * value).backward()
        said += [value.detach(), *(leaf.grad for leaf in leaves if leaf is not None)]
    assert all(relative(one, other) < 1e-5 for one, other in zip(found, wanted, strict=True))


def test_bf16_gives_an_fp32_loss_and_bf16_gradients() -> None:
    torch.manual_seed(0)
    states, matrix = (torch.randn(count, 64).bfloat16().requires_grad_() for count in (50, 300))
    target = torch.randint(300, (50,))
    loss = cross_entropy(states, matrix, None, target)
    loss.backward()
    logits = (states.detach() @ matrix.detach().t()).float()
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, target, reduction="sum")), rel=1e-6
    )
    exact = [states.detach().float().requires_grad_(), matrix.detach().float().requires_grad_()]
    plain(*exact, None, target, Shape()).mul(7).backward()
    for found, wanted in zip((states, matrix), exact, strict=True):
        assert found.grad.dtype == torch.bfloat16
        assert relative(found.grad.float(), wanted.grad) < 1e-2


def test_autocast_gives_fp32_gradients_to_fp32_weights() -> None:
    made, exact = installed(), installed()
    encoded = rows(5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = made(**collate(encoded))["loss"]
    loss.backward()
    exact(**collate(encoded))["loss"].backward()
    assert made.lm_head.weight.grad.dtype == torch.float32
    assert relative(made.lm_head.weight.grad, exact.lm_head.weight.grad) < 0.05


def test_a_gradient_cannot_be_taken_twice() -> None:
    loss = installed()(**collate(rows(2)))["loss"]
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="taken before"):
        loss.backward()


def test_no_gradient_is_made_where_none_is_wanted() -> None:
    made = installed()
    with torch.no_grad():
        assert not made(**collate(rows(2)))["loss"].requires_grad


def test_calls_without_a_loss_are_what_they_were() -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    made = model()
    wanted = made(input_ids=ids, labels=ids)
    install(made)
    found = made(input_ids=ids, labels=ids)
    assert torch.equal(found.logits, wanted.logits)
    assert torch.equal(found.loss, wanted.loss)
    assert made.generate(ids, max_new_tokens=3, do_sample=False).shape == (1, 7)


def test_a_model_without_a_linear_head_over_a_backbone_is_refused() -> None:
    made = model()
    with pytest.raises(LossRefused, match="LlamaModel has no linear head"):
        install(made.model)


def test_a_model_with_a_loss_of_its_own_is_refused() -> None:
    sizes = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "num_hidden_layers": 1}
    with pytest.raises(LossRefused, match="loss of its router"):
        install(model("Qwen3Moe", output_router_logits=True, **sizes))
