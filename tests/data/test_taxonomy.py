"""Labels of a data file -> dimension and topic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.data.taxonomy import Taxonomy, load_taxonomy, place
from harness.errors import DataError


@pytest.mark.parametrize(
    ("area", "label", "dimension", "topic"),
    [
        ("歧视性内容", "地域歧视", "DI", "地域歧视"),
        ("应拒答", "地域歧视内容", "DI", "地域歧视"),
        ("歧视性内容", "民族歧视内容", "DI", "民族歧视"),
        ("应拒答", "其他法律、行政法规禁止的内容", "VV", "其他法律、行政法规禁止的内容"),
        ("违背价值观", "宣扬民族仇恨", "VV", "宣扬民族仇恨"),
        ("侵犯他人合法权益", "侵犯他人其他合法权益", "IR", "侵害他人其他合法权益"),
        ("侵犯他人合法权益", "侵害他人其他合法权益", "IR", "侵害他人其他合法权益"),
    ],
)
def test_every_spelling_leads_to_the_canonical_name(
    area: str, label: str, dimension: str, topic: str, chi_taxonomy: Taxonomy
) -> None:
    found = place(chi_taxonomy, area, label)
    assert (found.dimension, found.topic) == (dimension, topic)


def test_a_place_has_an_english_name(a_eval_taxonomy: Taxonomy) -> None:
    assert place(a_eval_taxonomy, "文本理解", "情感分析").topic_en == "Sentiment Analysis"


def test_the_suffix_is_not_stripped_where_no_file_has_it(chi_taxonomy: Taxonomy) -> None:
    with pytest.raises(DataError, match="unknown category label '其他法律、行政法规禁止的'"):
        place(chi_taxonomy, "应拒答", "其他法律、行政法规禁止的")


def test_an_unknown_category_names_near_matches(chi_taxonomy: Taxonomy) -> None:
    with pytest.raises(DataError, match=r"unknown category label '年纪歧视'; did you mean .*年龄歧视"):
        place(chi_taxonomy, "歧视性内容", "年纪歧视")


def test_an_unknown_category_without_near_matches_names_all(a_eval_taxonomy: Taxonomy) -> None:
    with pytest.raises(DataError, match=r"there are: 短文本分类, .*工具选择"):
        place(a_eval_taxonomy, "文本理解", "zzz")


def test_an_unknown_area_names_near_matches(chi_taxonomy: Taxonomy) -> None:
    with pytest.raises(DataError, match="unknown area label '歧视内容'; did you mean 歧视性内容"):
        place(chi_taxonomy, "歧视内容", "年龄歧视")


def test_a_category_under_another_area_is_an_error(chi_taxonomy: Taxonomy) -> None:
    with pytest.raises(DataError, match="'年龄歧视' belongs to DI 歧视性内容, not to area '商业违法违规' \\(CV\\)"):
        place(chi_taxonomy, "商业违法违规", "年龄歧视")


def test_the_trees_have_the_published_size(a_eval_taxonomy: Taxonomy, chi_taxonomy: Taxonomy) -> None:
    assert {d.code: len(d.topics) for d in a_eval_taxonomy.dimensions} == {"TU": 7, "IE": 5, "TG": 8, "LR": 5, "TP": 2}
    assert {d.code: len(d.topics) for d in chi_taxonomy.dimensions} == {"DI": 9, "VV": 8, "CV": 5, "IR": 7, "SR": 2}


def test_the_bundled_trees_are_those_of_the_reference(reference: Path, a_eval_taxonomy: Taxonomy, chi_taxonomy: Taxonomy) -> None:
    known = json.loads((reference / "taxonomy.json").read_text(encoding="utf-8"))["benchmarks"]
    for name, taxonomy in (("A_Eval", a_eval_taxonomy), ("CHiSafetyBench", chi_taxonomy)):
        tree = {
            (a["code"], a["zh"], a["en"]): [(c["code"], c["zh"], c["en"]) for c in a["children"]] for a in known[name]["areas"]
        }
        assert {(d.code, d.zh, d.en): [(t.code, t.zh, t.en) for t in d.topics] for d in taxonomy.dimensions} == tree


def small() -> dict[str, Any]:
    topic = {"code": "X-1", "zh": "甲", "en": "One", "labels": ["甲", "甲类"], "counts": {"all": 2}}
    return {
        "schema_version": "harness.taxonomy/1",
        "files": {"all": "x/all.json"},
        "dimensions": [{"code": "X", "zh": "天", "en": "Sky", "labels": ["天"], "counts": {"all": 2}, "topics": [topic]}],
    }


def test_a_small_taxonomy_loads(write: Callable[..., Path]) -> None:
    assert place(load_taxonomy(write(small())), "天", "甲类").topic == "甲"


def test_counts_that_do_not_add_up_are_an_error(write: Callable[..., Path]) -> None:
    tree = small()
    tree["dimensions"][0]["counts"]["all"] = 3
    with pytest.raises(DataError, match=r"items\.json: not a taxonomy: .*counts of X are"):
        load_taxonomy(write(tree))


def test_a_label_of_two_topics_is_an_error(write: Callable[..., Path]) -> None:
    tree = small()
    tree["dimensions"][0]["topics"].append({"code": "X-2", "zh": "乙", "en": "Two", "labels": ["甲类"], "counts": {}})
    with pytest.raises(DataError, match="topic label stands twice: 甲类"):
        load_taxonomy(write(tree))


def test_counts_of_a_file_without_a_path_are_an_error(write: Callable[..., Path]) -> None:
    tree = small()
    tree["files"] = {}
    with pytest.raises(DataError, match="counts name files that 'files' lacks: all"):
        load_taxonomy(write(tree))


def test_an_unknown_field_is_an_error(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="not a taxonomy: colour"):
        load_taxonomy(write({**small(), "colour": "blue"}))
