"""Large JSON files record by record, and one line for whatever is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness.rows import scanner
from harness.rows.streaming import grouped, records

STEADY = settings(deadline=None, derandomize=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.json"


@pytest.fixture(params=[1, 7, 2**20], ids=lambda size: f"blocks of {size}")
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(scanner, "BLOCK", request.param)
    return int(request.param)


ROWS = [{"a": "水\n，“", "b": [1, {"c": None}]}, {"a": '\\"}],', "n": 12.5}, {}]


def test_a_list_is_read_with_the_lines_of_its_records(file: Path, block: int) -> None:
    file.write_text(json.dumps(ROWS, ensure_ascii=False, indent=1), "utf-8-sig")
    lines, values = zip(*records(file), strict=True)
    assert list(values) == ROWS
    assert lines == (2, 11, 15)


def test_json_lines_are_read_and_empty_ones_passed_over(file: Path) -> None:
    file.write_text("\n\n".join(json.dumps(row) for row in ROWS) + "\n")
    assert list(records(file)) == [(1, ROWS[0]), (3, ROWS[1]), (5, ROWS[2])]


def test_an_object_of_lists_is_read_with_the_names(file: Path, block: int) -> None:
    file.write_text(json.dumps({"x": ROWS, "空": [], "y": [1]}, ensure_ascii=False, indent=2))
    assert [(name, value) for _, name, value in grouped(file)] == [*(("x", row) for row in ROWS), ("y", 1)]
    assert [line for line, _, _ in grouped(file)] == [3, 12, 16, 20]
    file.write_text("{}")
    assert list(grouped(file)) == []


def test_an_empty_list_has_no_records(file: Path) -> None:
    file.write_text(" [ ] ")
    assert list(records(file)) == []


WRONG: list[tuple[str, int, str]] = [
    ("", 1, "is empty"),
    ("  \n", 1, "is empty"),
    ("hello", 1, "neither a JSON list nor JSON Lines"),
    ('[{"a": 1},\n{"a": 2}', 2, "ends too early; the file is truncated"),
    ('[{"a": 1},\n{"a": "2', 2, "ends too early; the file is truncated"),
    ('[{"a": 1}\n{"a": 2}]', 2, "not JSON: expected ',', found '{'"),
    ('[{"a": 1},\n\n{"a" 2}]', 3, "not JSON: Expecting ':' delimiter"),
    ('[{"a": 1},\n]', 2, "not JSON"),
    ("[1] 2", 1, "more text after the end"),
    ('{"a": 1}\n{"a": 2', 2, "ends too early"),
    ('{"a": 1}\nnonsense\n', 2, "not JSON: Expecting value"),
    ('{"a": 1} {"a": 2}\n', 1, "not JSON: Extra data"),
]


@pytest.mark.parametrize(("text", "line", "said"), WRONG)
def test_a_broken_file_is_one_line_with_its_place(file: Path, text: str, line: int, said: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError) as error:
        list(records(file))
    assert str(error.value).startswith(f"{file}:{line}: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[]", 1, "is no object of lists"),
        ('{"a": [1],\n"b": 2}', 2, "expected '[', found '2'"),
        ('{"a": [1],\n"b": [2]', 2, "truncated"),
        ("{\n1: []}", 2, "a list without a name"),
    ],
)
def test_a_broken_object_of_lists_is_one_line_with_its_place(file: Path, text: str, line: int, said: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError) as error:
        list(grouped(file))
    assert str(error.value).startswith(f"{file}:{line}: ")
    assert said in str(error.value)


@pytest.mark.parametrize("layout", ['[{"a": 1},\n\n{"a": "\xff"}]', '{"a": 1}\n\n{"a": "\xff"}'])
def test_what_is_not_utf_8_names_its_line(file: Path, layout: str) -> None:
    file.write_bytes(layout.encode("latin-1"))
    with pytest.raises(DataError, match=r"rows.json:3: not UTF-8; save the file as UTF-8"):
        list(records(file))


def test_what_is_before_the_trouble_has_been_read(file: Path) -> None:
    file.write_text('[{"a": 1},\n{"a": 2},\nx]')
    read = records(file)
    assert [next(read), next(read)] == [(1, {"a": 1}), (2, {"a": 2})]
    with pytest.raises(DataError, match=":3: not JSON"):
        next(read)


@pytest.mark.parametrize("text", ['["{}"]', '{{"a": "{}"}}\n'])
def test_an_absurdly_long_record_is_refused_before_it_fills_the_memory(
    file: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "MAX_RECORD", 50_000)
    monkeypatch.setattr(scanner, "BLOCK", 1000)
    file.write_text(text.format("x" * 500_000))
    with pytest.raises(DataError, match="rows.json:1: a record of more than"):
        list(records(file))


@pytest.mark.parametrize("text", ["[" * 100_000, f"[{'9' * 5000}]", '{"a": ' * 100_000])
def test_what_the_parser_cannot_take_is_one_line_too(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError, match="rows.json:1: "):
        list(records(file))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone.json: no such file"):
        list(records(tmp_path / "gone.json"))
    with pytest.raises(DataError, match="not a plain file"):
        list(records(tmp_path))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@STEADY
@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=6), st.booleans(), st.integers(0, 3))
def test_whatever_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], escaped: bool, indent: int
) -> None:
    file = tmp_path_factory.mktemp("any") / "rows.json"
    text = json.dumps(rows, ensure_ascii=escaped, indent=indent or None)
    file.write_bytes(text.encode("utf-8", "surrogatepass") if escaped else text.encode())
    before = scanner.BLOCK
    scanner.BLOCK = 5  # type: ignore[misc]
    try:
        assert [value for _, value in records(file)] == rows
    finally:
        scanner.BLOCK = before  # type: ignore[misc]
