"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.cells import FORMULA, LONGEST_CELL, plain_cell, read_table, safe_cell, table_bytes


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp", "Zs", "Cn", "Co")), max_size=40))
def test_what_a_cell_shows_comes_back_as_it_was(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.startswith(FORMULA)
    if not text.startswith("'"):
        assert plain_cell(cell) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", " \u3000=1", "\n=1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert plain_cell(f"'{text}") == text


def test_a_text_that_is_too_long_is_cut_visibly() -> None:
    assert len(safe_cell("字" * 40_000)) <= LONGEST_CELL
    assert safe_cell("字" * 40_000).endswith("[… cut]")


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(table_bytes(("a", "B"), [("=x", '多行\n"引号"'), ("", ""), ("1", "2")]))
    assert list(read_table(tmp_path / "t.csv", ("a", "b"))) == [(2, {"a": "=x", "b": '多行\n"引号"'}), (5, {"a": "1", "b": "2"})]
