"""Stages of shards: what is done stays done, whatever ends a process, and the rows do not depend on how many workers there were."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harness.curating import shards
from harness.errors import DataError, UsageError
from harness.rows.dataset import DROPPED, MANIFEST, ROWS, read_dataset, read_rows
from harness.schema import DataSet
from harness.verbs.curate import WORK, curate
from tests.conftest import Cli
from tests.curating.made import alpaca, jsonl, pipeline
from tests.processes import within

STEPS = ('use = "length"\nleast_reply = 22', 'use = "exact_duplicates"\nof = "questions"', 'use = "length"\nmost = 120')
FILES = (ROWS, DROPPED, MANIFEST)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Shards of 50 rows, in this process."""
    monkeypatch.setattr("harness.curating.intake.SIZE", 50)
    return 50


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A pipeline of row steps around a whole step, on 430 rows of which 30 ask what others ask."""
    records = alpaca(400)
    return pipeline(tmp_path / "p.toml", jsonl(tmp_path / "rows.jsonl", [*records, *records[:30]]), STEPS)


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_every_record_is_either_a_row_or_dropped_with_its_reason(made: Path, tmp_path: Path, small: int) -> None:
    found = curate(str(made), tmp_path / "out", workers=1)
    dropped = [json.loads(line) for line in (tmp_path / "out" / DROPPED).read_text(encoding="utf-8").splitlines()]
    kept = list(read_rows(tmp_path / "out"))
    assert len(kept) == found.rows
    assert len(dropped) == found.dropped
    assert found.rows + found.dropped == 430 == found.sources[0].records
    assert len({one["source_id"] for one in dropped} | {one.source_id for one in kept}) == 430
    assert all(one["why"] and one["row"]["messages"] for one in dropped)
    duplicates = [one for one in dropped if one["step"] == "2 exact_duplicates"]
    assert duplicates
    assert all(int(one["source_id"]) > 400 for one in duplicates)


def test_each_step_sees_what_the_step_before_it_has_left(made: Path, tmp_path: Path, small: int) -> None:
    steps = curate(str(made), tmp_path / "out", workers=1).steps[:4]
    assert [step.step for step in steps] == ["read", "1 length", "2 exact_duplicates", "3 length"]
    for before, after in itertools.pairwise(steps):
        assert after.seen == before.seen - before.dropped
    assert all(sum(step.reasons.values()) == step.dropped for step in steps)


def test_the_size_of_shards_changes_no_row(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curate(str(made), tmp_path / "large", workers=1)
    monkeypatch.setattr("harness.curating.intake.SIZE", 7)
    curate(str(made), tmp_path / "small", workers=1)
    assert (tmp_path / "small" / ROWS).read_bytes() == (tmp_path / "large" / ROWS).read_bytes()


def test_a_step_that_flags_keeps_the_row_and_says_why(tmp_path: Path, small: int) -> None:
    source = jsonl(tmp_path / "rows.jsonl", alpaca(60))
    made = pipeline(tmp_path / "p.toml", source, ['use = "length"\nleast_reply = 30\naction = "flag"'])
    found = curate(str(made), tmp_path / "out", workers=1)
    flagged = [row for row in read_rows(tmp_path / "out") if row.flags]
    step = found.steps[1]
    assert found.rows == 60
    assert step.dropped == 0
    assert len(flagged) == step.changed == step.reasons["reply too short"] > 0
    assert all(len(row.messages[-1].content) < 30 for row in flagged)
    assert all(0 <= doubt <= 1 for row in flagged for doubt in row.flags.values())


def test_a_finished_data_set_is_found_and_not_made_again(made: Path, tmp_path: Path) -> None:
    first = curate(str(made), tmp_path / "out", workers=1)
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in FILES}
    assert curate(str(made), tmp_path / "out", workers=1) == first
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in FILES} == before


def test_a_folder_with_another_data_set_is_left_alone(made: Path, tmp_path: Path) -> None:
    curate(str(made), tmp_path / "out", workers=1)
    before = files(tmp_path / "out")
    with pytest.raises(UsageError, match="holds another data set"):
        curate(str(made), tmp_path / "out", workers=1, limit=10)
    assert files(tmp_path / "out") == before


def test_a_trial_says_that_it_is_one(made: Path, tmp_path: Path) -> None:
    found = curate(str(made), tmp_path / "out", workers=1, limit=100)
    assert found.sources[0].records == 100
    assert found.notes == ("made of 100 records of each source at most: a trial",)


def test_with_another_last_step_only_that_and_what_comes_after_it_is_done_again(
    made: Path, tmp_path: Path, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    curate(str(made), tmp_path / "out", workers=1, keep_work=True)
    stored: list[Path] = []
    store = shards.Shard.store

    def noted(self: shards.Shard, *args: object) -> None:
        stored.append(self.folder)
        store(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(shards.Shard, "store", noted)
    shutil.move(tmp_path / "out" / WORK, tmp_path / "other" / WORK)
    other = pipeline(tmp_path / "q.toml", tmp_path / "rows.jsonl", [*STEPS[:2], 'use = "length"\nmost = 60'])
    curate(str(other), tmp_path / "other", workers=1)
    assert stored
    assert {folder.name[:2] for folder in stored} == {"02", "03"}


def test_a_shard_that_a_power_cut_has_shortened_is_made_again(made: Path, tmp_path: Path, small: int) -> None:
    curate(str(made), tmp_path / "whole", workers=1, keep_work=True)
    wanted = files(tmp_path / "whole")
    cut = [path for path in (tmp_path / "whole" / WORK).rglob("*.jsonl") if path.stat().st_size]
    for path in cut[::2]:
        path.write_bytes(path.read_bytes()[:-9])
    for name in FILES:
        (tmp_path / "whole" / name).unlink()
    for path in (tmp_path / "whole" / WORK).rglob("read.json"):
        path.unlink()
    curate(str(made), tmp_path / "whole", workers=1)
    assert files(tmp_path / "whole") == wanted


def test_what_a_decision_noted_is_not_lost_by_a_kill_right_after_it(made: Path, tmp_path: Path, small: int) -> None:
    curate(str(made), tmp_path / "out", workers=1, keep_work=True)
    wanted = files(tmp_path / "out")
    assert b"clusters of duplicates" in wanted[MANIFEST]
    (tmp_path / "out" / MANIFEST).unlink()
    for path in (tmp_path / "out" / WORK).rglob("notes.json"):
        path.unlink()
    curate(str(made), tmp_path / "out", workers=1)
    assert files(tmp_path / "out") == wanted


def test_a_worker_that_is_killed_while_rows_are_read_is_one_line(tmp_path: Path) -> None:
    made = pipeline(tmp_path / "p.toml", jsonl(tmp_path / "rows.jsonl", alpaca(16_000)), STEPS)
    command = [sys.executable, "-m", "harness", "curate", str(made), "--out", str(tmp_path / "out"), "--workers", "2", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert within(60, lambda: any("spawn_main" in said for said in _children(process.pid).values()))
    worker = next(pid for pid, said in _children(process.pid).items() if "spawn_main" in said)
    os.kill(worker, signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 1
    assert "a worker process died" in said
    assert len(said.strip().splitlines()) == 1


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    made = pipeline(tmp_path / "p.toml", jsonl(tmp_path / "rows.jsonl", alpaca(16_000)), STEPS)
    command = [sys.executable, "-m", "harness", "curate", str(made), "--out", str(tmp_path / "out"), "--workers", "2", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert within(60, lambda: bool(list((tmp_path / "out").glob(f"{WORK}/01-*/0*.json"))))
    workers = _children(process.pid)
    process.kill()
    process.wait()
    assert any("spawn_main" in said for said in workers.values())
    assert within(30, lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def _children(parent: int) -> dict[int, str]:
    """Process -> its command line."""
    found = {}
    for name in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with contextlib.suppress(OSError):
            found[int(name)] = Path(f"/proc/{name}/cmdline").read_text()
    return found


SLOWLY = textwrap.dedent("""
    import time
    from harness.cli import main
    from harness.curating import intake

    store, intake.SIZE = intake._store, 20
    def slowly(shard, batch):
        time.sleep(0.3 if shard.number > 2 else 0)
        store(shard, batch)
    intake._store = slowly
    main()
""")
"""The command with shards of 20 rows, of which 40 take some ten seconds to come in: time to be killed in."""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_in_the_middle_it_goes_on_and_ends_with_the_bytes_of_one_worker_that_was_not(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    made = pipeline(tmp_path / "p.toml", jsonl(tmp_path / "rows.jsonl", alpaca(800)), STEPS)
    out = tmp_path / "out"
    words = ["curate", str(made), "--out", str(out), "--workers", workers, "--json"]
    command = [sys.executable, "-c", SLOWLY, *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    begun = within(60, lambda: len(list(out.glob(f"{WORK}/01-*/0????.json"))) >= 2 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert begun
    before = {path: path.stat().st_mtime_ns for path in out.glob(f"{WORK}/0?-*/0????.json")}
    assert 2 <= len(list(out.glob(f"{WORK}/01-*/0????.json"))) < 40
    assert not (out / MANIFEST).exists()
    assert not (out / ROWS).exists()
    monkeypatch.setattr("harness.curating.intake.SIZE", 20)
    done = cli(*words, "--keep-work")
    assert done.code == 0, done.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    found = DataSet.model_validate_json(done.out)
    assert found.rows + found.dropped == 800
    whole = curate(str(made), tmp_path / "whole", workers=1)
    assert whole == found
    assert files(out) == files(tmp_path / "whole")
    assert not (tmp_path / "whole" / WORK).exists()


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    made = pipeline(tmp_path / "p.toml", jsonl(tmp_path / "rows.jsonl", alpaca(3000)), STEPS)
    limited = textwrap.dedent("""
        import resource, signal, sys
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        from harness.cli import main
        main()
    """)
    words = ["curate", str(made), "--out", str(tmp_path / "out"), "--workers", "1"]
    done = subprocess.run([sys.executable, "-c", limited, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "cannot be written" in done.stderr
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert curate(str(made), tmp_path / "out", workers=1).rows > 0


def test_a_second_process_is_told_that_the_first_is_at_work(made: Path, tmp_path: Path) -> None:
    from harness.runs.lock import FolderLock

    (tmp_path / "out").mkdir()
    lock = FolderLock(tmp_path / "out" / ".lock")
    lock.acquire()
    try:
        with pytest.raises(UsageError, match="is being written by"):
            curate(str(made), tmp_path / "out", workers=1)
    finally:
        lock.release()


def test_rows_that_were_changed_by_hand_are_noticed(made: Path, tmp_path: Path) -> None:
    curate(str(made), tmp_path / "out", workers=1)
    path = tmp_path / "out" / ROWS
    path.write_bytes(path.read_bytes().replace("编号".encode(), "编码".encode(), 1))
    with pytest.raises(DataError, match=r"is not the file that dataset\.json describes"):
        list(read_rows(tmp_path / "out"))
    assert read_dataset(tmp_path / "out").rows > 0
    with pytest.raises(DataError, match=r"is not the file that dataset\.json describes"):
        curate(str(made), tmp_path / "out", workers=1)
    path.unlink()
    with pytest.raises(DataError, match=r"are not there; remove dataset\.json and make the data set again"):
        curate(str(made), tmp_path / "out", workers=1)
    with pytest.raises(DataError, match="are not there"):
        list(read_rows(tmp_path / "out"))
