from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import DataError, UsageError
from harness.runs import RunFolder, load_run, read_events, read_samples, run_id
from harness.schema import Response
from tests.runs.made import SPEC, finished, record, result


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def kinds(folder: Path) -> list[str]:
    return [event["event"] for event in read_events(folder)]


def python(code: str, *args: object) -> subprocess.Popen[str]:
    repo = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(command, cwd=repo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


HOLD = """
import sys
from pathlib import Path
from harness.runs import RunFolder
from tests.runs.made import SPEC, result
root, id = Path(sys.argv[1]), sys.argv[2]
with RunFolder.create_or_resume(root, id, SPEC) as folder:
    folder.write_samples("demo_tu", [result("early")])
    def slow():
        for i in range(100_000):
            if i == 50_000:
                print("ready", flush=True)
                sys.stdin.readline()
            yield result(f"s-{i % 10}")
    folder.write_samples("demo_late", slow())
"""


def test_a_finished_run_reads_back_as_it_was_written(root: Path) -> None:
    made = finished(root)
    assert load_run(made.id, root) == made
    assert [r.sample.id for r in read_samples(made, root=root)] == ["s-0", "s-1", "s-2"]


def test_the_spec_stands_before_anything_else_and_the_record_only_at_the_end(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        assert json.loads((folder.path / "spec.json").read_text()) == SPEC
        folder.write_samples("demo_tu", [result()])
        assert not (folder.path / "record.json").exists()
        folder.finish(record("r1", samples=folder.sample_hashes))
        assert (folder.path / "record.json").exists()


def test_events_tell_what_happened_in_order(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        folder.event("generated", task="demo_tu", n=3)
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        folder.finish(record("r1"))
    assert kinds(root / "r1") == ["started", "generated", "interrupted", "resumed", "finished"]
    assert read_events(root / "r1")[1]["n"] == 3


def test_an_exception_is_written_down_as_an_interruption_with_its_name(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), RunFolder.create_or_resume(root, "r1", SPEC):
        raise KeyboardInterrupt
    assert read_events(root / "r1")[-1]["reason"] == "KeyboardInterrupt"


def test_a_finished_run_is_opened_without_a_lock_and_cannot_be_written(root: Path) -> None:
    finished(root, "r1")
    with RunFolder.create_or_resume(root, "r1", SPEC) as first, RunFolder.create_or_resume(root, "r1", SPEC) as second:
        assert first.finished
        assert second.finished
        with pytest.raises(DataError, match="finished"):
            second.event("judged")


def test_a_reopened_run_is_unfinished_until_it_is_finished_again(root: Path) -> None:
    finished(root, "r1", complete=False)
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        folder.reopen()
        assert not folder.finished
        folder.write_samples("demo_tu", [result()])
        folder.finish(record("r1", samples=folder.sample_hashes))
    assert load_run("r1", root).complete


def test_a_folder_asked_otherwise_names_what_differs(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC):
        pass
    with pytest.raises(UsageError, match=r"seed was 0, now 7; remove that folder"):
        RunFolder.create_or_resume(root, "r1", {**SPEC, "seed": 7})


def test_a_finished_folder_asked_otherwise_is_refused_too(root: Path) -> None:
    finished(root, "r1")
    with pytest.raises(UsageError, match="limit was null, now 5"):
        RunFolder.create_or_resume(root, "r1", {**SPEC, "limit": 5})


def test_a_tuple_in_the_spec_equals_the_list_it_became_on_disk(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", {"tasks": ("a", "b")}):
        pass
    with RunFolder.create_or_resume(root, "r1", {"tasks": ["a", "b"]}) as folder:
        assert folder.spec == {"tasks": ["a", "b"]}


def test_an_unrelated_folder_is_not_taken_over(root: Path) -> None:
    (root / "r1").mkdir(parents=True)
    (root / "r1" / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"not a run \(it holds thesis.tex\)"):
        RunFolder.create_or_resume(root, "r1", SPEC)


@pytest.mark.parametrize("name", ["", "..", ".store", "a/b", "a b", "é", "-x", "x" * 101])
def test_a_name_that_is_no_folder_name_is_refused(root: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a run"):
        RunFolder.create_or_resume(root, name, SPEC)
    assert not root.exists()


def test_a_broken_spec_is_named(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC):
        pass
    (root / "r1" / "spec.json").write_text("{")
    with pytest.raises(DataError, match=r"r1/spec\.json: cannot be read"):
        RunFolder.create_or_resume(root, "r1", SPEC)


def test_a_second_process_in_the_folder_gets_one_line_with_the_pid_of_the_first(root: Path) -> None:
    first = python(HOLD, root, "r1")
    try:
        assert said(first) == "ready"
        with pytest.raises(UsageError) as caught:
            RunFolder.create_or_resume(root, "r1", SPEC)
        assert f"process {first.pid}" in str(caught.value)
        assert "\n" not in str(caught.value)
    finally:
        first.kill()
        first.communicate()


def test_kill_9_in_the_middle_of_a_file_leaves_a_folder_that_resumes(root: Path) -> None:
    writer = python(HOLD, root, "r1")
    assert said(writer) == "ready"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    folder = root / "r1"
    assert list(folder.rglob(".*.tmp")), "the writer was killed after it began the file"
    assert not (folder / "samples" / "demo_late.jsonl").exists()
    assert not (folder / "record.json").exists()
    with RunFolder.create_or_resume(root, "r1", SPEC) as again:
        assert not list(folder.rglob(".*.tmp"))
        again.write_samples("demo_tu", [result()])
        again.finish(record("r1", samples=again.sample_hashes))
    assert kinds(folder) == ["started", "resumed", "finished"]
    assert load_run("r1", root).id == "r1"


def test_a_forked_child_that_outlives_a_killed_parent_does_not_keep_the_lock(root: Path) -> None:
    code = """
import os, sys, time
from pathlib import Path
from harness.runs import RunFolder
from tests.runs.made import SPEC
folder = RunFolder.create_or_resume(Path(sys.argv[1]), "r1", SPEC)
if os.fork() == 0:
    os.close(1); os.close(2)
    time.sleep(20)
    os._exit(0)
print("ready", flush=True)
time.sleep(20)
"""
    parent = python(code, root)
    assert said(parent) == "ready"
    time.sleep(0.1)
    parent.kill()
    parent.wait()
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        assert not folder.finished
    parent.communicate()


def test_the_lock_is_held_by_the_parent_after_a_forked_child_has_gone(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(UsageError, match="is being written"):
            RunFolder.create_or_resume(root, "r1", SPEC)


def test_a_line_torn_by_a_killed_process_is_cut_off_on_resume(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC):
        pass
    with (root / "r1" / "events.jsonl").open("ab") as file:
        file.write(b'{"time": "2026-08-22T1')
    assert kinds(root / "r1") == ["started", "interrupted"]
    with RunFolder.create_or_resume(root, "r1", SPEC):
        pass
    assert kinds(root / "r1") == ["started", "interrupted", "resumed", "interrupted"]


FULL = """
import resource, sys
from pathlib import Path
from harness.errors import DataError
from harness.runs import RunFolder
from tests.runs.made import SPEC, record, result
root, what = Path(sys.argv[1]), sys.argv[2]
folder = RunFolder.create_or_resume(root, "r1", SPEC)
folder.write_samples("demo_tu", [result("old")])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    if what == "samples":
        folder.write_samples("demo_tu", (result(f"s-{i}") for i in range(1000)))
    if what == "event":
        folder.event("generated", note="x" * 8000)
    if what == "record":
        folder.finish(record("r1", samples=folder.sample_hashes, notes=("x" * 8000,)))
except DataError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("what", "file"), [("samples", "samples/demo_tu.jsonl"), ("event", "events.jsonl"), ("record", "record.json")]
)
def test_a_disk_that_takes_no_more_names_the_file_and_leaves_nothing_half_written(root: Path, what: str, file: str) -> None:
    out, err = python(FULL, root, what).communicate()
    assert f"r1/{file}: cannot be written (File too large)" in out, err
    assert out.count("\n") == 1
    assert not list((root / "r1").rglob(".*.tmp"))
    assert not (root / "r1" / "record.json").exists()
    assert [json.loads(line)["sample"]["id"] for line in (root / "r1/samples/demo_tu.jsonl").read_text().splitlines()] == ["old"]
    assert (root / "r1" / "events.jsonl").read_bytes().endswith(b"\n")


def test_runs_under_a_file_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(DataError, match=r"runs/r1: cannot be written \(Not a directory\)"):
        RunFolder.create_or_resume(tmp_path / "runs", "r1", SPEC)


def test_a_record_whose_samples_are_not_on_disk_is_not_written(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        with pytest.raises(DataError, match="missing"):
            folder.finish(record("r1", samples={"samples/demo_tu.jsonl": "0" * 64}))
        assert not folder.finished


def test_a_value_that_is_no_number_is_refused_before_it_is_written(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        with pytest.raises(DataError, match="sample s-1 of task demo_tu has a value that is no number"):
            folder.write_samples("demo_tu", [result(metrics={"acc": float("nan")})])
        bad = record("r1").scores[0].model_copy(update={"value": float("nan")})
        with pytest.raises(DataError, match="holds a value that is no number"):
            folder.finish(record("r1", scores=(bad,)))
        assert not folder.finished


def test_half_a_surrogate_pair_in_a_reply_is_replaced_and_the_rest_kept(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        folder.write_samples("demo_tu", [result(response=Response(text="好\ud83d吗"))])
        folder.finish(record("r1", samples=folder.sample_hashes))
    assert next(read_samples("r1", root=root)).response.text == "好\ufffd吗"


def test_a_task_cannot_lead_out_of_the_folder(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder, pytest.raises(DataError, match="cannot name a sample file"):
        folder.write_samples("../../elsewhere", [result()])


def test_the_same_results_give_the_same_bytes(root: Path) -> None:
    for name in ("r1", "r2"):
        with RunFolder.create_or_resume(root, name, SPEC) as folder:
            folder.write_samples("demo_tu", [result(f"s-{i}") for i in range(5)])
            folder.finish(record(name, samples=folder.sample_hashes))
    one, two = ((root / name / "record.json").read_bytes() for name in ("r1", "r2"))
    assert one.replace(b'"r1"', b'"r2"') == two


def test_the_id_of_a_run_is_the_same_for_the_same_question() -> None:
    spec = {"model": "m", "tasks": ["b", "a"], "seed": 1}
    assert run_id("m", ["b", "a"], spec) == run_id("m", ["a", "b"], dict(reversed(spec.items())))
    assert run_id("m", ["a"], spec) == "m-a-b324eece"


def test_the_id_of_a_run_differs_for_another_question() -> None:
    assert run_id("m", ["a"], {"seed": 1}) != run_id("m", ["a"], {"seed": 2})


@pytest.mark.parametrize("model", ["meta-llama/Meta-Llama-3-8B", "a" * 300, "模型", "../../etc", "x y\n", ""])
@pytest.mark.parametrize("tasks", [["a_eval"], ["chisafetybench_v1_refusal", "a_eval", "belle", "ceval"], ["t" * 200], []])
def test_the_id_of_a_run_is_always_a_folder_name(root: Path, model: str, tasks: list[str]) -> None:
    name = run_id(model, tasks, SPEC)
    assert len(name) <= 100
    with RunFolder.create_or_resume(root, name, SPEC) as folder:
        assert folder.path.parent == root
