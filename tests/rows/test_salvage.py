"""Broken files: everything that can be read is read, everything that cannot is one record aside with its place."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness.rows import scanner
from harness.rows.reading import read_rows
from harness.rows.scanner import Broken
from harness.rows.streaming import salvage
from harness.schema import DataRow, DroppedRow, Source

STEADY = settings(deadline=None, derandomize=True)
KEYS = frozenset({"a"})
ALPACA = Source(path="x", format="alpaca")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.json"


@pytest.fixture(params=[1, 7, 2**20], ids=lambda size: f"blocks of {size}")
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(scanner, "BLOCK", request.param)
    return int(request.param)


def saved(file: Path, text: str | bytes, *, groups: bool = False) -> tuple[list[tuple[str, Any]], list[tuple[int, str, str]]]:
    """What was read (with the name of its list), and what was set aside."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    good, bad = [], []
    for line, name, value in salvage(file, KEYS, groups=groups):
        if isinstance(value, Broken):
            bad.append((line, value.why, value.detail))
        else:
            good.append((name, value))
    return good, bad


def rows(*values: int) -> list[tuple[str, Any]]:
    return [("", {"a": value}) for value in values]


BROKEN: list[tuple[str, list[int], list[tuple[int, str, str]]]] = [
    # JSON Lines.
    ('{"a": 1}\n{"a": \n{"a": 3}\n', [1, 3], [(2, "not JSON", "JSON ends too early")]),
    ('{"a": 1}\nnonsense\n\n{"a": 3}', [1, 3], [(2, "not JSON", "Expecting value (column 1)")]),
    ('{"a": 1}\n{"a": 2, "b": "cut o', [1], [(2, "truncated", "JSON ends too early")]),
    ('{"a": 1},\n{"a": 2},\n', [1, 2], []),
    ('x"a": 1}\n{"a": 2}\n', [2], [(1, "not JSON", "Expecting value (column 1)")]),
    ('{"a": 1, "a": 1}\n{"a": 2}\n', [2], [(1, "a key twice", "an object says two things of one key")]),
    ('{"a": 1}\n{"a": ' + "[" * 100_000 + '\n{"a": 3}\n', [1, 3], [(2, "nested too deep", "more levels than can be read")]),
    ('{"a": 1}\n\0\0\0\n{"a": 3}\n', [1, 3], [(2, "not JSON", "Expecting value (column 1)")]),
    # Lists.
    ('[{"a": 1},\n{"a" 2},\n{"a": 3}]', [1, 3], [(2, "not JSON", "not JSON: Expecting ':' delimiter")]),
    (
        '[{"a": 1},\n{"b": "x\n y"},\n\n\n{"a": 3}]',
        [1, 3],
        [(2, "not JSON", "lines 2-5: not JSON: Invalid control character at")],
    ),
    ('[{"a": 1},\n{"a": 2, "b": [{"c": 1}, {"c": 2}], oops}, {"a": 3}]', [1, 3], [(2, "not JSON", "Expecting property name")]),
    ('[{"a": 1}, oops, {"a": 3}]', [1, 3], [(1, "not JSON", "expected ',', found 'o'")]),
    ('[{"a": 1}\n{"a": 2},,{"a": 3},]', [1, 2, 3], []),
    ('[{"a": 1},\n{"a": 2}', [1, 2], [(2, "truncated", "the file ends before ']'")]),
    ('[{"a": 1},\n{"a": 2, "b": "cut', [1], [(2, "truncated", "JSON ends too early; the file is truncated")]),
    ('[{"a": 1},\n{"a": 2}]\n[{"a": 3}]\n', [1, 2, 3], []),
    ('[{"a": 1}] {"a": 2}, {"a": 3}]', [1, 2, 3], []),
    ('[{"a": 1, "a": 2}, {"a": 3}]', [3], [(1, "a key twice", "an object says two things of one key")]),
    ('[{"a": 1},' + "[" * 100_000 + '{"b": 2},\n{"a": 3}]', [1, 3], [(1, "nested too deep", "lines 1-1")]),
    ('[{"a": 1},\n{"a": ' + "9" * 5000 + '},\n{"a": 3}]', [1, 3], [(2, "not JSON", "not JSON that can be read: Exceeds")]),
    ('{\n "a": 1\n}\n{\n "a": 2\n}\n', [1, 2], []),
]


@pytest.mark.parametrize(("text", "good", "bad"), BROKEN)
def test_what_is_broken_is_set_aside_with_its_place_and_all_else_is_read(
    file: Path, text: str, good: list[int], bad: list[tuple[int, str, str]]
) -> None:
    found, aside = saved(file, text)
    assert found == rows(*good)
    assert [one[:2] for one in aside] == [one[:2] for one in bad]
    for (_, _, said), (_, _, wanted) in zip(aside, bad, strict=True):
        assert wanted.removeprefix("lines 1-1") in said
        assert "\n" not in said


def test_blocks_of_any_size_break_nothing(file: Path, block: int) -> None:
    found, aside = saved(
        file, '\ufeff[{"a": 1},\n {"a": "水\\ud83d", "b"}, 12,\n {"a": 3, "n": [true, -1.5e3]}, {"a": "', groups=False
    )
    assert found == [("", {"a": 1}), ("", {"a": 3, "n": [True, -1500.0]})]
    assert [why for _, why, _ in aside] == ["not JSON", "truncated"]


def test_bytes_that_are_no_utf_8_cost_their_record_alone(file: Path, block: int) -> None:
    for layout in ('[{"a": "一二三四"},\n{"a": "\xff二"},\n{"a": "四"}]', '{"a": "一二三四"}\n{"a": "\xff二"}\n{"a": "四"}'):
        raw = layout.encode().replace("\xff".encode(), b"\xff\xfe")
        found, aside = saved(file, raw)
        assert found == [("", {"a": "一二三四"}), ("", {"a": "四"})]
        assert [(line, why) for line, why, _ in aside] == [(2, "not UTF-8")]


def test_an_object_of_lists_keeps_its_names_across_a_break(file: Path, block: int) -> None:
    text = '{"x": [{"a": 1}, {"a": oops}], "空": [ {"a": 3}, {"a" 4}],\n"z": [{"a" 5}, {"a": 6}]}'
    found, aside = saved(file, text, groups=True)
    assert found == [("x", {"a": 1}), ("空", {"a": 3}), ("z", {"a": 6})]
    assert len(aside) == 2
    assert saved(file, '{"x": [{"a": 1}], "y": [{"a": 2}', groups=True)[1] == [(1, "truncated", "the file ends before '}'")]


def test_a_record_that_never_ends_is_set_aside_and_what_follows_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "MAX_RECORD", 50_000)
    monkeypatch.setattr(scanner, "BLOCK", 1000)
    long = "x" * 500_000
    for layout in (f'[{{"a": 1}}, {{"a": "{long}"}}, {{"a": 3}}]', f'{{"a": 1}}\n{{"a": "{long}"}}\n{{"a": 3}}'):
        found, aside = saved(file, layout)
        assert found == rows(1, 3)
        assert [why for _, why, _ in aside] == ["too long"]


MEASURED = """
import sys, resource
from pathlib import Path
from harness.rows.reading import read_rows
from harness.schema import DataRow, Source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = [type(row).__name__ for row in read_rows("x", Source(path="x", format="alpaca"), Path(sys.argv[1]))]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, *found)
"""


@pytest.mark.parametrize("layout", ["lines", "list"])
def test_a_line_of_100_mb_is_set_aside_in_little_memory(tmp_path: Path, layout: str) -> None:
    file, row = tmp_path / "large.json", b'{"instruction": "a", "output": "b"}'
    before, between, after = (b"", b"\n", b"") if layout == "lines" else (b"[", b",", b"]")
    with file.open("wb") as out:
        out.write(before + row + between + b'{"instruction": "')
        for _ in range(100):
            out.write(b"x" * 2**20)
        out.write(b'", "output": "b"}' + between + row + after)
    done = subprocess.run([sys.executable, "-c", MEASURED, str(file)], capture_output=True, text=True, check=True)
    grown, *found = done.stdout.split()
    assert found == ["DataRow", "DroppedRow", "DataRow"]
    assert int(grown) < 80


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "big5", "gbk"])
@pytest.mark.parametrize("layout", ["lines", "list"])
def test_a_file_in_another_encoding_is_one_line_that_says_how_to_convert_it(file: Path, encoding: str, layout: str) -> None:
    one = {"instruction": "請說出一種水果", "output": "蘋果是一種水果，味道很甜。"}
    text = json.dumps([one] * 9, ensure_ascii=False) if layout == "list" else (json.dumps(one, ensure_ascii=False) + "\n") * 9
    file.write_bytes(text.encode(encoding))
    with pytest.raises(
        DataError, match=r"is not UTF-8 but looks like [A-Z0-9-]+; convert it: iconv -f [A-Z0-9-]+ -t UTF-8"
    ) as error:
        list(read_rows("x", ALPACA, file))
    assert {"gbk": "GB18030", "utf-16-le": "UTF-16LE"}.get(encoding, encoding.upper().removesuffix("-BE")) in str(error.value)


def test_chinese_of_all_kinds_of_words_is_known_in_gb18030(file: Path) -> None:
    # A third as many characters as bytes that are none are UTF-8 by chance: 种, 茶, 地, 云, 山, 气, 湿 and many more.
    said = "第{}种茶叶产于云南省临沧市第{}号山头，海拔大约一千五百米，当地气候湿润，适合茶树生长。"
    rows = [{"instruction": f"请说明第{n}种茶叶的产地在哪里，越具体越好。", "output": said.format(n, n)} for n in range(30)]
    file.write_bytes(json.dumps(rows, ensure_ascii=False).encode("gb18030"))
    with pytest.raises(DataError, match="looks like GB18030; convert it: iconv -f GB18030"):
        list(read_rows("x", ALPACA, file))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"PK\x03\x04...", "a zip archive; unpack it first"),
        (b"\x1f\x8b\x08...", "gzip-compressed"),
        (b"PAR1....", "a Parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"", "is empty, holds no rows"),
        (b"\xef\xbb\xbf \n", "is empty, holds no rows"),
        (b"[]", "holds no rows"),
        (b" [ ] \n", "holds no rows"),
        (b"hello", "its only record is not of the format alpaca; line 1: not JSON"),
        (b'[{"messages": []}]', "line 1: another shape: has no 'instruction'; it has messages"),
        (b'{"messages": []}\n' * 1500, "not one of its first 1,000 records is of the format alpaca; line 1: another shape"),
    ],
)
def test_a_file_that_holds_no_rows_is_one_line_that_says_why(file: Path, raw: bytes, said: str) -> None:
    file.write_bytes(raw)
    with pytest.raises(DataError, match=said) as error:
        list(read_rows("x", ALPACA, file))
    assert "\n" not in str(error.value)


def test_rows_without_answers_and_texts_that_are_none_are_aside_with_their_line(file: Path) -> None:
    good = {"instruction": "一", "output": "二"}
    values = [
        good,
        {"instruction": "三"},
        {"instruction": "四", "output": None},
        {"instruction": "五", "output": " "},
        {**good, "output": 6},
    ]
    values += [{**good, "output": "\ud800"}, {**good, "output": "\0"}, ["六"], {**good, "instruction": ""}]
    file.write_text("\n".join(map(json.dumps, values)))
    found = list(read_rows("x", ALPACA, file))
    assert [type(row) for row in found] == [DataRow] + [DroppedRow] * 8
    assert [(row.source_id, row.why, row.detail) for row in found if isinstance(row, DroppedRow)] == [
        ("2", "another shape", "has no 'output'; it has instruction"),
        ("3", "another shape", "has no 'output'; it has instruction, output"),
        ("4", "empty reply", ""),
        ("5", "another shape", "'output' is not a text"),
        ("6", "broken text", "half a character (a lone surrogate) or a NUL"),
        ("7", "broken text", "half a character (a lone surrogate) or a NUL"),
        ("8", "another shape", "not an object"),
        ("9", "no question", ""),
    ]
    assert {row.step for row in found if isinstance(row, DroppedRow)} == {"read"}
    last = found[-1]
    assert isinstance(last, DroppedRow)
    assert last.row is not None, "a record that was left out is kept whole"


TEXT = st.text(st.sampled_from('ab水火"\\\n{}[]:, '), min_size=1, max_size=12).filter(str.strip)
ROWS = st.lists(st.fixed_dictionaries({"instruction": TEXT, "output": TEXT}), min_size=3, max_size=8)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """Questions that must survive, and a file of rows in which some bytes were replaced by others."""
    values = [{**row, "instruction": f"{number}:{row['instruction']}"} for number, row in enumerate(draw(ROWS))]
    before, between, after, indent = draw(
        st.sampled_from([("", "\n", "", None), ("[", ", ", "]", None), ("[\n", ",\n", "\n]\n", 1)])
    )
    parts = [json.dumps(row, ensure_ascii=False, indent=indent).encode() for row in values]
    raw = before.encode() + between.encode().join(parts) + after.encode()
    start = draw(st.integers(0, len(raw) - 1))
    end = min(len(raw), start + draw(st.integers(0, 20)))
    put = draw(st.binary(max_size=20) | st.text(st.sampled_from('"\\{}[],:\n 水'), max_size=8).map(str.encode))
    safe, at = [], len(before)
    for row, part in zip(values, parts, strict=True):
        # Of JSON Lines all rows beside the damage survive, of a list those before it.
        if at + len(part) < start or (not before and at > end):
            safe.append(row["instruction"].rstrip())
        at += len(part) + len(between)
    return safe, raw[:start] + put + raw[end:]


@settings(STEADY, max_examples=200)
@given(damaged(), st.sampled_from([5, 2**20]))
def test_damage_costs_the_records_it_touches_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[list[str], bytes], block: int
) -> None:
    safe, raw = case
    file = tmp_path_factory.getbasetemp() / "damaged.json"
    file.write_bytes(raw)
    before, scanner.BLOCK = scanner.BLOCK, block  # type: ignore[misc]
    found = []
    try:
        found += [row.messages[0].content for row in read_rows("x", ALPACA, file) if isinstance(row, DataRow)]
    except DataError:
        assert not safe
    finally:
        scanner.BLOCK = before  # type: ignore[misc]
    assert not Counter(safe) - Counter(found)


@settings(STEADY, max_examples=100)
@given(st.integers(5, 25), st.data())
def test_a_list_is_taken_up_again_behind_the_damage(
    tmp_path_factory: pytest.TempPathFactory, at: int, data: st.DataObject
) -> None:
    parts = [json.dumps({"instruction": f"{n}?", "output": '{"a": [1], 水}'}, ensure_ascii=False).encode() for n in range(30)]
    cut = data.draw(st.integers(0, len(parts[at]) - 1))
    parts[at] = parts[at][:cut] + data.draw(st.binary(max_size=12)) + parts[at][cut + 5 :]
    file = tmp_path_factory.getbasetemp() / "damaged.json"
    file.write_bytes(b"[" + b",".join(parts) + b"]")
    found = [row.messages[0].content for row in read_rows("x", ALPACA, file) if isinstance(row, DataRow)]
    kept = {f"{n}?" for n in range(30) if n not in (at, at + 1)}
    assert kept <= set(found), "the damage may cost its own record and, where it ate the end, the next"
