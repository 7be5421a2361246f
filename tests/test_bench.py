"""The training benches run from end to end on a small model; what they count is right. No figure of theirs is judged here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
IMPLIED = {200: 0.0032, 300: 0.0048, 700: 0.011, 1100: 0.018, 1500: 0.025}
"""Mean tokens of a row -> MFU that 15.67 h on 32 A100 imply."""

pytest.importorskip("trl", exc_type=ImportError)


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the benches' modules be imported."""
    monkeypatch.syspath_prepend(BENCH)


def bench(script: str, *words: str) -> str:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run([sys.executable, str(BENCH / script), *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.long
def test_the_cpu_bench_trains_every_way_and_prints_its_bars() -> None:
    said = bench("training.py", "--quick")
    for label in ("padded to the longest", "group_by_length", "batch 1 x 8", "flattening", "TRL SFTTrainer", "full_ft"):
        assert label in said, said
    for bar in ("speed vs padded", "speed vs TRL", "speed vs best-fit", "speed vs batch 1", "FLOP rate", "memory vs padded"):
        assert bar in said, said


@pytest.mark.long
def test_the_gpu_bench_runs_small_on_a_cpu() -> None:
    said = bench("h200.py", "--tiny", "--cpu", "--only", "checks,ours,single,profile")
    assert "leak between documents: 0 " in said
    for words in ("full_ft: packs inside the step", "HF Trainer, batch 1", "matrix products", "The paper's 15.67 h"):
        assert words in said, said


def test_the_gpu_bench_says_so_where_there_is_no_gpu() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert "no CUDA device" in bench("h200.py")


@pytest.mark.parametrize(("mean", "mfu"), IMPLIED.items())
def test_the_papers_hours_imply_its_mfu(peers: None, mean: int, mfu: float) -> None:
    from h200 import paper_mfu

    assert paper_mfu(mean) == pytest.approx(mfu, rel=0.04)


def test_flops_of_llama3_8b_are_those_of_the_formula(peers: None) -> None:
    from peers.model import LLAMA3_8B, flops
    from peers.rows import Work

    assert LLAMA3_8B.layers * LLAMA3_8B.layer_weights == pytest.approx(6.979e9, rel=1e-3)
    assert LLAMA3_8B.head_weights == pytest.approx(0.525e9, rel=1e-3)
    assert flops(LLAMA3_8B, Work(300, 300 * 150, 300)) / 300 == pytest.approx(45.3e9, rel=2e-3)
    assert flops(LLAMA3_8B, Work(300, 300 * 150, 180)) / 300 == pytest.approx(44.0e9, rel=2e-3)


def test_rows_have_the_lengths_and_answers_that_were_asked_for(peers: None) -> None:
    from peers.rows import Lengths, make_rows, work

    rows = make_rows(2000, 512, Lengths(mean=250, most=2048), seed=0)
    done = work(rows)
    assert done.tokens / len(rows) == pytest.approx(250, rel=0.05)
    assert done.supervised / done.tokens == pytest.approx(0.6, abs=0.03)
    assert max(len(row["input_ids"]) for row in rows) <= 2048
    assert rows == make_rows(2000, 512, Lengths(mean=250, most=2048), seed=0)
