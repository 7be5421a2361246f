"""The verdict cache: what it keeps, and what becomes of it when processes die, disks fill and files rot."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.judging.cache import BATCH, VerdictCache, verdict_key
from harness.schema import Verdict, VerdictState

ROOT = Path(__file__).parents[2]


def ok(score: float = 90) -> Verdict:
    return Verdict(state=VerdictState.OK, score=score, reason="理由", judge="openai:m", rubric="score@00000000")


def put_many(cache: VerdictCache, count: int) -> None:
    for number in range(count):
        cache.put(verdict_key("a", "r", str(number)), ok())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "verdicts.sqlite"


def test_a_verdict_comes_back_as_it_was(path: Path) -> None:
    with VerdictCache(path) as cache:
        cache.put("k", ok())
    with VerdictCache(path) as cache:
        assert cache.get(["k", "other"]) == {"k": ok()}


def test_what_was_put_can_be_read_at_once(path: Path) -> None:
    with VerdictCache(path) as cache:
        cache.put("k", ok())
        assert cache.get(["k"]) == {"k": ok()}


@pytest.mark.parametrize("state", [VerdictState.UNJUDGED, VerdictState.INVALID])
def test_only_good_verdicts_are_kept(path: Path, state: VerdictState) -> None:
    with VerdictCache(path) as cache:
        cache.put("k", ok().model_copy(update={"state": state}))
        assert cache.get(["k"]) == {}


def test_thousands_of_keys_are_read_at_once(path: Path) -> None:
    keys = [verdict_key("j", "r", str(i)) for i in range(3000)]
    with VerdictCache(path) as cache:
        for number, key in enumerate(keys):
            cache.put(key, ok(number % 101))
        found = cache.get([*keys, "missing"])
    assert [found[key].score for key in keys] == [number % 101 for number in range(3000)]


def test_the_key_depends_on_judge_rubric_and_item() -> None:
    keys = {verdict_key(judge, rubric, item) for judge in ("a", "b") for rubric in ("r@1", "r@2") for item in ("x", "y")}
    assert len(keys) == 8


def test_a_later_verdict_replaces_an_earlier_one(path: Path) -> None:
    with VerdictCache(path) as cache:
        cache.put("k", ok(1))
        cache.flush()
        cache.put("k", ok(2))
        assert cache.get(["k"])["k"].score == 2


def test_a_value_that_is_no_verdict_counts_as_absent(path: Path) -> None:
    with VerdictCache(path) as cache:
        cache.put("good", ok())
    with sqlite3.connect(path) as db:
        db.executemany(
            "INSERT INTO verdicts VALUES (?, ?)", [("half", '{"state": "ok"'), ("other", '{"state": "fine"}'), ("blob", b"\xff")]
        )
    db.close()
    with VerdictCache(path) as cache:
        assert set(cache.get(["good", "half", "other", "blob"])) == {"good"}


WRITER = """
import sys, time
from pathlib import Path
from harness.judging.cache import VerdictCache, verdict_key
from harness.schema import Verdict, VerdictState
cache = VerdictCache(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    cache.put(verdict_key(sys.argv[2], "r", str(number)), Verdict(state=VerdictState.OK, score=number % 101, judge="j"))
    if sys.argv[4] == "tell":
        print(number, flush=True)
cache.close()
"""


def writer(path: Path, name: str, count: int, tell: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(count), tell]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_loses_at_most_one_unwritten_batch(path: Path) -> None:
    with writer(path, "a", 10**6, "tell") as process:
        assert process.stdout
        last = [int(process.stdout.readline()) for _ in range(200)][-1]
        process.send_signal(signal.SIGKILL)
    with VerdictCache(path) as cache:
        found = cache.get([verdict_key("a", "r", str(number)) for number in range(last + 1)])
    assert len(found) > last + 1 - BATCH


def test_two_processes_share_a_file(path: Path) -> None:
    with writer(path, "a", 700) as first, writer(path, "b", 700) as second:
        assert (first.wait(60), second.wait(60)) == (0, 0)
    with VerdictCache(path) as cache:
        assert len(cache.get([verdict_key(name, "r", str(number)) for name in "ab" for number in range(700)])) == 1400


def test_one_process_sees_what_another_has_written(path: Path) -> None:
    with VerdictCache(path) as cache:
        assert cache.get([verdict_key("a", "r", "0")]) == {}
        with writer(path, "a", 3) as process:
            assert process.wait(60) == 0
        assert len(cache.get([verdict_key("a", "r", "0")])) == 1


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_cache_is_refused_in_one_line(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        VerdictCache(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_cache_that_rotted_inside_is_refused_in_one_line(path: Path) -> None:
    with VerdictCache(path) as cache:
        put_many(cache, 500)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(DataError, match="verdict cache"), VerdictCache(path) as cache:
        cache.get([verdict_key("a", "r", str(number)) for number in range(500)])


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE verdicts (something TEXT)")
    db.close()
    with pytest.raises(DataError, match="verdict cache"):
        VerdictCache(path)


def test_a_cache_of_a_later_format_is_refused(path: Path) -> None:
    VerdictCache(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=9")
    db.close()
    with pytest.raises(DataError, match="format 9"):
        VerdictCache(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "verdicts.sqlite", tmp_path):
        with pytest.raises(DataError) as caught:
            VerdictCache(path)
        assert str(path) in str(caught.value)


def test_a_full_disk_is_an_error_that_names_the_file(path: Path) -> None:
    with VerdictCache(path) as cache:
        cache._db.execute("PRAGMA max_page_count=3")
        with pytest.raises(DataError, match="full") as caught:
            put_many(cache, 1000)
    assert str(path) in str(caught.value)
