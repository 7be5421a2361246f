"""File -> bytes, text or JSON, whatever the file is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.data import files
from harness.errors import DataError


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: no such file"):
        files.read_json(tmp_path / "none.json")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a plain file"):
        files.read_bytes(tmp_path)


def test_a_file_over_the_cap_is_not_read(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="larger than 1 MiB"):
        files.read_bytes(write(b"x" * (2**20 + 1)), 2**20)


def test_text_that_is_not_utf_8_names_the_line(write: Callable[..., Path]) -> None:
    path = write('["一",\n"二"]'.encode() + "\n三".encode("gbk"))
    with pytest.raises(DataError, match=r"items\.json:3: not UTF-8"):
        files.read_json(path)


def test_a_byte_order_mark_is_passed_over(write: Callable[..., Path]) -> None:
    assert files.read_json(write("[1]".encode("utf-8-sig"))) == [1]


@pytest.mark.parametrize("end", ['[\n{"a": 1},\n', '[\n{"a": 1},\n{"b": "天', '[\n{"a": 1},\n{"b":'])
def test_truncated_json_names_the_line(end: str, write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"items\.json:[34]: JSON ends too early; the file is truncated"):
        files.read_json(write(end))


def test_broken_json_names_line_and_column(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"items\.json:2: not JSON: .* \(column 6\)"):
        files.read_json(write('[\n{"a" 1}\n]'))


def test_json_nested_without_end_is_an_error_not_a_crash(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="not JSON that can be read"):
        files.read_json(write("[" * 200_000))


def test_a_number_of_a_million_digits_is_an_error_not_a_crash(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="not JSON that can be read"):
        files.read_json(write("1" * 1_000_000))
