"""Tagged data sets as what a mix draws from: made by `curate` from rows of the demo world, mixed by `harness mix --data`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness import culture
from harness.demo import lessons
from harness.errors import EXIT_OK, EXIT_REFUSED, EXIT_USAGE, DataError, Refused, UsageError
from harness.mixing.datasets import held, open_sets
from harness.runs.write import write_whole
from harness.schema import DataRow, DataSet, Diagnosis, Message, TrainingRow
from harness.verbs.curate import curate
from harness.verbs.mix import mix
from tests.conftest import Cli
from tests.mixing.made import diagnosis, finding

FAMILIES = {"ie": "demo_skills/IE", "tp": "demo_skills/TP", "lr": "demo_skills/LR", "tu": "demo_skills/TU"}
WEAK = (
    finding("demo_skills/IE", 0.02, 0.65),
    finding("demo_skills/TP", 0.05, 0.70),
    finding("demo_skills/TG", 0.05, 0.70),
    finding("demo_skills/TU", 0.9, 0.75, state="strong"),
)
QUIET = {"demo_en": 0.0}


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    return diagnosis(*WEAK, culture=culture.load("demo"))


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 lessons of each of four dimensions, tagged by what their source says."""
    folder = tmp_path_factory.mktemp("curated")
    records = [
        {
            "messages": [{"role": "user", "content": one.question}, {"role": "assistant", "content": one.answer}],
            "category": family,
        }
        for family in FAMILIES
        for one in lessons.rows(family, 40, seed=3)
    ]
    (folder / "own.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    areas = ", ".join(f'{family} = ["{area}"]' for family, area in FAMILIES.items())
    (folder / "pipeline.toml").write_text(
        f'name = "lessons"\nculture = "demo"\n'
        f'sources = [{{name = "own", path = "own.jsonl", format = "messages", areas = {{{areas}}}}}]\n'
        f'[[step]]\nuse = "tags"\nby = ["source"]\n'
    )
    curate(str(folder / "pipeline.toml"), folder / "set", workers=1)
    return folder / "set"


def made_set(folder: Path, rows: Sequence[DataRow], *, name: str = "made", of: str = "demo") -> Path:
    """A data set as `curate` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = write_whole(folder / "rows.jsonl", [row.model_dump_json().encode() + b"\n" for row in rows])
    tags = Counter(area for row in rows for area in row.areas or ("untagged",))
    noun = DataSet(
        name=name,
        made_by="a test",
        digest=digest[::-1],
        culture=of,
        sources=(),
        rows=len(rows),
        rows_sha256=digest,
        dropped=0,
        steps=(),
        by_source={},
        by_category={},
        by_licence={},
        by_area=dict(tags),
        contamination={},
    )
    write_whole(folder / "dataset.json", [noun.model_dump_json().encode()])
    return folder


def tagged(number: int, *areas: str) -> DataRow:
    turns = (Message(role="user", content=f"第{number}号茶叶要泡多久？"), Message(role="assistant", content=f"{number}分钟。"))
    return DataRow(source="tea", source_id=str(number), messages=turns, areas=areas)


def rows_in(folder: Path) -> list[TrainingRow]:
    return [TrainingRow.model_validate_json(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]


def test_weak_areas_are_taught_by_exactly_the_rows_that_are_tagged_so_and_others_by_the_culture(
    curated: Path, found: Diagnosis, tmp_path: Path
) -> None:
    by_id = {row.source_id: row for row in map(DataRow.model_validate_json, (curated / "rows.jsonl").read_bytes().splitlines())}
    made = mix(found, stage="knowledge", rows=100, replay=QUIET, data=[curated], mixes=tmp_path)
    drawn: dict[str, list[TrainingRow]] = {}
    for row in rows_in(tmp_path / made.id):
        drawn.setdefault(row.area, []).append(row)
    assert drawn.keys() == {"demo_skills/IE", "demo_skills/TP", "demo_skills/TG"}
    for area in ("demo_skills/IE", "demo_skills/TP"):
        assert {by_id[row.source_id].areas for row in drawn[area]} == {(area,)}
        assert all(row.source == "own" and row.messages == by_id[row.source_id].messages for row in drawn[area])
    assert {row.source for row in drawn["demo_skills/TG"]} == {"demo:tg"}
    assert {share.area: share.sources for share in made.shares} == {
        "demo_skills/IE": ("data:lessons#demo_skills/IE",),
        "demo_skills/TP": ("data:lessons#demo_skills/TP",),
        "demo_skills/TG": ("demo:tg",),
    }
    manifest = DataSet.model_validate_json((curated / "dataset.json").read_bytes())
    assert manifest.by_area["demo_skills/IE"] > 30
    available = {share.area: share.available for share in made.shares}["demo_skills/IE"]
    assert available == manifest.by_area["demo_skills/IE"] - sum(made.dropped.values())
    assert made.sources == {"data:lessons": manifest.digest, "demo:tg": "demo@1"}
    assert made.checked["demo_skills"] > 0


def test_replay_of_a_benchmark_takes_tagged_rows_dimension_by_dimension(curated: Path, found: Diagnosis) -> None:
    made = mix(found, stage="knowledge", rows=60, replay={**QUIET, "demo_skills": 0.5}, data=[curated], dry_run=True)
    kept = {share.area: share for share in made.shares}["demo_skills"]
    assert set(kept.sources) == {*(f"data:lessons#{area}" for area in FAMILIES.values()), "demo:tg"}
    assert kept.rows == 30


def test_keeping_to_the_data_refuses_what_it_cannot_teach(curated: Path, found: Diagnosis, cli: Cli, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no row of data:lessons is tagged with demo_skills/TG; tag some"):
        mix(found, stage="knowledge", rows=50, data=[curated], data_only=True)
    only = mix(found, stage="knowledge", rows=50, data=[curated], data_only=True, without=["demo_skills/TG"], dry_run=True)
    assert {name for share in only.shares for name in share.sources} == {
        "data:lessons#demo_skills/IE",
        "data:lessons#demo_skills/TP",
        "demo:en",
    }
    with pytest.raises(UsageError, match="--data-only needs a data set"):
        mix(found, stage="knowledge", data_only=True)
    file = tmp_path / "diagnosis.json"
    file.write_text(found.model_dump_json())
    words = ("mix", "-d", str(file), "--stage", "knowledge", "--rows", "60", "--replay", "demo_en=0", "--data", str(curated))
    assert cli(*words, "--data-only").code == EXIT_REFUSED
    done = cli(*words, "--dry-run")
    assert done.code == EXIT_OK, done.err
    assert "What the data sets hold" in done.out
    assert "demo_skills/LR" in done.out  # held, though it is not weak
    assert cli(*words, "--data", str(tmp_path)).code == EXIT_USAGE


def test_a_mix_goes_by_the_rows_of_its_data_sets(curated: Path, found: Diagnosis, tmp_path: Path) -> None:
    without = mix(found, stage="knowledge", rows=30, replay=QUIET, dry_run=True)
    one = mix(found, stage="knowledge", rows=30, replay=QUIET, data=[curated], dry_run=True)
    assert one == mix(found, stage="knowledge", rows=30, replay=QUIET, data=[curated], dry_run=True)
    other = made_set(tmp_path / "set", [tagged(n, "demo_skills/IE") for n in range(30)])
    two = mix(found, stage="knowledge", rows=30, replay=QUIET, data=[other], dry_run=True)
    assert len({without.id, one.id, two.id}) == 3
    with (other / "rows.jsonl").open("a") as file:
        file.write(tagged(99, "demo_skills/IE").model_dump_json() + "\n")
    with pytest.raises(DataError, match="is not the file that dataset.json describes"):
        mix(found, stage="knowledge", rows=30, replay=QUIET, data=[other], dry_run=True)


def test_a_row_with_two_areas_is_drawn_once_at_most(found: Diagnosis, tmp_path: Path) -> None:
    both = [tagged(n, "demo_skills/IE", "demo_skills/TP", "demo_risk/DI") for n in range(20)]
    single = [tagged(100 + n, "demo_skills/IE") for n in range(5)]
    folder = made_set(tmp_path / "set", [*both, *single])
    made = mix(
        found, stage="knowledge", rows=40, replay=QUIET, without=["demo_skills/TG"], data=[folder], data_only=True, mixes=tmp_path
    )
    drawn = Counter(row.source_id for row in rows_in(tmp_path / made.id))
    assert all(drawn[row.source_id] == 1 for row in both)
    assert all(1 <= drawn[row.source_id] <= 4 for row in single)
    assert Counter(row.area for row in rows_in(tmp_path / made.id)) == {share.area: share.rows for share in made.shares}
    assert any("several of these areas: 20; each is drawn once at most" in note for note in made.notes)
    assert {share.area: share.available for share in made.shares} == {"demo_skills/IE": 25, "demo_skills/TP": 20}


def test_rows_of_a_data_set_that_repeat_a_benchmark_or_one_another_are_left_out(found: Diagnosis, tmp_path: Path) -> None:
    from harness.demo.benchmark import read

    asked = next(one for one in read("ie")).question
    turns = (Message(role="user", content=asked), Message(role="assistant", content="好。"))
    planted = DataRow(source="tea", source_id="planted", messages=turns, areas=("demo_skills/IE",))
    again = tagged(1, "demo_skills/IE").model_copy(update={"source_id": "again"})
    folder = made_set(tmp_path / "set", [planted, *(tagged(n, "demo_skills/IE") for n in range(9)), again])
    made = mix(found, stage="knowledge", rows=60, replay=QUIET, data=[folder], mixes=tmp_path)
    assert {row.source_id for row in rows_in(tmp_path / made.id) if row.source == "tea"} == {str(n) for n in range(9)}
    assert made.dropped == {"duplicate": 1, "in a benchmark: demo_skills": 1}
    dropped = (tmp_path / made.id / "dropped.jsonl").read_text()
    assert '"planted"' in dropped
    assert asked not in dropped


def test_two_data_sets_teach_as_they_hold_rows_and_are_told_apart(found: Diagnosis, tmp_path: Path) -> None:
    large = made_set(tmp_path / "a", [tagged(n, "demo_skills/IE") for n in range(30)], name="tea")
    small = made_set(tmp_path / "b", [tagged(100 + n, "demo_skills/IE") for n in range(10)], name="tea")
    found_sets = open_sets([large, small], culture.load("demo"))
    assert len({one.name for one in found_sets}) == 2
    assert all(one.name.startswith("data:tea@") for one in found_sets)
    assert sorted(held(found_sets)["demo_skills/IE"].values()) == [10, 30]
    made = mix(
        found,
        stage="knowledge",
        rows=20,
        replay=QUIET,
        without=["demo_skills/TG", "demo_skills/TP"],
        data=[large, small],
        mixes=tmp_path,
    )
    drawn = Counter(int(row.source_id) >= 100 for row in rows_in(tmp_path / made.id))
    assert drawn == {False: 15, True: 5}
    with pytest.raises(UsageError, match="data set 'tea' is given twice"):
        open_sets([large, large], culture.load("demo"))


def test_a_data_set_of_another_culture_is_refused(found: Diagnosis, tmp_path: Path) -> None:
    folder = made_set(tmp_path / "set", [tagged(1, "a_eval/TU")], of="zh_cn")
    with pytest.raises(UsageError, match="is of culture 'zh_cn', not of 'demo'"):
        mix(found, stage="knowledge", data=[folder])


ROWS = """
name = "filed"
title = "Tagged rows of a file"
language = "zh"

[benchmarks.demo_skills]
stage = "knowledge"
standards.acc = 0.6
sources = ["own"]

[stages.knowledge]
recipe = "paper"
rows = 60

[sources.own]
path = "own.jsonl"
format = "rows"
"""


def test_a_declared_file_of_rows_teaches_an_area_with_rows_tagged_so_and_with_untagged_ones(tmp_path: Path) -> None:
    (tmp_path / "culture.toml").write_text(ROWS)
    rows = [
        *(tagged(n, "demo_skills/IE") for n in range(10)),
        *(tagged(100 + n, "demo_skills/TP") for n in range(10)),
        *(tagged(200 + n) for n in range(10)),
        *(tagged(300 + n, "demo_skills/LR") for n in range(10)),
    ]
    (tmp_path / "own.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))
    weak = (finding("demo_skills/IE", 0.1, 0.6), finding("demo_skills/TP", 0.1, 0.6))
    made = mix(diagnosis(*weak, culture=culture.load(tmp_path)), stage="knowledge", culture=str(tmp_path), mixes=tmp_path)
    drawn: dict[str, set[int]] = {}
    for row in rows_in(tmp_path / made.id):
        drawn.setdefault(row.area, set()).add(int(row.source_id) // 100)
    assert drawn == {"demo_skills/IE": {0, 2}, "demo_skills/TP": {1, 2}}
    assert {share.available for share in made.shares} == {20}
    assert {share.sources for share in made.shares} == {("own",)}
