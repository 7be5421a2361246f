"""progress.jsonl, while it grows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.training.follow import MAX_READ, Follower, Progress, parsed


def test_only_what_comes_after_is_read_and_only_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    file.write_text('{"step": 1, "steps": 9}\n')
    follower = Follower(file)
    assert follower.read() is None
    with file.open("a") as opened:
        opened.write('{"step": 2, "steps": 9}\n{"step": 3, "ste')
        opened.flush()
        assert follower.read() == Progress(2, 9)
        opened.write('ps": 9, "loss": 0.5}\n')
    assert follower.read() == Progress(3, 9, loss=0.5)
    assert follower.read() is None
    assert follower.last == Progress(3, 9, loss=0.5)


def test_of_a_file_that_grows_too_fast_the_end_is_read(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    follower = Follower(file)
    file.write_text("".join(json.dumps({"step": i, "steps": 99_999}) + "\n" for i in range(20_000)))
    assert file.stat().st_size > MAX_READ
    assert follower.read() == Progress(19_999, 99_999)


def test_one_endless_line_does_not_stop_what_follows(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    follower = Follower(file)
    file.write_text("x" * (2 * MAX_READ))
    assert follower.read() is None
    with file.open("a") as opened:
        opened.write('\n{"step": 1, "steps": 2}\n')
    assert follower.read() == Progress(1, 2)


def test_a_file_that_was_begun_anew_is_read_from_its_start(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    file.write_text('{"step": 8, "steps": 9, "loss": 1}\n')
    follower = Follower(file)
    file.write_text('{"step": 1, "steps": 9}\n')
    assert follower.read() == Progress(1, 9)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 9999,
        b'{"step": 5, "steps": 3}',
        b'{"step": -1, "steps": 3}',
        b'{"step": 1e999, "steps": 1e999}',
        b"\xff",
    ],
)
def test_a_line_that_states_nothing_is_passed_over(line: bytes) -> None:
    assert parsed(line) is None


def test_a_number_that_is_none_is_absent() -> None:
    assert parsed(b'{"step": 1, "steps": 2, "loss": NaN, "tokens_per_second": "fast", "seconds_left": true}') == Progress(1, 2)
