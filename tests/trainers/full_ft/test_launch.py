"""Workers: who fails first, and that none is left. The workers here are small scripts, so each test takes a blink."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import alive, within
from tests.trainers.full_ft.made import FOLDER, Job, job

ft_fault: Any = pytest.importorskip("ft_fault")
ft_launch: Any = pytest.importorskip("ft_launch")
ft_recipe: Any = pytest.importorskip("ft_recipe")

HEAD = f"""
import os, sys, time, signal
sys.path.insert(0, {str(FOLDER)!r})
from pathlib import Path
from ft_fault import PEER, STOPPED, Fault, record
from ft_launch import die_with_parent
die_with_parent()
rank, work = int(os.environ["RANK"]), Path(sys.argv[1]).parent
(work / f"pid-{{rank}}").write_text(str(os.getpid()))
"""


@pytest.fixture
def two(tmp_path: Path, tiny_model: Path) -> Job:
    return job(tmp_path, tiny_model, distributed="ddp", processes=2)


def _launch(made: Job, body: str) -> None:
    script = made.work / "worker.py"
    script.write_text(HEAD + body)
    ft_launch.launch(script, made.file, ft_recipe.read(made.file))


def _pids(made: Job) -> list[int]:
    return [int(file.read_text()) for file in made.work.glob("pid-*") if file.read_text()]


def test_workers_that_end_well_are_a_success(two: Job) -> None:
    _launch(two, "assert os.environ['WORLD_SIZE'] == '2' and os.environ['LOCAL_RANK'] == str(rank)")
    assert len(_pids(two)) == 2


def test_a_killed_worker_is_named_with_its_log_and_the_others_end(two: Job) -> None:
    with pytest.raises(ft_fault.Fault, match=r"rank 1 of 2 was killed by SIGKILL .*rank-1\.log") as caught:
        _launch(two, "os.kill(os.getpid(), signal.SIGKILL) if rank == 1 else time.sleep(600)")
    assert caught.value.kind == "worker"
    assert not alive(_pids(two))


def test_the_one_who_died_is_blamed_not_those_it_pulled_along(two: Job) -> None:
    """Rank 0 falls first with an error nobody foresaw; rank 1 was killed, which is why."""
    body = """
if rank == 0:
    record(work, Fault("error", "something strange"), 0)
    os._exit(1)
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with pytest.raises(ft_fault.Fault, match="rank 1 of 2 was killed by SIGKILL"):
        _launch(two, body)


def test_what_a_worker_says_of_itself_counts_most(two: Job) -> None:
    body = """
if rank == 1:
    record(work, Fault("oom", "no memory left"), 1)
    os._exit(6)
os._exit(PEER)
"""
    with pytest.raises(ft_fault.Fault, match="no memory left") as caught:
        _launch(two, body)
    assert caught.value.kind == "oom"


def test_a_worker_that_ends_without_a_word_is_named(two: Job) -> None:
    with pytest.raises(ft_fault.Fault, match="rank 0 of 2 ended with status 3"):
        _launch(two, "os._exit(3 if rank == 0 else PEER)")


def _launcher(made: Job, body: str) -> subprocess.Popen[bytes]:
    """The launcher as a process of its own, once both workers run."""
    script, caller = made.work / "worker.py", made.work / "caller.py"
    script.write_text(HEAD + body)
    caller.write_text(
        f"import sys\nsys.path.insert(0, {str(FOLDER)!r})\nfrom pathlib import Path\nfrom ft_fault import Stopped\n"
        "from ft_launch import launch\nfrom ft_recipe import read\n"
        f"file = Path({str(made.file)!r})\n"
        f"try:\n    launch(Path({str(script)!r}), file, read(file))\nexcept Stopped:\n    sys.exit(143)\n"
    )
    process = subprocess.Popen([sys.executable, str(caller)], start_new_session=True)
    assert within(30, lambda: len(list(made.work.glob("ready-*"))) == 2)
    return process


READY = "signal.signal(signal.SIGTERM, lambda *_: (saved.touch(), os._exit(STOPPED)))\n(work / f'ready-{rank}').touch()\ntime.sleep(600)\n"


def test_workers_do_not_outlive_a_launcher_that_was_killed(two: Job) -> None:
    process = _launcher(two, "(work / f'ready-{rank}').touch()\ntime.sleep(600)\n")
    pids = _pids(two)
    assert len(alive(pids)) == 2
    process.kill()
    process.wait()
    assert within(10, lambda: not alive(pids))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_reaches_every_worker_and_waits_for_them(two: Job, number: signal.Signals) -> None:
    process = _launcher(two, "saved = work / f'saved-{rank}'\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + READY)
    os.kill(process.pid, number)
    assert process.wait(30) == 143
    assert len(list(two.work.glob("saved-*"))) == 2


def test_one_process_is_given_one_device_and_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    ft_launch.alone()
    assert "WORLD_SIZE" not in os.environ
    assert "ACCELERATE_USE_FSDP" not in os.environ
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"


def test_a_hostfile_says_how_many_processes_there_are(tmp_path: Path, tiny_model: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# two machines\none slots=8\n\ntwo slots=4  # smaller\n")
    made = job(tmp_path / "job", tiny_model, distributed="zero1", hostfile=str(hosts))
    assert ft_launch.world_of(ft_recipe.read(made.file)) == 12
    hosts.write_text("one 8 slots\n")
    with pytest.raises(ft_fault.Fault, match="must have lines `host slots=N`"):
        ft_launch.world_of(ft_recipe.read(made.file))
