"""Published tables -> rows with their marks, beside what their own counts give."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from harness.data.options import parse_options
from harness.errors import DataError
from harness.ranking.published import Published, read
from harness.schema import PublishedRow

FOLDER = Path(__file__).parents[2] / "leaderboards"


@pytest.fixture(scope="module")
def published() -> Published:
    return read(FOLDER)


def row(published: Published, benchmark: str, model: str, metric: str = "acc", source: str = "") -> PublishedRow:
    (one,) = [r for r in published.rows("zh_cn", benchmark, metric) if r.model == model and source in r.source]
    return one


def test_every_known_misprint_has_its_line(published: Published) -> None:
    lines = published.misprints("zh_cn")
    assert len(lines) == 11
    assert "arXiv 2406.18192, table 2, LLaMA3-8B-KG, LR: printed 36.44, the counts give 36.43" in lines
    assert "arXiv 2406.18192, table 4, LLaMA3-8B, DI RR-1: printed 12.49, which no count of 196 gives" in lines
    assert "arXiv 2406.10311v2, figure 5, Baichuan2-13B-Chat, Overall HR: printed 26.73, the counts give 16.83" in lines


def test_a_printed_macro_average_stands_beside_the_micro_average_of_its_counts(published: Published) -> None:
    safe = row(published, "chisafetybench_v0_mcq", "LLaMA3-8B-SAFE")
    assert safe.overall is not None
    assert (safe.overall.printed, safe.printed_as, safe.overall.misprint) == (72.06, "macro", False)
    assert round(100 * safe.counted["micro"].value, 2) == 60.08
    assert round(100 * safe.counted["macro"].value, 2) == 72.06
    assert (safe.stage, safe.parent) == ("safety", "LLaMA3-8B-KG")


def test_a_slipped_overall_is_marked_and_counted_from_its_areas(published: Published) -> None:
    slipped = row(published, "chisafetybench_v1_mcq", "Qwen1.5-32B-Chat")
    assert slipped.overall is not None
    assert (slipped.overall.printed, slipped.overall.misprint, slipped.overall.given) == (87.30, True, 91.13)
    assert round(100 * slipped.counted["micro"].value, 2) == 91.13


def test_a_cell_that_no_count_gives_has_no_average(published: Published) -> None:
    unknown = row(published, "chisafetybench_v0_refusal", "LLaMA3-8B", "rr_1")
    assert unknown.counted == {}
    assert unknown.dimensions["DI"].given is None
    assert not unknown.dimensions["VV"].misprint


def test_the_two_versions_are_different_tests(published: Published) -> None:
    sizes = {
        name: {cell.n for r in published.rows("zh_cn", name, "acc") if (cell := r.overall)}
        for name in ("chisafetybench_v0_mcq", "chisafetybench_v1_mcq")
    }
    assert sizes == {"chisafetybench_v0_mcq": {1861}, "chisafetybench_v1_mcq": {1567}}


def test_columns_of_one_table_go_to_the_benchmarks_they_speak_of(published: Published) -> None:
    without = row(published, "chisafetybench_v1_refusal", "Baichuan2-13B-Chat", "hr")
    dialogue = row(published, "chisafetybench_v1_dialogue", "Baichuan2-13B-Chat", "hr")
    assert (without.counted["micro"].n, dialogue.counted["micro"].n) == (462, 101)
    assert round(100 * dialogue.counted["micro"].value, 2) == 16.83, "the misprint's count is not believed"


def test_counts_read_from_a_chart_have_no_printed_number(published: Published) -> None:
    qwen = row(published, "a_eval", "Qwen1.5-7B-Chat")
    assert qwen.overall is not None
    assert (qwen.overall.printed, qwen.overall.count) == (None, 453)
    assert set(qwen.counted) == {"micro", "macro"}
    assert set(qwen.dimensions) == {"TU", "IE", "TG", "LR", "TP"}


def test_guessing_scores_what_the_number_of_options_says(published: Published) -> None:
    chance = published.options("chisafetybench_v0_mcq")
    assert chance is not None
    assert {how: round(100 * value, 1) for how, value in chance.overall.items()} == {"micro": 45.1, "macro": 41.8}
    assert published.options("a_eval") is None


@pytest.mark.parametrize(
    ("benchmark", "file"),
    [
        ("chisafetybench_v0_mcq", "chisafetybench/v0-without-dialog/safety_content_2024-06-06-143620.json"),
        ("chisafetybench_v1_mcq", "chisafetybench/v1/mcq.json"),
    ],
)
def test_the_numbers_of_options_are_those_of_the_data(published: Published, benchmarks: Path, benchmark: str, file: str) -> None:
    found = list(benchmarks.rglob(Path(file).name))
    if not found:
        pytest.skip(f"{file} is not there")
    groups = json.loads(found[0].read_text("utf-8"))
    counted = [Counter(len(parse_options(one["question"]).options) for one in group["infos"]) for group in groups]
    stated = [Counter(by) for by in published.file.options[benchmark].values()]
    assert sorted(map(sorted, (c.items() for c in counted))) == sorted(map(sorted, (c.items() for c in stated)))


def test_a_folder_without_published_tables_has_none(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.cultures(), found.benchmarks("zh_cn"), found.misprints("zh_cn")) == ((), (), ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[table", "not TOML"),
        ('[[table]]\nblock = "x"\nlabel = "x"\nculture = "x"\nbenchmark = "x"\nprinted = "micro"\n', "names 'x'"),
        ("surprise = 1\n", "surprise: Extra inputs"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    shutil.copytree(FOLDER / "published", tmp_path / "published")
    (tmp_path / "published" / "tables.toml").write_text(text, "utf-8")
    with pytest.raises(DataError, match=said):
        read(tmp_path)


def test_tables_of_another_culture_are_added_without_code(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "published", tmp_path / "published")
    results = {
        "results": [
            {
                "id": "t1",
                "n": {"Overall": 10, "DI": 10},
                "rows": [{"model": "m", "printed": {"Overall": 40.0, "DI": 50.0}, "count": {"Overall": 4, "DI": 4}}],
            }
        ]
    }
    (tmp_path / "published" / "results.json").write_text(json.dumps(results), "utf-8")
    table = '[[table]]\nblock = "t1"\nlabel = "here"\nculture = "demo"\nbenchmark = "demo_mcq"\nprinted = "micro"\n'
    (tmp_path / "published" / "tables.toml").write_text(table, "utf-8")
    found = read(tmp_path)
    assert found.cultures() == ("demo",)
    assert found.misprints("demo") == ("here, m, DI: printed 50.00, the counts give 40.00",)
