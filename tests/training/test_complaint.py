"""What is left of a failed trainer -> one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.training.complaint import complaint, telling_line

TORCHRUN = """[rank1]: Traceback (most recent call last):
[rank1]:   File "train.py", line 9, in <module>
[rank1]:     raise ValueError("row 7 has no answer")
[rank1]: ValueError: row 7 has no answer
W1121 15:53:33.1 torch/distributed/elastic/multiprocessing/api.py:900] Sending process 12 closing signal SIGTERM
Traceback (most recent call last):
  File "/env/bin/torchrun", line 8, in <module>
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
  exitcode  : 1 (pid: 13)
============================================================
"""


Said = Callable[..., str]


@pytest.fixture
def said(tmp_path: Path) -> Said:
    def of(printed: str | bytes, status: int | None = 1, error: object = None) -> str:
        (tmp_path / "log.txt").write_bytes(printed if isinstance(printed, bytes) else printed.encode())
        if error is not None:
            (tmp_path / "error.json").write_text(error if isinstance(error, str) else json.dumps(error))
        text = complaint(tmp_path, tmp_path / "log.txt", status)
        assert "\n" not in text
        assert len(text) < 700
        return text

    return of


@pytest.mark.parametrize(
    ("printed", "status", "expected"),
    [
        ("Loading\nTraceback (most recent call last):\n  x\nKeyError: 'lr'\n", 1, "KeyError: 'lr'"),
        (TORCHRUN, 1, "ValueError: row 7 has no answer"),
        ("subprocess.CalledProcessError: Command died\n", 1, "subprocess.CalledProcessError: Command died"),
        ("no such option --lr\n\n", 2, "no such option --lr"),
        ("", 3, "it ended with status 3 and printed nothing"),
        ("", 0, "it ended without delivery.json"),
        ("bye\n", 0, "it ended without delivery.json; the last it said: bye"),
        ("  5%|#    | 1/20\r 10%|##   | 2/20", 128 + 11, "it was ended by signal 11: 10%|## | 2/20"),
    ],
)
def test_the_telling_line_of_a_log_is_found(said: Said, printed: str, status: int, expected: str) -> None:
    assert said(printed, status) == expected


@pytest.mark.parametrize(
    ("printed", "status"),
    [
        ("", 137),
        ("  exitcode  : -9 (pid: 4711)\n", 1),
        ("[launch.py:325] Process 4711 exits with return code = -9\n", 1),
        ("traceback : Signal 9 (SIGKILL) received by PID 4711\n", 1),
        ("subprocess.CalledProcessError: Command died with <Signals.SIGKILL: 9>.\n", 1),
    ],
)
def test_a_killed_process_is_recognised_through_any_launcher(said: Said, printed: str, status: int) -> None:
    text = said(printed, status)
    assert text.startswith("it was killed (SIGKILL), as the kernel does when memory runs out; --set tokens_per_micro_step=")


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
)
def test_memory_that_ran_out_is_recognised(said: Said, line: str) -> None:
    text = said(f"Traceback\n  x = out of memory\n[rank0]: {line}\n")
    assert text.startswith(f"memory ran out ({line[:30]}")
    assert "recompute_layers=all" in text


def test_a_trainers_own_words_come_first(said: Said) -> None:
    assert said(TORCHRUN, 137, {"kind": "data", "message": "row 7\nis odd"}) == "row 7 is odd"


@pytest.mark.parametrize(
    "error", ["[]", "not json", "[" * 9999, {"kind": "x"}, {"kind": "x", "message": 7}, {"kind": "x", "message": " "}]
)
def test_words_that_are_none_are_passed_over(said: Said, error: object) -> None:
    assert said("ValueError: a\n", 1, error) == "ValueError: a"


def test_memory_that_a_trainer_names_gets_the_way_out_once(said: Said) -> None:
    assert said("", 6, {"kind": "oom", "message": "no room"}).startswith("no room; --set tokens_per_micro_step")
    own = "no room; use recompute_layers = 'all'"
    assert said("", 6, {"kind": "oom", "message": own}) == own


def test_a_log_of_garbage_is_shown_as_such_and_cut(said: Said) -> None:
    text = said(b"\xff\x1b[31m\x00" * 90_000)
    assert "\x1b" not in text
    assert "\x00" not in text


def test_a_log_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert complaint(tmp_path, tmp_path / "log.txt", 1) == "it ended with status 1 and printed nothing"
    assert telling_line("") == ""
