"""What rows are compared with: the culture's own tasks always, lm-eval's where their data can be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import catalog, culture
from harness.rows import benchmarks
from harness.rows.contamination import Index
from harness.schema import Culture, Retained
from tests import stock


@pytest.fixture
def wanted() -> Culture:
    """The demo culture, which also retains two of lm-eval's own tasks."""
    return culture.load("demo").model_copy(update={"benchmarks": {}, "retained": {"arc_easy": Retained(), "gsm8k": Retained()}})


def test_items_of_lm_evals_own_tasks_are_read_from_a_local_copy(
    wanted: Culture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    stock.copies(tmp_path / "data")
    measured = benchmarks.items(wanted, catalog.read())
    assert measured.unread == {}
    assert {item.benchmark for item in measured.items} == {"arc_easy", "gsm8k"}
    asked = next(item for item in measured.items if item.benchmark == "arc_easy")
    assert "hammer" in asked.texts[0]


def test_a_row_that_repeats_one_is_found(wanted: Culture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    stock.copies(tmp_path / "data")
    index = Index(benchmarks.items(wanted, catalog.read()).items)
    assert index.find_any(("What does one use a violin for?", "For making music.")) is not None
    assert index.find_any(("Name three rivers that flow through Vienna.", "The Danube, the Wien and the Liesing.")) is None


def test_what_is_not_here_is_named_with_its_reason(wanted: Culture) -> None:
    measured = benchmarks.items(wanted, catalog.read())
    assert measured.items == []
    assert set(measured.unread) == {"arc_easy", "gsm8k"}
    assert "\n" not in measured.unread["arc_easy"]
