"""A manifest's steps as checks for new words, and what old words are not blamed for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import culture as cultures
from harness.errors import UsageError
from harness.refining import filters
from tests.refining.made import GOOD, LENGTH, row, said


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def test_steps_that_need_all_rows_are_passed_over_and_said_to_be(scratch: Path) -> None:
    steps = json.dumps([{"use": "exact_duplicates"}, *json.loads(LENGTH), {"use": "contamination"}])
    found = filters.of_manifest(steps, cultures.load("demo"), scratch)
    assert found.names[0] == "length"
    assert "exact_duplicates" not in found.names
    assert any("need all rows at once: exact_duplicates" in note for note in found.notes)
    assert found.pipeline == steps


def test_what_a_pipeline_lacks_is_looked_at_all_the_same(scratch: Path) -> None:
    found = filters.of_manifest("", cultures.load("demo"), scratch)
    assert found.names == filters.ALWAYS
    texts = ("I would keep the tea in a cool and dry place, away from any light.", "好茶" * 60, GOOD)
    checked = found.check([row(1, answer=text) for text in texts])
    assert [one.row is not None for one in checked] == [False, False, True]


def test_a_row_is_judged_in_its_own_language(scratch: Path) -> None:
    found = filters.of_manifest("", cultures.load("demo"), scratch)
    english = row(1, "I would keep the tea in a cool and dry place, away from any light.", "How do I keep tea?")
    in_english, in_french = (english.model_copy(update={"language": name}) for name in ("en", "fr"))
    assert all(one.row is not None for one in found.check([in_english, in_french]))


def test_old_words_are_not_blamed_by_steps_that_never_asked_them(scratch: Path) -> None:
    found = filters.of_manifest(LENGTH, cultures.load("demo"), scratch)
    old = row(1, messages=said("怎么放？", "我是OpenAI开发的ChatGPT，请放在阴凉处。", "为什么？", GOOD))
    new = old.model_copy(update={"messages": old.messages[2:]})
    assert found.check([old])[0].row is None
    assert found.check([old], [new])[0].row == old


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": 1}', '[{"use_": 1}]'])
def test_a_manifest_that_names_no_steps_is_refused_in_one_line(text: str, scratch: Path) -> None:
    with pytest.raises(UsageError, match="in no form known here"):
        filters.of_manifest(text, cultures.load("demo"), scratch)


def test_without_steps_there_is_still_the_comparison_with_benchmarks(scratch: Path) -> None:
    found = filters.of_manifest("[]", cultures.load("demo"), scratch)
    assert "demo_skills" in found.compared
    assert found.repeated(row(1)) is None
