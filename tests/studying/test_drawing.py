"""Pools × seed -> rows: without replacement, the same for the same seed, and none that a benchmark asks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from harness.demo import sampling
from harness.errors import DataError
from harness.schema.study import Drawn
from harness.studying.drawing import Drawer, read_drawn
from harness.studying.planning import plan
from harness.studying.reading import read_study
from tests.studying.written import changed, written

Rows = list[dict[str, object]]
FEWER = (
    ('["demo_skills"]', '["demo_skills/TU"]'),
    ('["demo_mcq", ', '["demo_mcq/CV", '),
    ('sources = ["demo:en"]', 'path = "mine.jsonl"'),
)


def row(number: int, question: str, answer: str, **more: str) -> str:
    talk = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"source": "mine", "source_id": str(number), "messages": talk, **more}, ensure_ascii=False)


ASKED = sampling.sample("tu_sentiment", 1, "test", 0)[0].question
MINE = [
    *(row(n, f"Which number comes after {n} in the row of whole numbers?", f"It is {n + 1}.") for n in range(6)),
    row(6, "第七个数字是什么呢？请用中文回答我。", "第七个数字是七，因为前面有六个数字。"),
    row(7, ASKED, "正面"),
    row(8, "Which number comes after 3 in the row of whole numbers?", "Four."),
]


def drawn(folder: Path, *changes: tuple[str, str]) -> dict[str, tuple[Drawn, Rows]]:
    """Phase and seed -> what was drawn, and its rows."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.jsonl").write_text("\n".join(MINE) + "\n", encoding="utf-8")
    study = read_study(written(folder, changed(*FEWER, *changes)))
    steps = [step for step in plan(study).steps if step.step.kind == "draw"]
    Drawer(study, folder / "mixes", folder / "studies", steps).draw_all()
    found = {}
    for step in steps:
        place = folder / "mixes" / step.step.name
        lines = (place / "rows.jsonl").read_text(encoding="utf-8").splitlines()
        found[step.step.name.rpartition("-")[0].partition(".")[2]] = read_drawn(place), [json.loads(line) for line in lines]
    return found


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folders = [tmp_path_factory.mktemp("draws"), tmp_path_factory.mktemp("again")]
    for folder in folders:
        drawn(folder)
    return folders


@pytest.fixture(scope="module")
def first(twice: list[Path]) -> dict[str, tuple[Drawn, Rows]]:
    return drawn(twice[0])


def ids(rows: Rows) -> set[tuple[object, object]]:
    return {(one["source"], one["source_id"]) for one in rows}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_rows(
    twice: list[Path], first: dict[str, tuple[Drawn, Rows]]
) -> None:
    files = [sorted(folder.glob("mixes/*/*")) for folder in twice]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    one, two = ({json.dumps(row["messages"]) for row in first[f"safety.s{seed}"][1]} for seed in (1, 2))
    assert len(one & two) < len(one)


def test_a_phase_of_both_pools_draws_the_rows_that_the_single_phases_draw(first: dict[str, tuple[Drawn, Rows]]) -> None:
    alone = ids(first["knowledge.s1"][1]) | ids(first["safety.s1"][1])
    assert ids(first["both.s1"][1]) == alone


def test_areas_and_their_dimensions_come_evenly_and_no_row_twice(first: dict[str, tuple[Drawn, Rows]]) -> None:
    made, rows = first["safety.s1"]
    assert Counter(str(one["area"]).partition("/")[0] for one in rows) == {"demo_mcq": 8, "demo_risk": 8}
    assert {one["area"] for one in rows if str(one["area"]).startswith("demo_risk")} == {"demo_risk/DI"}
    assert len(ids(rows)) == made.rows == len(rows) == 16


def test_what_repeats_a_benchmark_or_an_earlier_row_is_left_out_and_a_short_pool_says_so(
    first: dict[str, tuple[Drawn, Rows]],
) -> None:
    made, rows = first["knowledge.s1"]
    assert made.dropped == {"duplicate": 1, "in a benchmark: demo_skills": 1}
    assert {one["source_id"] for one in rows if one["area"] == "english"} == {f"mine/{n}" for n in range(7)}
    assert "pool 'english' gave 7 rows of the 8 wanted: it holds no more" in made.notes
    assert made.checked["demo_skills"] > 0


def test_only_rows_of_a_language_where_it_is_asked_for(tmp_path: Path) -> None:
    rows = drawn(tmp_path, ('path = "mine.jsonl"', 'path = "mine.jsonl"\nlanguage = "zh"'))["knowledge.s1"][1]
    assert [one["source_id"] for one in rows if one["area"] == "english"] == ["mine/6"]


def test_a_pipeline_cleans_a_pool_before_it_is_drawn_from(tmp_path: Path) -> None:
    text = 'name = "once"\nculture = "demo"\nsources = ["x"]\n[[step]]\nuse = "exact_duplicates"\n'
    (tmp_path / "once.toml").write_text(text, encoding="utf-8")
    made, _ = drawn(tmp_path, ('path = "mine.jsonl"', 'path = "mine.jsonl"\ncurate = "once.toml"'))["knowledge.s1"]
    assert made.pools["english"].available == 7
    assert made.dropped == {"duplicate": 1}
    assert next((tmp_path / "studies" / ".curated").iterdir()).name.startswith("english-")


def test_rows_that_were_changed_since_are_refused(tmp_path: Path, twice: list[Path]) -> None:
    place = next((twice[1] / "mixes").iterdir())
    (place / "rows.jsonl").write_bytes((place / "rows.jsonl").read_bytes() + b"\n")
    with pytest.raises(DataError, match="changed since it was drawn"):
        read_drawn(place)
