"""The response store: keyed by model, crash-safe, honest about failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.lm.store import ResponseStore, request_key
from harness.schema import FinishReason, Response


def test_two_models_never_share_an_answer() -> None:
    args = ["prompt", {"until": []}]
    assert request_key("model-a", "generate_until", args) != request_key("model-b", "generate_until", args)


def test_generation_settings_are_part_of_the_key() -> None:
    short, long = ["prompt", {"max_gen_toks": 8}], ["prompt", {"max_gen_toks": 9}]
    assert request_key("m", "generate_until", short) != request_key("m", "generate_until", long)


def test_the_order_of_settings_is_not_part_of_the_key() -> None:
    assert request_key("m", "g", ["p", {"a": 1, "b": 2}]) == request_key("m", "g", ["p", {"b": 2, "a": 1}])


def test_an_answer_comes_back_whole(tmp_path: Path) -> None:
    response = Response(
        text="好\n\n的", finish_reason=FinishReason.LENGTH, prompt_tokens=3, completion_tokens=2, truncated_prompt=True
    )
    ResponseStore(tmp_path / "s.sqlite").put({"k": response})
    assert ResponseStore(tmp_path / "s.sqlite").get(["k", "other"]) == {"k": response}


def test_a_failure_is_never_stored(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path / "s.sqlite")
    store.put({"k": Response(text=None, finish_reason=FinishReason.ERROR, error="500")})
    assert store.get(["k"]) == {}


def test_more_keys_than_sqlite_takes_in_one_query_are_found(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path / "s.sqlite")
    store.put({str(i): Response(text=str(i)) for i in range(2000)})
    assert len(store.get(str(i) for i in range(3000))) == 2000


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "s.sqlite").write_text("not a database, but long enough to be read as one" * 50)
    with pytest.raises(DataError, match="s.sqlite: the response store cannot be used"):
        ResponseStore(tmp_path / "s.sqlite")


def test_answers_survive_kill_nine(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from harness.lm.store import ResponseStore
from harness.schema import Response
store = ResponseStore(Path({str(tmp_path)!r}) / "s.sqlite")
for i in range(20):
    store.put({{str(i): Response(text=str(i))}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert len(ResponseStore(tmp_path / "s.sqlite").get(str(i) for i in range(20))) == 20


def test_a_full_disk_is_one_line_and_keeps_what_was_stored(tmp_path: Path) -> None:
    program = f"""
import resource
from pathlib import Path
from harness.errors import DataError
from harness.lm.store import ResponseStore
from harness.schema import Response
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = ResponseStore(Path({str(tmp_path)!r}) / "s.sqlite")
store.put({{"first": Response(text="kept")}})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for i in range(100):
        store.put({{str(i): Response(text="x" * 50_000)}})
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "the response store cannot be used" in done.stdout
    assert ResponseStore(tmp_path / "s.sqlite").get(["first"])["first"].text == "kept"
