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


SHARES = {"rating": 9, "rating_wo_others": 8}


@pytest.mark.parametrize("metric", SHARES)
def test_a_table_of_means_gives_its_printed_average_within_the_rounding_of_its_categories(
    published: Published, metric: str
) -> None:
    rows = published.rows("zh_cn", "belle", metric)
    assert len(rows) == 9
    for one in rows:
        assert one.overall is not None
        assert len(one.dimensions) == SHARES[metric]
        assert abs(100 * one.counted["macro"].value - (one.overall.printed or 0)) <= 0.1 + 1e-9
        assert (one.overall.misprint, one.counted["macro"].interval, one.printed_as) == (False, None, "macro")


def test_a_mean_is_shown_in_percent_with_its_items_and_without_a_count(published: Published) -> None:
    gpt = row(published, "belle", "ChatGPT", "rating")
    cell = gpt.dimensions["open_qa"]
    assert (cell.printed, cell.count, cell.n, cell.decimals) == (69.0, None, 285, 1)
    assert gpt.overall is not None
    assert (gpt.overall.printed, gpt.overall.n) == (83.0, 1000)
    without = row(published, "belle", "ChatGPT", "rating_wo_others")
    assert without.overall is not None
    assert (without.overall.printed, without.overall.n, "others" in without.dimensions) == (82.4, 887, False)


def test_a_row_is_named_by_what_was_trained_and_stands_under_every_factor_it_is_compared_by(published: Published) -> None:
    rows = {one.model: one.factors for one in published.rows("zh_cn", "belle", "rating")}
    assert len(rows) == 9, "no two rows have one name"
    assert rows["LLaMA-EXT, zh(alpaca-3.5&4) + sharegpt"] == (
        "Extending vocabulary",
        "Data linguistic distribution",
        "Data quantity",
    )
    assert rows["ChatGPT"] == ()


def test_tables_of_means_belong_to_no_other_metric_and_tables_of_counts_to_none_of_theirs(published: Published) -> None:
    assert published.metrics("zh_cn", "belle") == ("rating", "rating_wo_others")
    assert published.metrics("zh_cn", "a_eval") == ("acc",)
    assert published.rows("zh_cn", "a_eval", "rating") == ()


def test_an_average_that_its_categories_do_not_give_is_a_misprint(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "published", tmp_path / "published")
    file = tmp_path / "published" / "results.json"
    blocks = json.loads(file.read_text("utf-8"))
    (table,) = [block for block in blocks["results"] if block["id"] == "belle_table5"]
    table["rows"][2]["printed"]["macro_ave"] = 0.809
    file.write_text(json.dumps(blocks), "utf-8")
    lines = [line for line in read(tmp_path).misprints("zh_cn") if "2304" in line]
    what = "LLaMA-EXT, zh(alpaca-3.5), Overall rating"
    assert lines == [f"arXiv 2304.07854, table 5, {what}: printed 80.9, the categories give 60.8"]


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
