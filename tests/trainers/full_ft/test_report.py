"""The arithmetic of the report and of memory, against numbers worked out by hand and published shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.full_ft.made import job

ft_report: Any = pytest.importorskip("ft_report")
ft_memory: Any = pytest.importorskip("ft_memory")
ft_recipe: Any = pytest.importorskip("ft_recipe")

LLAMA_8B = ft_report.Needed(layer_weights=6_979_321_856, head_weights=128256 * 4096, attention=32 * 32 * 128)
SIZES_8B = ft_memory.Sizes(8_030_261_248, 32, 4096, 4096, 1024, 14336, 128256)
GIB = 2**30


def test_flops_of_one_row_are_those_worked_out_by_hand() -> None:
    needed = ft_report.Needed(layer_weights=100, head_weights=10, attention=4)
    assert ft_report.flops(needed, [3], supervised=2) == 6 * 100 * 3 + 6 * 10 * 2 + 12 * 4 * (1 + 2 + 3)


def test_documents_do_not_attend_to_one_another() -> None:
    needed = ft_report.Needed(0, 0, 1)
    assert ft_report.flops(needed, [10, 10], 0) == 2 * ft_report.flops(needed, [10], 0)
    assert ft_report.flops(needed, [20], 0) > 3.8 * ft_report.flops(needed, [10], 0)


def test_an_8b_llama_costs_what_is_published_for_it() -> None:
    """45.3 GFLOP a token of a 300-token row with logits everywhere, 51.5 at 8192, 44.0 with 60% supervised."""
    per_token = [ft_report.flops(LLAMA_8B, [n], n) / n / 1e9 for n in (300, 8192)]
    assert per_token == pytest.approx([45.3, 51.5], abs=0.05)
    assert ft_report.flops(LLAMA_8B, [300], 180) / 300 / 1e9 == pytest.approx(44.0, abs=0.1)


def test_a_models_matrices_are_counted_without_embeddings_norms_and_head(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    layer = 128 * 128 * 2 + 128 * 64 * 2 + 3 * 128 * 256
    assert ft_report.work_of(model) == ft_report.Needed(2 * layer, model.config.vocab_size * 128, 2 * 4 * 32)


def test_a_mixture_of_experts_has_no_flops_that_could_be_wrong() -> None:
    @dataclass
    class Config:
        num_local_experts: int = 8

    @dataclass
    class Model:
        config: Config

    assert ft_report.work_of(Model(Config())) is None


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA H20", 148e12),
        ("Radeon Pro", None),
    ],
)
def test_the_peak_of_a_device_is_found_by_its_name(name: str, peak: float | None) -> None:
    assert ft_report.peak_flops(name) == peak


def test_utilisation_is_work_over_what_the_devices_could_have_done() -> None:
    assert ft_report.utilisation(989e12 * 5, seconds=10, devices=1, peak=989e12) == pytest.approx(0.5)
    assert ft_report.utilisation(989e12 * 5, seconds=10, devices=2, peak=989e12) == pytest.approx(0.25)
    assert ft_report.utilisation(1.0, seconds=10, devices=1, peak=None) is None


def test_what_was_not_measured_is_absent_not_zero() -> None:
    trained = ft_report.Trained(steps=1, rows=1, lengths=[4], supervised=2, padding_share=0.0, processes=1)
    measured = ft_report.Measured(0.0, None, float("nan"), 1, "one process", 0)
    said = ft_report.report(trained, measured, None, None)
    assert {name for name, value in said.items() if value is None} == {
        "tokens_per_second",
        "supervised_tokens_per_second",
        "mfu",
        "flops_per_token",
        "first_loss",
        "final_loss",
    }


def _hyper(tmp_path: Path, base: Path, **changes: Any) -> Any:
    return ft_recipe.read(job(tmp_path, base, tokens_per_micro_step=8192, **changes).file).hyper


@pytest.fixture
def hyper(tmp_path: Path, tiny_model: Path) -> Any:
    return _hyper(tmp_path, tiny_model, precision="bf16-master")


def test_an_8b_llama_needs_the_memory_worked_out_for_it(hyper: Any) -> None:
    """Weights, gradients and optimizer of 8.03e9 weights: 89.7 GiB alone, 56 with ZeRO-1 over 8, 30 with ZeRO-2, 15 with FSDP2."""
    gibibytes = {
        engine: SIZES_8B.weights * ft_memory.state_bytes(replace(hyper, distributed=engine), 8) / GIB
        for engine in ("none", "zero1", "zero2", "fsdp2")
    }
    assert gibibytes == pytest.approx({"none": 89.7, "zero1": 56.1, "zero2": 29.9, "fsdp2": 15.0}, abs=0.1)
    assert ft_memory.activations(SIZES_8B, hyper, 0, 1) / 2**20 == pytest.approx(4.25, abs=0.01)
    assert ft_memory.activations(SIZES_8B, hyper, 16, 8192) / GIB == pytest.approx(18.0, abs=1.1)


def test_recomputing_is_chosen_by_what_is_free(hyper: Any) -> None:
    chosen = [ft_memory.layers_to_recompute(SIZES_8B, hyper, 8192, 1, gib * GIB) for gib in (200, 139, 130, 110, 40)]
    assert chosen[0] == 0
    assert chosen == sorted(chosen)
    assert 0 < chosen[2] < 32
    assert chosen[-1] == 32


def test_the_estimate_of_a_model_counts_its_own_weights(hyper: Any, tiny_model: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert ft_memory.sizes(AutoConfig.from_pretrained(tiny_model)).weights == model.num_parameters()
    weights = 12 * model.num_parameters()
    assert ft_memory.estimate(model.config, hyper) > weights
    fewer = replace(hyper, recompute_layers="all", tokens_per_micro_step=64)
    assert weights < ft_memory.estimate(model.config, fewer) < ft_memory.estimate(model.config, hyper)
