"""What rows are compared with: the culture's own tasks always, lm-eval's where their data can be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import catalog, culture
from harness.errors import DataError
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


def test_a_data_set_is_compared_with_every_benchmark_of_all_homes_and_with_its_own_first() -> None:
    found = benchmarks.registered(culture.load("demo"))
    assert list(found.compared)[:5] == ["demo_skills", "demo_mcq", "demo_risk", "demo_benign", "demo_en"]
    assert "benign_zh" in found.compared
    assert all(count > 0 for count in found.compared.values())
    assert sum(found.compared.values()) == len(found.items)


def test_others_whose_files_are_not_here_are_named_with_what_to_get() -> None:
    found = benchmarks.registered(culture.load("demo"))
    assert "a-eval/llm_678" in found.unread["a_eval"]
    assert not set(found.unread) & set(found.compared)


def test_nothing_is_curated_if_the_cultures_own_benchmark_cannot_be_read() -> None:
    with pytest.raises(DataError, match="curation ends here: benchmark 'a_eval' of culture 'zh_cn' cannot be read"):
        benchmarks.registered(culture.load("zh_cn"))


def test_the_published_files_are_all_compared_with(benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.rows.benchmarks import registered

    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    found = registered(culture.load("zh_cn"))
    assert set(found.unread) == {"mmlu", "gsm8k", "hellaswag", "arc_challenge", "ifeval"}
    assert {"a_eval", "belle", "chisafetybench_v0_mcq", "chisafetybench_v1_dialogue", "demo_skills"} <= set(found.compared)
    assert found.compared["belle"] == 1000


def test_what_is_compared_with_is_told_apart_without_reading_it(
    wanted: Culture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = culture.load("demo")
    first = benchmarks.registered_identity(own)
    assert benchmarks.registered_identity(own) == first
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    (tmp_path / "data/a-eval").mkdir(parents=True)
    (tmp_path / "data/a-eval/llm_678_2024-06-11-151217.json").write_text("[]")
    assert benchmarks.registered_identity(own) != first
    without = benchmarks.registered_identity(wanted)
    stock.copies(tmp_path / "data")
    assert benchmarks.registered_identity(wanted) != without
