"""Files of topics and references, and which of them are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import DataError
from harness.refining.topics import Topic, drawn, read_references, read_topics
from tests.refining.made import dataset, row, said

LONG_ENOUGH = "白毫银针只用肥壮的单芽制成，采摘期在三月下旬到四月上旬，阴雨天不采，采下后薄摊晾晒，再用文火焙干。"


def test_a_reference_is_a_block_between_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_bytes(f"{LONG_ENOUGH}\r\n第二行\r\n \r\n\r\n短\r\n\r\n{LONG_ENOUGH}二".encode())
    found = read_references(path, "r", "CC0-1.0")
    assert [topic.id for topic in found.topics] == ["1", "3"]
    assert found.topics[0].text == f"{LONG_ENOUGH}\n第二行"
    assert (found.source.records, found.dropped) == (3, {"reference too short": 1})


def test_what_is_too_long_to_be_read_whole_is_left_out_and_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("很" * 9_000, encoding="utf-8")
    with pytest.raises(DataError, match="reference too long: 1"):
        read_references(path, "r", "CC0-1.0")


def test_a_broken_line_of_references_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"text": "x"}\n{"text" 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match="r.jsonl:2"):
        read_references(path, "r", "CC0-1.0")


def test_rows_that_begin_otherwise_are_no_topics(tmp_path: Path) -> None:
    rows = [
        row(1),
        row(2, messages=(said("x", "系统")[0].model_copy(update={"role": "system"}), *said("问？", "答。"))),
        row(3, question="很" * 3000),
    ]
    dataset(tmp_path / "d", rows)
    found = read_topics(tmp_path / "d", "d", "CC0-1.0")
    assert [topic.id for topic in found.topics] == ["tea/1"]
    assert found.dropped == {"has a system turn": 1, "topic too long": 1}


def test_a_file_is_drawn_from_its_beginning_and_a_data_set_from_everywhere() -> None:
    topics = [Topic(str(number), f"话题{number}") for number in range(100)]
    assert [topic.id for topic, _ in drawn(topics, 3, shuffled=False, seed=0)] == ["0", "1", "2"]
    chosen = [int(topic.id) for topic, _ in drawn(topics, 10, shuffled=True, seed=0)]
    assert chosen == sorted(chosen)
    assert max(chosen) > 50
    assert chosen != [int(topic.id) for topic, _ in drawn(topics, 10, shuffled=True, seed=1)]


def test_more_dialogues_than_topics_begin_again() -> None:
    topics = [Topic("a", "甲"), Topic("b", "乙")]
    assert [(topic.id, copy) for topic, copy in drawn(topics, 5, shuffled=True, seed=0)] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
        ("b", 1),
        ("a", 2),
    ]
