"""The bench of near-duplicates runs from end to end on a few rows; what it plants is what it says. No figure is judged here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.rows.ngrams import bare

BENCH = Path(__file__).parents[2] / "bench"
pytest.importorskip("rensa")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the bench's modules be imported."""
    monkeypatch.syspath_prepend(str(BENCH))


def test_dialogues_are_the_same_for_the_same_seed_and_of_realistic_length(bench: None) -> None:
    from synthetic import CHANGES, dialogues

    rows = list(dialogues(2000, seed=3))
    assert rows == list(dialogues(2000, seed=3))
    assert rows != list(dialogues(2000, seed=4))
    assert sum(20 <= len(row.text) <= 600 for row in rows) > 0.98 * len(rows)
    kinds = Counter(row.kind for row in rows)
    assert set(kinds) == {*CHANGES, "plain", "family"}
    assert sum(kinds[kind] for kind in CHANGES) > 0.1 * len(rows)


def test_a_planted_copy_differs_from_its_original_as_its_kind_says(bench: None) -> None:
    from synthetic import dialogues

    rows = list(dialogues(2000, seed=3))
    for row in rows:
        if row.of is None or row.kind == "family":
            continue
        original = rows[row.of]
        if row.kind == "punctuation":
            assert bare(row.text) == bare(original.text)
        if row.kind == "prefix":
            assert row.text.endswith(original.text)
        if row.kind.endswith("edited"):
            changed = sum(a != b for a, b in zip(row.reply, original.reply, strict=True))
            assert 0 <= changed <= max(1, round(float(row.kind.split("%")[0]) / 100 * len(original.reply)))


def test_the_bench_finds_what_was_planted_and_names_peers_that_are_not_there() -> None:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = ["--rows", "700", "--workers", "1", "--without", "16 x 8"]
    done = subprocess.run(
        [sys.executable, str(BENCH / "duplicates.py"), *words], env=env, capture_output=True, text=True, check=False
    )
    assert "rows/s" in done.stdout, done.stderr[-2000:]
    assert "share gone, by kind of copy" in done.stdout
    assert "recall 1.0000" in done.stdout, done.stdout
    if "not installed" in done.stdout:
        assert "pip install 'datatrove" in done.stdout
        assert done.returncode == 0
