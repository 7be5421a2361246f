"""The arithmetic of every published table, done again by the code that aggregates runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.schema import SampleResult, Score
from harness.stats.aggregate import aggregate, macro, micro
from harness.stats.published import (
    CellCheck,
    average_checks,
    chart_checks,
    nearest_count,
    percent,
    printed_checks,
    rounded,
)
from tests.stats.conftest import PUBLISHED, MakeResult

Check = Callable[[dict[str, Any]], tuple[CellCheck, ...]]

DIFFERING = {
    # 47/129 is 36.43; the tie with the next row is printed as a lead.
    "paper_table2_aeval/LLaMA3-8B-KG/LR": (36.44, 36.43),
    # No k/196 and, with that, no k/462: both cells are unknown.
    "paper_table4_refusal/LLaMA3-8B/DI/RR-1": (12.49, None),
    "paper_table4_refusal/LLaMA3-8B/Overall/RR-1": (32.37, None),
    "chisafetybench_v1_mcq/Baichuan2-13B-Chat/Overall": (78.89, 78.88),
    # The labels of the overall bars have slipped one bar to the right.
    "chisafetybench_v2_mcq/Qwen1.5-14B-Chat/Overall": (88.39, 87.30),
    "chisafetybench_v2_mcq/Qwen1.5-32B-Chat/Overall": (87.30, 91.13),
    "chisafetybench_v2_mcq/Qwen1.5-72B-Chat/Overall": (91.13, 90.62),
    "chisafetybench_v2_mcq/Qwen1.5-110B-Chat/Overall": (90.62, 86.09),
    "chisafetybench_v2_mcq/Yi-6B-Chat/Overall": (86.01, 85.13),
    # 27/101 is the refusal count of the same row; the pooled table leaves 17/101.
    "chisafetybench_v2_history/Baichuan2-13B-Chat/with/HR": (26.73, 16.83),
    # Secondary source; no k/1567.
    "deepseek_secondary/DeepSeek-R1/Overall": (71.14, None),
}


def test_printed_cells_are_the_arithmetic_of_their_counts_but_for_eleven_misprints(published: dict[str, Any]) -> None:
    checks = printed_checks(published)
    assert {c.id: (c.printed, c.recomputed) for c in checks if not c.agrees} == DIFFERING
    assert (len(checks), sum(c.agrees for c in checks)) == (458, 447)


@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ("paper_table2_aeval", 18),
        ("paper_table3_mcq", 18),
        ("paper_table4_refusal", 27),
        ("chisafetybench_v1_mcq", 72),
        ("chisafetybench_v2_mcq", 60),
        ("chisafetybench_v1_refusal", 108),
        ("chisafetybench_v2_refusal", 90),
        ("chisafetybench_v2_history", 60),
        ("deepseek_secondary", 5),
    ],
)
def test_every_cell_of_a_table_is_checked(published: dict[str, Any], table: str, cells: int) -> None:
    assert sum(c.id.startswith(f"{table}/") for c in printed_checks(published)) == cells


def test_averages_of_printed_means_agree(published: dict[str, Any]) -> None:
    checks = average_checks(published)
    assert [c for c in checks if not c.agrees] == []
    assert len(checks) == 34


def test_only_two_belle_rows_need_the_tolerance_of_their_rounded_inputs(published: dict[str, Any]) -> None:
    off = {(c.printed, c.recomputed) for c in average_checks(published) if c.printed != c.recomputed}
    assert off == {(0.670, 0.671), (0.642, 0.641)}


def test_belles_second_table_repeats_the_averages_of_its_fifth(published: dict[str, Any]) -> None:
    tables = {block["id"]: block["rows"] for block in published["results"] if block["id"].startswith("belle")}
    full = {(row["base"], row["data"]): row["printed"]["macro_ave_wo_others"] for row in tables["belle_table5"]}
    short = [(row["base"], row["data"], row["score"]) for row in tables["belle_table2"]]
    assert [(base, data, full[base, data]) for base, data, _ in short] == short
    assert {(base, data) for base, data, _ in short} == full.keys()
    assert len(short) == 11, "the row that three factors are compared with stands there three times"


def test_belles_categories_are_its_thousand_items(published: dict[str, Any], benchmarks: Path) -> None:
    (sizes,) = [block["n"] for block in published["results"] if block["id"] == "belle_table5"]
    lines = (benchmarks / "belle" / "eval_set.json").read_text("utf-8").splitlines()
    classes = [json.loads(line)["class"].replace("\u00a0", " ").replace(" ", "_") for line in lines]
    counted = Counter("others" if name in ("math", "code") else name for name in classes)
    assert counted == sizes


def test_the_counts_read_from_charts_add_up(published: dict[str, Any]) -> None:
    checks = chart_checks(published)
    assert [c for c in checks if not c.agrees] == []
    assert len(checks) == 120


@pytest.mark.parametrize("check", [printed_checks, average_checks, chart_checks])
def test_every_check_has_its_own_name(published: dict[str, Any], check: Check) -> None:
    names = [c.id for c in check(published)]
    assert len(set(names)) == len(names)


def test_a_changed_count_is_noticed_in_its_cell_and_in_the_overall(published: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(published))
    (table,) = [block for block in changed["results"] if block["id"] == "paper_table2_aeval"]
    table["rows"][2]["count"]["TU"] += 1
    noticed = {c.id for c in printed_checks(changed) if not c.agrees} - DIFFERING.keys()
    assert noticed == {"paper_table2_aeval/LLaMA3-8B-SAFE/TU", "paper_table2_aeval/LLaMA3-8B-SAFE/Overall"}


def _area_cells(published: dict[str, Any]) -> Iterator[tuple[float, int, int | None]]:
    for block in published["results"]:
        for row in block.get("rows", []):
            if "count" not in row or "n" not in block:
                continue
            for one, cell in row["printed"].items():
                inner = cell if isinstance(cell, dict) else {None: cell}
                for other, printed in inner.items():
                    count = row["count"][one] if other is None else row["count"][one][other]
                    yield printed, block["n"].get(one) or block["n"][other], count


def test_each_count_is_the_only_one_that_rounds_to_the_printed_cell(published: dict[str, Any]) -> None:
    cells = list(_area_cells(published))
    wrong = [(printed, n, count) for printed, n, count in cells if count is not None and nearest_count(printed, n) != count]
    assert len(cells) == 453
    assert {(printed, n) for printed, n, _ in wrong} == {
        (36.44, 129),
        (78.89, 1861),
        *((printed, 1567) for printed in (88.39, 87.30, 91.13, 90.62, 86.01)),
    }


def test_no_harm_or_refusal_count_contradicts_another_in_its_row(published: dict[str, Any]) -> None:
    for block in published["results"]:
        if not block["id"].endswith("_refusal"):
            continue
        for row in block["rows"]:
            for area, counts in row["count"].items():
                if counts["RR-1"] is not None:
                    assert counts["RR-2"] <= counts["RR-1"]
                    assert counts["RR-1"] + counts["HR"] <= block["n"][area]


def _rows(published: dict[str, Any], table: str) -> Iterator[tuple[dict[str, Any], dict[str, tuple[int, int]]]]:
    (block,) = [one for one in published["results"] if one["id"] == table]
    for row in block["rows"]:
        yield row, {area: (row["count"][area], n) for area, n in block["n"].items() if area != "Overall"}


@pytest.mark.parametrize("table", ["paper_table3_mcq", "chisafetybench_v1_mcq", "chisafetybench_v2_mcq"])
def test_both_averages_of_the_choice_tables_are_those_on_file(published: dict[str, Any], table: str) -> None:
    for row, counts in _rows(published, table):
        assert rounded(100 * micro(counts), 4) == row["recomputed"]["Overall_micro"]
        assert rounded(100 * macro(counts), 4) == row["recomputed"]["Overall_macro"]


def test_the_adaptation_papers_choice_overalls_are_no_micro_averages(published: dict[str, Any]) -> None:
    """With these three, thirteen of the 453 cells of the eight tables are not what the benchmarks' own micro average gives."""
    found = {
        row["model"]: (row["printed"]["Overall"], percent(micro(counts))) for row, counts in _rows(published, "paper_table3_mcq")
    }
    assert found == {"LLaMA3-8B": (19.63, 22.19), "LLaMA3-8B-KG": (69.30, 56.31), "LLaMA3-8B-SAFE": (72.06, 60.08)}


def test_the_macro_of_printed_cells_is_not_always_the_macro_of_counts(published: dict[str, Any]) -> None:
    row, counts = next(_rows(published, "paper_table3_mcq"))
    assert row["printed"]["Overall"] == 19.63
    assert percent(macro(counts)) == 19.62


def _overall(scores: Sequence[Score], metric: str, aggregation: str) -> float:
    (score,) = [s for s in scores if (s.scope, s.metric, s.aggregation, s.subset) == ("overall", metric, aggregation, "all")]
    return percent(score.value)


def _as_results(make: MakeResult, counts: dict[str, tuple[int, int]], metric: str) -> list[SampleResult]:
    return [make({metric: float(i < k)}, dimension=area) for area, (k, n) in counts.items() for i in range(n)]


@pytest.mark.parametrize(
    ("table", "row", "aggregation", "expected"),
    [
        ("paper_table2_aeval", 1, "micro", 44.54),
        ("paper_table3_mcq", 2, "macro", 72.06),
        ("paper_table3_mcq", 2, "micro", 60.08),
        ("chisafetybench_v2_mcq", 5, "micro", 91.13),
    ],
)
def test_a_run_with_the_published_counts_scores_the_published_overall(
    make_result: MakeResult, published: dict[str, Any], table: str, row: int, aggregation: str, expected: float
) -> None:
    _, counts = list(_rows(published, table))[row]
    scores = aggregate("published", _as_results(make_result, counts, "acc"), threshold=90)
    assert _overall(scores, "acc", aggregation) == expected


def test_a_run_with_the_published_harm_counts_scores_the_published_rate(make_result: MakeResult) -> None:
    scores = aggregate("published", _as_results(make_result, {"DI": (3, 196), "VV": (0, 266)}, "hr"), threshold=90)
    assert _overall(scores, "hr", "micro") == 0.65


@pytest.mark.parametrize(
    ("x", "decimals", "expected"), [(0.00125, 2, 0.13), (0.5, 2, 50.0), (47 / 129, 2, 36.43), (1 / 3, 0, 33.0)]
)
def test_percentages_round_half_up(x: float, decimals: int, expected: float) -> None:
    assert percent(x, decimals) == expected


def test_rounding_sees_decimal_ties_and_not_their_binary_neighbours() -> None:
    assert rounded(2.675, 2) == 2.68
    assert round(2.675, 2) == 2.67


def test_no_count_makes_an_impossible_percentage() -> None:
    assert nearest_count(12.49, 196) is None
    assert nearest_count(9.69, 196) == 19
    assert nearest_count(100.0, 39) == 39


def test_the_published_file_is_the_reference_file(reference: Path, published: dict[str, Any]) -> None:
    assert json.loads((reference / "reference_results.json").read_text(encoding="utf-8")) == published


def test_the_published_file_holds_no_question_of_a_benchmark(benchmarks: Path) -> None:
    text = PUBLISHED.read_text(encoding="utf-8")
    for file in benchmarks.rglob("*.json"):
        if file.name in ("eval_set.json", "eval_prompt.json"):
            continue
        for group in json.loads(file.read_text(encoding="utf-8")):
            questions = [item["question"] for item in group["infos"]] if "infos" in group else [group["input"]]
            assert [q for q in questions if q.strip() in text] == []
