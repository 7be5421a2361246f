"""What `--mix` may name, and rows that are none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.errors import DataError, UsageError
from harness.schema import Mix
from harness.training.rows import check, find_rows, messages
from tests.training.standins import ROWS, write_mix, write_rows


@pytest.mark.parametrize("how", ["id", "folder", "file", "noun"])
def test_a_mix_is_found_by_its_id_its_folder_its_rows_and_its_noun(tmp_path: Path, how: str) -> None:
    folder = write_mix(tmp_path / "mixes")
    noun = Mix.model_validate_json((folder / "mix.json").read_bytes())
    spec: str | Path | Mix = {"id": "zh-kg-1", "folder": folder, "file": folder / "rows.jsonl", "noun": noun}[how]  # type: ignore[assignment]
    rows = find_rows(spec, tmp_path / "mixes")
    assert (rows.path, rows.count, rows.mix) == (folder / "rows.jsonl", 3, "zh-kg-1")
    assert (rows.stage, rows.diagnosis) == ("knowledge", "tiny-demo-12345678")


def test_a_bare_file_of_rows_will_do(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "my rows.json")
    rows = find_rows(str(file), tmp_path)
    assert (rows.mix, rows.stage, rows.diagnosis, rows.count) == (None, None, None, 3)
    assert rows.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_rows_that_changed_since_the_mix_was_made_are_refused(tmp_path: Path) -> None:
    folder = write_mix(tmp_path)
    write_rows(folder / "rows.jsonl", ROWS[:2])
    with pytest.raises(DataError, match="changed since mix 'zh-kg-1' was made"):
        find_rows("zh-kg-1", tmp_path)


def test_an_unknown_mix_gets_near_names(tmp_path: Path) -> None:
    write_mix(tmp_path)
    with pytest.raises(UsageError, match="no mix named 'zh-kg-2'; did you mean zh-kg-1"):
        find_rows("zh-kg-2", tmp_path)
    with pytest.raises(UsageError, match="is no mix: it holds neither"):
        find_rows(str(tmp_path), tmp_path / "none")


def test_a_manifest_that_is_none_is_named(tmp_path: Path) -> None:
    folder = write_mix(tmp_path)
    (folder / "mix.json").write_text("{}")
    with pytest.raises(DataError, match=r"mix\.json: is no mix \(id: Field required\)"):
        find_rows("zh-kg-1", tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "not a row"),
        ("[" * 99_999, "not a row"),
        ('{"prompt": "x"}', "not a row"),
        ('{"messages": ["x"]}', "not a row"),
        ('{"messages": []}', "the last message must be the assistant's"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "the last message must be the assistant's"),
        ('{"messages": [{"role": "tool", "content": "x"}]}', "a message needs a role (system, user, assistant)"),
        ('{"messages": [{"role": "assistant", "content": ["x"]}]}', "and a text as content"),
        ('{"messages": [{"role": "assistant", "content": " "}]}', "the assistant's last message is empty"),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = write_rows(tmp_path / "rows.jsonl")
    with file.open("a") as opened:
        opened.write(line + "\n")
    with pytest.raises(DataError) as caught:
        check(file)
    assert str(caught.value).startswith(f"{file}:4: ")
    assert said in str(caught.value)


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no rows"):
        check(write_rows(tmp_path / "rows.jsonl", ()))


def test_conversations_come_in_order_without_what_is_not_the_trainers_business(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", ({**ROWS[0], "area": "x"}, ROWS[1]))
    assert list(messages(file)) == [ROWS[0]["messages"], ROWS[1]["messages"]]
