"""Sources of every format -> rows of one type, on small files of the published shapes and on the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import culture
from harness.errors import DataError
from harness.rows.formats import FORMATS, READERS
from harness.rows.guessing import guess
from harness.rows.reading import read_rows
from harness.schema import DataRow, DroppedRow, Message, Source

SAID = (Message(role="user", content="问"), Message(role="assistant", content="答"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.json"


def read(file: Path, kind: str, value: Any, **source: Any) -> list[DataRow | DroppedRow]:
    """Of a list or object as JSON, or of a text as it is."""
    file.write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return list(read_rows("mine", Source.model_validate({"path": "x", "format": kind, **source}), file))


def rows(file: Path, kind: str, value: Any, **source: Any) -> list[DataRow]:
    found = read(file, kind, value, **source)
    assert all(isinstance(row, DataRow) for row in found), found
    return [row for row in found if isinstance(row, DataRow)]


def turns(row: DataRow) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in row.messages]


def test_a_row_has_its_source_and_what_the_source_says_of_all_its_rows(file: Path) -> None:
    row = rows(file, "alpaca", [{"instruction": "问", "output": "答"}], licence="CC0-1.0", language="zh")[0]
    assert row == DataRow(source="mine", source_id="1", messages=SAID, licence="CC0-1.0", language="zh")
    assert row.id == "mine/1"


def test_belles_first_files_say_target_and_its_seed_tasks_instances(file: Path) -> None:
    assert rows(file, "alpaca", [{"instruction": "问", "target": "答"}])[0].messages == SAID
    assert rows(file, "alpaca", [{"instruction": "问", "instances": [{"input": "", "output": "答"}]}])[0].messages == SAID
    many = read(file, "alpaca", [{"instruction": "问", "instances": []}, {"instruction": "问", "output": "答"}])[0]
    assert isinstance(many, DroppedRow)
    assert many.detail == "'instances' has 0 entries, not one"


def test_content_may_be_a_list_of_text_parts_and_a_developer_is_the_system(file: Path) -> None:
    parts = [{"type": "text", "text": "问"}, {"type": "text", "text": "吗"}]
    said = [{"role": "developer", "content": "短"}, {"role": "user", "content": parts}, {"role": "assistant", "content": "答"}]
    assert turns(rows(file, "messages", [{"messages": said}])[0]) == [("system", "短"), ("user", "问\n吗"), ("assistant", "答")]
    said[1]["content"] = [{"type": "image_url", "image_url": {"url": "x"}}]
    dropped = read(file, "messages", [{"messages": said}, {"messages": said[2:]}])[0]
    assert isinstance(dropped, DroppedRow)
    assert (dropped.why, dropped.detail) == ("another shape", "'content' has a part that is no text (image_url)")


@pytest.mark.parametrize("key", ["conversations", "items"])
def test_sharegpt_may_call_its_list_items(file: Path, key: str) -> None:
    said = [{"from": "human", "value": "问"}, {"from": "assistant", "value": "答"}, {"from": "human", "value": "还"}]
    assert rows(file, "sharegpt", [{"id": "7", key: said}])[0].messages == SAID


def test_classes_are_categories_without_no_break_spaces(file: Path) -> None:
    one = {"Question": "问", "Best Answer1": "答", "Category": "Mis\u00a0leading\n", "question_id": 7}
    assert [(row.source_id, row.category) for row in rows(file, "halluqa", [one])] == [("7", "Mis leading")]
    two = {"Mental\u00a0Health": [{"prompt": "问", "response": "\n\n答", "type": "Mental_Health"}]}
    assert [(row.source_id, row.category, row.messages) for row in rows(file, "safety_prompts", two)] == [
        ("Mental Health/1", "Mental Health", SAID)
    ]


def test_what_safety_prompts_leaves_out_is_kept_whole_to_be_answered_again(file: Path) -> None:
    found = read(
        file,
        "safety_prompts",
        {"Goal_Hijacking": [{"prompt": "问", "response": "答"}], "Insult": [{"prompt": "问", "response": "No, sorry."}]},
    )
    assert [
        (one.why, one.id if isinstance(one, DataRow) else one.row and one.row.category)
        for one in found
        if isinstance(one, DroppedRow)
    ] == [
        ("goal hijacking", "Goal_Hijacking"),
        ("English reply", "Insult"),
    ]


CHAT = "Human:一 问\nAssistant:二\n答：Human: 不算\nHuman:三\nAssistant:"


def test_belles_turns_are_split_where_a_line_begins_so_and_nowhere_else(file: Path) -> None:
    row = rows(file, "belle_multiturn", [{"instruction": CHAT, "input": "", "output": "四"}])[0]
    assert turns(row) == [("user", "一 问"), ("assistant", "二\n答：Human: 不算"), ("user", "三"), ("assistant", "四")]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Human:一\nHuman:二\nAssistant:", "turns do not alternate"),
        ("Human:一\nAssistant:二", "turns do not alternate"),
        ("Human:\nAssistant:", "no question"),
    ],
)
def test_belles_turns_that_cannot_be_told_apart_are_left_out(file: Path, said: str, why: str) -> None:
    found = read(file, "belle_multiturn", [{"instruction": said, "output": "三"}])[0]
    assert isinstance(found, DroppedRow)
    assert found.why == why


def test_an_instruction_without_marks_is_one_question(file: Path) -> None:
    row = rows(file, "belle_multiturn", [{"instruction": "谁说的“\nHuman:”？", "output": "答"}])[0]
    assert turns(row) == [("user", "谁说的“\nHuman:”？"), ("assistant", "答")]


TALKS = [
    "Human: 一\n\nAssistant: 二\n\nHuman: 三\n\nAssistant: 四",
    "HUMAN：一\nAssistant：二\nHuman(用户)：三\nassistant: 四\nHuman: 五",
    "<start_chat><Human 1>: 一 <Assistant 1>：二 <Human 2>：三 <Assistant 2>：四<end_chat>",
    [
        {"role": "user", "content": "一"},
        {"role": "assistant", "content": "二"},
        {"role": "user", "content": "三"},
        {"role": "assistant", "content": "四"},
    ],
    [
        {"from": "human", "value": "一"},
        {"from": "gpt", "value": "二"},
        {"from": "human", "value": "三"},
        {"from": "gpt", "value": "四"},
    ],
    ["Human: 一", "Assistant: 二", "Human: 三", "Assistant: 四"],
]


@pytest.mark.parametrize("talk", TALKS)
def test_refgpt_dialogues_are_read_in_every_way_they_are_written(file: Path, talk: Any) -> None:
    row = rows(file, "refgpt", json.dumps({"reference": " 文 ", "dialogue": talk, "language": "Chinese", "type": "fact"}))[0]
    assert turns(row) == [("user", "一"), ("assistant", "二"), ("user", "三"), ("assistant", "四")]
    assert (row.reference, row.language, row.category) == ("文", "zh", "fact")


def test_a_refgpt_dialogue_without_marks_is_aside_and_a_reference_need_not_be(file: Path) -> None:
    found = read(file, "refgpt", [{"dialogue": "一。二。"}, {"Dialogue": TALKS[0]}])
    assert isinstance(found[0], DroppedRow)
    assert "does not begin with 'Human:'" in found[0].detail
    assert isinstance(found[1], DataRow)
    assert found[1].reference is None


def test_rows_of_a_data_set_stay_what_they_are(file: Path) -> None:
    row = DataRow(
        source="theirs",
        source_id="9",
        messages=SAID,
        category="c",
        licence="MIT",
        areas=("a/b",),
        flags={"x": 0.5},
        origin="edited",
    )
    text = row.model_dump_json() + "\n" + row.model_dump_json(exclude_defaults=True).replace('"9"', '"10"') + "\n"
    assert rows(file, "rows", text, licence="CC0-1.0") == [row, row.model_copy(update={"source_id": "10"})]
    assert [one.id for one in READERS["rows"](file)] == ["theirs/9", "theirs/10"]
    dropped = read(file, "rows", text + '{"source": "x", "source_id": "1"}\n')[2]
    assert isinstance(dropped, DroppedRow)
    assert (dropped.source, dropped.source_id, dropped.detail) == ("mine", "3", "no row: 'messages': Field required")


SHAPES: dict[str, Any] = {
    "alpaca": [{"instruction": "问", "input": "", "output": "答"}],
    "messages": [{"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]}],
    "sharegpt": [{"id": "1", "conversations": [{"from": "human", "value": "问"}, {"from": "gpt", "value": "答"}]}],
    "halluqa": [{"Question": "问", "Best Answer1": "答", "question_id": 1}],
    "safety_prompts": {"Insult": [{"prompt": "问", "response": "答", "type": "Insult"}]},
    "refgpt": [{"reference": "文", "dialogue": "Human: 问\nAssistant: 答"}],
    "belle_multiturn": [{"instruction": "Human:问\nAssistant:", "input": "", "output": "答"}],
    "rows": [
        {"source": "x", "source_id": "1", "messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]}
    ],
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_reads_its_shape_strictly_and_leniently_and_is_guessed(file: Path, kind: str) -> None:
    assert [row.messages for row in rows(file, kind, SHAPES[kind])] == [SAID]
    assert [one.messages for one in READERS[kind](file)] == [SAID]
    assert guess(file) == kind
    if kind != "safety_prompts":
        file.write_text("broken\n" + "\n".join(map(json.dumps, SHAPES[kind])) + "\n")
        assert guess(file) == kind


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([{"text": "x"}], r"\(text\); there are: alpaca"),
        ([1], "no record at its beginning can be read; the first: not JSON: expected ',', found '1'"),
        ([], "holds no rows"),
        ({}, r"\(an empty object\)"),
        ({"train": [{"text": "x"}]}, r"\(train\)"),
    ],
)
def test_a_file_of_no_known_format_says_what_it_has(file: Path, value: Any, said: str) -> None:
    file.write_text(json.dumps(value))
    with pytest.raises(DataError, match=said):
        guess(file)


@pytest.mark.parametrize(
    ("name", "kind", "number"),
    [
        ("HalluQA.json", "halluqa", 450),
        ("alpaca_zh_demo.json", "alpaca", 1000),
        ("alpaca_en_demo.json", "alpaca", 999),
        ("belle_zh_seed_tasks.json", "alpaca", 175),
    ],
)
def test_the_published_files_are_read_whole_and_guessed(training: Path, name: str, kind: str, number: int) -> None:
    path = training / name
    assert guess(path) == kind
    found = list(read_rows("mine", Source.model_validate({"path": name, "format": kind}), path))
    assert len(found) == number
    assert all(isinstance(row, DataRow) and row.messages[-1].role == "assistant" for row in found)


def test_halluqa_is_what_its_declaration_says(training: Path) -> None:
    source = culture.load("zh_cn").sources["halluqa"]
    found = [row for row in read_rows("halluqa", source, training / "HalluQA.json") if isinstance(row, DataRow)]
    assert len(found) == source.rows
    assert {row.category for row in found} == {"Knowledge", "Misleading", "Misleading-hard"}
    assert {(row.licence, row.language) for row in found} == {("Apache-2.0", "zh")}
