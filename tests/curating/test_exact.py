"""Exact duplicates: what counts as equal, which row stays, and how the dropped one names it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.curating.contract import Context
from harness.curating.steps import exact
from harness.curating.steps.exact import ExactDuplicates
from harness.schema import Culture, DataRow
from tests.curating.made import row
from tests.curating.sketching import ruled


def drops(folder: Path, shards: Sequence[Sequence[DataRow]], **settings: object) -> dict[str, str]:
    return ruled(folder, ExactDuplicates.model_validate({"use": "exact_duplicates", **settings}), shards)[0]


def test_the_dropped_row_names_the_one_that_stays_across_shards(tmp_path: Path) -> None:
    shards = [[row("茶怎么泡？", "用热水。", 1), row("桥在哪里？", "在河边。", 2)], [row("茶怎么泡？", "用热水。", "b/7")]]
    assert drops(tmp_path, shards) == {"made/b/7": "of made/1"}


def test_width_case_and_white_space_make_no_difference(tmp_path: Path) -> None:
    shards = [
        [row("ABC是什么？", "三个 字母。", 1), row("ａｂｃ是什么？", "三个\n字母。", 2), row("abd是什么？", "三个字母。", 3)]
    ]
    assert drops(tmp_path, shards) == {"made/2": "of made/1"}


def test_of_questions_a_second_answer_goes(tmp_path: Path) -> None:
    rows = [row("茶怎么泡？", "用热水。", 1), row("茶怎么泡？", "先洗杯子。", 2)]
    assert drops(tmp_path, [rows]) == {}
    assert drops(tmp_path, [rows], of="questions") == {"made/2": "of made/1"}


def test_an_empty_set_and_an_empty_shard_drop_nothing(tmp_path: Path) -> None:
    assert drops(tmp_path, []) == {}
    assert drops(tmp_path, [[], [row("茶怎么泡？", "用热水。")], []]) == {}


def test_the_note_tells_how_many_clusters_there_are(tmp_path: Path) -> None:
    rows = [row("茶怎么泡？", "用热水。", number) for number in range(4)]
    settings = ExactDuplicates(use="exact_duplicates")
    assert ruled(tmp_path, settings, [rows])[1] == ["1 clusters of duplicates, the largest of 4 rows"]


@pytest.mark.parametrize("cut", [1, 3, 10])
def test_how_rows_lie_in_shards_makes_no_difference(tmp_path: Path, cut: int) -> None:
    rows = [row(f"问题{number % 4}？", "答。", number) for number in range(10)]
    assert drops(tmp_path, [rows[i : i + cut] for i in range(0, 10, cut)]) == drops(tmp_path, [rows])


def test_taking_the_rows_in_parts_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"问题{number % 7}？", "答。", number) for number in range(40)]
    at_once = drops(tmp_path, [rows])
    monkeypatch.setattr(exact, "IN_MEMORY", 6)
    assert drops(tmp_path, [rows[:11], rows[11:]]) == at_once
    assert len(at_once) == 33


def test_a_hostile_run_of_combining_marks_costs_no_square(tmp_path: Path) -> None:
    run = "e" + "\u0301\u0316" * 100_000
    assert drops(tmp_path, [[row("茶？", run, 1), row("茶？", run, 2)]]) == {"made/2": "of made/1"}


def test_ids_of_any_characters_come_back(tmp_path: Path) -> None:
    rows = [row("茶？", "水。", "类别/一 é"), row("茶？", "水。", "x")]
    assert drops(tmp_path, [rows]) == {"made/x": "of made/类别/一 é"}


def test_the_step_needs_no_culture(tmp_path: Path) -> None:
    context = Context(Culture.model_construct(), tmp_path, 1, [])
    assert list(ExactDuplicates(use="exact_duplicates").build(context).decide([])) == []
