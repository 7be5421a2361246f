"""Spreadsheets and Label Studio: what goes out comes back as it was, and nothing wrong is half kept."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, UsageError
from harness.reviewing import label_studio, spreadsheet
from harness.reviewing.store import Review
from harness.schema import KeyText, ReviewItem
from tests.reviewing.made import question, reference, review, row, said, turns

HOSTILE = '=HYPERLINK("http://x.example","y")'


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def fill(file: Path, out: Path, say: Callable[[int, dict[str, str]], dict[str, str]]) -> Path:
    """What a person does with a table."""
    rows = rows_of(file)
    with out.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.DictWriter(opened, rows[0].keys())
        writer.writeheader()
        for number, one in enumerate(rows):
            writer.writerow({**one, **say(number, one)})
    return out


def decided(folder: Path, items: list[ReviewItem]) -> Review:
    """Decisions of every kind, by two people, one of them an adjudicator."""
    made = review(folder, items, people=2)
    names = list(made.items)
    if items[0].kind == "label":
        made.append(said(made, names[0], "label", label="B", note="=1+1", seconds=3.0))
        made.append(said(made, names[1], "flag"))
    else:
        made.append(said(made, names[0], "reject", note="换行\n第二行"))
        made.append(said(made, names[1], "flag"))
    if items[0].kind == "row":
        made.append(said(made, names[0], "edit", "bo", messages=turns("另一个问题", HOSTILE)))
        made.append(said(made, names[1], "edit", "bo", messages=(made.items[names[1]].messages[0], *turns("", HOSTILE)[1:])))
        made.append(said(made, names[2], "edit", "bo", messages=turns(made.items[names[2]].messages[0].content, '[{"role": 1}]')))
    if items[0].kind == "text":
        made.append(said(made, names[0], "edit", "bo", text=KeyText(reference="-1", accept=("甲", "乙"), points=("一",))))
    made.append(said(made, names[0], "flag", "cy", round="adjudication"))
    return made


def standing(made: Review) -> list[tuple[Any, ...]]:
    return [
        (one.item, one.annotator, one.round, one.action, one.label, one.messages, one.text, one.note)
        for outcome in made.outcomes().values()
        for one in outcome.decisions
    ]


KINDS = {"row": row, "label": question, "text": reference}


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_and_imported_is_what_was_decided(tmp_path: Path, kind: str, form: str) -> None:
    items = [KINDS[kind](number) for number in range(4)]
    made, empty = decided(tmp_path / "one", items), review(tmp_path / "two", items, people=2)
    room = spreadsheet if form == "csv" else label_studio
    file = tmp_path / f"out.{form}"
    assert room.write(made, file) >= 4
    done = room.read(empty, file)
    assert standing(empty) == standing(made)
    assert done.kept == len(standing(made))
    again = room.read(empty, file)
    assert (again.kept, again.known) == (0, done.kept)
    assert len(empty.decisions()) == done.kept


def test_a_table_that_a_person_fills_in_becomes_that_persons_decisions(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [row(number) for number in range(4)])
    spreadsheet.write(made, tmp_path / "out.csv")
    answers = [{"action": "Accept"}, {"action": "edit", "edited": "更好的回答。"}, {"action": "reject", "annotator": "bo"}, {}]
    filled = fill(tmp_path / "out.csv", tmp_path / "ann.csv", lambda number, _: answers[number])
    done = spreadsheet.read(made, filled)
    assert (done.kept, done.known, done.empty) == (3, 0, 1)
    assert [(one.annotator, one.action) for one in made.decisions()] == [("ann", "accept"), ("ann", "edit"), ("bo", "reject")]
    edited = made.decisions()[1]
    assert edited.messages == (made.items[edited.item].messages[0], *turns("", "更好的回答。")[1:])
    assert edited.seconds is None


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_spreadsheet_may_have_its_own_separator_and_order(tmp_path: Path, separator: str) -> None:
    made = review(tmp_path / "r", [question(0)])
    item = made.items["q/0"]
    lines = [["Label", "DIGEST", "seen", "item"], ["invalid", "d" + item.digest, "x", item.id]]
    (tmp_path / "bo.csv").write_text("\r\n".join(separator.join(line) for line in lines), "utf-8")
    assert spreadsheet.read(made, tmp_path / "bo.csv").kept == 1
    assert made.decisions()[0].annotator == "bo"


def test_cells_that_a_spreadsheet_would_run_are_neutralised(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [row(0, HOSTILE, "+49 30"), row(1, "@x", "\t=1")])
    spreadsheet.write(made, tmp_path / "out.csv")
    for one in rows_of(tmp_path / "out.csv"):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in one.values())
        assert one["digest"].startswith("d"), "16 hex digits may be a number to a spreadsheet"


def test_one_persons_export_shows_nobody_elses_decisions_and_no_strata(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [question(number) for number in range(3)], people=2)
    made.append(said(made, "q/0", "label", "bo", label="C", note="SECRET-NOTE"))
    made.append(said(made, "q/1", "label", "ann", label="A"))
    for room, name in ((spreadsheet, "out.csv"), (label_studio, "out.json")):
        assert room.write(made, tmp_path / name, "ann") == 3
        text = (tmp_path / name).read_text("utf-8-sig")
        assert "SECRET" not in text
        assert "ann" in text


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"item": "src/99"}, "no item 'src/99'"),
        ({"digest": "d0000000000000000"}, "is not what was decided on"),
        ({"action": "format disk"}, "'format disk' is no action here; write accept, edit"),
        ({"action": "label"}, "'label' is no action here"),
        ({"action": "", "edited": "x"}, "an edited text but no action"),
        ({"action": "edit", "edited": " "}, "a turn cannot be empty"),
        ({"action": "edit", "edited": '[{"role":"user"}]'}, "a list, but not of turns"),
        ({"round": "third"}, "'third' is no round"),
        ({"annotator": "x" * 61}, "1 to 60 printable"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line_and_nothing_is_kept(tmp_path: Path, cells: dict[str, str], why: str) -> None:
    made = review(tmp_path / "r", [row(0), row(1)])
    spreadsheet.write(made, tmp_path / "out.csv")
    filled = fill(tmp_path / "out.csv", tmp_path / "ann.csv", lambda n, _: {"action": "accept", **(cells if n == 1 else {})})
    with pytest.raises(DataError, match=f"ann.csv:4: .*{why}"):
        spreadsheet.read(made, filled)
    assert made.decisions() == []


def test_two_rows_of_one_person_on_one_item_are_refused(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [row(0)])
    digest = made.items["src/0"].digest
    (tmp_path / "ann.csv").write_text(f"item,digest,action\nsrc/0,{digest},accept\nsrc/0,{digest},reject\n", "utf-8")
    with pytest.raises(DataError, match=r"ann\.csv:3: 'ann' decides 'src/0' a second time"):
        spreadsheet.read(made, tmp_path / "ann.csv")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rest", "is a workbook"),
        ("item,digest,action\n甲".encode("gbk"), "not UTF-8"),
        (b"item,action\n", "has no column digest"),
        (b"item,digest,action,action\n", "has two columns 'action'"),
        (b'item,digest,action\n"a\n', "not CSV"),
        (b"item,digest,action\nsrc/0\n", "has 1 cells, and the heading 3"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, raw: bytes, why: str) -> None:
    made = review(tmp_path / "r", [row(0)])
    (tmp_path / "x.csv").write_bytes(raw)
    with pytest.raises(DataError, match=why):
        spreadsheet.read(made, tmp_path / "x.csv")


def test_an_edit_that_no_cell_can_hold_goes_to_label_studio_only(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [row(0)])
    made.append(said(made, "src/0", "edit", messages=turns("春节有哪些习俗？", "响铃\x07")))
    with pytest.raises(UsageError, match=r"export to \.json"):
        spreadsheet.write(made, tmp_path / "out.csv")
    assert label_studio.write(made, tmp_path / "out.json") == 1


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [row(0)])
    for room, name in ((spreadsheet, "a.csv"), (label_studio, "a.json")):
        (tmp_path / name).write_text("mine")
        with pytest.raises(UsageError, match="is there already"):
            room.write(made, tmp_path / name)


# --- Label Studio ------------------------------------------------------------------------------------------------------------


def annotated(made: Review, item: str, *results: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A task as Label Studio exports it."""
    one = {
        "id": 7,
        "completed_by": {"id": 3, "email": "bo@example.org"},
        "result": list(results),
        "was_cancelled": False,
        "lead_time": 4.2,
    }
    return {
        "id": 1,
        "data": {"item": item, "digest": made.items[item].digest},
        "annotations": [{**one, **fields}],
        "predictions": [],
    }


def chose(name: str, *words: str) -> dict[str, Any]:
    return {
        "id": "x",
        "from_name": name,
        "to_name": "dialogue",
        "type": "choices",
        "value": {"choices": list(words)},
        "origin": "manual",
    }


def test_an_export_of_label_studio_becomes_decisions_of_its_accounts(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [row(0), row(1), row(2)], people=2)
    edited = {"from_name": "edited", "to_name": "dialogue", "type": "textarea", "value": {"text": ["更好。"]}}
    tasks = [
        annotated(
            made, "src/0", chose("action", "edit"), edited, {"from_name": "other", "type": "rating", "value": {"rating": 3}}
        ),
        annotated(made, "src/1", chose("action", "reject"), completed_by=12),
        annotated(made, "src/2", chose("action", "accept"), was_cancelled=True),
    ]
    (tmp_path / "ls.json").write_text(json.dumps(tasks, ensure_ascii=False), "utf-8")
    done = label_studio.read(made, tmp_path / "ls.json")
    assert (done.kept, done.empty) == (2, 1)
    assert [(one.annotator, one.action, one.seconds) for one in made.decisions()] == [
        ("bo@example.org", "edit", 4.2),
        ("user-12", "reject", 4.2),
    ]
    assert made.decisions()[0].messages is not None
    assert made.decisions()[0].messages[-1].content == "更好。"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"data": {"text": "x"}}, "no item and digest"),
        ({"data": None}, "not JSON-MIN"),
        ({"annotations": [{"result": [chose("action", "accept", "reject")]}]}, "2 choices"),
        ({"annotations": [{"result": []}]}, "has no action"),
        ({"annotations": [{"result": [chose("action", "withdraw")]}]}, "'withdraw' is no action here"),
        ({"annotations": [{"result": [chose("action", "accept")]}]}, "names nobody"),
        ({"annotations": 3}, "'annotations' is no list"),
    ],
)
def test_a_task_that_is_not_as_it_should_be_is_named_by_its_line(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    made = review(tmp_path / "r", [row(0), row(1)])
    tasks = [
        annotated(made, "src/0", chose("action", "accept")),
        {**annotated(made, "src/1", chose("action", "accept")), **change},
    ]
    (tmp_path / "ls.json").write_text("[\n" + ",\n".join(json.dumps(task) for task in tasks) + "\n]", "utf-8")
    with pytest.raises(DataError, match=f"ls.json:3: .*{why}"):
        label_studio.read(made, tmp_path / "ls.json")
    assert made.decisions() == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_configuration_names_what_the_tasks_hold(tmp_path: Path, kind: str) -> None:
    made = review(tmp_path / "r", [KINDS[kind](0)])
    tree = ET.fromstring(label_studio.config(made))
    label_studio.write(made, tmp_path / "out.json")
    data = json.loads((tmp_path / "out.json").read_text("utf-8"))[0]["data"]
    asked = {node.get("value", "")[1:] for node in tree.iter() if node.get("value", "").startswith("$")}
    assert asked <= set(data)
    offered = {node.get("value") for node in tree.iter("Choice")}
    assert offered == ({"A", "B", "C", "invalid", "flag"} if kind == "label" else {"accept", "edit", "reject", "flag"})
    controls = [node for node in tree.iter() if node.tag in ("Choices", "TextArea")]
    assert {node.get("toName") for node in controls} == {"dialogue"}


def test_a_proposed_reference_is_a_prediction_and_a_hidden_one_is_not(tmp_path: Path) -> None:
    label_studio.write(review(tmp_path / "t", [reference(0)]), tmp_path / "t.json")
    label_studio.write(review(tmp_path / "l", [question(0)]), tmp_path / "l.json")
    task = json.loads((tmp_path / "t.json").read_text("utf-8"))[0]
    assert task["predictions"][0]["result"][0]["value"] == {"text": ["贴春联、吃年夜饭、拜年。"]}
    assert "SECRET" not in (tmp_path / "l.json").read_text("utf-8")
