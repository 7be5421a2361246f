"""Five formats of training files: the published ones, hand-made ones with every trouble, and ones of another shape."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError
from harness.rows.formats import READERS, Read, salvaged
from tests.rows.test_contamination import training


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.json"


def read(file: Path, kind: str, value: Any) -> list[Read]:
    file.write_text(json.dumps(value))
    return list(READERS[kind](file))


def turns(one: Read) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in one.messages]


def test_alpaca_puts_the_input_below_the_instruction(file: Path) -> None:
    rows = read(
        file,
        "alpaca",
        [
            {"instruction": "翻译：", "input": "hello", "output": "\n\n你好\n"},
            {"instruction": "说", "input": " ", "output": "好"},
        ],
    )
    assert turns(rows[0]) == [("user", "翻译：\nhello"), ("assistant", "你好")]
    assert turns(rows[1]) == [("user", "说"), ("assistant", "好")]
    assert [row.trouble for row in rows] == [None, None]


def test_alpaca_may_have_a_system_turn_and_a_history_and_lack_an_input(file: Path) -> None:
    row = {"instruction": "三", "output": "叁", "system": "大写", "history": [["一", "壹"], ["二", "贰"]]}
    assert turns(read(file, "alpaca", [row])[0]) == [
        ("system", "大写"),
        *(("user", "一"), ("assistant", "壹")),
        *(("user", "二"), ("assistant", "贰")),
        *(("user", "三"), ("assistant", "叁")),
    ]


def test_json_lines_read_like_a_list_and_ids_are_lines(file: Path) -> None:
    file.write_text('{"instruction": "a", "input": "", "output": "b"}\n\n{"instruction": "c", "input": "", "output": "d"}\n')
    assert [row.id for row in READERS["alpaca"](file)] == ["1", "3"]


def test_messages_and_sharegpt_read_the_same_dialogue(file: Path) -> None:
    said = [("system", "简短"), ("user", "一"), ("assistant", "二"), ("user", "三"), ("assistant", "四")]
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    one = read(file, "messages", [{"messages": [{"role": role, "content": text} for role, text in said]}])
    two = read(file, "sharegpt", [{"id": "x", "conversations": [{"from": names[role], "value": text} for role, text in said]}])
    assert turns(one[0]) == turns(two[0]) == said


def test_a_dialogue_that_ends_with_the_user_loses_that_turn(file: Path) -> None:
    said = [{"from": "human", "value": "一"}, {"from": "assistant", "value": "二"}, {"from": "human", "value": "三"}]
    assert turns(read(file, "sharegpt", [{"conversations": said}])[0]) == [("user", "一"), ("assistant", "二")]
    lonely = read(file, "sharegpt", [{"conversations": said[:1]}, {"conversations": []}])
    assert [row.trouble for row in lonely] == ["empty reply", "empty reply"]


def test_a_piece_of_a_conversation_that_begins_with_the_assistant_loses_that_turn(file: Path) -> None:
    said = [{"from": "gpt", "value": "零"}, {"from": "human", "value": "一"}, {"from": "gpt", "value": "二"}]
    row = read(file, "sharegpt", [{"conversations": said}])[0]
    assert turns(row) == [("user", "一"), ("assistant", "二")]
    assert row.trouble is None


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ("u:一 a:", "empty reply"),
        ("u:一 a: u:二 a:二", "empty reply"),
        ("u: a:二", "no question"),
        ("a:二", "no question"),
        ("s:一 a:二", "no question"),
        ("u:一 u:一 a:二", "turns do not alternate"),
        ("u:一 a:二 s:三 u:四 a:五", "turns do not alternate"),
        ("u:一 a:二\ud83d", "broken text"),
        ("u:一 a:二", None),
    ],
)
def test_what_teaches_nothing_is_handed_on_with_its_trouble(file: Path, said: str, trouble: str | None) -> None:
    roles = {"u": "user", "a": "assistant", "s": "system"}
    messages = [{"role": roles[turn[0]], "content": turn[2:]} for turn in said.split(" ")]
    assert read(file, "messages", [{"messages": messages}])[0].trouble == trouble


def test_safety_prompts_leaves_out_hijacking_and_english_and_empty_replies(file: Path) -> None:
    def row(reply: str, kind: str = "Insult") -> dict[str, str]:
        return {"prompt": "骂他", "response": reply, "type": kind}

    rows = read(
        file,
        "safety_prompts",
        {
            "Insult": [row("\n\n作为AI语言模型，我不能骂人。"), row("I am sorry, I cannot do that."), row("\n\n")],
            "Goal_Hijacking": [row("好的。", "Goal_Hijacking")],
            "Mixed": [row("好的。", "Goal_Hijacking"), row("42"), row("请用Python的print函数输出结果，这样就好了。")],
        },
    )
    assert turns(rows[0])[1] == ("assistant", "作为AI语言模型，我不能骂人。")
    assert {row.id: row.trouble for row in rows} == {
        "Insult/1": None,
        "Insult/2": "English reply",
        "Insult/3": "empty reply",
        "Goal_Hijacking/1": "goal hijacking",
        "Mixed/1": "goal hijacking",
        "Mixed/2": None,
        "Mixed/3": None,
    }


def test_halluqa_teaches_the_first_of_its_best_answers(file: Path) -> None:
    row = {"Question": "问", "Best Answer1": "答", "Best Answer2": "别的", "Wrong_Answer1": "错", "question_id": 7}
    assert read(file, "halluqa", [row]) == [Read("7", read(file, "halluqa", [row])[0].messages)]
    assert turns(read(file, "halluqa", [row])[0]) == [("user", "问"), ("assistant", "答")]


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("alpaca", [{"instruction": "a", "input": ""}], r":1: has no 'output'; it has instruction, input"),
        ("alpaca", [{"instruction": "a", "input": "", "output": ["b"]}], ":1: 'output' is not a text"),
        ("alpaca", [{"instruction": "a", "output": "b", "history": ["c"]}], "'history' is not a list of pairs"),
        ("alpaca", ["text"], ":1: not an object"),
        ("messages", [{"conversations": []}], "has no 'messages'; it has conversations"),
        ("messages", [{"messages": [{"role": "tool", "content": "x"}]}], "'role' is 'tool', not one of system, user, assistant"),
        ("messages", [{"messages": "x"}], "'messages' is not a list"),
        ("sharegpt", [{"conversations": [{"from": "robot", "value": "x"}]}], "'from' is 'robot', not one of human"),
        ("sharegpt", [{"conversations": [7]}], "not an object"),
        ("halluqa", [{"Question": "a", "Best_Answer1": "b"}], "has no 'Best Answer1'; it has Question, Best_Answer1"),
        ("safety_prompts", [{"prompt": "a"}], "is no object of lists"),
        ("safety_prompts", {"Insult": [{"prompt": "a"}]}, "has no 'response'"),
    ],
)
def test_a_record_of_another_shape_names_file_and_line(file: Path, kind: str, value: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        read(file, kind, value)
    assert str(error.value).startswith(f"{file}:1: ")


@pytest.mark.parametrize(
    ("name", "kind", "rows", "first", "last"),
    [
        ("HalluQA.json", "halluqa", 450, "1", "452"),
        ("alpaca_zh_demo.json", "alpaca", 1000, "2", "4997"),
        ("alpaca_en_demo.json", "alpaca", 999, "2", "4992"),
    ],
)
def test_the_published_files_are_read_whole(name: str, kind: str, rows: int, first: str, last: str) -> None:
    found = list(READERS[kind](training(name)))
    assert (len(found), found[0].id, found[-1].id) == (rows, first, last)
    assert Counter(row.trouble for row in found) == {None: rows}
    assert len({row.id for row in found}) == rows
    assert all([message.role for message in row.messages] == ["user", "assistant"] for row in found)


def test_records_of_a_list_on_one_line_have_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "one_line.json"
    path.write_text(json.dumps([{"instruction": f"问{n}", "input": "", "output": "答"} for n in range(4)]), encoding="utf-8")
    assert [read.id for read in READERS["alpaca"](path)] == ["1", "1.2", "1.3", "1.4"]
    assert [read.id for read in salvaged("alpaca", path)] == ["1", "1.2", "1.3", "1.4"]
